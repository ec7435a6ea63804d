# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TCR's egomotion (SPECS 0.4): a rigid fit between points of two frames that the flow pairs up.

Kept for reproducing its figures; `reprojection` is the better method. Each quirk of the released
code is a switch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.camera import backproject, inside
from unsup_track_ros.geometry.image_sampling import sample_bilinear
from unsup_track_ros.geometry.rigid_fit import RansacOptions, fit_rigid_ransac
from unsup_track_ros.perception.egomotion.flow_pairs import View, depth_lookup
from unsup_track_ros.shapes import Bool, Float64


class RigidPairsConfig(Config):
    """TCR's 3-D to 3-D egomotion."""

    quirk_reliability_at_target: bool = parameter(
        False,
        "Ask whether the flow is reliable at the target pixel (as TCR) instead of the source.",
    )
    quirk_last_write_depth: bool = parameter(
        False, "Let the last point written win a depth pixel (as TCR) instead of the nearest."
    )
    inlier_threshold_m: float = parameter(
        0.05, "Residual of an inlier at depth 0 (TCR: 0.25).", unit="m", gt=0
    )
    inlier_growth_px: float = parameter(
        1.0,
        "Flow noise that widens the threshold with depth (TCR: 0, a fixed threshold).",
        unit="px",
        ge=0,
    )
    hypotheses: int = parameter(512, "RANSAC hypotheses.", ge=1)
    sample_size: int = parameter(8, "Pairs behind a hypothesis.", ge=3)
    score_size: int = parameter(1000, "At most so many pairs vote.", ge=10)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RigidMotionFit:
    """Result of the fit.

    Attributes:
        camb_T_cama: (4, 4) motion of points from camera a to camera b.
        inlier_ratio: Share of the pairs within the threshold.
    """

    camb_T_cama: Float64[np.ndarray, "4 4"]
    inlier_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointPairs:
    """The same surface points in two cameras.

    Attributes:
        points_cama: (P, 3) in camera a.
        points_camb: (P, 3) in camera b.
    """

    points_cama: Float64[np.ndarray, "P 3"]
    points_camb: Float64[np.ndarray, "P 3"]


def point_pairs(view_a: View, view_b: View, config: RigidPairsConfig) -> PointPairs:
    """Follow the flow from the points of a and look up the depth of b there (SPECS 0.4, item 2)."""
    width_px, height_px = view_b.camera.width_px, view_b.camera.height_px
    source = torch.from_numpy(view_a.points_pix)
    moved = sample_bilinear(torch.from_numpy(view_a.flow_px), source).numpy().T
    target = np.rint(view_a.points_pix + moved)
    lands = inside(target, width_px, height_px)
    points_cama, target = view_a.points_cam[lands], target[lands]
    row, column = target[:, 1].astype(np.int64), target[:, 0].astype(np.int64)
    depth_m = depth_lookup(view_b, last_write=config.quirk_last_write_depth)[row, column]
    if config.quirk_reliability_at_target:
        reliable: Bool[np.ndarray, " P"] = view_a.reliable[row, column]
    else:
        source_pix = np.rint(view_a.points_pix[lands]).astype(np.int64)
        reliable = view_a.reliable[source_pix[:, 1], source_pix[:, 0]]
    valid = reliable & (depth_m > 0)
    points_camb = backproject(
        target[valid], depth_m[valid].astype(np.float64), view_b.camera.pix_T_cam
    )
    return PointPairs(points_cama=points_cama[valid].astype(np.float64), points_camb=points_camb)


def fit_rigid_motion(
    pairs: PointPairs,
    focal_px: float,
    generator: torch.Generator,
    config: RigidPairsConfig,
    device: torch.device,
) -> RigidMotionFit:
    """Fit the motion by RANSAC (SPECS 0.4, item 3); needs at least one pair."""
    points_cama = torch.from_numpy(pairs.points_cama).to(device)
    points_camb = torch.from_numpy(pairs.points_camb).to(device)
    growth_m = points_camb[:, 2] * (config.inlier_growth_px / focal_px)
    options = RansacOptions(
        hypotheses=config.hypotheses, sample_size=config.sample_size, score_size=config.score_size
    )
    fit = fit_rigid_ransac(
        points_cama, points_camb, config.inlier_threshold_m + growth_m, generator, options
    )
    return RigidMotionFit(
        camb_T_cama=fit.motion.cpu().numpy(), inlier_ratio=float(fit.inliers.double().mean())
    )
