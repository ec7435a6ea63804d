# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Independent motion as Track, Check, Repeat finds it in two frames (SPECS §0.4 item 5, §0.5).

Pixels with a LiDAR depth whose flow departs from ego flow become voxels, and what a rigid motion of
the sensor explains is taken out of them. Only pixels with a depth are visited: all others lie at
the released code's fill depth of 100 m, outside the grid, so the result is the same. The switches
named `quirk_*` restore behaviour of the released code that looks unintended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.components import connected_components, large_components
from unsup_track_ros.geometry.voxels import (
    DISCOVER_GRID,
    OUTSIDE,
    flat_voxels,
    near_any,
    occupied_voxels,
    voxel_index_zyx,
)
from unsup_track_ros.perception.motion_segmentation.projected_scan import (
    FlowView,
    ProjectedScan,
    flat_pixels,
    project_scan,
    sample_bilinear,
    scatter_to_image,
)
from unsup_track_ros.shapes import Bool, Float32, Int64
from unsup_track_ros.structures.voxels import VoxelGrid, VoxelRegions

_MIN_NORM = 1e-8  # as torch.nn.functional.cosine_similarity: no direction in a flow of zero


class VoxelGridConfig(Config):
    """Bounds and resolution of the discovery volume, in axes of the camera (y down)."""

    x_min_m: float = parameter(DISCOVER_GRID.minimum_m[0], "Left bound.", unit="m")
    x_max_m: float = parameter(DISCOVER_GRID.maximum_m[0], "Right bound.", unit="m")
    y_min_m: float = parameter(DISCOVER_GRID.minimum_m[1], "Upper bound.", unit="m")
    y_max_m: float = parameter(DISCOVER_GRID.maximum_m[1], "Lower bound.", unit="m")
    z_min_m: float = parameter(DISCOVER_GRID.minimum_m[2], "Near bound.", unit="m")
    z_max_m: float = parameter(DISCOVER_GRID.maximum_m[2], "Far bound.", unit="m")
    num_z: int = parameter(DISCOVER_GRID.shape_zyx[0], "Voxels along z.", ge=1)
    num_y: int = parameter(DISCOVER_GRID.shape_zyx[1], "Voxels along y.", ge=1)
    num_x: int = parameter(DISCOVER_GRID.shape_zyx[2], "Voxels along x.", ge=1)

    def grid(self) -> VoxelGrid:
        """Return the volume."""
        return VoxelGrid(
            minimum_m=(self.x_min_m, self.y_min_m, self.z_min_m),
            maximum_m=(self.x_max_m, self.y_max_m, self.z_max_m),
            shape_zyx=(self.num_z, self.num_y, self.num_x),
        )


