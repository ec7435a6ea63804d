# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LiDAR evidence of independent motion: does a cluster fit the past scan better when it is moved?

Every cluster of non-ground points of the current scan is compared with a scan about half a second
older, both in one level frame. Two hypotheses compete: it stood still, or it moved by a translation
on the ground (the test of UNION / ICP-Flow, on a distance field instead of point pairs). A cluster
moves only if the translation explains what standing still cannot, and if free space testifies: its
points lie where the past scan saw through, or the place they came from is seen through now. Without
the second test a wall that comes into view would slide along itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy import ndimage

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import height_above_ground
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.perception.motion_segmentation.translation_search import (
    DistanceField,
    best_translations,
    height_layer,
)
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

_SAMPLES = 64  # points per cluster in the search; the decision counts all of them


class LidarEvidenceConfig(Config):
    """Parameters of the LiDAR motion test."""

    baseline_s: float = parameter(0.5, "Age of the scan to compare with.", unit="s", gt=0)
    min_baseline_s: float = parameter(
        0.25, "Youngest past scan that is old enough to compare with.", unit="s", gt=0
    )
    range_m: float = parameter(45.0, "Ground range up to which is judged.", unit="m", gt=0)
    ground_clearance_m: float = parameter(
        0.3, "Points lower than this over the local ground are ground.", unit="m", gt=0
    )
    max_height_m: float = parameter(
        2.6, "Points higher than this over the local ground do not join clusters.", unit="m", gt=0
    )
    cluster_cell_m: float = parameter(0.25, "Cell of the clustering grid.", unit="m", gt=0)
    min_points: int = parameter(12, "Smallest cluster that is judged.", ge=3)
    max_extent_m: float = parameter(20.0, "Longer clusters are background.", unit="m", gt=0)
    field_cell_m: float = parameter(0.15, "Cell of the distance field.", unit="m", gt=0)
    explained_m: float = parameter(
        0.2, "A point this near to a point of the past scan is explained.", unit="m", gt=0
    )
    max_speed_mps: float = parameter(20.0, "Fastest motion that is searched for.", unit="m/s", gt=0)
    min_speed_mps: float = parameter(0.5, "Slower clusters count as standing.", unit="m/s", gt=0)
    own_radius_m: float = parameter(
        2.0, "Points nearer than this are the vehicle itself.", unit="m", ge=0
    )
    min_unexplained: float = parameter(
        0.04, "Share of a cluster that standing still must fail to explain.", ge=0, le=1
    )
    max_left_unexplained: float = parameter(
        0.4, "Of that share, how much the translation may leave unexplained.", ge=0, le=1
    )
    free_margin_m: float = parameter(
        0.35, "A ray must pass a place by this much to prove it free.", unit="m", gt=0
    )
    min_free: float = parameter(
        0.5, "Share of the unexplained points whose place must be proven free.", ge=0, le=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointEvidence:
    """Motion evidence per point of the current scan.

    Attributes:
        moving: (P,) on a cluster that moves.
        judged: (P,) on the ground or on a cluster that could be judged, either way.
        velocity_velo: (P, 3) over ground in axes of the current velo frame, nan where not moving.
        cluster: (P,) 0 for none, else 1..C: the cluster of the point.
    """

    moving: Bool[np.ndarray, " P"]
    judged: Bool[np.ndarray, " P"]
    velocity_velo: Float32[np.ndarray, "P 3"]
    cluster: Int[np.ndarray, " P"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ScanFacts:
    """What a scan says by itself, whatever it is compared with."""

    height_m: Float32[np.ndarray, " P"]
    ranges: RangeImage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LevelScan:
    """A scan in the level frame of the comparison, and what the sensor saw through."""

    points_level: Float32[np.ndarray, "P 3"]
    height_m: Float32[np.ndarray, " P"]
    velo_T_level: Float64[np.ndarray, "4 4"]
    ranges: RangeImage

    def sees_through(
        self, places_level: Float[np.ndarray, "M 3"], margin_m: float
    ) -> Bool[np.ndarray, " M"]:
        return self.ranges.sees_through(se3.transform(self.velo_T_level, places_level), margin_m)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Suspects:
    """K clusters that standing still does not explain, and their M points sorted by cluster.

    Attributes:
        cluster: (K,) their labels.
        member: (M,) point of the scan.
        row: (M,) 0..K-1: the suspect of the point.
        unexplained: (M,) not explained by standing still.
    """

    cluster: Int[np.ndarray, " K"]
    member: Int[np.ndarray, " M"]
    row: Int[np.ndarray, " M"]
    unexplained: Bool[np.ndarray, " M"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clusters:
    """Connected points of the current scan; label 0 is no cluster.

    Attributes:
        label: (P,) cluster of every point of the scan, 0 for none.
        sizes: (C + 1,) points per cluster.
        extents_m: (C + 1,) longest ground side.
    """

    label: Int[np.ndarray, " P"]
    sizes: Int[np.ndarray, " C1"]
    extents_m: Float[np.ndarray, " C1"]


class LidarEvidence:
    """Judges clusters of the current scan against one past scan."""

    def __init__(self, config: LidarEvidenceConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        # Every scan is looked at twice, as the current and half a second later as the past one.
        self._facts: dict[int, _ScanFacts] = {}

    def height_above_ground(
        self, frame: SensorFrame, odom_T_velo: Float64[np.ndarray, "4 4"]
    ) -> Float32[np.ndarray, " P"]:
        """Return the height of the scan's points over the local ground."""
        return self._facts_of(frame, odom_T_velo).height_m

    def judge(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> PointEvidence | None:
        """Return the evidence, or None while there is no pose or no past scan is old enough."""
        odom_T_velo1 = egomotion.odom_T_velo1
        if odom_T_velo1 is None:
            return None
        remembered_ns = {entry.frame.stamp_ns for entry in history}
        self._facts = {ns: facts for ns, facts in self._facts.items() if ns in remembered_ns}
        level_T_velo1 = _levelled(odom_T_velo1)
        scan1 = self._level_scan(frame, odom_T_velo1, level_T_velo1)
        past = self._past_of(frame, history)
        if past is None or past.egomotion.odom_T_velo1 is None:
            return None
        odom_T_velo0 = past.egomotion.odom_T_velo1
        level_T_velo0 = level_T_velo1 @ se3.inverse(odom_T_velo1) @ odom_T_velo0
        scan0 = self._level_scan(past.frame, odom_T_velo0, level_T_velo0)
        seconds = (frame.stamp_ns - past.frame.stamp_ns) * 1e-9
        clusters = self._cluster(scan1)
        shifts_m = self._test(scan1, scan0, clusters, seconds)
        return self._spread(scan1, clusters, shifts_m / seconds, level_T_velo1)

    def _past_of(self, frame: SensorFrame, history: tuple[PastFrame, ...]) -> PastFrame | None:
        age_s = {id(p): (frame.stamp_ns - p.frame.stamp_ns) * 1e-9 for p in history}
        old_enough = [p for p in history if age_s[id(p)] >= self._config.min_baseline_s]
        return min(
            old_enough, key=lambda p: abs(age_s[id(p)] - self._config.baseline_s), default=None
        )

    def _level_scan(
        self,
        frame: SensorFrame,
        odom_T_velo: Float64[np.ndarray, "4 4"],
        level_T_velo: Float64[np.ndarray, "4 4"],
    ) -> _LevelScan:
        """Place a scan in the level frame of the comparison; its facts are taken in its own."""
        facts = self._facts_of(frame, odom_T_velo)
        return _LevelScan(
            points_level=se3.transform(level_T_velo, frame.cloud.points_velo),
            height_m=facts.height_m,
            velo_T_level=se3.inverse(level_T_velo),
            ranges=facts.ranges,
        )

    def _facts_of(self, frame: SensorFrame, odom_T_velo: Float64[np.ndarray, "4 4"]) -> _ScanFacts:
        if frame.stamp_ns not in self._facts:
            points_velo = frame.cloud.points_velo
            points_level = se3.transform(_levelled(odom_T_velo), points_velo)
            self._facts[frame.stamp_ns] = _ScanFacts(
                height_m=height_above_ground(points_level), ranges=RangeImage(points_velo)
            )
        return self._facts[frame.stamp_ns]

    def _cluster(self, scan: _LevelScan) -> _Clusters:
        """Connect points over the ground on a bird's-eye grid, bridging one empty cell."""
        config = self._config
        solid = np.flatnonzero(
            (scan.height_m > config.ground_clearance_m) & (scan.height_m < config.max_height_m)
        )
        place = scan.points_level[solid, :2]
        range_m = np.sqrt((place * place).sum(axis=1))
        near = (range_m > config.own_radius_m) & (range_m < config.range_m)
        solid, place = solid[near], place[near]
        side = round(2 * config.range_m / config.cluster_cell_m)
        cell = ((place + config.range_m) / config.cluster_cell_m).astype(np.int32)
        occupied = np.zeros((side, side), np.uint8)
        occupied[cell[:, 1], cell[:, 0]] = 1
        square = np.ones((3, 3), np.uint8)
        components, num = ndimage.label(cv2.dilate(occupied, square), square)
        label = np.zeros(len(scan.points_level), np.int64)
        label[solid] = components[cell[:, 1], cell[:, 0]]
        boxes = ndimage.find_objects(components)
        sides = [max(b[0].stop - b[0].start, b[1].stop - b[1].start) - 2 for b in boxes]
        return _Clusters(
            label=label,
            sizes=np.bincount(label, minlength=num + 1),
            extents_m=np.array([0, *sides]) * config.cluster_cell_m,
        )

    def _field(self, scan0: _LevelScan, seconds: float) -> DistanceField:
        solid = scan0.height_m > self._config.ground_clearance_m
        return DistanceField(
            scan0.points_level[solid],
            scan0.height_m[solid],
            half_side_m=self._config.range_m,
            reach_m=self._config.max_speed_mps * seconds,
            cell_m=self._config.field_cell_m,
            device=self._device,
        )

    def _suspects(self, scan1: _LevelScan, field: DistanceField, clusters: _Clusters) -> _Suspects:
        """Pick the clusters that standing still does not explain."""
        config = self._config
        member = np.flatnonzero(clusters.label)
        unexplained = self._unexplained(scan1, field, member, np.zeros((len(member), 2)))
        lost = np.bincount(
            clusters.label[member], weights=unexplained, minlength=len(clusters.sizes)
        )
        suspect = (
            (clusters.sizes >= config.min_points)
            & (clusters.extents_m <= config.max_extent_m)
            & (lost >= config.min_unexplained * clusters.sizes)
        )
        suspect[0] = False
        chosen = suspect[clusters.label[member]]
        order = np.argsort(clusters.label[member[chosen]], kind="stable")
        member, unexplained = member[chosen][order], unexplained[chosen][order]
        cluster = np.flatnonzero(suspect)
        return _Suspects(
            cluster=cluster,
            member=member,
            row=np.searchsorted(cluster, clusters.label[member]),
            unexplained=unexplained,
        )

    def _unexplained(
        self,
        scan1: _LevelScan,
        field: DistanceField,
        member: Int[np.ndarray, " M"],
        shift_m: Float[np.ndarray, "M 2"],
    ) -> Bool[np.ndarray, " M"]:
        """Tell which points, moved back, have no point of the past scan near them."""
        place = torch.from_numpy(scan1.points_level[member, :2] - shift_m).to(self._device)
        layer = torch.from_numpy(height_layer(scan1.height_m[member])).to(self._device)
        distance_m = field.distance_m(field.index(place, layer))
        return (distance_m > self._config.explained_m).cpu().numpy()

    def _search(
        self, scan1: _LevelScan, field: DistanceField, suspects: _Suspects
    ) -> Float64[np.ndarray, "K 2"]:
        """Return the best translation of every suspect, from an even sample of its points."""
        start = np.searchsorted(suspects.row, np.arange(len(suspects.cluster)))
        size = np.bincount(suspects.row, minlength=len(suspects.cluster))
        step = np.linspace(0, 1, _SAMPLES, endpoint=False)
        sample = suspects.member[start[:, None] + (step * size[:, None]).astype(np.int64)]
        points = torch.from_numpy(scan1.points_level[sample, :2]).to(self._device)
        layer = torch.from_numpy(height_layer(scan1.height_m[sample])).to(self._device)
        return best_translations(points, layer, field).cpu().numpy().astype(np.float64)

    def _free_space(
        self,
        scan1: _LevelScan,
        scan0: _LevelScan,
        suspects: _Suspects,
        shifts_m: Float64[np.ndarray, "K 2"],
    ) -> tuple[Float64[np.ndarray, " K"], Float64[np.ndarray, " K"]]:
        """Return which share of the unexplained points entered, and vacated, proven free space."""
        row = suspects.row[suspects.unexplained]
        place = scan1.points_level[suspects.member[suspects.unexplained]]
        origin = place.copy()
        origin[:, :2] -= shifts_m[row]
        count = np.maximum(np.bincount(row, minlength=len(shifts_m)), 1)
        margin_m = self._config.free_margin_m
        entered, vacated = scan0.sees_through(place, margin_m), scan1.sees_through(origin, margin_m)
        return (
            np.bincount(row, weights=entered, minlength=len(shifts_m)) / count,
            np.bincount(row, weights=vacated, minlength=len(shifts_m)) / count,
        )

    def _test(
        self, scan1: _LevelScan, scan0: _LevelScan, clusters: _Clusters, seconds: float
    ) -> Float64[np.ndarray, "C1 2"]:
        """Return the translation of each cluster that moves, nan for the others."""
        translations_m = np.full((len(clusters.sizes), 2), np.nan)
        field = self._field(scan0, seconds)
        suspects = self._suspects(scan1, field, clusters)
        if len(suspects.cluster) == 0:
            return translations_m
        shifts_m = self._search(scan1, field, suspects)
        left = self._unexplained(scan1, field, suspects.member, shifts_m[suspects.row])
        lost = np.bincount(suspects.row, weights=suspects.unexplained)
        entered, vacated = self._free_space(scan1, scan0, suspects, shifts_m)
        travel_m = np.linalg.norm(shifts_m, axis=1)
        # An object that left its old place altogether must have freed it and entered free space;
        # one that still overlaps it shows only its leading or its trailing side.
        apart = travel_m > clusters.extents_m[suspects.cluster] + self._config.cluster_cell_m
        proof = np.where(apart, np.minimum(entered, vacated), np.maximum(entered, vacated))
        moves = (
            (np.bincount(suspects.row, weights=left) <= self._config.max_left_unexplained * lost)
            & (travel_m >= self._config.min_speed_mps * seconds)
            & (proof >= self._config.min_free)
        )
        translations_m[suspects.cluster[moves]] = shifts_m[moves]
        return translations_m

    def _spread(
        self,
        scan: _LevelScan,
        clusters: _Clusters,
        velocities_mps: Float64[np.ndarray, "C1 2"],
        level_T_velo1: Float64[np.ndarray, "4 4"],
    ) -> PointEvidence:
        """Hand the clusters' answers to their points."""
        moves = np.isfinite(velocities_mps[:, 0])
        judgeable = (clusters.sizes >= self._config.min_points) & (
            clusters.extents_m <= self._config.max_extent_m
        )
        judgeable[0] = False
        velocity_level = np.column_stack([velocities_mps, np.where(moves, 0.0, np.nan)])
        velocity_velo = velocity_level @ level_T_velo1[:3, :3]
        ground = scan.height_m <= self._config.ground_clearance_m
        return PointEvidence(
            moving=moves[clusters.label],
            judged=ground | judgeable[clusters.label],
            velocity_velo=velocity_velo.astype(np.float32)[clusters.label],
            cluster=clusters.label,
        )


def _levelled(odom_T_velo: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """Return the rotation that levels a scan: z up as in odom, heading and origin of the sensor."""
    heading = se3.rotation_about_z(se3.yaw_rad(odom_T_velo))
    return se3.rigid(heading.T @ odom_T_velo[:3, :3], np.zeros(3))
