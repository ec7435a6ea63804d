# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.egomotion.findings import (
    FindingConfig,
    Measured,
    camera_yaw_finding,
    lidar_yaw_finding,
    odom_scale_finding,
    time_offset_finding,
)
from unsup_track_ros.structures.consistency import ConsistencyFinding, ConsistencyStatus

CONFIG = FindingConfig(mounting_sigma_m=0.03)


def offset(value_s: float, sigma_s: float, speed_mps: float = 10.0) -> ConsistencyFinding:
    measured = Measured(value=value_s, sigma=sigma_s, num_frames=7)
    return time_offset_finding(measured, speed_mps, True, CONFIG)


def yaw(value_deg: float, sigma_deg: float = 0.05, *, is_camera: bool = True) -> ConsistencyFinding:
    measured = Measured(
        value=float(np.radians(value_deg)), sigma=float(np.radians(sigma_deg)), num_frames=7
    )
    if is_camera:
        return camera_yaw_finding(measured, True, True, CONFIG)
    return lidar_yaw_finding(measured, True, CONFIG)


def test_a_late_camera_is_named_with_its_remedy() -> None:
    finding = offset(0.05, 0.004)
    assert finding.status is ConsistencyStatus.ALARM
    # 0.004 s, and 0.03 m of mounting at 10 m/s: the root of 16 + 9 is 5 ms.
    assert finding.sigma == pytest.approx(0.005)
    assert finding.sentence == (
        "The camera stamps are 50 +- 5 ms late against the LiDAR. Correct the driver, or add "
        "+0.050 to recording.synchronizer.image_offset_s."
    )


def test_an_early_camera_is_corrected_the_other_way() -> None:
    sentence = offset(-0.05, 0.004).sentence
    assert "50 +- 5 ms early" in sentence
    assert "add -0.050" in sentence


@pytest.mark.parametrize(
    ("value_s", "sigma_s", "status"),
    [
        (0.013, 0.0, ConsistencyStatus.CONSISTENT),  # tolerated, even two deviations farther
        (0.019, 0.0, ConsistencyStatus.COLLECTING),
        (0.021, 0.0, ConsistencyStatus.ALARM),
        (0.05, 0.013, ConsistencyStatus.COLLECTING),  # not four deviations from zero
        (0.05, 0.011, ConsistencyStatus.ALARM),
        (0.0, 0.011, ConsistencyStatus.COLLECTING),  # could still be anything
    ],
)
def test_an_alarm_is_both_significant_and_above_the_tolerance(
    value_s: float, sigma_s: float, status: ConsistencyStatus
) -> None:
    assert offset(value_s, sigma_s).status is status


def test_a_slow_vehicle_shows_no_time_offset() -> None:
    finding = offset(0.05, 0.001, speed_mps=0.5)
    assert finding.status is ConsistencyStatus.UNOBSERVED
    assert "0.5 m/s" in finding.sentence
    # At 2 m/s the mounting's 0.03 m are 15 ms: 50 ms are no four deviations.
    assert offset(0.05, 0.001, speed_mps=2.0).status is ConsistencyStatus.COLLECTING


def test_a_turned_mounting_is_named_with_its_side_and_its_remedy() -> None:
    finding = yaw(1.5)
    assert finding.status is ConsistencyStatus.ALARM
    assert "The camera's mounting in TF is turned 1.50 +- 0.08 deg too far to the left" in (
        finding.sentence
    )
    assert "add -0.0262 to recording.frames.camera_yaw_correction_rad" in finding.sentence
    right = yaw(-1.5, is_camera=False)
    assert "LiDAR's mounting" in right.sentence
    assert "to the right" in right.sentence
    assert "add +0.0262 to recording.frames.lidar_yaw_correction_rad" in right.sentence


def test_the_end_of_the_search_is_told_as_a_bound() -> None:
    measured = Measured(value=0.1, sigma=0.0, num_frames=7, at_limit=True)
    assert "at least 100 +- 3 ms late" in time_offset_finding(measured, 10.0, True, CONFIG).sentence
    assert "at least 5.7" in camera_yaw_finding(measured, True, True, CONFIG).sentence
    assert "at least" not in yaw(1.5).sentence


def test_half_a_degree_is_tolerated() -> None:
    assert yaw(0.3).status is ConsistencyStatus.CONSISTENT
    assert yaw(0.6).status is ConsistencyStatus.ALARM


def test_a_wrong_scale_is_named_in_percent() -> None:
    finding = odom_scale_finding(Measured(value=-0.08, sigma=0.0, num_frames=7), True, CONFIG)
    assert finding.status is ConsistencyStatus.ALARM
    assert "8.0 +- 0.2 % too short" in finding.sentence


def test_what_is_missing_is_told() -> None:
    no_camera = time_offset_finding(None, 0.0, False, CONFIG)
    assert no_camera.status is ConsistencyStatus.UNOBSERVED
    assert "camera" in no_camera.sentence
    no_tf = lidar_yaw_finding(None, False, CONFIG)
    assert no_tf.status is ConsistencyStatus.UNOBSERVED
    assert "TF" in no_tf.sentence
    assert lidar_yaw_finding(None, True, CONFIG).status is ConsistencyStatus.COLLECTING
    assert camera_yaw_finding(None, True, False, CONFIG).status is ConsistencyStatus.COLLECTING
