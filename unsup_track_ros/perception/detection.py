# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Group what moves into regions: one region per moving object, as far as it can be told.

Voxel evidence (mode `tcr` of motion segmentation) comes in connected components; those that the
camera hardly sees are dropped (SPECS §0.6). Point evidence is grouped by distance and velocity, so
that two cars side by side part where their velocities differ, and the fragments of one truck join
where they agree. Keeps no state.
"""

from __future__ import annotations

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.grouped_rows import group_means, renumbered, rows_by_group
from unsup_track_ros.geometry.linked_points import linked_points
from unsup_track_ros.geometry.voxels import (
    OUTSIDE,
    chosen_regions,
    flat_voxels,
    voxel_centres,
)
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionState
from unsup_track_ros.structures.voxels import VoxelRegions

_GROUPED_POINTS = 500  # per cluster, that decide what it joins


class DetectionConfig(Config):
    """Parameters of grouping."""

    max_voxel_regions: int = parameter(
        16, "Voxel evidence: most regions of a frame; the best supported stay.", ge=1, tunable=True
    )
    max_regions: int = parameter(
        64,
        "Point evidence: most moving regions of a frame; the best supported stay.",
        ge=1,
        tunable=True,
    )
    min_pixels: int = parameter(
        4,
        "Voxel evidence: a region's voxels cover more distinct pixels than this.",
        ge=0,
        tunable=True,
    )
    half_score_voxels: int = parameter(
        128, "Voxel evidence: so many moving voxels make a score of a half.", ge=1, tunable=True
    )
    quirk_unit_scores: bool = parameter(
        False, "Voxel evidence: every score is 1, as released; else it grows with the support."
    )
    cell_m: float = parameter(
        0.25, "Point evidence: points in a cell are one.", unit="m", gt=0, tunable=True
    )
    link_m: float = parameter(
        0.8, "Point evidence: nearer cells may join.", unit="m", gt=0, tunable=True
    )
    link_velocity_mps: float = parameter(
        1.5,
        "Point evidence: cells join if their velocities differ less.",
        unit="m/s",
        gt=0,
        tunable=True,
    )
    min_points: int = parameter(
        8, "Point evidence: fewest moving points of a region.", ge=1, tunable=True
    )
    min_points_unmeasured: int = parameter(
        150, "Point evidence: the same where no velocity is measured.", ge=1, tunable=True
    )
    half_score_points: int = parameter(
        12, "Point evidence: so many sure points make a score of a half.", ge=1, tunable=True
    )
    max_object_m: float = parameter(
        15.0, "Longer clusters that do not move are background.", unit="m", gt=0, tunable=True
    )
    follow_expected: bool = parameter(
        True, "Point evidence: take clusters that stand where a track is expected."
    )
    expected_margin_m: float = parameter(
        0.3,
        "Clusters are looked for in expected boxes grown by this much.",
        unit="m",
        ge=0,
        tunable=True,
    )
    min_expected_share: float = parameter(
        0.6, "Share of a cluster that must lie in an expected box.", gt=0, le=1, tunable=True
    )


class MotionDetector:
    """Finds the moving regions of a frame."""

    def __init__(self, config: DetectionConfig, device: torch.device) -> None:
        self._config = config
        self._device = device

    def step(
        self,
        frame: SensorFrame,
        motion: MotionSegmentation,
        expected_velo: Float64[np.ndarray, "T 7"] | None = None,
    ) -> MotionRegions:
        """Group the evidence of one frame; no evidence gives no region.

        Args:
            frame: Current frame.
            motion: What moves in it.
            expected_velo: (T, 7) where known objects should be: clusters there become regions too,
                even if nothing was seen moving, so that an object that stops is not lost.
        """
        if motion.voxels is not None and frame.camera is not None:
            return self._from_voxels(frame, motion, motion.voxels)
        regions = self._from_points(frame, motion)
        if expected_velo is None or motion.point_cluster is None:
            return regions
        if not (len(expected_velo) and self._config.follow_expected):
            return regions
        loose = np.where(regions.point_region > 0, 0, motion.point_cluster).astype(np.int64)
        index = np.flatnonzero(loose)
        points_velo = frame.cloud.points_velo.take(index, axis=0)
        inside = box_of_points(points_velo, expected_velo, self._config.expected_margin_m) >= 0
        size = np.bincount(loose[index], minlength=1)
        num_inside = np.bincount(loose[index[inside]], minlength=len(size))
        wanted = num_inside >= self._config.min_expected_share * size
        return self._with_clusters(regions, motion, loose, wanted)

    def _from_voxels(
        self, frame: SensorFrame, motion: MotionSegmentation, found: VoxelRegions
    ) -> MotionRegions:
        config = self._config
        visible = self._visible(frame, motion, found)[: config.max_voxel_regions]
        voxels = chosen_regions(found, visible)
        support = np.bincount(voxels.region[voxels.moving], minlength=len(visible) + 1)[1:]
        scores = support / (support + config.half_score_voxels)
        if config.quirk_unit_scores:
            scores = np.ones(len(visible))
        return MotionRegions(
            point_region=_points_of(frame, motion, voxels),
            scores=scores.astype(np.float32),
            motion=np.full(len(visible), MotionState.MOVING, np.int64),
            flow_velo=np.full((len(visible), 3), np.nan, np.float32),
            voxels=voxels,
        )

    def _visible(
        self, frame: SensorFrame, motion: MotionSegmentation, found: VoxelRegions
    ) -> Int64[np.ndarray, " R"]:
        """Return the regions whose moving voxels cover enough distinct pixels, ascending."""
        assert frame.camera is not None  # voxel evidence comes from a camera
        assert motion.moving_pixels is not None
        height_px, width_px = motion.moving_pixels.shape
        pinhole = frame.camera.camera.resized(width_px, height_px)
        centres_cam = voxel_centres(found.grid, found.voxel[found.moving])
        centres_pix = camera.project(centres_cam, pinhole.pix_T_cam)
        seen = camera.inside(centres_pix, width_px, height_px)
        column, row = np.rint(centres_pix[seen]).astype(np.int64).T
        pixels = np.unique(np.stack([found.region[found.moving][seen], row, column]), axis=1)
        covered = np.bincount(pixels[0], minlength=1)
        return np.flatnonzero(covered > self._config.min_pixels)

    def _from_points(self, frame: SensorFrame, motion: MotionSegmentation) -> MotionRegions:
        config = self._config
        index = np.flatnonzero(motion.moving_points)
        points_velo = frame.cloud.points_velo.take(index, axis=0)
        velocity = np.full((len(index), 3), np.nan, np.float32)
        if motion.velocity_velo is not None:
            velocity = motion.velocity_velo.take(index, axis=0)
        cluster = np.zeros(len(index), np.int64)
        if motion.point_cluster is not None:
            cluster = motion.point_cluster[index].astype(np.int64)
        labels = self._labelled(points_velo, velocity, cluster)
        size = np.bincount(labels, minlength=1)
        sure = np.zeros((len(index), 1), np.float32)
        if motion.confidence is not None:
            sure = motion.confidence[index, None]
        confidence = group_means(sure, labels, len(size))[:, 0]
        proven = (confidence > 0) | np.isfinite(group_means(velocity, labels, len(size))[:, 0])
        enough = size >= np.where(proven, config.min_points, config.min_points_unmeasured)
        enough[0] = False
        order = np.argsort(-size, kind="stable")
        order = order[enough[order]][: config.max_regions]
        region = renumbered(labels, order)
        point_region = np.zeros(len(motion.moving_points), np.int64)
        point_region[index] = region
        support = size[order] * np.where(confidence[order] > 0, confidence[order], 1.0)
        return MotionRegions(
            point_region=point_region,
            scores=(support / (support + config.half_score_points)).astype(np.float32),
            motion=np.full(len(order), MotionState.MOVING, np.int64),
            flow_velo=group_means(velocity, region, len(order) + 1)[1:],
        )

    def every_object(self, frame: SensorFrame, motion: MotionSegmentation) -> MotionRegions:
        """Group the evidence, and take every other cluster of an object's size as a region too."""
        regions = self._from_points(frame, motion)
        if motion.point_cluster is None:
            return regions
        loose = np.where(regions.point_region > 0, 0, motion.point_cluster).astype(np.int64)
        return self._with_clusters(regions, motion, loose, self._object_sized(frame, loose))

    def _object_sized(
        self, frame: SensorFrame, loose: Int64[np.ndarray, " P"]
    ) -> Bool[np.ndarray, " C1"]:
        num = int(loose.max(initial=0)) + 1
        row = np.flatnonzero(loose)
        low, high = np.full((num, 2), np.inf), np.full((num, 2), -np.inf)
        np.minimum.at(low, loose[row], frame.cloud.points_velo[row, :2])
        np.maximum.at(high, loose[row], frame.cloud.points_velo[row, :2])
        extent_m = np.max(high - low, axis=1)
        return np.asarray((extent_m > 0) & (extent_m <= self._config.max_object_m))

    def _with_clusters(
        self,
        regions: MotionRegions,
        motion: MotionSegmentation,
        loose: Int64[np.ndarray, " P"],
        wanted: Bool[np.ndarray, " C1"],
    ) -> MotionRegions:
        """Add the wanted ones of the clusters that are in no region yet."""
        size = np.bincount(loose, minlength=len(wanted))
        kept = np.flatnonzero(wanted & (size >= self._config.min_points))
        kept = kept[kept > 0]
        if not len(kept):
            return regions
        region = np.zeros(len(wanted), np.int64)
        region[kept] = len(regions.scores) + 1 + np.arange(len(kept))
        added = region.take(loose)
        row = np.flatnonzero(added)
        point_region = regions.point_region.astype(np.int64)
        point_region[row] = added[row]
        standing = np.zeros(len(wanted))
        if motion.standing_points is not None:
            row = row[motion.standing_points[row]]
            standing += np.bincount(loose[row], minlength=len(wanted))
        state = np.where(
            standing[kept] >= 0.5 * size[kept], MotionState.STANDING, MotionState.UNSURE
        )
        scores = size[kept] / (size[kept] + self._config.half_score_points)
        unknown = np.full((len(kept), 3), np.nan, np.float32)
        return MotionRegions(
            point_region=point_region,
            scores=np.concatenate([regions.scores, scores]).astype(np.float32),
            motion=np.concatenate([regions.motion, state]).astype(np.int64),
            flow_velo=np.concatenate([regions.flow_velo, unknown]),
        )

    def _labelled(
        self,
        points_velo: Float32[np.ndarray, "M 3"],
        velocity: Float32[np.ndarray, "M 3"],
        cluster: Int64[np.ndarray, " M"],
    ) -> Int64[np.ndarray, " M"]:
        """Label points 1..K by a share of the large clusters: all of a cluster gets one label."""
        loose = np.flatnonzero(cluster == 0)
        picked, cluster_of_picked = rows_by_group(cluster, _GROUPED_POINTS)
        kept = np.concatenate([loose, picked])
        found = linked_points(
            points_velo.take(kept, axis=0),
            velocity.take(kept, axis=0),
            cluster[kept],
            cell_m=self._config.cell_m,
            link_m=self._config.link_m,
            link_velocity_mps=self._config.link_velocity_mps,
        )
        of_cluster = np.zeros(int(cluster.max(initial=0)) + 1, np.int64)
        of_cluster[cluster_of_picked] = found[len(loose) :]
        labels = of_cluster[cluster]
        labels[loose] = found[: len(loose)]
        return np.asarray(labels)


def _points_of(
    frame: SensorFrame, motion: MotionSegmentation, voxels: VoxelRegions
) -> Int64[np.ndarray, " P"]:
    """Return the region of the moving voxel in which each point of the scan lies."""
    assert frame.camera is not None  # voxel evidence comes from a camera
    volume = np.zeros(int(np.prod(voxels.grid.shape_zyx)), np.int64)
    volume[voxels.voxel[voxels.moving]] = voxels.region[voxels.moving]
    index = np.flatnonzero(motion.moving_points)  # the points in moving voxels, and no others
    points_cam = se3.transform(frame.camera.cam_T_velo, frame.cloud.points_velo.take(index, axis=0))
    voxel = flat_voxels(voxels.grid, points_cam)
    point_region = np.zeros(len(frame.cloud.points_velo), np.int64)
    point_region[index] = np.where(voxel == OUTSIDE, 0, volume[voxel])
    return point_region
