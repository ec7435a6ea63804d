# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the tracker."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

NUM_OBJECTS = 5
FRAMES = 12
STATES = np.array([MotionState.STANDING, MotionState.UNSURE, MotionState.MOVING])


def scene(seed: int) -> list[Detections]:
    """Return frames of noisy boxes on straight paths, with misses, clutter and uneven steps."""
    generator = np.random.default_rng(seed)
    start = generator.uniform(-30, 30, (NUM_OBJECTS, 2))
    velocity = generator.uniform(-10, 10, (NUM_OBJECTS, 2))
    size = generator.uniform(0.5, 5, (NUM_OBJECTS, 3))
    frames, time_s = [], 0.0
    for _ in range(FRAMES):
        time_s += generator.uniform(0.05, 0.15)
        places = np.concatenate([start + velocity * time_s, generator.uniform(-30, 30, (2, 2))])
        boxes = np.zeros((len(places), 7))
        boxes[:, :2] = places + generator.normal(0, 0.1, places.shape)
        boxes[:NUM_OBJECTS, 3:6], boxes[NUM_OBJECTS:, 3:6] = size, 1.0
        boxes[:, 6] = generator.uniform(-3, 3, len(places))
        boxes = boxes[generator.random(len(places)) < 0.85]
        num = len(boxes)
        velocities = np.where(
            generator.random((num, 1)) < 0.5, np.nan, generator.normal(0, 5, (num, 3))
        )
        frames.append(
            Detections(
                stamp_ns=round(time_s * 1e9),
                boxes_velo=boxes,
                scores=generator.uniform(0.05, 1, num),
                velocities_velo=velocities,
                heading_known=generator.random(num) < 0.5,
                motion=generator.choice(STATES, num, p=(0.1, 0.2, 0.7)),
                num_points=np.full(num, 10, np.int64),
                boxes_pix=np.full((num, 4), np.nan),
            )
        )
    return frames


def rows_of(frame: Detections, rows: np.ndarray) -> Detections:
    names = Detections.__slots__[1:]
    return Detections(
        stamp_ns=frame.stamp_ns, **{name: getattr(frame, name)[rows] for name in names}
    )


def run(frames: list[Detections], odom_T_velo: np.ndarray) -> list[Tracks]:
    tracker = Tracker(TrackerConfig())
    return [
        tracker.step(
            frame,
            Egomotion(
                status=EgomotionStatus.OK,
                source=EgomotionSource.TF,
                stamp0_ns=0,
                stamp1_ns=frame.stamp_ns,
                odom_T_velo1=odom_T_velo,
            ),
        )
        for frame in frames
    ]


SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=6, deadline=None)


@FEW
@given(SEEDS)
def test_the_order_of_the_detections_does_not_matter(seed: int) -> None:
    frames, generator = scene(seed), np.random.default_rng(seed + 1)
    orders = [generator.permutation(len(frame)) for frame in frames]
    shuffled = [rows_of(frame, order) for frame, order in zip(frames, orders, strict=True)]
    for first, second, order in zip(
        run(frames, np.eye(4)), run(shuffled, np.eye(4)), orders, strict=True
    ):
        for name in to_arrays(first).keys() - {"stamp_ns", "detection_index"}:
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        matched = second.detection_index >= 0
        np.testing.assert_array_equal(
            order[second.detection_index[matched]], first.detection_index[matched]
        )


@FEW
@given(SEEDS)
def test_ids_are_unique_ascending_and_never_come_back(seed: int) -> None:
    gone: set[int] = set()
    previous: set[int] = set()
    for tracks in run(scene(seed), np.eye(4)):
        ids = tracks.ids.tolist()
        assert ids == sorted(set(ids))
        gone |= previous - set(ids)
        assert not gone & set(ids)
        previous = set(ids)


@FEW
@given(SEEDS, st.floats(-3, 3), st.floats(-100, 100))
def test_tracks_turn_and_move_with_the_odometry_frame(
    seed: int, yaw_rad: float, x_m: float
) -> None:
    other_T_odom = se3.rigid(se3.rotation_about_z(yaw_rad), np.array([x_m, -x_m, 2.0]))
    frames = scene(seed)
    for plain, moved in zip(run(frames, np.eye(4)), run(frames, other_T_odom), strict=True):
        assert plain.ids.tolist() == moved.ids.tolist()
        expected = se3.transform_boxes(other_T_odom, plain.boxes_odom)
        np.testing.assert_allclose(moved.boxes_odom[:, :6], expected[:, :6], atol=1e-5)
        turned = se3.wrap_angle_rad(moved.boxes_odom[:, 6] - expected[:, 6])
        np.testing.assert_allclose(turned, 0.0, atol=1e-5)


@FEW
@given(SEEDS)
def test_existence_is_a_probability_and_covariances_are_positive(seed: int) -> None:
    for tracks in run(scene(seed), np.eye(4)):
        assert ((tracks.existence > 0) & (tracks.existence < 1)).all()
        assert np.isfinite(tracks.boxes_odom).all()
        assert (tracks.boxes_odom[:, 3:6] > 0).all()
        for covariances in (tracks.position_covariances_odom, tracks.velocity_covariances_odom):
            assert (np.linalg.eigvalsh(covariances) > 0).all()
