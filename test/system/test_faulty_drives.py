# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings with something wrong: it is named, its size is right, and the remedy helps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from system.label_directory import run_well

from unsup_track_ros.config import from_values
from unsup_track_ros.data.kitti import convert_drive
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.data.synthetic.faults import FaultConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world
from unsup_track_ros.perception.egomotion import (
    EgomotionConfig,
    EgomotionConsistencyCheck,
    EgomotionConsistencyConfig,
    EgomotionEstimator,
)
from unsup_track_ros.structures.consistency import (
    ConsistencyQuantity,
    ConsistencyStatus,
    EgomotionConsistency,
)
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.history import PastFrame

SECONDS = 3.4
YAW_RAD = float(np.radians(1.5))
JUMP = {"odom_jump_m": 0.5, "odom_jump_at_s": 1.8}
# What is wrong, what is to be found, and the parameter that makes up for it.
FAULTS = {
    "late camera": ({"camera_late_s": 0.05}, "synchronizer.image_offset_s"),
    "turned camera": ({"camera_yaw_rad": YAW_RAD}, "frames.camera_yaw_correction_rad"),
    "turned LiDAR": ({"lidar_yaw_rad": YAW_RAD}, "frames.lidar_yaw_correction_rad"),
}


@pytest.fixture(scope="module")
def world() -> World:
    config = WorldConfig(
        duration_s=SECONDS,
        occupancy_half_size_m=10.0,
    )
    return build_world(config, seed=5)


def recorded(world: World, path: Path, faults: dict[str, float]) -> Path:
    write_world(world, path, SECONDS, faults=FaultConfig(**faults))
    return path


def checked(bag: Path, corrections: dict[str, object] | None = None) -> EgomotionConsistency:
    """Return the findings after the last frame."""
    egomotion = EgomotionEstimator(EgomotionConfig(), torch.device("cpu"))
    check = EgomotionConsistencyCheck(EgomotionConsistencyConfig())
    no_flow = OpticalFlow(status=FlowStatus.NO_CAMERA)
    history: tuple[PastFrame, ...] = ()
    found = None
    with Recording(bag, from_values(RecordingConfig, corrections or {})) as recording:
        for frame in recording:
            answer = egomotion.step(frame, history[-1] if history else None, lambda: no_flow)
            found = check.step(frame, history, no_flow, answer)
            history = (*history, PastFrame(frame=frame, egomotion=answer))[-10:]
    assert found is not None
    return found


def test_nothing_is_found_in_a_drive_that_is_in_order(world: World, tmp_path: Path) -> None:
    found = checked(recorded(world, tmp_path / "drive.mcap", {}))
    assert {finding.status for finding in found.findings} == {ConsistencyStatus.CONSISTENT}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_its_remedy_ends_the_alarm(
    world: World, tmp_path: Path, name: str
) -> None:
    faults, remedy = FAULTS[name]
    bag = recorded(world, tmp_path / "drive.mcap", faults)
    (alarm,) = checked(bag).alarms
    ((fault, expected),) = faults.items()
    assert alarm.quantity.value.split("_")[:1] == fault.split("_")[:1]
    assert alarm.value == pytest.approx(expected, rel=0.2)
    assert f"recording.{remedy}" in alarm.sentence
    correction = alarm.value if "offset" in remedy else -alarm.value
    assert checked(bag, {remedy: correction}).alarms == ()


def test_a_real_drive_is_in_order_and_a_camera_turned_in_it_is_found(
    shared_data: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "queue.mcap"
    convert_drive(shared_data / "kitti_raw_0052", bag)
    assert checked(bag).alarms == ()
    (alarm,) = checked(bag, {"frames.camera_yaw_correction_rad": YAW_RAD}).alarms
    assert alarm.quantity is ConsistencyQuantity.CAMERA_YAW
    assert alarm.value == pytest.approx(YAW_RAD, rel=0.2)


def test_a_drive_with_a_jump_and_a_late_camera_says_so_in_its_report(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(
        "/**:\n  ros__parameters:\n    lidar: {beams: 32, azimuth_steps: 900}\n"
        "    camera: {width_px: 416, height_px: 128}\n    occupancy_half_size_m: 10.0\n"
    )
    bag, labels = tmp_path / "drive.mcap", tmp_path / "labels"
    faults = {"camera_late_s": 0.05, **JUMP}
    given = [word for name, value in faults.items() for word in ("--fault", f"{name}={value}")]
    drive = ("--seed", "5", "--seconds", str(SECONDS), "--config", str(world))
    run_well("synthesize", bag, *drive, *given)
    run_well("label", bag, "--out", labels, "--no-video", "--mode", "tcr")
    summary = json.loads((labels / "summary.json").read_text())
    found = summary["consistency"]
    alarms = {name for name, finding in found.items() if finding["status"] == "alarm"}
    assert alarms == {"camera_time_offset", "odom_jump"}
    assert found["camera_time_offset"]["value"] == pytest.approx(0.05, rel=0.2)
    (jump,) = found["odom_jump"]["jumps"]
    assert jump["value"] == pytest.approx(0.5, rel=0.2)
    assert jump["stamp_ns"] == 1_700_000_000_000_000_000 + 1_800_000_000
    assert any("camera stamps" in warning for warning in summary["warnings"])
