# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fit an upright box to every moving region.

Regions of voxels (mode `tcr` of motion segmentation) get the smallest rectangle of their bird's-eye
image (SPECS §0.6). Regions of points get an L-shape fit near the direction of motion, and are
extended down to the ground, which the LiDAR test leaves out. Keeps no state.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.geometry.box_shape import (
    closeness,
    extents_along,
    minimum_area_rectangle,
    rectangle_angles,
)
from unsup_track_ros.geometry.ground import LevelScan, ground_height
from unsup_track_ros.geometry.grouped_rows import rows_by_group
from unsup_track_ros.geometry.voxels import voxel_index_zyx
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions
from unsup_track_ros.structures.voxels import VoxelRegions

_QUARTER_TURN = np.pi / 2


class BoxFittingConfig(Config):
    """Parameters of box fitting."""

    quirk_one_voxel_short: bool = parameter(
        False, "Voxels: sizes are index differences, as released; else one voxel longer."
    )
    angle_step_rad: float = parameter(
        0.0175, "Points: step of the searched directions.", unit="rad", gt=0, tunable=True
    )
    min_side_distance_m: float = parameter(
        0.05,
        "Points: nearer to a side, points lie on it equally well.",
        unit="m",
        gt=0,
        tunable=True,
    )
    max_points: int = parameter(
        256,
        "Points: so many points of a region, evenly picked, vote for its direction.",
        ge=8,
        tunable=True,
    )
    max_extent_points: int = parameter(
        2000, "Points: so many points of a region, evenly picked, span its box.", ge=8
    )
    trim_share: float = parameter(
        0.005, "Points: share left out at each end of a side, for stray returns.", ge=0, lt=0.5
    )
    heading_speed_mps: float = parameter(
        1.0,
        "Points: from this speed on the motion gives the heading.",
        unit="m/s",
        gt=0,
        tunable=True,
    )
    heading_tolerance_rad: float = parameter(
        0.26, "Points: the sides may turn so far from the motion.", unit="rad", ge=0, tunable=True
    )
    velocity_noise_mps: float = parameter(
        0.15, "Points: deviation of the velocity across the motion.", unit="m/s", ge=0, tunable=True
    )
    min_long_side_m: float = parameter(
        2.5,
        "Points: shorter regions have no straight side to turn to.",
        unit="m",
        ge=0,
        tunable=True,
    )
    max_ground_gap_m: float = parameter(
        1.0,
        "Points: a box this near over the ground is extended to it.",
        unit="m",
        ge=0,
        tunable=True,
    )
    min_side_m: float = parameter(0.2, "Shortest side of a box.", unit="m", gt=0, tunable=True)


