# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a detected box, which holds only the visible part, says about the whole object.

A LiDAR sees the side that faces it, and motion is often found on fragments. The centre of what is
seen is therefore no measurement of the centre: the face nearest to the sensor is. Everything here
happens in the axes of the predicted box of the object ("axes"): x along its length, y along its
width, z up, origin at its centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Float64


class VisibleExtentConfig(Config):
    """How visible parts are turned into measurements of whole objects."""

    whole_boxes: bool = parameter(
        False,
        "Detections are boxes of whole objects, as a trained detector guesses them, not of what is "
        "visible: centre, size and heading are measurements as they are.",
    )
    face_gate: float = parameter(
        3.0,
        "Standard deviations up to which the visible near face is believed to be the face.",
        gt=0,
    )
    face_slack: float = parameter(
        0.1, "Deviation of the visible near face per metre of size that is not visible.", ge=0
    )
    growth_time_s: float = parameter(
        0.2,
        "Time in which the size follows larger measurements, that of whole boxes any.",
        unit="s",
        gt=0,
    )
    decay_time_s: float = parameter(
        4.0, "Time in which the size follows smaller measurements.", unit="s", gt=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CentreMeasurement:
    """Where the centre of the whole object is, relative to its prediction, in its axes.

    Attributes:
        innovation_axes: (K, 3) measured minus predicted centre, m.
        variance_axes: (K, 3) variance of each coordinate, m^2.
    """

    innovation_axes: Float64[np.ndarray, "K 3"]
    variance_axes: Float64[np.ndarray, "K 3"]


def odom_R_axes(boxes_odom: Float64[np.ndarray, "K 7"]) -> Float64[np.ndarray, "K 3 3"]:
    """Return the rotations from the axes of boxes to odom."""
    rotations = np.zeros((len(boxes_odom), 3, 3))
    cosine, sine = np.cos(boxes_odom[:, 6]), np.sin(boxes_odom[:, 6])
    rotations[:, 0, 0] = rotations[:, 1, 1] = cosine
    rotations[:, 1, 0], rotations[:, 0, 1] = sine, -sine
    rotations[:, 2, 2] = 1.0
    return rotations


def visible_extent(
    predicted_odom: Float64[np.ndarray, "K 7"], detected_odom: Float64[np.ndarray, "K 7"]
) -> tuple[Float64[np.ndarray, "K 3"], Float64[np.ndarray, "K 3"]]:
    """Return lowest and highest coordinate of detected box k in the axes of predicted box k.

    The fitted box of a part may be turned by a quarter (a rear face is wide, not long) or by half:
    its sides are matched to the axes they are closest to.
    """
    centre = np.einsum(
        "kji,kj->ki", odom_R_axes(predicted_odom), detected_odom[:, :3] - predicted_odom[:, :3]
    )
    quarters = np.round((detected_odom[:, 6] - predicted_odom[:, 6]) / (np.pi / 2)).astype(np.int64)
    half = 0.5 * np.where(
        (quarters % 2 == 1)[:, None], detected_odom[:, [4, 3, 5]], detected_odom[:, 3:6]
    )
    return centre - half, centre + half


def measure_centre(
    predicted_odom: Float64[np.ndarray, "K 7"],
    covariance_odom: Float64[np.ndarray, "K 3 3"],
    extent: tuple[Float64[np.ndarray, "K 3"], Float64[np.ndarray, "K 3"]],
    sensor_odom: Float64[np.ndarray, "*K 3"],
    position_std_m: float | Float64[np.ndarray, " K"],
    config: VisibleExtentConfig,
) -> CentreMeasurement:
    """Measure the centre of the whole object from its visible extent, coordinate by coordinate.

    Beyond an end of the object the sensor sees the face at that end: the object is put behind this
    face with its known size. Beside it (neither end faces the sensor) the middle of the extent
    counts, the less the more of the size is missing. Where the visible face is further from the
    predicted one than `face_gate` deviations it is the edge of a fragment, not the face: then the
    object is only moved as far as needed to contain what is seen.
    """
    low, high = extent
    odom_R = odom_R_axes(predicted_odom)
    half = 0.5 * predicted_odom[:, 3:6]
    sensor = np.einsum("kji,kj->ki", odom_R, sensor_odom - predicted_odom[:, :3])
    if_high_face, if_low_face = high - half, low + half
    middle = 0.5 * (low + high)
    measured_variance = np.reshape(position_std_m, (-1, 1)) ** 2
    if config.whole_boxes:
        return CentreMeasurement(
            innovation_axes=middle, variance_axes=np.broadcast_to(measured_variance, middle.shape)
        )
    anchored = np.where(sensor > half, if_high_face, np.where(sensor < -half, if_low_face, middle))
    slack_squared = ((high - low) - predicted_odom[:, 3:6]) ** 2
    # A uniform distribution over the slack, where no face tells which side is missing.
    per_slack = np.where(np.abs(sensor) > half, config.face_slack**2, 1 / 12)
    variance = measured_variance + per_slack * slack_squared
    predicted_variance = np.einsum("kji,kjl,kli->ki", odom_R, covariance_odom, odom_R)
    is_face = anchored**2 <= config.face_gate**2 * (predicted_variance + measured_variance)
    contained = np.clip(
        0.0, np.minimum(if_high_face, if_low_face), np.maximum(if_high_face, if_low_face)
    )
    # What already contains the fragment learns next to nothing from it.
    per_slack = np.where(contained != 0, 1 / 12, 1.0)
    return CentreMeasurement(
        innovation_axes=np.where(is_face, anchored, contained),
        variance_axes=np.where(is_face, variance, measured_variance + per_slack * slack_squared),
    )


def follow_size(
    predicted_odom: Float64[np.ndarray, "K 7"],
    measured: Float64[np.ndarray, "K 3"],
    ages_s: Float64[np.ndarray, " K"],
    sensor_odom: Float64[np.ndarray, "*K 3"],
    duration_s: float,
    config: VisibleExtentConfig,
) -> Float64[np.ndarray, "K 3"]:
    """Follow measured sizes: fast up, slowly down, because parts are smaller than the whole.

    An expectile filter: its fixed point is near the 0.8 quantile that LISO takes over a whole
    track, but it needs no history and answers at once. Young tracks grow by the mean of what they
    saw. Down only as far as the sensor faces the side whose length it is: from right behind a car
    its rear face says nothing about its length.
    """
    growth = np.maximum(
        -np.expm1(-duration_s / config.growth_time_s), duration_s / (ages_s + duration_s)
    )
    change = measured - predicted_odom[:, 3:6]
    offset = sensor_odom - predicted_odom[:, :3]
    sensor = np.einsum("kji,kj->ki", odom_R_axes(predicted_odom), offset)
    beyond = np.maximum(np.abs(sensor) - 0.5 * predicted_odom[:, 3:6], 0.0)
    distance = np.maximum(np.linalg.norm(sensor[:, :2], axis=1), 1e-6)[:, None]
    facing = np.ones((len(measured), 3))
    facing[:, :2] = beyond[:, 1::-1] / distance
    decay = -np.expm1(-duration_s / config.decay_time_s) * facing
    return np.asarray(
        predicted_odom[:, 3:6] + np.where(change > 0, growth[:, None], decay) * change
    )


def growth_shift(
    predicted_odom: Float64[np.ndarray, "K 7"],
    extent: tuple[Float64[np.ndarray, "K 3"], Float64[np.ndarray, "K 3"]],
    new_sizes: Float64[np.ndarray, "K 3"],
    sensor_odom: Float64[np.ndarray, "*K 3"],
) -> Float64[np.ndarray, "K 3"]:
    """Return by how much the centre moves (in axes, m) when the believed size changes.

    The face that faces the sensor stays where it is; without one, an object grows towards what is
    newly seen. Without this a truck that comes into view piece by piece would seem to drive off.
    """
    half = 0.5 * predicted_odom[:, 3:6]
    offset = sensor_odom - predicted_odom[:, :3]
    sensor = np.einsum("kji,kj->ki", odom_R_axes(predicted_odom), offset)
    half_growth = 0.5 * new_sizes - half
    low, high = extent
    bound = np.maximum(half_growth, 0.0)
    beside = np.clip(0.5 * (low + high), -bound, bound)
    return np.where(sensor > half, -half_growth, np.where(sensor < -half, half_growth, beside))
