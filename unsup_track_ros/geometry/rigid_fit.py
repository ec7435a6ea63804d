# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rigid motions from pairs of points: weighted Kabsch in closed form, and RANSAC in one batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unsup_track_ros.shapes import Bool, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class RansacOptions:
    """Sizes of the search; the defaults are those of TCR (SPECS 0.4, item 3).

    Attributes:
        hypotheses: Motions drawn and tested.
        sample_size: Pairs behind each hypothesis.
        score_size: At most so many random pairs vote.
    """

    hypotheses: int = 512
    sample_size: int = 8
    score_size: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RigidFit:
    """Result of a robust fit.

    Attributes:
        motion: (4, 4) moves points from frame b to frame a.
        inliers: (P,) pairs it explains within the threshold.
    """

    motion: Float[Tensor, "4 4"]
    inliers: Bool[Tensor, " P"]


def fit_rigid(
    points_b: Float[Tensor, "*B P 3"],
    points_a: Float[Tensor, "*B P 3"],
    weights: Float[Tensor, "*B P"] | None = None,
) -> Float[Tensor, "*B 4 4"]:
    """Fit the rigid motions with the least weighted squared distance (Kabsch 1976).

    The rotation is proper (determinant +1) even where noise or a flat sample suggests a reflection.

    Args:
        points_b: Points in frame b; any batch dimensions in front.
        points_a: The same points in frame a.
        weights: Non-negative; their sum must be positive. None weighs all pairs alike.
    """
    if weights is None:
        weights = torch.ones_like(points_b[..., 0])
    share = (weights / weights.sum(-1, keepdim=True))[..., None]
    mean_b = (share * points_b).sum(-2, keepdim=True)
    mean_a = (share * points_a).sum(-2, keepdim=True)
    covariance = (share * (points_a - mean_a)).mT @ (points_b - mean_b)
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.ones_like(points_b[..., 0, :])
    sign[..., 2] = torch.sign(torch.linalg.det(u) * torch.linalg.det(vh))
    rotation = (u * sign[..., None, :]) @ vh
    translation = mean_a - mean_b @ rotation.mT
    return _assemble(rotation, translation[..., 0, :])


def fit_rigid_ransac(
    points_b: Float[Tensor, "P 3"],
    points_a: Float[Tensor, "P 3"],
    threshold_m: Float[Tensor, " P"],
    generator: torch.Generator,
    options: RansacOptions = RansacOptions(),
) -> RigidFit:
    """Fit one rigid motion to pairs of which many may be wrong (SPECS 0.4, item 3).

    All hypotheses are fitted and scored in one batch; the one with the most inliers is refitted on
    all of its inliers. With fewer pairs than a sample needs, the answer is their mean translation.
    Divergence from TCR: pairs are drawn with replacement, which a batch needs and which repeats a
    pair within a sample only where there are very few pairs.

    Args:
        points_b: Points in frame b, at least one.
        points_a: The same points in frame a.
        threshold_m: Residual up to which each pair counts as an inlier.
        generator: CPU generator; the draw does not depend on the device of the points.
        options: Sizes of the search.

    Raises:
        ValueError: There is no pair at all; identity would be a made-up answer.
    """
    count = len(points_b)
    if count == 0:
        raise ValueError("A rigid fit needs at least one pair of points, got none.")
    if count < options.sample_size:
        return _mean_translation(points_b, points_a, threshold_m)
    device = points_b.device
    draw = torch.randint(count, (options.hypotheses, options.sample_size), generator=generator)
    voters = torch.randperm(count, generator=generator)[: options.score_size].to(device)
    draw = draw.to(device)
    a_T_b = fit_rigid(points_b[draw], points_a[draw])
    distance = residual_m(a_T_b, points_b[voters], points_a[voters])
    votes = (distance < threshold_m[voters]).sum(-1)
    best_a_T_b = a_T_b[torch.argmax(votes)]
    inliers = residual_m(best_a_T_b, points_b, points_a) < threshold_m
    if int(inliers.sum()) >= options.sample_size:
        best_a_T_b = fit_rigid(points_b[inliers], points_a[inliers])
        inliers = residual_m(best_a_T_b, points_b, points_a) < threshold_m
    return RigidFit(motion=best_a_T_b, inliers=inliers)


def residual_m(
    a_T_b: Float[Tensor, "*B 4 4"], points_b: Float[Tensor, "P 3"], points_a: Float[Tensor, "P 3"]
) -> Float[Tensor, "*B P"]:
    """Return the distance that each motion leaves between the points of each pair."""
    moved = points_b @ a_T_b[..., :3, :3].mT + a_T_b[..., None, :3, 3]
    distance_m: Tensor = torch.linalg.vector_norm(moved - points_a, dim=-1)
    return distance_m


def _mean_translation(points_b: Tensor, points_a: Tensor, threshold_m: Tensor) -> RigidFit:
    rotation = torch.eye(3, dtype=points_b.dtype, device=points_b.device)
    a_T_b = _assemble(rotation, (points_a - points_b).mean(0))
    return RigidFit(motion=a_T_b, inliers=residual_m(a_T_b, points_b, points_a) < threshold_m)


def _assemble(rotation: Tensor, translation: Tensor) -> Tensor:
    a_T_b = torch.zeros(*rotation.shape[:-2], 4, 4, dtype=rotation.dtype, device=rotation.device)
    a_T_b[..., :3, :3] = rotation
    a_T_b[..., :3, 3] = translation
    a_T_b[..., 3, 3] = 1.0
    return a_T_b
