# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LiDAR evidence of independent motion: does a cluster fit the past scan better when it is moved?

Every cluster of non-ground points of the current scan is compared with a scan about half a second
older, in the level frame of that scan. Two hypotheses compete: it stood still, or it moved by a
translation on the ground (the test of UNION / ICP-Flow, on a distance field instead of point
pairs). A cluster moves only if the translation explains what standing still cannot, and if free
space testifies: its points lie where the past scan saw through, or the place they came from is seen
through now. Without the second test a wall that comes into view would slide along itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.group_sampling import evenly_picked
from unsup_track_ros.perception.motion_segmentation.scan_facts import (
    ScanFacts,
    ScanFactsConfig,
    read_scan,
)
from unsup_track_ros.perception.motion_segmentation.translation_search import (
    best_translations,
    height_layer,
)
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

_SAMPLES = 64  # points per cluster in the search
_MAX_MEMBERS = 1000  # points per cluster that decide


class LidarEvidenceConfig(Config):
    """Parameters of the LiDAR motion test."""

    scan: ScanFactsConfig = ScanFactsConfig()
    baseline_s: float = parameter(0.5, "Age of the scan to compare with.", unit="s", gt=0)
    min_baseline_s: float = parameter(
        0.25, "Youngest past scan that is old enough to compare with.", unit="s", gt=0
    )
    min_points: int = parameter(12, "Smallest cluster that is judged.", ge=3)
    max_extent_m: float = parameter(20.0, "Longer clusters are background.", unit="m", gt=0)
    explained_m: float = parameter(
        0.2, "A point this near to a point of the past scan is explained.", unit="m", gt=0
    )
    min_speed_mps: float = parameter(0.5, "Slower clusters count as standing.", unit="m/s", gt=0)
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
class _Pair:
    """Two scans and how the sensor moved between them.

    Attributes:
        scan1: The current scan.
        scan0: The past one.
        base0_T_base1: (4, 4) moves static points of the current scan to the past one.
        seconds: Time between them.
    """

    scan1: ScanFacts
    scan0: ScanFacts
    base0_T_base1: Float64[np.ndarray, "4 4"]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Members:
    """M points of K clusters, sorted by cluster, where they would be if they stood still.

    Attributes:
        cluster: (K,) labels of the clusters.
        row: (M,) 0..K-1: the cluster of the point.
        points_base0: (M, 3) the points in the past scan's frame.
        layer: (M,) their height bands.
        unexplained: (M,) no point of the past scan lies there.
    """

    cluster: Int[np.ndarray, " K"]
    row: Int[np.ndarray, " M"]
    points_base0: Float32[np.ndarray, "M 3"]
    layer: Int[np.ndarray, " M"]
    unexplained: Bool[np.ndarray, " M"]