class BoxFitter:
    """Turns regions into detections."""

    def __init__(self, config: BoxFittingConfig) -> None:
        self._config = config

    def step(self, frame: SensorFrame, regions: MotionRegions, scan: LevelScan) -> Detections:
        """Fit the boxes of one frame; one detection per region that has points or voxels.

        Args:
            frame: Current frame.
            regions: What moves in it.
            scan: The frame's scan, levelled.
        """
        num = len(regions.scores)
        if num == 0:
            return Detections.none(frame.stamp_ns)
        velocities_velo = regions.flow_velo.astype(np.float64)
        if regions.voxels is not None:
            boxes_velo = self._fit_voxels(frame, regions.voxels, num)
            heading_known = np.zeros(num, bool)
        else:
            boxes_velo, heading_known = self._fit_points(frame, regions, velocities_velo, scan)
        boxes_velo[:, 3:6] = np.maximum(boxes_velo[:, 3:6], self._config.min_side_m)
        boxes_pix = np.full((num, 4), np.nan)
        if frame.camera is not None:
            boxes_pix = boxes_in_image(boxes_velo, frame.camera.cam_T_velo, frame.camera.camera)
        return Detections(
            stamp_ns=frame.stamp_ns,
            boxes_velo=boxes_velo,
            scores=regions.scores.astype(np.float64),
            velocities_velo=velocities_velo,
            heading_known=heading_known,
            motion=regions.motion.copy(),
            num_points=np.bincount(regions.point_region, minlength=num + 1)[1:].astype(np.int64),
            boxes_pix=boxes_pix,
        )

    def _fit_voxels(
        self, frame: SensorFrame, voxels: VoxelRegions, num: int
    ) -> Float64[np.ndarray, "N 7"]:
        """Fit the smallest bird's-eye rectangle of each region's voxels; boxes in velo."""
        assert frame.camera is not None  # voxel regions come from a camera
        velo_T_cam = se3.inverse(frame.camera.cam_T_velo)
        index_zyx = voxel_index_zyx(voxels.grid, voxels.voxel)
        boxes = [
            self._fit_voxel_region(voxels, index_zyx[voxels.region == r + 1]) for r in range(num)
        ]
        boxes_cam = np.array(boxes)
        boxes_velo = np.empty((num, 7))
        boxes_velo[:, :3] = se3.transform(velo_T_cam, boxes_cam[:, :3])
        boxes_velo[:, 3:6] = boxes_cam[:, 3:6]
        yaw_cam = boxes_cam[:, 6]  # atan2(dx, dz) of the long side
        heading_cam = np.stack([np.sin(yaw_cam), np.zeros(num), np.cos(yaw_cam)], axis=1)
        heading_velo = heading_cam @ velo_T_cam[:3, :3].T
        boxes_velo[:, 6] = np.arctan2(heading_velo[:, 1], heading_velo[:, 0])
        return boxes_velo

    def _fit_voxel_region(
        self, voxels: VoxelRegions, index_zyx: Int64[np.ndarray, "V 3"]
    ) -> tuple[float, ...]:
        """Return centre x, y, z in cam, length, width, height, and atan2(dx, dz) of the long side.

        The contour of the released code and all bird's-eye cells have the same convex hull, so the
        rectangle is taken of the cells. Sizes gain the voxel that an index difference leaves out.
        """
        voxel_x_m, voxel_y_m, voxel_z_m = voxels.grid.voxel_m
        missing = 0 if self._config.quirk_one_voxel_short else 1
        cells_xz = np.unique(index_zyx[:, ::-2], axis=0)
        places_m = cells_xz * np.array([voxel_x_m, voxel_z_m])
        (x_m, z_m), length_m, width_m, angle_rad = minimum_area_rectangle(places_m)
        lowest, highest = index_zyx[:, 1].min(), index_zyx[:, 1].max()
        low_x_m, low_y_m, low_z_m = voxels.grid.minimum_m
        voxel_bev_m = (voxel_x_m + voxel_z_m) / 2
        return (
            low_x_m + voxel_x_m / 2 + x_m,
            low_y_m + voxel_y_m / 2 + (lowest + highest) / 2 * voxel_y_m,
            low_z_m + voxel_z_m / 2 + z_m,
            length_m + missing * voxel_bev_m,
            width_m + missing * voxel_bev_m,
            (highest - lowest + missing) * voxel_y_m,
            _QUARTER_TURN - angle_rad,  # from the x axis to the z axis
        )

    def _fit_points(
        self,
        frame: SensorFrame,
        regions: MotionRegions,
        velocities_velo: Float64[np.ndarray, "N 3"],
        scan: LevelScan,
    ) -> tuple[Float64[np.ndarray, "N 7"], Bool[np.ndarray, " N"]]:
        """Fit an L-shape to each region's points in the level base frame; boxes in velo."""
        base_T_velo = frame.base_T_velo
        member, region = rows_by_group(regions.point_region, self._config.max_extent_points)
        group = region - 1
        points = scan.points_base.take(member, axis=0)
        velocities_base = velocities_velo @ base_T_velo[:3, :3].T
        yaw, heading_known = self._yaw(points, group, velocities_base)
        centre_xy, size = extents_along(points[:, :2], group, yaw, self._config.trim_share)
        swap = ~heading_known & (
            size[:, 0] < size[:, 1]
        )  # unknown heading: the long side is length
        size[swap] = size[swap, ::-1]
        yaw = se3.wrap_angle_rad(yaw + np.where(swap, _QUARTER_TURN, 0.0))
        bottom_m, top_m = self._vertical(scan.lowest_m, points, group, centre_xy)
        boxes_base = np.column_stack(
            [centre_xy, (bottom_m + top_m) / 2, size, top_m - bottom_m, yaw]
        )
        return se3.transform_boxes(se3.inverse(base_T_velo), boxes_base), heading_known

    def _yaw(
        self,
        points: Float32[np.ndarray, "M 3"],
        group: Int64[np.ndarray, " M"],
        velocities: Float64[np.ndarray, "N 3"],
    ) -> tuple[Float64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
        """Return the direction of each region's length, and whether it is the true heading.

        Motion gives the heading, but it is less exact than a seen side: the sides may correct it by
        as much as its velocity is uncertain; what is too short to have sides, pedestrians and
        cyclists, keeps its course. Without motion all directions compete.
        """
        config = self._config
        picked, _ = rows_by_group(group + 1, config.max_points)
        angles = rectangle_angles(config.angle_step_rad)
        score = closeness(points[picked, :2], group[picked], angles, config.min_side_distance_m)
        course = np.arctan2(velocities[:, 1], velocities[:, 0])
        speed = np.hypot(velocities[:, 0], velocities[:, 1])
        heading_known = np.isfinite(speed) & (speed >= config.heading_speed_mps)
        course = np.where(heading_known, course, 0.0)
        unsure = 2 * config.velocity_noise_mps / np.maximum(speed, config.heading_speed_mps)
        tolerance = np.minimum(unsure, config.heading_tolerance_rad)
        tolerance = np.where(_span_m(points, group) < config.min_long_side_m, 0.0, tolerance)
        offset = angles - course[:, None]
        offset -= np.round(offset / _QUARTER_TURN) * _QUARTER_TURN  # sides repeat each quarter turn
        allowed = ~heading_known[:, None] | (np.abs(offset) <= tolerance[:, None])
        best = np.argmax(np.where(allowed, score, -np.inf), axis=1)
        correction = np.take_along_axis(offset, best[:, None], axis=1)[:, 0]
        correction = np.where(allowed.any(axis=1), correction, 0.0)
        return np.where(heading_known, course + correction, angles[best]), heading_known

    def _vertical(
        self,
        ground_around_m: Float32[np.ndarray, "Y X"],
        points: Float32[np.ndarray, "M 3"],
        group: Int64[np.ndarray, " M"],
        centre_xy: Float64[np.ndarray, "N 2"],
    ) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
        """Return bottom and top of each region, the bottom drawn down to ground that is near."""
        start = np.flatnonzero(np.diff(group, prepend=-1))
        lowest_m = np.minimum.reduceat(points[:, 2], start).astype(np.float64)
        top_m = np.maximum.reduceat(points[:, 2], start).astype(np.float64)
        centre = np.column_stack([centre_xy, lowest_m])
        ground_m = ground_height(ground_around_m, centre).astype(np.float64)
        gap_m = lowest_m - ground_m
        near = (gap_m >= 0) & (gap_m <= self._config.max_ground_gap_m)
        return np.where(near, ground_m, lowest_m), top_m


def _span_m(
    points: Float32[np.ndarray, "M 3"], group: Int64[np.ndarray, " M"]
) -> Float64[np.ndarray, " N"]:
    """Return the diagonal of each region's axis-aligned rectangle on the ground."""
    start = np.flatnonzero(np.diff(group, prepend=-1))
    low = np.minimum.reduceat(points[:, :2], start)
    high = np.maximum.reduceat(points[:, :2], start)
    return np.asarray(np.linalg.norm(high - low, axis=1), np.float64)
