# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LiDAR evidence of independent motion: clusters of the current scan against a window of past ones.

Two witnesses that do not need each other (BEYOND §9.2 B; the tests of UNION / ICP-Flow and of
Dynablox, on distance fields and range images instead of point pairs and voxels):

1. *Entered free space*: points lie where a past scan saw through. Something must have moved there,
   whatever its velocity. It speaks for what comes nearer or crosses.
2. *One velocity over the window*: a velocity lays the cluster on every past scan, and the place it
   came from is seen through now. It speaks for what drives away, whose new place its own body had
   hidden.

A cluster that comes into view from behind something has neither, and is not claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import LevelScan, level_scan
from unsup_track_ros.geometry.ground_planes import check_available
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.perception.motion_segmentation.cluster_splitting import Cut, cut_out
from unsup_track_ros.perception.motion_segmentation.distance_field import DistanceField
from unsup_track_ros.perception.motion_segmentation.scan_facts import (
    Clusters,
    ScanFacts,
    ScanFactsConfig,
    distance_field,
    read_scan,
)
from unsup_track_ros.perception.motion_segmentation.scan_window import (
    Members,
    PastScan,
    entered_points,
    members_of,
    search_velocities,
    unexplained,
    vacated,
)
from unsup_track_ros.shapes import Bool, Float32, Float64, Int
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

S = TypeVar("S")
T = TypeVar("T")

_MAX_CUT_MEMBERS = 4000  # points per cluster that tell where to cut


