# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker in a small world: paths cross, one hides another, LiDAR sees parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

PERIOD_S = 0.1


def step(
    tracker: Tracker,
    frame: int,
    boxes_velo: np.ndarray,
    scores: np.ndarray | None = None,
    odom_T_velo: np.ndarray | None = None,
) -> Tracks:
    num, stamp_ns = len(boxes_velo), 1_000_000_000 + round(frame * PERIOD_S * 1e9)
    return tracker.step(
        Detections(
            stamp_ns=stamp_ns,
            boxes_velo=boxes_velo,
            scores=np.full(num, 0.8) if scores is None else scores,
            velocities_velo=np.full((num, 3), np.nan),
            heading_known=np.zeros(num, bool),
            motion=np.full(num, int(MotionState.MOVING)),
            num_points=np.full(num, 50, np.int64),
            boxes_pix=np.full((num, 4), np.nan),
        ),
        Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=np.eye(4) if odom_T_velo is None else odom_T_velo,
        ),
    )


def follow(truth: np.ndarray, tracks: Tracks, reach_m: float = 2.0) -> int:
    """Return the ID of the published track nearest to a true centre, -1 for none."""
    published = tracks.states != TrackState.TENTATIVE
    apart = np.linalg.norm(tracks.boxes_odom[published, :2] - truth, axis=1)
    return int(tracks.ids[published][np.argmin(apart)]) if (apart < reach_m).any() else -1


@pytest.mark.parametrize("seed", range(10))
def test_two_cars_that_cross_keep_their_ids_through_a_second_of_occlusion(seed: int) -> None:
    generator = np.random.default_rng(seed)
    tracker, ids = Tracker(TrackerConfig()), []
    for frame in range(60):
        along = 8.0 * frame * PERIOD_S
        truth = np.array(
            [[20, along - 24, 0, 4.5, 1.8, 1.5, 1.57], [25, 24 - along, 0, 4.5, 1.8, 1.5, -1.57]]
        )
        seen = truth + generator.normal(0, [0.1, 0.1, 0.05, 0.3, 0.15, 0.1, 0.1], (2, 7))
        hidden = 25 <= frame < 35  # the nearer car hides the farther one
        tracks = step(tracker, frame, seen[:1] if hidden else seen)
        if frame >= 5:
            ids.append([follow(row[:2], tracks, 4.0 if hidden else 2.0) for row in truth])
    assert np.unique(ids, axis=0).tolist() == [[ids[0][0], ids[0][1]]]
    assert ids[0][0] != ids[0][1]
    assert -1 not in ids[0]


@pytest.mark.parametrize("seed", range(5))
def test_pedestrians_who_meet_and_part_keep_their_ids(seed: int) -> None:
    generator = np.random.default_rng(seed)
    tracker, ids = Tracker(TrackerConfig()), []
    for frame in range(60):
        along = 1.4 * (frame * PERIOD_S - 3)
        truth = np.array([[8, along, 0, 0.6, 0.6, 1.7, 0], [9, -along, 0, 0.6, 0.6, 1.7, 0]])
        seen = truth + generator.normal(0, [0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 1], (2, 7))
        tracks = step(tracker, frame, seen[generator.random(2) < 0.85])
        if frame >= 12:
            ids.append([follow(row[:2], tracks, 0.8) for row in truth])
    assert np.unique(ids, axis=0).tolist() == [[ids[0][0], ids[0][1]]]
    assert ids[0][0] != ids[0][1]


def velo_boxes(values: np.ndarray) -> np.ndarray:
    """Turn KITTI's height, width, length, bottom centre and yaw in camera axes into our boxes."""
    height, width, length, x, y, z, yaw = values.T
    return np.stack([z, -x, 0.5 * height - y, length, width, height, -yaw - np.pi / 2], 1)


def poses_of_drive(oxts: Path) -> list[np.ndarray]:
    """Return odom_T_velo of a KITTI drive from its latitudes, longitudes, altitudes and yaws."""
    rows = np.loadtxt(oxts)[:, :6]
    metres = np.radians(rows[:, [1, 0, 2]] - rows[0, [1, 0, 2]]) * 6378137.0
    metres[:, 0] *= np.cos(np.radians(rows[0, 0]))
    metres[:, 2] = rows[:, 2] - rows[0, 2]
    return [
        se3.rigid(se3.rotation_about_z(yaw), place)
        for place, yaw in zip(metres, rows[:, 5], strict=True)
    ]


def test_ids_last_on_a_supervised_detectors_boxes_of_a_real_drive(shared_data: Path) -> None:
    folder = shared_data / "kitti_tracking"
    found = np.loadtxt(folder / "detection" / "pointrcnn_Car" / "0003.txt", delimiter=",")
    lines = [line.split() for line in (folder / "label_02" / "0003.txt").read_text().splitlines()]
    cars = np.array([[line[0], line[1], *line[10:17]] for line in lines if line[2] == "Car"], float)
    poses = poses_of_drive(folder / "oxts" / "0003.txt")
    last: dict[int, int] = {}
    tracker, switches, followed = Tracker(TrackerConfig()), 0, 0
    for frame in range(144):
        now = found[found[:, 0] == frame]
        scores = 1 / (1 + np.exp(2 - now[:, 6]))
        tracks = step(tracker, frame, velo_boxes(now[:, 7:14]), scores, poses[frame])
        truth = cars[cars[:, 0] == frame]
        truth_odom = se3.transform_boxes(poses[frame], velo_boxes(truth[:, 2:]))
        for identity, box in zip(truth[:, 1].astype(int), truth_odom, strict=True):
            track = follow(box[:2], tracks)
            if track >= 0:
                followed += 1
                switches += last.get(identity, track) != track
                last[identity] = track
    assert followed > 0.8 * len(cars)
    assert switches == 0
