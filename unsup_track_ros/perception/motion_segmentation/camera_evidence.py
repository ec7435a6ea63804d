# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Camera evidence of independent motion, tested against noise and not against a fixed pixel count.

A LiDAR point has a measured flow and, if it stood still, an ego flow. Their difference is judged in
units of its standard deviation: flow noise that grows with the flow, the depth's and the pose's
uncertainty projected into the image. Track, Check, Repeat asks for 8 px and so sees nothing slow or
far. Ground is left out: it has little texture, and flow there comes out a third too short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.perception.motion_segmentation.projected_scan import (
    FlowView,
    ProjectedScan,
    sample_bilinear,
)
from unsup_track_ros.shapes import Bool, Float, Float32, Int64


class CameraEvidenceConfig(Config):
    """Parameters of the flow residual test."""

    min_depth_m: float = parameter(1.0, "Nearer points are not looked at.", unit="m", gt=0)
    flow_noise_px: float = parameter(
        0.5, "Standard deviation of the flow where nothing moves.", unit="px", gt=0
    )
    flow_noise_ratio: float = parameter(
        0.1, "Growth of the flow's standard deviation with its length.", ge=0
    )
    max_flow_px: float = parameter(
        40.0,
        "Points with longer ego flow are not judged: out of reach.",
        unit="px",
        gt=0,
    )
    depth_noise_m: float = parameter(
        0.05, "Standard deviation of a point's depth, calibration included.", unit="m", ge=0
    )
    translation_noise_m: float = parameter(
        0.03, "Standard deviation of the ego translation over the flow's baseline.", unit="m", ge=0
    )
    rotation_noise_rad: float = parameter(
        0.001, "Standard deviation of the ego rotation over the flow's baseline.", unit="rad", ge=0
    )
    min_significance: float = parameter(
        4.0, "Residuals above this many standard deviations are motion.", gt=0
    )
    ground_clearance_m: float = parameter(
        0.3, "Points lower than this over the local ground are not judged.", unit="m", ge=0
    )
    occlusion_px: int = parameter(
        8,
        "Points this near to a nearer surface are not judged: the flow there is the surface's.",
        unit="px",
        ge=1,
    )
    occlusion_ratio: float = parameter(
        0.1, "Share of its depth by which a surface must be nearer to occlude.", ge=0
    )
    support_cell_m: float = parameter(
        0.5, "Cell in which points must agree on motion.", unit="m", gt=0
    )
    min_support: float = parameter(
        0.5, "Share of a cell's judged points that must show motion.", ge=0, le=1
    )
    min_support_points: int = parameter(3, "Fewest points of a cell that must show motion.", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraEvidence:
    """Answer of the flow residual test.

    Attributes:
        moving: (V,) points of the projected scan that move, their neighbours agreeing.
        judged: (V,) points of the projected scan with evidence either way.
        significant: (V,) judged points whose own residual shows motion.
        residual_px: (V,) distance between flow and ego flow, 0 where not judged.
        sigma_px: (V,) standard deviation of the residual.
        limit_px: (V,) residual beyond which a point shows motion.
    """

    moving: Bool[np.ndarray, " V"]
    judged: Bool[np.ndarray, " V"]
    significant: Bool[np.ndarray, " V"]
    residual_px: Float32[np.ndarray, " V"]
    sigma_px: Float32[np.ndarray, " V"]
    limit_px: Float32[np.ndarray, " V"]


def camera_evidence(
    config: CameraEvidenceConfig, view: FlowView, height_m: Float32[np.ndarray, " P"]
) -> CameraEvidence:
    """Test the points of a view's current scan, (P,) `height_m` over the ground each."""
    scan = view.scan1
    residual_px, sigma_px, ego_px = flow_residual(config, view)
    judged = view.reliable1.reshape(-1)[scan.flat_pix] & (ego_px <= config.max_flow_px)
    judged &= ~_near_silhouette(config, scan)
    judged &= height_m[scan.point_index] > config.ground_clearance_m
    limit_px = np.float32(config.min_significance) * sigma_px
    significant = judged & (residual_px > limit_px)
    return CameraEvidence(
        moving=significant & _supported(config, scan, judged, significant),
        judged=judged,
        significant=significant,
        residual_px=np.where(judged, residual_px, np.float32(0)),
        sigma_px=sigma_px,
        limit_px=limit_px,
    )


def flow_residual(
    config: CameraEvidenceConfig, view: FlowView
) -> tuple[Float32[np.ndarray, " V"], Float32[np.ndarray, " V"], Float32[np.ndarray, " V"]]:
    """Return each point's distance between flow and ego flow, its sigma, and ego flow's length, px.

    All are nan for points that were behind the past camera.

    sigma^2 = (a + b |ego flow|)^2 + (d ego flow / d depth * sigma_depth)^2
            + (f sigma_translation / depth)^2 + (f sigma_rotation)^2
    """
    scan, pix_T_cam = view.scan1, view.scan1.camera.pix_T_cam
    flow_px = sample_bilinear(view.flow10_px, scan.points_pix)
    ego_px = _ego_flow(view, scan.points_cam)
    depth_m = scan.points_cam[:, 2:]
    deeper_cam = scan.points_cam * (1 + np.float32(config.depth_noise_m) / depth_m)
    depth_sigma_px = np.linalg.norm(_ego_flow(view, deeper_cam) - ego_px, axis=1)
    focal_px = float(pix_T_cam[0, 0])
    length_px = np.linalg.norm(ego_px, axis=1)
    flow_sigma_px = config.flow_noise_px + config.flow_noise_ratio * length_px
    translation_sigma_px = focal_px * config.translation_noise_m / depth_m[:, 0]
    rotation_sigma_px = focal_px * config.rotation_noise_rad
    sigma_px = np.sqrt(
        flow_sigma_px**2 + depth_sigma_px**2 + translation_sigma_px**2 + rotation_sigma_px**2
    )
    residual_px = np.linalg.norm(flow_px - ego_px, axis=1)
    return (
        residual_px.astype(np.float32),
        sigma_px.astype(np.float32),
        length_px.astype(np.float32),
    )


def _ego_flow(view: FlowView, points_cam1: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 2"]:
    """Return the flow of points that stand still, nan where they were behind the past camera."""
    pix_T_cam = view.scan1.camera.pix_T_cam
    places_pix0 = camera.project(se3.transform(view.cam0_T_cam1, points_cam1), pix_T_cam)
    return np.asarray(places_pix0 - camera.project(points_cam1, pix_T_cam))


def _near_silhouette(config: CameraEvidenceConfig, scan: ProjectedScan) -> Bool[np.ndarray, " V"]:
    """Tell which points lie behind, or just beside, a nearer surface of the scan."""
    cell_px, pinhole = config.occlusion_px, scan.camera
    columns = pinhole.width_px // cell_px + 1
    rows = pinhole.height_px // cell_px + 1
    column, row = (np.maximum(scan.points_pix, 0) // cell_px).astype(np.int64).T
    nearest_m = np.full(rows * columns, np.inf, np.float32)
    depth_m = scan.points_cam[:, 2]
    np.minimum.at(nearest_m, row * columns + column, depth_m)
    nearest_m = ndimage.minimum_filter(nearest_m.reshape(rows, columns), size=3, mode="nearest")
    occluder_m = nearest_m.reshape(-1)[row * columns + column]
    return np.asarray(depth_m > occluder_m * (1 + config.occlusion_ratio) + config.support_cell_m)


def _supported(
    config: CameraEvidenceConfig,
    scan: ProjectedScan,
    judged: Bool[np.ndarray, " V"],
    significant: Bool[np.ndarray, " V"],
) -> Bool[np.ndarray, " V"]:
    """Tell which points lie in a cell where enough judged points agree on motion."""
    cell = _cell_of(scan, config.support_cell_m)
    num_judged = np.bincount(cell[judged], minlength=int(cell.max(initial=0)) + 1)
    num_moving = np.bincount(cell[significant], minlength=len(num_judged))
    enough = (num_moving >= config.min_support_points) & (
        num_moving >= config.min_support * num_judged
    )
    return np.asarray(enough[cell])


def _cell_of(scan: ProjectedScan, cell_m: float) -> Int64[np.ndarray, " V"]:
    """Number the occupied cells of a cubic lattice in cam and return each point's."""
    key = np.floor(scan.points_cam / cell_m).astype(np.int64)
    key -= key.min(axis=0, initial=0)
    flat = np.ravel_multi_index(tuple(key.T), tuple(key.max(axis=0, initial=0) + 1))
    return np.unique(flat, return_inverse=True)[1].astype(np.int64)
