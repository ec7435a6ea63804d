# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a measured disagreement to a finding: does it matter, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.perception.egomotion.pose_check import PoseCheck
from unsup_track_ros.structures.consistency import (
    ConsistencyFinding,
    ConsistencyQuantity,
    ConsistencyStatus,
)

_MS_PER_S = 1e3
_NS_PER_S = 1e9
# All is well when the value is tolerable with 95 % confidence.
_CONFIDENT_SIGMAS = 2.0


class FindingConfig(Config):
    """When a disagreement is an alarm: both significant and larger than what is tolerated."""

    significance: float = parameter(4.0, "Standard deviations from zero that an alarm needs.", gt=0)
    time_tolerance_s: float = parameter(
        0.02, "Time offset of the camera that is tolerated.", unit="s", ge=0
    )
    yaw_tolerance_rad: float = parameter(
        0.0087, "Yaw error of a mounting that is tolerated.", unit="rad", ge=0
    )
    min_speed_mps: float = parameter(
        1.0, "Mean speed below which a time offset does not show.", unit="m/s", gt=0
    )
    mounting_sigma_m: float = parameter(
        0.03,
        "How well the place of the camera is known: along the way it looks like a time offset.",
        unit="m",
        ge=0,
    )
    scale_tolerance: float = parameter(
        0.03, "Share by which the way that TF tells may be too long or too short.", ge=0
    )
    least_scale_sigma: float = parameter(0.002, "Least standard deviation of that share.", ge=0)
    least_yaw_sigma_rad: float = parameter(
        0.001, "Least standard deviation of a yaw.", unit="rad", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An estimate with its standard deviation and the frames it rests on.

    Attributes:
        value: The estimate.
        sigma: Its standard deviation.
        num_frames: Frames it rests on.
        at_limit: Whether the search ended there, so that the truth may be farther.
    """

    value: float
    sigma: float
    num_frames: int
    at_limit: bool = False

    def plus(self, value: float, sigma: float) -> Measured:
        """Add an independent estimate."""
        return replace(self, value=self.value + value, sigma=float(np.hypot(self.sigma, sigma)))

    def at_least(self, sigma: float) -> Measured:
        """Add a deviation that does not show in the scatter."""
        return self.plus(0.0, sigma)


def time_offset_finding(
    offset: Measured | None, speed_mps: float, camera_seen: bool, config: FindingConfig
) -> ConsistencyFinding:
    """Judge by how much the image stamps are late.

    Args:
        offset: Measured, seconds; None while there is not enough evidence.
        speed_mps: Mean speed of the vehicle in the evidence.
        camera_seen: Whether there was an image at all.
        config: Tolerances.
    """
    quantity = ConsistencyQuantity.CAMERA_TIME_OFFSET
    if not camera_seen:
        return _unobserved(quantity, "s", "There is no camera image to compare with the scans.")
    if offset is None:
        return _collecting(quantity, "s", "how image and scan fit")
    if speed_mps < config.min_speed_mps:
        return _unobserved(
            quantity,
            "s",
            f"The vehicle moves at {speed_mps:.1f} m/s; a time offset of the camera shows from "
            f"{config.min_speed_mps:.1f} m/s on.",
        )
    offset = offset.at_least(config.mounting_sigma_m / speed_mps)
    value_ms, sigma_ms = offset.value * _MS_PER_S, offset.sigma * _MS_PER_S
    how = "late" if offset.value > 0 else "early"
    size = f"{_least(offset)}{abs(value_ms):.0f} +- {sigma_ms:.0f} ms"
    found = f"The camera stamps are {size} {how} against the LiDAR."
    remedy = (
        f"Correct the driver, or add {offset.value:+.3f} to recording.synchronizer.image_offset_s."
    )
    fine = f"The camera stamps fit the LiDAR's to {value_ms:.0f} +- {sigma_ms:.0f} ms."
    return _judged(quantity, "s", offset, config.time_tolerance_s, config, (found, remedy, fine))


def camera_yaw_finding(
    yaw: Measured | None, camera_seen: bool, lidar_is_known: bool, config: FindingConfig
) -> ConsistencyFinding:
    """Judge the yaw of the camera's mounting, radians.

    Where the LiDAR's own mounting could not be checked, the camera is judged against the LiDAR.
    """
    quantity = ConsistencyQuantity.CAMERA_YAW
    if not camera_seen:
        return _unobserved(quantity, "rad", "There is no camera image to compare with the scans.")
    if yaw is None:
        return _collecting(quantity, "rad", "how image and scan fit")
    frame = "vehicle" if lidar_is_known else "LiDAR"
    texts = _yaw_texts("camera", f"against the {frame}", yaw, config)
    yaw = yaw.at_least(config.least_yaw_sigma_rad)
    return _judged(quantity, "rad", yaw, config.yaw_tolerance_rad, config, texts)


def lidar_yaw_finding(
    yaw: Measured | None, tf_seen: bool, config: FindingConfig
) -> ConsistencyFinding:
    """Judge the yaw of the LiDAR's mounting, radians."""
    quantity = ConsistencyQuantity.LIDAR_YAW
    if not tf_seen:
        return _unobserved(quantity, "rad", "There are no poses from TF to compare the LiDAR with.")
    if yaw is None:
        return _collecting(quantity, "rad", "in which direction TF and LiDAR see the vehicle drive")
    texts = _yaw_texts("LiDAR", "against the vehicle's motion", yaw, config)
    yaw = yaw.at_least(config.least_yaw_sigma_rad)
    return _judged(quantity, "rad", yaw, config.yaw_tolerance_rad, config, texts)


def odom_scale_finding(
    scale: Measured | None, tf_seen: bool, config: FindingConfig
) -> ConsistencyFinding:
    """Judge by which share the way that TF tells is too long."""
    quantity = ConsistencyQuantity.ODOM_SCALE
    if not tf_seen:
        return _unobserved(quantity, "", "There are no poses from TF to compare the LiDAR with.")
    if scale is None:
        return _collecting(quantity, "", "how far TF and LiDAR see the vehicle drive")
    scale = scale.at_least(config.least_scale_sigma)
    percent, sigma = 100.0 * scale.value, 100.0 * scale.sigma
    how = "long" if scale.value > 0 else "short"
    texts = (
        f"TF tells a way that is {abs(percent):.1f} +- {sigma:.1f} % too {how} against the LiDAR.",
        "Calibrate the odometry (the radius of the wheels), or choose --egomotion lidar.",
        f"The way that TF tells fits the LiDAR's to {percent:.1f} +- {sigma:.1f} %.",
    )
    return _judged(quantity, "", scale, config.scale_tolerance, config, texts)


def odom_jump_finding(poses: PoseCheck, tf_seen: bool) -> ConsistencyFinding:
    """Tell the latest jump of TF; it stays until a new stream begins."""
    quantity = ConsistencyQuantity.ODOM_JUMP
    jump = poses.jump
    if not tf_seen:
        return _unobserved(quantity, "m", "There are no poses from TF to compare the LiDAR with.")
    if jump is not None:
        times = "" if jump.count == 1 else f" ({jump.count} jumps so far)"
        return ConsistencyFinding(
            quantity=quantity,
            status=ConsistencyStatus.ALARM,
            value=jump.length_m,
            sigma=jump.sigma_m,
            unit="m",
            num_frames=poses.num_comparisons,
            stamp_ns=jump.stamp_ns,
            sentence=f"TF jumps by {jump.length_m:.2f} +- {jump.sigma_m:.2f} m at "
            f"{jump.stamp_ns / _NS_PER_S:.3f} s, which the scans do not show{times}. Take a "
            "continuous odom frame (recording.frames.odom_frame), or --egomotion lidar.",
        )
    if not poses.is_enough:
        return _collecting(quantity, "m", "how far TF and LiDAR see the vehicle drive")
    return ConsistencyFinding(
        quantity=quantity,
        status=ConsistencyStatus.CONSISTENT,
        value=0.0,
        sigma=poses.usual_difference_m,
        unit="m",
        num_frames=poses.num_comparisons,
        sentence="TF does not jump: it usually differs from the LiDAR by "
        f"{poses.usual_difference_m:.2f} m.",
    )


def _judged(
    quantity: ConsistencyQuantity,
    unit: str,
    measured: Measured,
    tolerance: float,
    config: FindingConfig,
    texts: tuple[str, str, str],
) -> ConsistencyFinding:
    """Compare an estimate with its tolerance and its noise; texts: alarm, remedy, all is well."""
    found, remedy, fine = texts
    size = abs(measured.value)
    status, sentence = ConsistencyStatus.CONSISTENT, fine
    if size > max(tolerance, config.significance * measured.sigma):
        status, sentence = ConsistencyStatus.ALARM, f"{found} {remedy}"
    elif size + _CONFIDENT_SIGMAS * measured.sigma > tolerance:
        status = ConsistencyStatus.COLLECTING
        sentence = f"{fine} That is too uncertain yet to say more."
    return ConsistencyFinding(
        quantity=quantity,
        status=status,
        value=measured.value,
        sigma=measured.sigma,
        unit=unit,
        num_frames=measured.num_frames,
        sentence=sentence,
    )


def _yaw_texts(
    sensor: str, reference: str, yaw: Measured, config: FindingConfig
) -> tuple[str, str, str]:
    sigma_rad = yaw.at_least(config.least_yaw_sigma_rad).sigma
    value_deg, sigma_deg = np.rad2deg(yaw.value), np.rad2deg(sigma_rad)
    side = "left" if yaw.value > 0 else "right"
    name = sensor.lower()
    size = f"{_least(yaw)}{abs(value_deg):.2f} +- {sigma_deg:.2f} deg"
    return (
        f"The {sensor}'s mounting in TF is turned {size} too far to the {side} {reference} (yaw).",
        f"Calibrate it again, or add {-yaw.value:+.4f} to "
        f"recording.frames.{name}_yaw_correction_rad.",
        f"The yaw of the {sensor}'s mounting fits to {value_deg:.2f} +- {sigma_deg:.2f} deg.",
    )


def _least(measured: Measured) -> str:
    return "at least " if measured.at_limit else ""


def _unobserved(quantity: ConsistencyQuantity, unit: str, sentence: str) -> ConsistencyFinding:
    return ConsistencyFinding(
        quantity=quantity, status=ConsistencyStatus.UNOBSERVED, unit=unit, sentence=sentence
    )


def _collecting(quantity: ConsistencyQuantity, unit: str, what: str) -> ConsistencyFinding:
    return ConsistencyFinding(
        quantity=quantity,
        status=ConsistencyStatus.COLLECTING,
        unit=unit,
        sentence=f"Not enough has been seen yet of {what}.",
    )
