# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An Argoverse 2 log of two small sweeps, and the real one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from unsup_track_ros.data.argoverse import read_sweep_pair, write_sweep_pair
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.truth import TruthFolder, truth_folder
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, transform

STAMPS_NS = (1_000_000_000, 1_100_000_000)
LIDAR_EGO, GAP = np.array([1.0, 0.0, 1.5]), np.array([0.0, 0.0, 0.1])
# The vehicle goes 0.5 m ahead and turns; the car at 10 m goes 1 m ahead in the world.
EGO0_T_EGO1 = rigid(rotation_about_z(0.02), np.array([0.5, 0.0, 0.0]))
CAR_EGO0 = np.array([10.0, 2.0, 0.5])
POINTS_EGO0 = np.array([[10.0, 2.0, 0.5], [9.0, 1.5, 0.2], [20.0, -5.0, 1.0], [5.0, 0.0, -0.3]])
MOVING = np.array([True, True, False, False])


def write(path: Path, **columns: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    feather.write_feather(pa.table(columns), path)


def columns_of(rows: np.ndarray, names: str) -> dict[str, np.ndarray]:
    return dict(zip(names.split(), rows.T, strict=True))


def known(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return values


def moved(points_ego0: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Where points of the first ego frame are seen from the second."""
    gone = points_ego0 + np.where(moving[:, None], [1.0, 0, 0], 0.0)
    return transform(inverse(EGO0_T_EGO1), gone)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    points_ego1 = moved(POINTS_EGO0, MOVING)
    for stamp_ns, points in zip(STAMPS_NS, (POINTS_EGO0, points_ego1), strict=True):
        write(
            folder / "sensors" / "lidar" / f"{stamp_ns}.feather",
            **columns_of(points.astype(np.float16), "x y z"),
            intensity=np.arange(4, dtype=np.uint8),
        )
    flow = (points_ego1 - POINTS_EGO0).astype(np.float32)
    write(
        folder / "flow_labels.feather",
        **columns_of(flow, "flow_tx_m flow_ty_m flow_tz_m"),
        dynamic=MOVING,
        is_ground_0=np.array([False, False, False, True]),
    )
    ego1_T_ego0 = inverse(EGO0_T_EGO1)
    np.savez(folder / "ego_motion.npz", ego_motion=ego1_T_ego0[None].astype(np.float32))
    half = 0.01
    write(
        folder / "city_SE3_egovehicle.feather",
        timestamp_ns=np.array(STAMPS_NS),
        **columns_of(np.array([[0, 0, 0, 1.0], [0, 0, np.sin(half), np.cos(half)]]), "qx qy qz qw"),
        **columns_of(np.array([[0.0, 0, 0], [0.5, 0, 0]]), "tx_m ty_m tz_m"),
    )
    centres = np.vstack([CAR_EGO0, moved(CAR_EGO0[None], np.array([True]))])
    write(
        folder / "annotations.feather",
        timestamp_ns=np.array(STAMPS_NS),
        track_uuid=["a", "a"],
        category=["REGULAR_VEHICLE"] * 2,
        **columns_of(np.array([[4.0, 2.0, 1.5]] * 2), "length_m width_m height_m"),
        **columns_of(
            np.array([[0, 0, 0, 1.0], [0, 0, -np.sin(half), np.cos(half)]]), "qx qy qz qw"
        ),
        **columns_of(centres, "tx_m ty_m tz_m"),
    )
    write(
        folder / "calibration" / "egovehicle_SE3_sensor.feather",
        sensor_name=["ring", "up_lidar", "down_lidar"],
        **columns_of(
            np.array([[9.0, 9, 9], LIDAR_EGO + GAP, LIDAR_EGO - GAP]),
            "tx_m ty_m tz_m",
        ),
    )
    return folder


def test_points_boxes_and_flow_are_seen_from_the_lidar(log: Path) -> None:
    pair = read_sweep_pair(log)
    first, second = pair.truths
    np.testing.assert_allclose(pair.clouds[0].points_velo, POINTS_EGO0 - LIDAR_EGO, atol=5e-3)
    np.testing.assert_allclose(pair.base_T_velo[:3, 3], [1.0, 0.0, 1.83])
    np.testing.assert_allclose(
        first.boxes_velo, np.array([[*(CAR_EGO0 - LIDAR_EGO), 4, 2, 1.5, 0]]), atol=1e-6
    )
    assert first.classes == ("regular_vehicle",)
    assert known(first.moving).all()
    # 1 m in 0.1 s, in the axes of each sweep.
    np.testing.assert_allclose(known(first.velocities_velo), [[10.0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(
        known(second.velocities_velo), [[10 * np.cos(0.02), -10 * np.sin(0.02), 0]], atol=1e-6
    )
    np.testing.assert_array_equal(first.point_objects, [0, 0, -1, -1])
    np.testing.assert_array_equal(second.moving_points, [True, True, False, False])


def test_flow_with_the_sensor_held_still_is_the_objects_own_motion(log: Path) -> None:
    pair = read_sweep_pair(log)
    # Points are stored with half precision: places are a few millimetres off.
    np.testing.assert_allclose(
        known(pair.truths[0].flow_points_velo),
        np.where(MOVING[:, None], [1.0, 0, 0], [0.0, 0, 0]),
        atol=1e-3,
    )
    np.testing.assert_allclose(
        pair.velo1_T_velo0,
        inverse(rigid(np.eye(3), LIDAR_EGO)) @ inverse(EGO0_T_EGO1) @ rigid(np.eye(3), LIDAR_EGO),
        atol=1e-6,
    )


@pytest.mark.parametrize("backward", [False, True])
def test_the_recording_has_two_scans_with_poses_in_either_order_of_time(
    log: Path, tmp_path: Path, backward: bool
) -> None:
    pair = read_sweep_pair(log)
    path = tmp_path / "pair.mcap"
    write_sweep_pair(pair, path, backward=backward)
    with Recording(path) as recording:
        frames = list(recording)
    order = (1, 0) if backward else (0, 1)
    truths = list(TruthFolder(truth_folder(path)))
    for frame, truth, index in zip(frames, truths, order, strict=True):
        np.testing.assert_array_equal(frame.cloud.points_velo, pair.clouds[index].points_velo)
        np.testing.assert_allclose(
            known(frame.odom_T_velo), known(pair.truths[index].odom_T_velo), atol=1e-9
        )
        assert np.sign(known(truth.velocities_velo)[0, 0]) == (-1 if backward else 1)
        assert (truth.flow_points_velo is None) == (backward or index == 1)
    assert [frame.stamp_ns for frame in frames] == list(STAMPS_NS)


def test_a_log_that_is_not_a_pair_is_refused_with_a_reason(log: Path) -> None:
    (log / "sensors" / "lidar" / f"{STAMPS_NS[1]}.feather").rename(log / "second.feather")
    with pytest.raises(DataError, match="two sweeps"):
        read_sweep_pair(log)


def test_flow_of_another_sweep_is_refused(log: Path) -> None:
    write(
        log / "flow_labels.feather",
        **columns_of(np.zeros((3, 3)), "flow_tx_m flow_ty_m flow_tz_m"),
        dynamic=np.zeros(3, bool),
        is_ground_0=np.zeros(3, bool),
    )
    with pytest.raises(DataError, match="one row per point"):
        read_sweep_pair(log)


def test_a_damaged_file_and_a_missing_column_are_named(log: Path) -> None:
    write(log / "calibration" / "egovehicle_SE3_sensor.feather", sensor_name=["up_lidar"])
    with pytest.raises(DataError, match=r"columns \['tx_m'"):
        read_sweep_pair(log)
    (log / "calibration" / "egovehicle_SE3_sensor.feather").write_bytes(b"no feather")
    with pytest.raises(DataError, match=r"egovehicle_SE3_sensor.feather' cannot be read"):
        read_sweep_pair(log)


def test_without_pyarrow_the_remedy_is_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match="pip install"):
        read_sweep_pair(log)


def test_the_real_pair_agrees_with_its_own_flags(shared_data: Path) -> None:
    pair = read_sweep_pair(shared_data / "av2_7fab2350")
    truth = pair.truths[0]
    moving, point_objects = known(truth.moving_points), known(truth.point_objects)
    assert len(moving) == 99_229
    # Its flag is a flow of over 0.05 m once the vehicle's motion is taken out.
    speed = np.linalg.norm(known(truth.flow_points_velo), axis=1)
    np.testing.assert_array_equal(speed > 0.05, moving)
    assert moving.sum() == 2037
    # Every point that moves lies in a box that moves.
    assert known(truth.moving)[point_objects[moving]].all()
