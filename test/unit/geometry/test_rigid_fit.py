# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rigid fits: hand-made motions, reflections, outliers, few pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.rigid_fit import RansacOptions, fit_rigid, fit_rigid_ransac


def motion(rotvec: tuple[float, float, float], shift: tuple[float, float, float]) -> torch.Tensor:
    rotation = Rotation.from_rotvec(rotvec).as_matrix()
    return torch.from_numpy(se3.rigid(rotation, np.array(shift, np.float64)))


def cloud(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, generator=generator, dtype=torch.float64) * 20 - 10


def moved(a_T_b: torch.Tensor, points_b: torch.Tensor) -> torch.Tensor:
    return points_b @ a_T_b[:3, :3].mT + a_T_b[:3, 3]


A_T_B = motion((0.3, -0.2, 1.1), (1.0, -2.0, 0.5))


def test_eight_clean_pairs_give_the_motion_to_a_millionth() -> None:
    points_b = cloud(8)
    torch.testing.assert_close(
        fit_rigid(points_b, moved(A_T_B, points_b)), A_T_B, atol=1e-6, rtol=0
    )


def test_a_mirrored_cloud_still_gives_a_proper_rotation() -> None:
    points_b = cloud(8)
    mirrored = points_b * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    rotation = fit_rigid(points_b, mirrored)[:3, :3]
    assert float(torch.linalg.det(rotation)) == pytest.approx(1.0)


def test_points_on_a_plane_give_the_motion_and_no_reflection() -> None:
    points_b = cloud(8)
    points_b[:, 2] = 0.0
    found = fit_rigid(points_b, moved(A_T_B, points_b))
    torch.testing.assert_close(found, A_T_B, atol=1e-6, rtol=0)


def test_a_pair_of_weight_zero_has_no_say() -> None:
    points_b = cloud(9)
    points_a = moved(A_T_B, points_b)
    points_a[0] += 50.0
    weights = torch.ones(9, dtype=torch.float64)
    weights[0] = 0.0
    torch.testing.assert_close(fit_rigid(points_b, points_a, weights), A_T_B, atol=1e-6, rtol=0)


def test_a_batch_gives_what_its_members_give_alone() -> None:
    points_b = torch.stack([cloud(8, seed) for seed in range(3)])
    motions = torch.stack([motion((0.1 * k, 0.2, -0.3 * k), (k, 0.0, 1.0)) for k in range(3)])
    points_a = torch.stack([moved(a_T_b, p) for a_T_b, p in zip(motions, points_b, strict=True)])
    torch.testing.assert_close(fit_rigid(points_b, points_a), motions, atol=1e-6, rtol=0)


def robust(
    points_b: torch.Tensor, points_a: torch.Tensor, threshold_m: float = 0.1
) -> torch.Tensor:
    threshold = torch.full((len(points_b),), threshold_m, dtype=points_b.dtype)
    generator = torch.Generator().manual_seed(3)
    return fit_rigid_ransac(points_b, points_a, threshold, generator).motion


def test_ransac_ignores_a_third_of_wrong_pairs() -> None:
    points_b = cloud(300)
    points_a = moved(A_T_B, points_b)
    points_a[:100] += cloud(100, 5)
    threshold = torch.full((300,), 0.1, dtype=torch.float64)
    fit = fit_rigid_ransac(points_b, points_a, threshold, torch.Generator().manual_seed(3))
    torch.testing.assert_close(fit.motion, A_T_B, atol=1e-6, rtol=0)
    assert int(fit.inliers[100:].sum()) == 200
    assert int(fit.inliers[:100].sum()) <= 1


def test_ransac_gives_the_same_bytes_for_the_same_seed() -> None:
    points_b = cloud(200)
    points_a = moved(A_T_B, points_b) + 0.05 * cloud(200, 9) / 10
    assert torch.equal(robust(points_b, points_a), robust(points_b, points_a))


def test_seven_pairs_give_their_mean_translation() -> None:
    points_b = cloud(7)
    points_a = points_b + torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    points_a[0, 0] += 0.7
    found = robust(points_b, points_a)
    torch.testing.assert_close(found[:3, :3], torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(found[:3, 3], torch.tensor([1.1, 2.0, 3.0], dtype=torch.float64))


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        robust(cloud(0), cloud(0))


def test_the_sizes_of_the_search_can_be_chosen() -> None:
    points_b = cloud(50)
    options = RansacOptions(hypotheses=1, sample_size=3, score_size=5)
    threshold = torch.full((50,), 0.1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    fit = fit_rigid_ransac(points_b, moved(A_T_B, points_b), threshold, generator, options)
    torch.testing.assert_close(fit.motion, A_T_B, atol=1e-6, rtol=0)
