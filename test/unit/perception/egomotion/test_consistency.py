# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The stage as a whole, on poles before a wall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.perception.egomotion.pole_scene import VELO1_T_VELO0, frame
from unit.perception.egomotion.street import NO_FLOW

from unsup_track_ros.perception.egomotion.consistency import (
    EgomotionConsistencyCheck,
    EgomotionConsistencyConfig,
)
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.consistency import (
    ConsistencyQuantity,
    ConsistencyStatus,
    EgomotionConsistency,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame

CHECK = EgomotionConsistencyConfig()


def motion(seen: SensorFrame) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.LIDAR,
        stamp0_ns=seen.stamp_ns - 100_000_000,
        stamp1_ns=seen.stamp_ns,
        velo1_T_velo0=VELO1_T_VELO0,
    )


def run(
    check: EgomotionConsistencyCheck, frames: list[SensorFrame]
) -> list[EgomotionConsistency | None]:
    return [check.step(seen, (), NO_FLOW, motion(seen)) for seen in frames]


def last(frames: list[SensorFrame]) -> EgomotionConsistency:
    found = run(EgomotionConsistencyCheck(CHECK), frames)[-1]
    assert found is not None
    return found


def drive(late_s: float = 0.0, yaw_deg: float = 0.0) -> list[SensorFrame]:
    """Return frames that stand apart as those that are looked at."""
    yaw_rad = float(np.radians(yaw_deg))
    return [frame(5 * k, late_s=late_s, yaw_rad=yaw_rad) for k in range(7)]


def test_a_late_and_turned_camera_raises_both_alarms_and_no_other() -> None:
    found = last(drive(late_s=0.05, yaw_deg=1.5))
    alarms = {finding.quantity: finding for finding in found.alarms}
    assert alarms.keys() == {
        ConsistencyQuantity.CAMERA_TIME_OFFSET,
        ConsistencyQuantity.CAMERA_YAW,
    }
    offset = alarms[ConsistencyQuantity.CAMERA_TIME_OFFSET]
    assert offset.value == pytest.approx(0.05, rel=0.2)
    assert offset.num_frames == 7
    yaw = alarms[ConsistencyQuantity.CAMERA_YAW]
    assert np.degrees(yaw.value) == pytest.approx(1.5, rel=0.2)
    assert "against the LiDAR (yaw)" in yaw.sentence  # no TF, so the LiDAR itself is not checked


def test_a_yaw_beyond_the_search_is_told_as_a_bound_and_hides_the_time_offset() -> None:
    found = last(drive(yaw_deg=3.6))
    (yaw,) = found.alarms
    assert yaw.quantity is ConsistencyQuantity.CAMERA_YAW
    assert "at least 3.5" in yaw.sentence
    offset = found.of(ConsistencyQuantity.CAMERA_TIME_OFFSET)
    assert offset.status is ConsistencyStatus.COLLECTING


def test_a_good_camera_raises_none() -> None:
    found = last(drive())
    assert found.alarms == ()
    assert found.of(ConsistencyQuantity.CAMERA_YAW).status is ConsistencyStatus.CONSISTENT


def test_one_second_of_evidence_is_not_enough() -> None:
    found = last(drive(late_s=0.05)[:2])
    offset = found.of(ConsistencyQuantity.CAMERA_TIME_OFFSET)
    assert offset.status is ConsistencyStatus.COLLECTING
    assert np.isnan(offset.value)


def test_what_is_missing_is_unobserved() -> None:
    found = last([replace(seen, cameras=()) for seen in drive()])
    assert {finding.status for finding in found.findings} == {ConsistencyStatus.UNOBSERVED}


def test_the_check_can_be_switched_off() -> None:
    check = EgomotionConsistencyCheck(EgomotionConsistencyConfig(enabled=False))
    assert run(check, drive()[:2]) == [None, None]


def test_frames_between_two_looks_repeat_what_is_known() -> None:
    check = EgomotionConsistencyCheck(CHECK)
    first, second = run(check, [frame(0), frame(1)])
    assert first is second


def test_a_restored_check_goes_on_with_the_same_bytes() -> None:
    frames = drive(late_s=0.03)
    whole, first, second = (EgomotionConsistencyCheck(CHECK) for _ in range(3))
    expected = run(whole, frames)[-1]
    run(first, frames[:4])
    second.restore(first.state())
    found = run(second, frames[4:])[-1]
    assert expected is not None
    assert found is not None
    for key, value in to_arrays(expected).items():
        assert value.tobytes() == to_arrays(found)[key].tobytes()


def test_a_new_stream_begins_without_evidence() -> None:
    check = EgomotionConsistencyCheck(CHECK)
    run(check, drive(late_s=0.05))
    check.reset()
    found = run(check, [frame(0)])[0]
    assert found is not None
    assert found.alarms == ()
