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

import cv2
import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.camera import MIN_DEPTH_M
from unsup_track_ros.perception.motion_segmentation.projected_scan import (
    FlowView,
    ProjectedScan,
    sample_bilinear,
)
from unsup_track_ros.shapes import Bool, Float32


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
    focal_px = float(pix_T_cam[0, 0])
    noise = np.array(
        [
            config.flow_noise_px,
            config.flow_noise_ratio,
            config.depth_noise_m,
            focal_px * config.translation_noise_m,
            focal_px * config.rotation_noise_rad,
        ]
    )
    pix0_T_cam1 = pix_T_cam @ view.cam0_T_cam1[:3]
    answer = np.empty((3, len(scan.points_cam)), np.float32)
    flow_px = sample_bilinear(view.flow10_px, scan.points_pix)
    _residuals(scan.points_cam, scan.points_pix, flow_px, pix0_T_cam1, noise, answer)
    residual_px, sigma_px, ego_px = answer
    return residual_px, sigma_px, ego_px


@compiled_inner
def _past_place(
    pix0_T_cam1: np.ndarray, point_cam1: np.ndarray, stretch: float
) -> tuple[float, float]:
    """Return the past pixel of a point that stands still, nan where it was behind the camera."""
    x, y, z = stretch * point_cam1[0], stretch * point_cam1[1], stretch * point_cam1[2]
    m = pix0_T_cam1
    depth_m = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
    if not depth_m > MIN_DEPTH_M:
        return np.nan, np.nan
    across = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
    along = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
    return across / depth_m, along / depth_m


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('float32', 2)}, {read_only('float32', 2)},"
    " float64[:, ::1], float64[::1], float32[:, ::1])"
)
def _residuals(
    points_cam1: np.ndarray,
    places_pix1: np.ndarray,
    flow10_px: np.ndarray,
    pix0_T_cam1: np.ndarray,
    noise: np.ndarray,
    answer: np.ndarray,
) -> None:
    """Write residual, sigma and length of the ego flow of each point, given its (J, 2) flow."""
    flow_px, flow_ratio, depth_m, translation_px, rotation_px = noise
    for k in range(len(points_cam1)):
        point, place = points_cam1[k], places_pix1[k]
        x0, y0 = _past_place(pix0_T_cam1, point, 1.0)
        deep_x0, deep_y0 = _past_place(pix0_T_cam1, point, 1.0 + depth_m / point[2])
        ego_x, ego_y = x0 - place[0], y0 - place[1]
        length_px = np.sqrt(ego_x * ego_x + ego_y * ego_y)
        flow_sigma_px = flow_px + flow_ratio * length_px
        deep_x, deep_y = deep_x0 - x0, deep_y0 - y0
        translation_sigma_px = translation_px / point[2]
        left_x, left_y = flow10_px[k, 0] - ego_x, flow10_px[k, 1] - ego_y
        answer[0, k] = np.sqrt(left_x * left_x + left_y * left_y)
        answer[1, k] = np.sqrt(
            flow_sigma_px * flow_sigma_px
            + (deep_x * deep_x + deep_y * deep_y)
            + translation_sigma_px * translation_sigma_px
            + rotation_px * rotation_px
        )
        answer[2, k] = length_px


def _near_silhouette(config: CameraEvidenceConfig, scan: ProjectedScan) -> Bool[np.ndarray, " V"]:
    """Tell which points lie behind, or just beside, a nearer surface of the scan."""
    cell_px, pinhole = config.occlusion_px, scan.camera
    shape = (pinhole.height_px // cell_px + 1, pinhole.width_px // cell_px + 1)
    nearest_m = np.full(shape, np.inf, np.float32)
    cell = np.empty(len(scan.points_pix), np.int64)
    _keep_nearest(scan.points_pix, scan.points_cam, cell_px, cell, nearest_m)
    square = np.ones((3, 3), np.uint8)
    around_m = cv2.erode(nearest_m, square, borderType=cv2.BORDER_REPLICATE)
    occluder_m = around_m.reshape(-1)[cell]
    limit_m = occluder_m * (1 + config.occlusion_ratio) + config.support_cell_m
    return np.asarray(scan.points_cam[:, 2] > limit_m)


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('float32', 2)}, int64, int64[::1],"
    " float32[:, ::1])"
)
def _keep_nearest(
    points_pix: np.ndarray,
    points_cam: np.ndarray,
    cell_px: int,
    cell: np.ndarray,
    nearest_m: np.ndarray,
) -> None:
    """Write the flat cell of the image that each point is in, and the least depth of each."""
    for k in range(len(points_pix)):
        column = int(max(points_pix[k, 0], np.float32(0))) // cell_px
        row = int(max(points_pix[k, 1], np.float32(0))) // cell_px
        cell[k] = row * nearest_m.shape[1] + column
        nearest_m[row, column] = min(nearest_m[row, column], points_cam[k, 2])


def _supported(
    config: CameraEvidenceConfig,
    scan: ProjectedScan,
    judged: Bool[np.ndarray, " V"],
    significant: Bool[np.ndarray, " V"],
) -> Bool[np.ndarray, " V"]:
    """Tell which significant points lie in a cell where enough judged points agree on motion.

    Only the cells that they lie in are looked at.
    """
    cell = np.empty(len(judged), np.int64)
    _number(scan.points_cam, np.float32(config.support_cell_m), cell)
    cells, which, num_moving = np.unique(cell[significant], return_inverse=True, return_counts=True)
    supported = np.zeros(len(judged), bool)
    if not len(cells):
        return supported
    asked = cell[judged]
    place = np.minimum(np.searchsorted(cells, asked), len(cells) - 1)
    num_judged = np.bincount(place[cells[place] == asked], minlength=len(cells))
    enough = (num_moving >= config.min_support_points) & (
        num_moving >= config.min_support * num_judged
    )
    supported[significant] = enough[which]
    return supported


@compiled_for(f"void({read_only('float32', 2)}, float32, int64[::1])")
def _number(points: np.ndarray, cell_m: np.float32, cell: np.ndarray) -> None:
    """Give every cell of a cubic lattice a number and write each point's."""
    for k in range(len(points)):
        number = 0
        for axis in range(3):
            number = (number << 21) + int(np.floor(points[k, axis] / cell_m))
        cell[k] = number