class LidarEvidence:
    """Judges clusters of the current scan against one past scan."""

    def __init__(self, config: LidarEvidenceConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        self._facts: dict[int, ScanFacts] = {}  # by stamp; only saves working them out again

    def facts(self, frame: SensorFrame) -> ScanFacts:
        """Return what the frame's scan says by itself, worked out once."""
        if frame.stamp_ns not in self._facts:
            self._facts[frame.stamp_ns] = read_scan(self._config.scan, frame, self._device)
        return self._facts[frame.stamp_ns]

    def judge(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> PointEvidence | None:
        """Return the evidence, or None while there is no pose or no past scan is old enough."""
        remembered_ns = {entry.frame.stamp_ns for entry in history} | {frame.stamp_ns}
        self._facts = {ns: facts for ns, facts in self._facts.items() if ns in remembered_ns}
        past = self._past_of(frame, history)
        odom_T_velo1 = egomotion.odom_T_velo1
        if past is None or odom_T_velo1 is None or past.egomotion.odom_T_velo1 is None:
            return None
        pair = self._pair(frame, past, odom_T_velo1)
        velocities_base0 = self._test(pair) / pair.seconds
        witness = self._nearest(frame, history, 0.5 * pair.seconds)
        if witness is not past:
            second = self._pair(frame, witness, odom_T_velo1)
            turn = (second.base0_T_base1 @ se3.inverse(pair.base0_T_base1))[:2, :2]
            refuted = self._refuted(second, velocities_base0 @ turn.T)
            velocities_base0[refuted] = np.nan
        base0_T_velo1 = pair.base0_T_base1 @ frame.base_T_velo
        return self._spread(pair.scan1, velocities_base0, base0_T_velo1)

    def _pair(
        self, frame: SensorFrame, past: PastFrame, odom_T_velo1: Float64[np.ndarray, "4 4"]
    ) -> _Pair:
        assert past.egomotion.odom_T_velo1 is not None  # only posed frames are remembered
        odom_T_base1 = odom_T_velo1 @ se3.inverse(frame.base_T_velo)
        odom_T_base0 = past.egomotion.odom_T_velo1 @ se3.inverse(past.frame.base_T_velo)
        return _Pair(
            scan1=self.facts(frame),
            scan0=self.facts(past.frame),
            base0_T_base1=se3.inverse(odom_T_base0) @ odom_T_base1,
            seconds=(frame.stamp_ns - past.frame.stamp_ns) * 1e-9,
        )

    def _past_of(self, frame: SensorFrame, history: tuple[PastFrame, ...]) -> PastFrame | None:
        newest_ns = frame.stamp_ns - round(self._config.min_baseline_s * 1e9)
        old_enough = tuple(p for p in history if p.frame.stamp_ns <= newest_ns)
        if not old_enough:
            return None
        return self._nearest(frame, old_enough, self._config.baseline_s)

    def _nearest(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], age_s: float
    ) -> PastFrame:
        wanted_ns = frame.stamp_ns - round(age_s * 1e9)
        return min(history, key=lambda past: abs(past.frame.stamp_ns - wanted_ns))

    def _test(self, pair: _Pair) -> Float64[np.ndarray, "C1 2"]:
        """Return the translation of each cluster that moves, nan for the others."""
        clusters = pair.scan1.clusters
        translations_m = np.full((len(clusters.sizes), 2), np.nan)
        suspects = self._suspects(pair)
        if len(suspects.cluster) == 0:
            return translations_m
        shifts_m = self._search(pair.scan0, suspects)
        left = self._unexplained(pair.scan0, suspects, shifts_m[suspects.row])
        lost = np.bincount(suspects.row, weights=suspects.unexplained)
        entered, vacated = self._free_space(pair, suspects, shifts_m)
        travel_m = np.linalg.norm(shifts_m, axis=1)
        # An object that left its old place altogether must have freed it and entered free space;
        # one that still overlaps it shows only its leading or its trailing side.
        apart = travel_m > clusters.extents_m[suspects.cluster] + self._config.scan.cluster_cell_m
        proof = np.where(apart, np.minimum(entered, vacated), np.maximum(entered, vacated))
        moves = (
            (np.bincount(suspects.row, weights=left) <= self._config.max_left_unexplained * lost)
            & (travel_m >= self._config.min_speed_mps * pair.seconds)
            & (proof >= self._config.min_free)
        )
        translations_m[suspects.cluster[moves]] = shifts_m[moves]
        return translations_m

    def _refuted(
        self, pair: _Pair, velocities_base0: Float64[np.ndarray, "C1 2"]
    ) -> Bool[np.ndarray, " C1"]:
        """Tell which motions a scan in between contradicts.

        On the way the object must have been where its velocity says. A translation that fits two
        scans by chance fits no third one.
        """
        label = pair.scan1.clusters.label
        moves = np.isfinite(velocities_base0[:, 0])
        point = _thinned(label, moves)
        members = self._members(pair, point)
        cluster = label[point]
        shift_m = velocities_base0[cluster] * pair.seconds
        num = len(moves)
        lost = np.bincount(cluster, weights=members.unexplained, minlength=num)
        left = np.bincount(
            cluster, weights=self._unexplained(pair.scan0, members, shift_m), minlength=num
        )
        size = np.bincount(cluster, minlength=num)
        # So short a way that standing still explains it too says nothing.
        telling = lost >= self._config.min_unexplained * size
        return np.asarray(moves & telling & (left > self._config.max_left_unexplained * lost))

    def _judgeable(self, scan: ScanFacts) -> Bool[np.ndarray, " C1"]:
        clusters = scan.clusters
        judgeable = (clusters.sizes >= self._config.min_points) & (
            clusters.extents_m <= self._config.max_extent_m
        )
        judgeable[0] = False
        return np.asarray(judgeable)

    def _suspects(self, pair: _Pair) -> _Members:
        """Pick the clusters that standing still does not explain."""
        clusters = pair.scan1.clusters
        judgeable = self._judgeable(pair.scan1)
        point = _thinned(clusters.label, judgeable)
        label = clusters.label[point]
        members = self._members(pair, point)
        size = np.bincount(label, minlength=len(judgeable))
        lost = np.bincount(label, weights=members.unexplained, minlength=len(judgeable))
        suspect = judgeable & (lost >= self._config.min_unexplained * size)
        chosen = np.flatnonzero(suspect[label])
        cluster = np.flatnonzero(suspect)
        return _Members(
            cluster=cluster,
            row=np.searchsorted(cluster, label[chosen]),
            points_base0=members.points_base0[chosen],
            layer=members.layer[chosen],
            unexplained=members.unexplained[chosen],
        )

    def _members(self, pair: _Pair, point: Int[np.ndarray, " M"]) -> _Members:
        """Place points of the current scan in the past one and test them for standing still."""
        members = _Members(
            cluster=np.zeros(0, np.int64),
            row=np.zeros(len(point), np.int64),
            points_base0=se3.transform(pair.base0_T_base1, pair.scan1.points_base[point]),
            layer=height_layer(pair.scan1.height_m[point]),
            unexplained=np.zeros(len(point), bool),
        )
        still = np.zeros((len(point), 2), np.float32)
        return replace(members, unexplained=self._unexplained(pair.scan0, members, still))

    def _unexplained(
        self, scan0: ScanFacts, members: _Members, shift_m: Float[np.ndarray, "M 2"]
    ) -> Bool[np.ndarray, " M"]:
        """Tell which points, moved back, have no point of the past scan near them."""
        place = torch.from_numpy(members.points_base0[:, :2] - shift_m).to(self._device)
        layer = torch.from_numpy(members.layer).to(self._device)
        distance_m = scan0.field.distance_m(scan0.field.index(place, layer))
        return (distance_m > self._config.explained_m).cpu().numpy()

    def _search(self, scan0: ScanFacts, suspects: _Members) -> Float64[np.ndarray, "K 2"]:
        """Return the best translation of every suspect, from an even sample of its points."""
        start = np.searchsorted(suspects.row, np.arange(len(suspects.cluster)))
        size = np.bincount(suspects.row, minlength=len(suspects.cluster))
        step = np.linspace(0, 1, _SAMPLES, endpoint=False)
        sample = start[:, None] + (step * size[:, None]).astype(np.int64)
        points = torch.from_numpy(suspects.points_base0[sample, :2]).to(self._device)
        layer = torch.from_numpy(suspects.layer[sample]).to(self._device)
        return best_translations(points, layer, scan0.field).cpu().numpy().astype(np.float64)

    def _free_space(
        self, pair: _Pair, suspects: _Members, shifts_m: Float64[np.ndarray, "K 2"]
    ) -> tuple[Float64[np.ndarray, " K"], Float64[np.ndarray, " K"]]:
        """Return which share of the unexplained points entered, and vacated, proven free space."""
        row = suspects.row[suspects.unexplained]
        place_base0 = suspects.points_base0[suspects.unexplained]
        origin_base0 = place_base0.copy()
        origin_base0[:, :2] -= shifts_m[row]
        origin_base1 = se3.transform(se3.inverse(pair.base0_T_base1), origin_base0)
        count = np.maximum(np.bincount(row, minlength=len(shifts_m)), 1)
        margin_m = self._config.free_margin_m
        entered = pair.scan0.sees_through(place_base0, margin_m)
        vacated = pair.scan1.sees_through(origin_base1, margin_m)
        return (
            np.bincount(row, weights=entered, minlength=len(shifts_m)) / count,
            np.bincount(row, weights=vacated, minlength=len(shifts_m)) / count,
        )

    def _spread(
        self,
        scan: ScanFacts,
        velocities_base0: Float64[np.ndarray, "C1 2"],
        base0_T_velo1: Float64[np.ndarray, "4 4"],
    ) -> PointEvidence:
        """Hand the clusters' answers to their points."""
        label = scan.clusters.label
        moves = np.isfinite(velocities_base0[:, 0])
        velocity_base0 = np.column_stack([velocities_base0, np.where(moves, 0.0, np.nan)])
        velocity_velo1 = (velocity_base0 @ base0_T_velo1[:3, :3]).astype(np.float32)
        ground = scan.height_m <= self._config.scan.ground_clearance_m
        return PointEvidence(
            moving=moves[label],
            judged=ground | self._judgeable(scan)[label],
            velocity_velo=velocity_velo1[label],
            cluster=label,
        )


def _thinned(
    label: Int[np.ndarray, " P"], wanted: Bool[np.ndarray, " C1"]
) -> Int[np.ndarray, " M"]:
    """Return points of the wanted clusters, sorted by cluster, an even share of the large ones."""
    point = np.flatnonzero(wanted[label])
    # A radix sort; the grid has fewer components than uint16 has numbers.
    point = point[np.argsort(label[point].astype(np.uint16), kind="stable")]
    return np.asarray(point[evenly_picked(label[point], _MAX_MEMBERS)])
