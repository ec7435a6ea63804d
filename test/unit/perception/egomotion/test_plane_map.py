# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Planes of a map and what a scan makes of them, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.se3 import rotation_about, transform
from unsup_track_ros.perception.egomotion.plane_map import (
    PlaneMapConfig,
    Planes,
    plane_levels,
    planes_of,
)
from unsup_track_ros.perception.egomotion.plane_registration import (
    _gauss_newton_step,
    register,
    support,
)
from unsup_track_ros.perception.egomotion.voxel_moments import empty_moments, moments_of
from unsup_track_ros.perception.egomotion.voxel_table import _BITS, _SHIFT

CONFIG = PlaneMapConfig()
RNG = np.random.default_rng(0)


def room(num: int = 6000) -> np.ndarray:
    """Points on two walls, a slanting one, and the floor, with some scatter and some clutter."""
    u, v = RNG.uniform(-6.0, 6.0, (2, num))
    floor = np.stack([u, v, np.full(num, -1.6)], 1)
    side = np.stack([u, np.full(num, 5.3), 0.4 * v], 1)
    front = np.stack([np.full(num, 6.2), v, 0.4 * u], 1)
    slant = np.stack([u, 0.5 * u - 4.0, 0.3 * v], 1)
    walls = np.concatenate([floor, side, front, slant])
    clutter = RNG.uniform(-6.0, 6.0, (num // 4, 3))
    return np.concatenate([walls + RNG.normal(0.0, 0.01, walls.shape), clutter])


ROOM = room()


def key(index: np.ndarray) -> int:
    i, j, k = (int(n) + _SHIFT for n in index)
    return (i << 2 * _BITS) + (j << _BITS) + k


def planes_by_numpy(points: np.ndarray, voxel_m: float) -> dict[int, tuple[np.ndarray, ...]]:
    """Return centroid, normal and variance by the key of each voxel, in order of the keys."""
    groups: dict[int, list[np.ndarray]] = {}
    for point in points:
        groups.setdefault(key(np.floor(point / voxel_m)), []).append(point)
    planes: dict[int, tuple[np.ndarray, ...]] = {}
    for number, group in sorted(groups.items()):
        if len(group) < CONFIG.min_points:
            continue
        variances, axes = np.linalg.eigh(np.cov(np.stack(group).T, bias=True))
        thin, wide = variances[:2]
        least = (CONFIG.min_width_ratio * voxel_m) ** 2
        if thin < CONFIG.max_thickness_m**2 and wide > 9 * thin and wide > least:
            planes[number] = (np.mean(group, axis=0), axes[:, 0], thin)
    return planes


def owner_by_key(planes: Planes) -> dict[int, int]:
    return dict(zip(planes.keys.tolist(), planes.owners.tolist(), strict=True))


@pytest.mark.parametrize("voxel_m", [0.5, 1.0])
def test_planes_are_those_of_lapack(voxel_m: float) -> None:
    planes = planes_of(moments_of(ROOM, voxel_m), voxel_m, CONFIG)
    expected = planes_by_numpy(ROOM, voxel_m)
    owners = owner_by_key(planes)
    own = {number: owners[number] for number in expected}
    assert sorted(own.values()) == list(range(len(planes.centroids)))
    for number, (centroid, normal, variance) in expected.items():
        plane = own[number]
        np.testing.assert_allclose(planes.centroids[plane], centroid, atol=1e-9)
        assert abs(planes.normals[plane] @ normal) == pytest.approx(1.0, abs=1e-6)
        assert planes.variances[plane] == pytest.approx(variance, abs=1e-7)


def test_a_free_voxel_beside_planes_is_claimed_along_a_normal_first_then_by_the_smallest_key() -> (
    None
):
    planes = planes_of(moments_of(ROOM, 0.5), 0.5, CONFIG)
    found = owner_by_key(planes)
    own = {}
    for plane, centroid in enumerate(planes.centroids):
        own[plane] = key(np.floor(centroid / 0.5))
    expected = {number: plane for plane, number in own.items()}
    contested = 0
    for side in (1.0, -1.0):
        claims: dict[int, list[int]] = {}
        for plane in own:
            beside = planes.centroids[plane] + side * 0.5 * planes.normals[plane]
            claims.setdefault(key(np.floor(beside / 0.5)), []).append(plane)
        for number, claimers in claims.items():
            if number not in expected:
                expected[number] = min(claimers, key=lambda plane: own[plane])
                contested += len(claimers) > 1
    assert contested > 0
    assert found == expected


def test_a_map_of_nothing_has_no_planes_and_answers_nothing() -> None:
    levels = plane_levels(empty_moments(), CONFIG)
    assert len(levels.fine.keys) == len(levels.coarse.centroids) == 0
    assert support(np.eye(4), ROOM, levels, CONFIG) == 0.0
    assert register(np.eye(4), ROOM, levels, CONFIG) is None
    assert (
        register(np.eye(4), ROOM[:0], plane_levels(moments_of(ROOM, 0.5), CONFIG), CONFIG) is None
    )


def displaced() -> np.ndarray:
    odom_T_velo = rotation_about(np.array([0.0, 0.0, 1.0]), 0.01)
    odom_T_velo[:3, 3] = (0.05, -0.08, 0.02)
    return odom_T_velo


def matches(points_odom: np.ndarray, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
    """Return which points lie in voxels that belong to planes, and to which."""
    owners = owner_by_key(planes)
    plane = np.array([owners.get(key(np.floor(p / planes.voxel_m)), -1) for p in points_odom])
    return np.flatnonzero(plane >= 0), plane[plane >= 0]


def test_a_step_solves_the_weighted_normal_equations() -> None:
    levels = plane_levels(moments_of(ROOM, 0.5), CONFIG)
    points_velo, odom_T_velo = ROOM[::7], displaced()
    for planes, scale_m in ((levels.fine, 0.1), (levels.coarse, 0.4)):
        points_odom = transform(odom_T_velo, points_velo)
        on, plane = matches(points_odom, planes)
        normals = planes.normals[plane]
        residual_m = ((points_odom[on] - planes.centroids[plane]) * normals).sum(1)
        weight = (1.0 + (residual_m / scale_m) ** 2) ** -2
        weight /= 1.0 + planes.variances[plane] / CONFIG.sensor_noise_m**2
        arm = points_odom[on] - odom_T_velo[:3, 3]
        jacobian = np.concatenate([normals, np.cross(arm, normals)], axis=1)
        root = np.sqrt(weight)
        expected = np.linalg.lstsq(root[:, None] * jacobian, -root * residual_m, rcond=None)[0]
        found = _gauss_newton_step(odom_T_velo, points_velo, planes, scale_m, CONFIG)
        assert found is not None
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("upright_only", [False, True])
def test_support_counts_softly_on_both_levels(upright_only: bool) -> None:
    levels = plane_levels(moments_of(ROOM, 0.5), CONFIG)
    points_velo, odom_T_velo = ROOM[::7], displaced()
    expected = 0.0
    for planes in (levels.fine, levels.coarse):
        points_odom = transform(odom_T_velo, points_velo)
        on, plane = matches(points_odom, planes)
        normals = planes.normals[plane]
        distance_m = ((points_odom[on] - planes.centroids[plane]) * normals).sum(1)
        vote = 1.0 / (1.0 + (distance_m / CONFIG.fine_scale_m) ** 2)
        expected += vote[np.abs(normals[:, 2]) < 0.7].sum() if upright_only else vote.sum()
    found = support(odom_T_velo, points_velo, levels, CONFIG, upright_only=upright_only)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_displaced_scan_is_put_back_and_too_few_points_give_no_answer() -> None:
    levels = plane_levels(moments_of(ROOM, 0.5), CONFIG)
    found = register(displaced(), ROOM[::5], levels, CONFIG)
    assert found is not None
    np.testing.assert_allclose(found, np.eye(4), atol=2e-3)
    assert register(displaced(), ROOM[:150], levels, CONFIG) is None
