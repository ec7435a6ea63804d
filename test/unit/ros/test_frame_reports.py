# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What diagnostics say of frames and egomotion."""

from __future__ import annotations

import dataclasses

import numpy as np
from ros.street import SPEED_MPS
from unit.ros.test_engine import engine, live_frames

from unsup_track_ros.ros.frame_reports import (
    EgomotionHealth,
    consistency_report,
    frame_report,
)
from unsup_track_ros.ros.health import Level
from unsup_track_ros.structures.consistency import (
    ConsistencyFinding,
    ConsistencyQuantity,
    ConsistencyStatus,
    EgomotionConsistency,
)
from unsup_track_ros.structures.egomotion import EgomotionSource
from unsup_track_ros.structures.result import PerceptionResult

LIMIT_M = 0.2


def results() -> list[PerceptionResult]:
    running = engine(**{"egomotion.source": "lidar"})
    return [running.step(live)[0] for live in live_frames(0, 1, 2)]


def test_a_frame_says_what_it_lacks() -> None:
    frame = live_frames(0)[0].frame
    assert frame_report(frame).level is Level.OK
    poor = dataclasses.replace(frame, missing_inputs=("Nothing of '/image'.", "No pose."))
    report = frame_report(poor)
    assert report.level is Level.WARN
    assert report.message == "Nothing of '/image'."
    assert report.values == {"missing 1": "Nothing of '/image'.", "missing 2": "No pose."}


def test_before_the_first_frame_the_reason_is_what_transforms_lack() -> None:
    report = EgomotionHealth().report(LIMIT_M, "There is no frame odom.")
    assert report.level is Level.WARN
    assert report.message == "There is no frame odom."


def test_a_motion_that_disagrees_with_tf_is_warned_of() -> None:
    health = EgomotionHealth()
    *_, last = results()
    assert last.egomotion.source is EgomotionSource.LIDAR
    wrong = np.eye(4)
    wrong[0, 3] = 1.0  # TF says half a metre backwards, this says a metre forwards
    for result in results()[:2]:
        health.add(result)
    health.add(
        dataclasses.replace(
            last, egomotion=dataclasses.replace(last.egomotion, velo1_T_velo0=wrong)
        )
    )
    report = health.report(LIMIT_M, "")
    assert report.level is Level.WARN
    expected_m = 1.0 + SPEED_MPS / 10
    assert report.values["disagreement with TF"] == f"{expected_m:.3f} m"


def test_a_motion_from_tf_is_not_compared_with_itself() -> None:
    health = EgomotionHealth()
    running = engine(**{"egomotion.source": "tf"})
    for live in live_frames(0, 1):
        health.add(running.step(live)[0])
    report = health.report(LIMIT_M, "")
    assert report.level is Level.OK
    assert "disagreement with TF" not in report.values


def finding(status: ConsistencyStatus, sentence: str) -> ConsistencyFinding:
    quantity = ConsistencyQuantity.CAMERA_YAW
    return ConsistencyFinding(
        quantity=quantity, status=status, value=0.021, sigma=0.002, unit="rad", sentence=sentence
    )


def test_sensors_that_contradict_each_other_are_warned_of() -> None:
    calm = EgomotionConsistency(findings=(finding(ConsistencyStatus.CONSISTENT, "Fine."),))
    assert consistency_report(calm).level is Level.OK
    wrong = finding(ConsistencyStatus.ALARM, "The camera is turned by 1.2 degrees.")
    report = consistency_report(EgomotionConsistency(findings=(wrong,)))
    assert report.level is Level.WARN
    assert report.message == "The camera is turned by 1.2 degrees."
    assert report.values == {"camera_yaw": "alarm: 0.021 +- 0.002 rad"}
