# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A TrackOcc network as detector: all cameras in, panoptic voxels and boxes of things out.

It needs no LiDAR: boxes are fitted to the voxels of a thing, and a scan without points is as good
as any. Where there are points, those in the voxels of what moves are taken out of the static map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.base_voxels import OUTSIDE, base_voxel_centres, base_voxel_of
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.geometry.box_shape import closeness, extents_along, rectangle_angles
from unsup_track_ros.geometry.surround_view import SurroundViewConfig, occupancy_frame
from unsup_track_ros.networks.trackocc.checkpoint import load_trackocc
from unsup_track_ros.networks.trackocc.tracker import (
    TrackedOccupancy,
    TrackOccTracker,
    TrackOccTrackingConfig,
)
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionState
from unsup_track_ros.structures.voxel_scene import CameraScene
from unsup_track_ros.structures.voxels import VoxelGrid

_ANGLE_STEP_RAD = 0.0873  # voxels tell directions no better
_HEADING_MPS = 1.0  # from this speed on the motion gives the heading


class TrackOccDetectionConfig(Config):
    """Detection by a trained TrackOcc network."""

    weights_path: str = parameter(
        "", "Weights (.safetensors) from `unsup-track train trackocc`; needed by 'trackocc'."
    )
    moving_mps: float = parameter(
        0.5, "A thing that is faster moves.", unit="m/s", ge=0, tunable=True
    )
    min_voxels: int = parameter(2, "Fewest voxels of a thing that is reported.", ge=1)
    tracking: TrackOccTrackingConfig = TrackOccTrackingConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenThings:
    """What the network says of a frame.

    Attributes:
        regions: Points of the scan in the voxels of what moves.
        detections: A box around the voxels of each thing.
        panoptic: Class and identity of every voxel, None without an image or a pose.
    """

    regions: MotionRegions
    detections: Detections
    panoptic: CameraScene | None