class LidarEvidenceConfig(Config):
    """Parameters of the LiDAR motion test."""

    scan: ScanFactsConfig = ScanFactsConfig()
    search_ages_s: tuple[float, ...] = parameter(
        (0.1, 0.2, 0.5), "Ages of the scans on which one velocity must lay a cluster.", unit="s"
    )
    free_ages_s: tuple[float, ...] = parameter(
        (0.2, 0.5, 1.0), "Ages of the scans that may testify to free space.", unit="s"
    )
    min_points: int = parameter(6, "Smallest cluster that is judged.", ge=3)
    max_extent_m: float = parameter(20.0, "Longer clusters are background.", unit="m", gt=0)
    explained_m: float = parameter(
        0.2, "A point this near to a point of a past scan is explained.", unit="m", gt=0
    )
    free_margin_m: float = parameter(
        0.35, "A ray must pass a place by this much to prove it free.", unit="m", gt=0
    )
    min_suspicious: float = parameter(
        0.1, "Share of a cluster that standing still must fail to explain.", ge=0, le=1
    )
    max_standing: float = parameter(
        0.3, "Share that standing still may fail to explain of a cluster that stands.", ge=0, le=1
    )
    max_speed_mps: float = parameter(30.0, "Fastest motion that is found.", unit="m/s", gt=0)
    min_speed_mps: float = parameter(0.5, "Slower clusters count as standing.", unit="m/s", gt=0)
    min_entered: float = parameter(
        0.5, "Share of a cluster in proven free space that is motion by itself.", ge=0, le=1
    )
    min_entered_points: int = parameter(20, "Fewest points that can prove it.", ge=1)
    min_cut_points: int = parameter(
        12, "Fewest points that are cut out of a cluster as a thing of their own.", ge=1
    )
    min_cut_share: float = parameter(
        0.5, "Share of the points of a cell that must call for the cut.", gt=0, le=1
    )
    max_unexplained: float = parameter(
        0.5, "Share of a cluster that its velocity may leave unexplained in any past scan.", ge=0
    )
    min_gain: float = parameter(
        0.3, "Share that the velocity must explain beyond standing still.", ge=0, le=1
    )
    min_free: float = parameter(
        0.5, "Share of a cluster that must have entered or vacated proven free space.", ge=0, le=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointEvidence:
    """Motion evidence per point of the current scan.

    Attributes:
        moving: (P,) on a cluster that moves.
        judged: (P,) on the ground or on a cluster that could be judged, either way.
        velocity_velo: (P, 3) over ground in axes of the current velo frame, nan where not moving or
            unknown.
        confidence: (P,) share of the cluster's points that testify to its motion, 0 where not
            moving.
        standing: (P,) on the ground or on a cluster that standing still explains.
        free_space: (P,) share of a moving cluster's points that entered or left proven free space,
            0 where it does not move.
        cluster: (P,) 0 for none, else 1..C: the cluster of the point.
    """

    moving: Bool[np.ndarray, " P"]
    judged: Bool[np.ndarray, " P"]
    velocity_velo: Float32[np.ndarray, "P 3"]
    confidence: Float32[np.ndarray, " P"]
    standing: Bool[np.ndarray, " P"]
    free_space: Float32[np.ndarray, " P"]
    cluster: Int[np.ndarray, " P"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Verdict:
    """Answer per cluster of the current scan; row c is cluster c, row 0 no cluster.

    Attributes:
        confidence: (C + 1,) 0 where the cluster does not move.
        velocities_base1: (C + 1, 2) on the ground, m/s; nan where it does not move or is unknown.
        stands: (C + 1,) standing still explains it in every scan of the window.
    """

    confidence: Float64[np.ndarray, " C1"]
    velocities_base1: Float64[np.ndarray, "C1 2"]
    stands: Bool[np.ndarray, " C1"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """The scans before, or after, the current one.

    Attributes:
        searched: Those on which one velocity must lay a cluster, nearest in time first.
        oldest: The one that is farthest in time.
        entered: (P,) points of the current scan where one of them saw through.
    """

    searched: list[PastScan]
    oldest: PastScan
    entered: Bool[np.ndarray, " P"]


class LidarEvidence:
    """Judges clusters of the current scan against past scans."""

    def __init__(self, config: LidarEvidenceConfig) -> None:
        if config.scan.ground == "patchworkpp":
            check_available()
        self._config = config
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="side")
        # By stamp; they only save working it out again.
        self._facts: dict[int, ScanFacts] = {}
        self._fields: dict[int, DistanceField] = {}

    def prepare(self, frame: SensorFrame, level: LevelScan) -> None:
        """Work out what the frame's scan says by itself."""
        self._facts[frame.stamp_ns] = read_scan(self._config.scan, frame, level)

    def prepare_as_past(self, frame: SensorFrame) -> None:
        """Work out what the scan of a frame that was judged must offer to those after it."""
        self._field(frame)

    def facts(self, frame: SensorFrame) -> ScanFacts:
        """Return what the frame's scan says by itself, worked out once."""
        if frame.stamp_ns not in self._facts:
            self.prepare(frame, level_scan(frame.base_T_velo, frame.cloud.points_velo))
        return self._facts[frame.stamp_ns]

    def ranges(self, frame: SensorFrame) -> RangeImage:
        """Return what the frame's scan saw through, without working out anything else."""
        facts = self._facts.get(frame.stamp_ns)
        return RangeImage(frame.cloud.points_velo) if facts is None else facts.ranges

    def judge(
        self,
        frame: SensorFrame,
        windows: Sequence[tuple[PastFrame, ...]],
        egomotion: Egomotion,
    ) -> PointEvidence | None:
        """Return the evidence, or None while there is no pose or no other scan.

        Args:
            frame: Current frame.
            windows: Frames before it; looking back at a recording, also those after it. Each window
                is a witness of its own: what comes out of hiding is seen to leave.
            egomotion: Motion of the sensor to the current frame.
        """
        near_ns = {entry.frame.stamp_ns for window in windows for entry in window}
        near_ns.add(frame.stamp_ns)
        self._facts = {ns: facts for ns, facts in self._facts.items() if ns in near_ns}
        self._fields = {ns: field for ns, field in self._fields.items() if ns in near_ns}
        scan = self.facts(frame)
        found = self._side_by_side(lambda window: self._side(frame, window, egomotion), windows)
        sides = [side for side in found if side is not None]
        if not sides:
            return None
        wanted = self._judgeable(scan.clusters)
        verdict = _best(self._side_by_side(lambda s: self._verdict(scan, wanted, s), sides))
        clusters = self._without_bystanders(scan, verdict, sides)
        clusters = self._with_movers(scan, clusters, verdict, sides)
        new = self._judgeable(clusters)
        new[: len(wanted)] = False
        cut = replace(scan, clusters=clusters)
        later = self._side_by_side(lambda side: self._verdict(cut, new, side), sides)
        return self._spread(cut, _joined(verdict, _best(later)), frame.base_T_velo)

    def _side_by_side(self, work: Callable[[S], T], sides: Sequence[S]) -> list[T]:
        """Do the same to every side; what comes after a frame on a core of its own."""
        others = [self._beside.submit(work, side) for side in sides[1:]]
        return [*(work(side) for side in sides[:1]), *(other.result() for other in others)]

    def explained_shares(
        self,
        frame: SensorFrame,
        past: PastFrame,
        egomotion: Egomotion,
        clusters: tuple[Int[np.ndarray, " P"], Float32[np.ndarray, "C1 3"]],
    ) -> Float64[np.ndarray, " C1"]:
        """Return the share of each cluster that a past scan has points for, nan where not asked.

        Args:
            frame: Current frame.
            past: The frame to compare with.
            egomotion: Motion of the sensor to the current frame.
            clusters: (P,) cluster of each point, 0 for none, and each cluster's velocity in velo
                (m/s); nan for clusters that are not asked about.
        """
        label, velocities_velo = clusters
        shares = np.full(len(velocities_velo), np.nan)
        scan = self.facts(frame)
        scan = replace(scan, clusters=replace(scan.clusters, label=label))
        members = members_of(scan, np.isfinite(velocities_velo[:, 0]))
        if egomotion.odom_T_velo1 is None or not len(members.cluster):
            return shares
        odom_T_base1 = egomotion.odom_T_velo1 @ se3.inverse(frame.base_T_velo)
        velocities_base1 = velocities_velo[members.cluster] @ frame.base_T_velo[:3, :3].T
        lost = unexplained(
            self._past_scan(past, frame.stamp_ns, odom_T_base1),
            members,
            self._config.explained_m,
            velocities_base1[:, :2],
        )
        shares[members.cluster] = members.share(~lost)
        return shares

    def _without_bystanders(
        self, scan: ScanFacts, verdict: _Verdict, sides: Sequence[_Side]
    ) -> Clusters:
        """Cut out of moving clusters what stood there before and would not have come along."""
        config = self._config
        moving = np.isfinite(verdict.velocities_base1[:, 0])
        members = members_of(scan, moving, _MAX_CUT_MEMBERS)
        if not len(members.cluster):
            return scan.clusters
        velocities = verdict.velocities_base1[members.cluster]
        speed = np.hypot(*velocities.T)
        stood = np.zeros(len(members.row), bool)
        for side in sides:
            scans = (*side.searched, side.oldest)
            at_rest = [unexplained(p, members, config.explained_m) for p in scans]
            along = [unexplained(p, members, config.explained_m, velocities) for p in side.searched]
            # Where the mover itself cannot have been yet, whatever was there is something else.
            absent = speed * abs(side.oldest.seconds) > scan.clusters.extents_m[members.cluster]
            elsewhere = np.any(along, axis=0) | absent[members.row]
            stood |= ~np.any(at_rest, axis=0) & elsewhere
        asked, chosen = np.zeros((2, len(scan.points_base)), bool)
        asked[members.point] = True
        chosen[members.point] = stood
        return cut_out(scan.clusters, scan.points_base, asked, chosen, self._cut())

    def _with_movers(
        self, scan: ScanFacts, clusters: Clusters, verdict: _Verdict, sides: Sequence[_Side]
    ) -> Clusters:
        """Cut out of clusters that stand what entered free space."""
        still = np.append(verdict.confidence == 0, np.ones(len(clusters.sizes), bool))
        asked = still[clusters.label]
        entered = np.any([side.entered for side in sides], axis=0)
        return cut_out(clusters, scan.points_base, asked, entered, self._cut())

    def _cut(self) -> Cut:
        config = self._config
        return Cut(
            cell_m=config.scan.cluster_cell_m,
            min_points=config.min_cut_points,
            min_share=config.min_cut_share,
        )

    def _side(
        self, frame: SensorFrame, window: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> _Side | None:
        """Pick the scans of a window that are compared with, nearest in time first."""
        if egomotion.odom_T_velo1 is None or not window:
            return None
        odom_T_base1 = egomotion.odom_T_velo1 @ se3.inverse(frame.base_T_velo)
        sign = 1 if window[0].frame.stamp_ns < frame.stamp_ns else -1

        def nearest(ages_s: tuple[float, ...]) -> list[PastScan]:
            chosen = {}
            for age_s in ages_s:
                wanted_ns = frame.stamp_ns - sign * round(age_s * 1e9)
                past = min(window, key=lambda entry: abs(entry.frame.stamp_ns - wanted_ns))
                chosen[abs(frame.stamp_ns - past.frame.stamp_ns)] = past
            return [
                self._past_scan(chosen[age_ns], frame.stamp_ns, odom_T_base1)
                for age_ns in sorted(chosen)
            ]

        config = self._config
        free = nearest(config.free_ages_s)
        entered = entered_points(self.facts(frame), free, config.explained_m, config.free_margin_m)
        return _Side(searched=nearest(config.search_ages_s), oldest=free[-1], entered=entered)

    def _past_scan(
        self, past: PastFrame, stamp_ns: int, odom_T_base1: Float64[np.ndarray, "4 4"]
    ) -> PastScan:
        assert past.egomotion.odom_T_velo1 is not None  # only posed frames are remembered
        odom_T_base0 = past.egomotion.odom_T_velo1 @ se3.inverse(past.frame.base_T_velo)
        return PastScan(
            facts=self.facts(past.frame),
            field=self._field(past.frame),
            base0_T_base1=se3.inverse(odom_T_base0) @ odom_T_base1,
            seconds=(stamp_ns - past.frame.stamp_ns) * 1e-9,
        )

    def _field(self, frame: SensorFrame) -> DistanceField:
        if frame.stamp_ns not in self._fields:
            scan = self.facts(frame)
            self._fields[frame.stamp_ns] = distance_field(self._config.scan, scan)
        return self._fields[frame.stamp_ns]

    def _judgeable(self, clusters: Clusters) -> Bool[np.ndarray, " C1"]:
        judgeable = (clusters.sizes >= self._config.min_points) & (
            clusters.extents_m <= self._config.max_extent_m
        )
        judgeable[0] = False
        return np.asarray(judgeable)

    def _verdict(self, scan: ScanFacts, wanted: Bool[np.ndarray, " C1"], side: _Side) -> _Verdict:
        """Weigh both witnesses for every wanted cluster that standing still does not explain."""
        config, searched = self._config, side.searched
        num = len(wanted)
        answer = _Verdict(
            confidence=np.zeros(num),
            velocities_base1=np.full((num, 2), np.nan),
            stands=np.zeros(num, bool),
        )
        members = members_of(scan, wanted)
        if not len(members.cluster):
            return answer
        at_rest = [members.share(unexplained(p, members, config.explained_m)) for p in searched]
        entering = members.share(side.entered[members.point])
        suspicious = np.max([entering, *at_rest], axis=0)
        answer.stands[members.cluster] = suspicious < config.max_standing
        suspects = suspicious >= config.min_suspicious
        if not suspects.any():
            return answer
        members, entering = members.chosen(suspects), entering[suspects]
        reach_mps, reach_m = config.max_speed_mps, config.scan.reach_m
        found = search_velocities(searched, members, reach_mps, reach_m)
        left = [
            members.share(unexplained(past, members, config.explained_m, found))
            for past in searched
        ]
        fits = (
            (np.max(left, axis=0) <= config.max_unexplained)
            & (at_rest[-1][suspects] - left[-1] >= config.min_gain)
            & (np.hypot(*found.T) >= config.min_speed_mps)
        )
        vacating = members.share(self._vacated(scan, searched, members, found))
        testimony = np.minimum(entering + np.where(fits, vacating, 0.0), 1.0)
        # Glass is seen through too: without a velocity, the place must have been empty just now.
        alone = (
            (entering >= config.min_entered)
            & (entering * members.size >= config.min_entered_points)
            & (at_rest[0][suspects] >= config.min_entered)
        )
        moves = alone | (fits & (testimony >= config.min_free))
        answer.confidence[members.cluster] = np.where(moves, testimony, 0.0)
        known = (moves & fits)[:, None]
        answer.velocities_base1[members.cluster] = np.where(known, found, np.nan)
        return answer

    def _vacated(
        self,
        scan: ScanFacts,
        searched: Sequence[PastScan],
        members: Members,
        velocities: Float64[np.ndarray, "K 2"],
    ) -> Bool[np.ndarray, " M"]:
        """Tell which points came from where is seen through now."""
        margin_m = self._config.free_margin_m
        seen = [vacated(scan, past, members, margin_m, velocities) for past in searched]
        return np.asarray(np.any(seen, axis=0))

    def _spread(
        self, scan: ScanFacts, verdict: _Verdict, base_T_velo: Float64[np.ndarray, "4 4"]
    ) -> PointEvidence:
        """Hand the clusters' answers to their points."""
        label = scan.clusters.label
        known = np.isfinite(verdict.velocities_base1[:, 0])
        velocity_base1 = np.column_stack([verdict.velocities_base1, np.where(known, 0.0, np.nan)])
        velocity_velo = (velocity_base1 @ base_T_velo[:3, :3]).astype(np.float32)
        ground = scan.height_m <= self._config.scan.ground_clearance_m
        confidence = verdict.confidence[label].astype(np.float32)
        return PointEvidence(
            moving=confidence > 0,
            judged=ground | self._judgeable(scan.clusters)[label],
            velocity_velo=velocity_velo.take(label, axis=0),
            confidence=confidence,
            standing=(ground | verdict.stands[label]) & ~(confidence > 0),
            free_space=confidence,  # free space is what LiDAR is sure by
            cluster=label,
        )


def _best(verdicts: Sequence[_Verdict]) -> _Verdict:
    """Return each cluster's surest answer; it stands only if no side contradicts."""
    confidence = np.stack([verdict.confidence for verdict in verdicts])
    known = np.stack([np.isfinite(verdict.velocities_base1[:, 0]) for verdict in verdicts])
    surest = np.argmax(confidence + known, axis=0)  # a measured velocity outweighs
    velocities = np.stack([verdict.velocities_base1 for verdict in verdicts])
    return _Verdict(
        confidence=confidence.max(axis=0),
        velocities_base1=np.take_along_axis(velocities, surest[None, :, None], axis=0)[0],
        stands=np.all([verdict.stands for verdict in verdicts], axis=0),
    )


def _joined(first: _Verdict, second: _Verdict) -> _Verdict:
    """Return the answers of the first clusters followed by those of the later ones."""
    num = len(first.confidence)
    return _Verdict(
        confidence=np.concatenate([first.confidence, second.confidence[num:]]),
        velocities_base1=np.concatenate([first.velocities_base1, second.velocities_base1[num:]]),
        stands=np.concatenate([first.stands, second.stands[num:]]),
    )
