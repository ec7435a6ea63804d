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
from scipy.spatial import cKDTree

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.components import (
    component_labels,
)
from unsup_track_ros.geometry.group_sampling import evenly_picked
from unsup_track_ros.geometry.voxels import (
    OUTSIDE,
    flat_voxels,
    voxel_centres,
)
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int64
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
        region = _renumbered(found.region.astype(np.int64), visible)
        kept = region > 0
        voxels = VoxelRegions(
            grid=found.grid,
            voxel=found.voxel[kept],
            region=region[kept],
            moving=found.moving[kept],
        )
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
        confidence = _group_means(sure, labels, len(size))[:, 0]
        proven = (confidence > 0) | np.isfinite(_group_means(velocity, labels, len(size))[:, 0])
        enough = size >= np.where(proven, config.min_points, config.min_points_unmeasured)
        enough[0] = False
        order = np.argsort(-size, kind="stable")
        order = order[enough[order]][: config.max_regions]
        region = _renumbered(labels, order)
        point_region = np.zeros(len(motion.moving_points), np.int64)
        point_region[index] = region
        support = size[order] * np.where(confidence[order] > 0, confidence[order], 1.0)
        return MotionRegions(
            point_region=point_region,
            scores=(support / (support + config.half_score_points)).astype(np.float32),
            motion=np.full(len(order), MotionState.MOVING, np.int64),
            flow_velo=_group_means(velocity, region, len(order) + 1)[1:],
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
        region = np.zeros(len(wanted), np.int64)
        region[kept] = len(regions.scores) + 1 + np.arange(len(kept))
        scores = size[kept] / (size[kept] + self._config.half_score_points)
        standing = np.zeros(len(wanted))
        if motion.standing_points is not None:
            standing += np.bincount(loose[motion.standing_points], minlength=len(wanted))
        state = np.where(
            standing[kept] >= 0.5 * size[kept], MotionState.STANDING, MotionState.UNSURE
        )
        unknown = np.full((len(kept), 3), np.nan, np.float32)
        return MotionRegions(
            point_region=np.maximum(regions.point_region, region[loose]),
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
        order = np.argsort(cluster, kind="stable")
        loose, clustered = np.split(order, [np.count_nonzero(cluster == 0)])
        picked = clustered[evenly_picked(cluster[clustered], _GROUPED_POINTS)]
        kept = np.concatenate([loose, picked])
        found = self._grouped(
            points_velo.take(kept, axis=0), velocity.take(kept, axis=0), cluster[kept]
        )
        of_cluster = np.zeros(int(cluster.max(initial=0)) + 1, np.int64)
        of_cluster[cluster[picked]] = found[len(loose) :]
        labels = of_cluster[cluster]
        labels[loose] = found[: len(loose)]
        return np.asarray(labels)

    def _grouped(
        self,
        points_velo: Float32[np.ndarray, "M 3"],
        velocity: Float32[np.ndarray, "M 3"],
        cluster: Int64[np.ndarray, " M"],
    ) -> Int64[np.ndarray, " M"]:
        """Label points 1..K: cells that are near and move alike, and cells of one cluster, join."""
        if len(points_velo) == 0:
            return np.zeros(0, np.int64)
        key = np.floor(points_velo[:, :2] / self._config.cell_m).astype(np.int64)
        key = np.column_stack([key - key.min(axis=0), cluster])
        shape = tuple(key.max(axis=0) + 1)
        flat, cell = np.unique(np.ravel_multi_index(tuple(key.T), shape), return_inverse=True)
        cells = np.stack(np.unravel_index(flat, shape), axis=1)
        centre = _group_means(points_velo[:, :2], cell, len(cells))
        pairs = cKDTree(centre).query_pairs(self._config.link_m, output_type="ndarray")
        cell_velocity = _group_means(velocity, cell, len(cells))
        apart = np.linalg.norm(cell_velocity[pairs[:, 0]] - cell_velocity[pairs[:, 1]], axis=1)
        pairs = pairs[~(apart > self._config.link_velocity_mps)]  # unknown velocities do not part
        same = np.flatnonzero(np.diff(np.sort(cells[:, 2])) == 0)
        by_cluster = np.argsort(cells[:, 2], kind="stable")
        chain = np.stack([by_cluster[same], by_cluster[same + 1]], axis=1)
        chain = chain[cells[chain[:, 0], 2] > 0]
        edges = np.concatenate([pairs, chain])
        return component_labels(len(cells), edges[:, 0], edges[:, 1])[cell]


def _renumbered(
    labels: Int64[np.ndarray, " V"], kept: Int64[np.ndarray, " R"]
) -> Int64[np.ndarray, " V"]:
    """Rename the kept labels to 1..R in their order; all others become 0."""
    new = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    new[kept] = np.arange(1, len(kept) + 1)
    return np.asarray(new[labels])


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


def _group_means(
    values: Float[np.ndarray, "M D"], group: Int64[np.ndarray, " M"], num: int
) -> Float32[np.ndarray, "G D"]:
    """Average the finite rows of each group; nan where it has none."""
    known: Bool[np.ndarray, " M"] = np.isfinite(values).all(axis=1)
    count = np.bincount(group[known], minlength=num)
    sums = np.stack(
        [
            np.bincount(group[known], weights=column, minlength=num)
            for column in np.compress(known, values, axis=0).T
        ]
    )
    with np.errstate(invalid="ignore"):
        return np.asarray((sums / count).T, np.float32)