class TcrEvidenceConfig(Config):
    """Parameters of the two-frame test; defaults are those of the discovery step."""

    min_depth_m: float = parameter(1.0, "Nearer points are not looked at.", unit="m", gt=0)
    max_cosine: float = parameter(
        0.8, "keepA: cosine between flow and ego flow below this.", ge=-1, le=1
    )
    min_residual_px: float = parameter(
        8.0, "keepB: distance between flow and ego flow above this.", unit="px", ge=0
    )
    explained_m: float = parameter(
        0.25, "A flow correspondence this near to its rigid motion is ego motion.", unit="m", gt=0
    )
    min_voxels: int = parameter(128, "A region needs more moving voxels.", ge=0)
    min_side_vox: int = parameter(1, "A region's index extent along each axis exceeds this.", ge=0)
    grid: VoxelGridConfig = VoxelGridConfig()
    quirk_last_write_depth: bool = parameter(
        False, "Of points in one pixel the last keeps it, as released; else the nearest."
    )
    quirk_target_reliability: bool = parameter(
        False,
        "Read a correspondence's reliability at its target pixel, as released; else its source.",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TcrEvidence:
    """Answer of the two-frame test.

    Attributes:
        voxels: Moving regions, in cam, the one with most moving voxels first.
        moving: (V,) points of the projected scan in a moving voxel of a region.
        judged: (V,) points of the projected scan in the grid and on reliable flow.
        moving_pixels: (H, W) pixels with a depth in a moving voxel of a region.
        judged_pixels: (H, W) pixels with a depth in the grid and reliable flow.
        residual_px: (H, W) distance between flow and ego flow, 0 where not judged.
    """

    voxels: VoxelRegions
    moving: Bool[np.ndarray, " V"]
    judged: Bool[np.ndarray, " V"]
    moving_pixels: Bool[np.ndarray, "H W"]
    judged_pixels: Bool[np.ndarray, "H W"]
    residual_px: Float32[np.ndarray, "H W"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelEvidence:
    """Flow against ego flow at the D pixels that have a depth.

    Attributes:
        flat_pix: (D,) ascending row-major index.
        voxel: (D,) flat voxel, `OUTSIDE` beyond the grid.
        residual_px: (D,) distance between flow and ego flow, 0 where the flow is unreliable.
        cosine: (D,) of the angle between flow and ego flow.
    """

    flat_pix: Int64[np.ndarray, " D"]
    voxel: Int64[np.ndarray, " D"]
    residual_px: Float32[np.ndarray, " D"]
    cosine: Float32[np.ndarray, " D"]


def tcr_evidence(config: TcrEvidenceConfig, view: FlowView) -> TcrEvidence:
    """Test the current frame of a view (SPECS §0.5 and the component rules of §0.6).

    The masks show what the released code keeps: moving voxels of components that are large enough.
    Single voxels beside them are flow errors more often than motion.
    """
    grid, scan = config.grid.grid(), view.scan1
    pixels = pixel_evidence(config, view)
    regions = _regions(config, grid, *voxel_sets(config, view, pixels))
    kept = np.zeros(int(np.prod(grid.shape_zyx)), bool)
    kept[regions.voxel[regions.moving]] = True
    reliable = view.reliable1.reshape(-1)
    judged_pixel = reliable[pixels.flat_pix] & (pixels.voxel != OUTSIDE)
    moving_pixel = kept[pixels.voxel] & (pixels.voxel != OUTSIDE)
    residual_px = np.where(judged_pixel, pixels.residual_px, np.float32(0))
    point_voxel = flat_voxels(grid, scan.points_cam)
    in_grid = point_voxel != OUTSIDE
    return TcrEvidence(
        voxels=regions,
        moving=in_grid & kept[point_voxel],
        judged=in_grid & reliable[scan.flat_pix],
        moving_pixels=scatter_to_image(moving_pixel, pixels.flat_pix, scan.camera),
        judged_pixels=scatter_to_image(judged_pixel, pixels.flat_pix, scan.camera),
        residual_px=scatter_to_image(residual_px, pixels.flat_pix, scan.camera),
    )


def voxel_sets(
    config: TcrEvidenceConfig, view: FlowView, pixels: PixelEvidence
) -> tuple[Int64[np.ndarray, " V"], Int64[np.ndarray, " M"]]:
    """Return the voxels of keepB, and of keepA and keepB, without what ego motion explains."""
    grid = config.grid.grid()
    keep_a = _unique(pixels.voxel[pixels.cosine < config.max_cosine])
    keep_b = _unique(pixels.voxel[pixels.residual_px > config.min_residual_px])
    explained = occupied_voxels(grid, view.scan1.points_cam[_explained_by_ego(config, view)])
    displaced = keep_b[~near_any(grid, keep_b, explained)]
    return displaced, np.intersect1d(displaced, keep_a, assume_unique=True)


def _regions(
    config: TcrEvidenceConfig,
    grid: VoxelGrid,
    displaced: Int64[np.ndarray, " V"],
    moving: Int64[np.ndarray, " M"],
) -> VoxelRegions:
    """Keep the connected components of keepB with enough voxels that are in keepA too."""
    is_moving = np.isin(displaced, moving, assume_unique=True)
    labels = connected_components(grid.shape_zyx, displaced)
    large = large_components(
        voxel_index_zyx(grid, displaced),
        labels,
        is_moving,
        min_side=config.min_side_vox,
        min_voxels=config.min_voxels,
    )
    region = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    region[large] = np.arange(1, len(large) + 1)
    kept = region[labels] > 0
    return VoxelRegions(
        grid=grid,
        voxel=displaced[kept],
        region=region[labels[kept]],
        moving=is_moving[kept],
    )


def _depth_image(scan: ProjectedScan, last_write: bool) -> Float32[np.ndarray, "H W"]:
    """Return one depth per pixel, 0 where no point fell."""
    depth_m = scan.points_cam[:, 2]
    if last_write:
        return scatter_to_image(depth_m, scan.flat_pix, scan.camera)
    return camera.depth_image(scan.points_pix, depth_m, scan.camera.width_px, scan.camera.height_px)


def pixel_evidence(config: TcrEvidenceConfig, view: FlowView) -> PixelEvidence:
    """Compare flow and ego flow at the pixels that have a depth."""
    pinhole = view.scan1.camera
    depth_m = _depth_image(view.scan1, config.quirk_last_write_depth).reshape(-1)
    flat_pix = np.flatnonzero(depth_m)
    places_pix = np.stack([flat_pix % pinhole.width_px, flat_pix // pinhole.width_px], axis=1)
    places_pix = places_pix.astype(np.float32)
    points_cam1 = camera.backproject(places_pix, depth_m[flat_pix], pinhole.pix_T_cam)
    ego_px = camera.project(se3.transform(view.cam0_T_cam1, points_cam1), pinhole.pix_T_cam)
    ego_px = np.nan_to_num(ego_px - places_pix)
    flow_px = view.flow10_px.reshape(2, -1)[:, flat_pix].T
    residual_px = np.linalg.norm(ego_px - flow_px, axis=1) * view.reliable1.reshape(-1)[flat_pix]
    norms = np.maximum(np.linalg.norm(ego_px, axis=1), _MIN_NORM)
    norms *= np.maximum(np.linalg.norm(flow_px, axis=1), _MIN_NORM)
    return PixelEvidence(
        flat_pix=flat_pix,
        voxel=flat_voxels(config.grid.grid(), points_cam1),
        residual_px=residual_px.astype(np.float32),
        cosine=((ego_px * flow_px).sum(axis=1) / norms).astype(np.float32),
    )


def _explained_by_ego(config: TcrEvidenceConfig, view: FlowView) -> Bool[np.ndarray, " V"]:
    """Tell which points' flow leads to a past LiDAR point that their rigid motion meets too."""
    scan1, pinhole = view.scan1, view.scan1.camera
    image0 = view.past.frame.camera
    assert image0 is not None  # flow_view demands it
    scan0 = project_scan(
        view.past.frame, image0, (pinhole.height_px, pinhole.width_px), view.min_depth_m
    )
    depth0_m = _depth_image(scan0, config.quirk_last_write_depth).reshape(-1)
    target_pix = np.rint(scan1.points_pix + sample_bilinear(view.flow10_px, scan1.points_pix))
    landed = np.flatnonzero(camera.inside(target_pix, pinhole.width_px, pinhole.height_px))
    target_flat = flat_pixels(target_pix[landed], pinhole)
    checked = target_flat if config.quirk_target_reliability else scan1.flat_pix[landed]
    paired = (depth0_m[target_flat] > 0) & view.reliable1.reshape(-1)[checked]
    landed, target_flat = landed[paired], target_flat[paired]
    measured_cam0 = camera.backproject(target_pix[landed], depth0_m[target_flat], pinhole.pix_T_cam)
    rigid_cam0 = se3.transform(view.cam0_T_cam1, scan1.points_cam[landed])
    explained = np.zeros(len(scan1.points_cam), bool)
    explained[landed] = np.linalg.norm(measured_cam0 - rigid_cam0, axis=1) <= config.explained_m
    return explained


def _unique(voxels: Int64[np.ndarray, " D"]) -> Int64[np.ndarray, " V"]:
    """Sort, without duplicates and voxels outside."""
    return np.unique(voxels[voxels != OUTSIDE])
