# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The beam search over a window of scans against trying every velocity on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial import cKDTree

from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.motion_segmentation.distance_field import (
    DistanceField,
    height_layer,
)
from unsup_track_ros.perception.motion_segmentation.velocity_search import (
    PastView,
    best_velocities,
)

AGES_S = (0.1, 0.2, 0.5)
REACH_MPS, REACH_M = 10.0, 8.0
TOLERANCE_MPS = 0.35  # a cell and a half of 0.1 m, and a quarter, in half a second


def l_shape(x: float, y: float) -> np.ndarray:
    """Return two sides of a 4 x 1.8 m car at 0.1 m spacing in every height band."""
    along, across = np.arange(0, 4, 0.1), np.arange(0, 1.8, 0.1)
    sides = np.concatenate(
        [np.stack([along, 0 * along], 1), np.stack([0 * across, across], 1)]
    ) + np.array([x, y])
    heights = np.array([0.4, 1.0, 1.4])
    return np.concatenate([np.column_stack([sides, np.full(len(sides), h)]) for h in heights])


def view_of(
    clusters: Sequence[np.ndarray],
    past_base0: np.ndarray,
    seconds: float,
    base0_T_base1: np.ndarray,
) -> PastView:
    """Show equally large clusters of now to a past scan."""
    now = np.stack(clusters)
    places = se3.transform(base0_T_base1, now.reshape(-1, 3))[:, :2].reshape(*now.shape[:2], 2)
    return PastView(
        places=places.astype(np.float32),
        layers=height_layer(now[..., 2].astype(np.float32)),
        base0_R_base1=base0_T_base1[:2, :2].astype(np.float32),
        seconds=seconds,
        field=DistanceField(
            past_base0.astype(np.float32),
            past_base0[:, 2].astype(np.float32),
            clearance_m=0.0,
            half_side_m=20.0,
            cell_m=0.1,
        ),
    )


def search(
    clusters: Sequence[np.ndarray],
    scans: Sequence[np.ndarray],
    ages_s: Sequence[float] = AGES_S,
    poses: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    poses = [np.eye(4)] * len(scans) if poses is None else poses
    views = [view_of(clusters, *scan) for scan in zip(scans, ages_s, poses, strict=True)]
    return best_velocities(views, REACH_MPS, REACH_M)


def moved(points: np.ndarray, velocity: np.ndarray, seconds: float) -> np.ndarray:
    return np.asarray(points + np.array([*(np.asarray(velocity) * seconds), 0.0]))


def misfits_m(now: np.ndarray, scans: Sequence[np.ndarray], velocities: np.ndarray) -> np.ndarray:
    """Return the summed mean distance that each velocity leaves, with exact neighbours."""
    misfit = np.zeros(len(velocities))
    for scan, age_s in zip(scans, AGES_S, strict=True):
        tree = cKDTree(scan)
        places = np.repeat(now[None, ::3], len(velocities), axis=0)
        places[..., :2] -= velocities[:, None] * age_s
        misfit += np.minimum(tree.query(places, p=1)[0], 1.0).mean(axis=1)
    return misfit


def every_velocity() -> np.ndarray:
    axis = np.arange(-REACH_MPS, REACH_MPS + 0.25, 0.5)
    return np.array([[x, y] for x in axis for y in axis])


def test_the_search_finds_the_velocity_that_trying_all_finds() -> None:
    generator = np.random.default_rng(1)
    now = l_shape(3.0, 2.0)
    clutter = np.column_stack([generator.uniform(-15, 15, (200, 2)), np.full(200, 1.0)])
    for _ in range(4):
        velocity = generator.uniform(-9, 9, 2)
        scans = [
            np.concatenate([moved(now, velocity, -age_s), clutter])
            + generator.normal(0, 0.01, (len(now) + 200, 3))
            for age_s in AGES_S
        ]
        found = search([now], scans)[0]
        np.testing.assert_allclose(found, velocity, atol=TOLERANCE_MPS)
        tried = misfits_m(now, scans, every_velocity())
        assert (
            misfits_m(now, scans, found[None].astype(np.float64))[0] < tried.min() + 0.1
        )  # a third of a cell a scan


def test_many_clusters_at_once_get_the_answers_of_each_alone() -> None:
    velocities = [(5.0, 1.0), (0.0, 0.0), (-3.0, -4.0)]
    clusters = [l_shape(*place) for place in ((3.0, 2.0), (-9.0, 5.0), (2.0, -9.0))]
    scans = [
        np.concatenate(
            [moved(c, np.array(v), -age_s) for c, v in zip(clusters, velocities, strict=True)]
        )
        for age_s in AGES_S
    ]
    together = search(clusters, scans)
    np.testing.assert_allclose(together, velocities, atol=TOLERANCE_MPS)
    for n, cluster in enumerate(clusters):
        np.testing.assert_array_equal(search([cluster], scans)[0], together[n])


def test_a_standing_car_beside_its_twin_is_not_shifted_onto_the_twin() -> None:
    row = np.concatenate([l_shape(0.0, 0.0), l_shape(5.0, 0.0)])
    np.testing.assert_allclose(search([l_shape(0.0, 0.0)], [row] * 3), [[0, 0]], atol=0.05)


def test_the_end_of_a_wall_that_is_not_seen_leaves_the_slower_motion() -> None:
    """Along a long wall every velocity fits equally well."""
    wall = np.column_stack([np.arange(-15, 15, 0.1), np.full(300, 4.0), np.full(300, 1.0)])
    found = search([wall[100:200]], [wall] * 3)[0]
    np.testing.assert_allclose(found, (0, 0), atol=0.05)


def test_a_chance_fit_in_the_youngest_scan_is_not_followed_to_the_end() -> None:
    """What stood 0.6 m ahead a tenth of a second ago fits -6 m/s, but only once."""
    now, velocity = l_shape(0.0, 0.0), np.array([2.0, 0.0])
    scans = [moved(now, velocity, -age_s) for age_s in AGES_S]
    scans[0] = np.concatenate([scans[0], moved(now, np.array([6.0, 0.0]), 0.1)])
    np.testing.assert_allclose(search([now], scans)[0], velocity, atol=TOLERANCE_MPS)


@pytest.mark.parametrize("sign", [1, -1])
def test_scans_that_come_later_tell_the_same_velocity(sign: int) -> None:
    now, velocity = l_shape(3.0, 2.0), np.array([4.0, -2.5])
    ages_s = [sign * age_s for age_s in AGES_S]
    scans = [moved(now, velocity, -age_s) for age_s in ages_s]
    np.testing.assert_allclose(search([now], scans, ages_s)[0], velocity, atol=TOLERANCE_MPS)


def test_the_sensors_own_motion_and_turn_are_taken_out() -> None:
    now, velocity = l_shape(3.0, 2.0), np.array([4.0, -2.5])
    poses = [
        se3.rigid(se3.rotation_about_z(-0.6 * age_s), np.array([-3.0 * age_s, 1.0 * age_s, 0.0]))
        for age_s in AGES_S
    ]
    scans = [
        se3.transform(pose, moved(now, velocity, -age_s))
        for pose, age_s in zip(poses, AGES_S, strict=True)
    ]
    np.testing.assert_allclose(search([now], scans, poses=poses)[0], velocity, atol=TOLERANCE_MPS)


def test_one_scan_is_enough() -> None:
    now, velocity = l_shape(3.0, 2.0), np.array([4.0, -2.5])
    found = search([now], [moved(now, velocity, -0.5)], [0.5])[0]
    np.testing.assert_allclose(found, velocity, atol=TOLERANCE_MPS)