class TrackOccDetector:
    """Follows things through the volume around the vehicle."""

    def __init__(self, config: TrackOccDetectionConfig, device: torch.device) -> None:
        """Load the network.

        Raises:
            ConfigError: No checkpoint is named, or it is of another network.
            DataError: The file is missing or damaged.
        """
        self._config = config
        network = load_trackocc(config.weights_path, device)
        self._view = SurroundViewConfig(
            width_px=network.config.image_width_px, height_px=network.config.image_height_px
        )
        self._tracker = TrackOccTracker(network, config.tracking, device)

    def reset(self) -> None:
        """Forget all tracks; identities go on."""
        self._tracker.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        return self._tracker.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`; a state of a pipeline with another detector is a fresh start."""
        self._tracker.restore(state)

    def step(
        self, frame: SensorFrame, odom_T_velo: Float64[np.ndarray, "4 4"] | None
    ) -> SeenThings:
        """Look at all cameras of a frame; without one, or without a pose, nothing is said."""
        num_points = len(frame.cloud.points_velo)
        if odom_T_velo is None or not frame.cameras:
            none = Detections.none(frame.stamp_ns)
            regions = _regions(np.zeros(num_points, np.int64), none)
            return SeenThings(regions=regions, detections=none, panoptic=None)
        found = self._tracker.step(occupancy_frame(frame, odom_T_velo, self._view))
        voxel, group, kept = self._voxels_of(found)
        boxes_base = _boxes(voxel, group, found.velocities_base[kept], found.scene.prediction.grid)
        point_thing = self._thing_of_points(frame, found, voxel, group)
        detections = self._detections(frame, found, kept, boxes_base, point_thing)
        return SeenThings(
            regions=_regions(point_thing + 1, detections),
            detections=detections,
            panoptic=replace(found.scene, detected=found.ids[kept]),
        )

    def _voxels_of(
        self, found: TrackedOccupancy
    ) -> tuple[Int64[np.ndarray, " V"], Int64[np.ndarray, " V"], Int64[np.ndarray, " N"]]:
        """Return voxels sorted by thing, the thing of each, and the track of each thing."""
        instances = found.scene.prediction.instances.ravel()
        count = np.array([int((instances == number).sum()) for number in found.ids], np.int64)
        kept = np.flatnonzero(count >= self._config.min_voxels)
        kept = kept[np.argsort(found.ids[kept])]
        voxel = np.flatnonzero(np.isin(instances, found.ids[kept]))
        group = np.searchsorted(found.ids[kept], instances[voxel])
        order = np.argsort(group, kind="stable")
        return voxel[order], group[order].astype(np.int64), kept

    def _thing_of_points(
        self, frame: SensorFrame, found: TrackedOccupancy, voxel: np.ndarray, group: np.ndarray
    ) -> Int64[np.ndarray, " P"]:
        """Return the thing in whose voxels each point of the scan lies, -1 for none."""
        grid = found.scene.prediction.grid
        points_base = se3.transform(frame.base_T_velo, frame.cloud.points_velo)
        at = base_voxel_of(grid, points_base)
        thing_at = np.full(int(np.prod(grid.shape_zyx)) + 1, -1, np.int64)  # the last is outside
        thing_at[voxel] = group
        return thing_at[np.where(at == OUTSIDE, -1, at)]

    def _detections(
        self,
        frame: SensorFrame,
        found: TrackedOccupancy,
        kept: Int64[np.ndarray, " N"],
        boxes_base: Float64[np.ndarray, "N 7"],
        point_thing: Int64[np.ndarray, " P"],
    ) -> Detections:
        boxes_velo = se3.transform_boxes(se3.inverse(frame.base_T_velo), boxes_base)
        velocities = found.velocities_base[kept]
        speed = np.linalg.norm(velocities, axis=1)
        moving = speed >= self._config.moving_mps
        boxes_pix = np.full((len(kept), 4), np.nan)
        if frame.camera is not None and len(kept):
            boxes_pix = boxes_in_image(boxes_velo, frame.camera.cam_T_velo, frame.camera.camera)
        return Detections(
            stamp_ns=frame.stamp_ns,
            boxes_velo=boxes_velo,
            scores=found.scores[kept],
            velocities_velo=velocities @ frame.base_T_velo[:3, :3],
            heading_known=speed >= _HEADING_MPS,
            motion=np.where(moving, MotionState.MOVING, MotionState.UNSURE).astype(np.int64),
            num_points=np.bincount(point_thing[point_thing >= 0], minlength=len(kept)),
            boxes_pix=boxes_pix,
        )


def _boxes(
    voxel: Int64[np.ndarray, " V"],
    group: Int64[np.ndarray, " V"],
    velocities_base: Float64[np.ndarray, "N 3"],
    grid: VoxelGrid,
) -> Float64[np.ndarray, "N 7"]:
    """Fit a box to the voxels of each thing, along its motion where it has one."""
    if not len(voxel):
        return np.zeros((0, 7))
    places = base_voxel_centres(grid).reshape(-1, 3)[voxel]
    side_m = grid.voxel_m
    angles = rectangle_angles(_ANGLE_STEP_RAD)
    score = closeness(places[:, :2], group, angles, 0.5 * side_m[0])
    speed = np.linalg.norm(velocities_base[:, :2], axis=1)
    heading = np.arctan2(velocities_base[:, 1], velocities_base[:, 0])
    yaw = np.where(speed >= _HEADING_MPS, heading, angles[score.argmax(axis=1)])
    centre, size = extents_along(places[:, :2], group, yaw)
    start = np.flatnonzero(np.diff(group, prepend=-1))
    low = np.minimum.reduceat(places[:, 2], start)
    high = np.maximum.reduceat(places[:, 2], start)
    return np.column_stack(
        [centre, (low + high) / 2, size + np.array(side_m[:2]), high - low + side_m[2], yaw]
    )


def _regions(point_region: Int64[np.ndarray, " P"], detections: Detections) -> MotionRegions:
    """Return the regions of what moves: the rest belongs to the static map."""
    moves = np.flatnonzero(detections.moving)
    number = np.zeros(len(detections) + 1, np.int64)
    number[moves + 1] = np.arange(1, len(moves) + 1)
    return MotionRegions(
        point_region=number[point_region],
        scores=detections.scores[moves].astype(np.float32),
        motion=detections.motion[moves],
        flow_velo=detections.velocities_velo[moves].astype(np.float32),
    )
