# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The clusters of the current scan among a window of past scans.

Asks, for all clusters at once and by a sample of their points: which points does standing still, or
a velocity, leave without a point of a past scan near them; which lie where a past scan saw through;
which came from a place that is seen through now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.grouped_rows import rows_by_group
from unsup_track_ros.perception.motion_segmentation.distance_field import (
    DistanceField,
    height_layer,
    layer_of,
)
from unsup_track_ros.perception.motion_segmentation.scan_facts import ScanFacts
from unsup_track_ros.perception.motion_segmentation.velocity_search import (
    PastView,
    best_velocities,
)
from unsup_track_ros.shapes import Bool, Float32, Float64, Int, Int64

_SAMPLES = 32  # points per cluster in the search
MAX_MEMBERS = 300  # points per cluster that decide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastScan:
    """A scan of the window and how the sensor moved since.

    Attributes:
        facts: What the scan says by itself.
        field: Distance to the nearest of its points over the ground.
        base0_T_base1: (4, 4) moves static points of the current scan to the past one.
        seconds: Age of the scan.
    """

    facts: ScanFacts
    field: DistanceField
    base0_T_base1: Float64[np.ndarray, "4 4"]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Members:
    """M sampled points of K clusters of the current scan, sorted by cluster.

    Attributes:
        cluster: (K,) labels of the clusters, ascending.
        size: (K,) sampled points of each.
        row: (M,) 0..K-1: the cluster of the point.
        point: (M,) the point's row in the scan.
        points_base1: (M, 3) the points.
        layer: (M,) their height bands.
    """

    cluster: Int64[np.ndarray, " K"]
    size: Int[np.ndarray, " K"]
    row: Int64[np.ndarray, " M"]
    point: Int64[np.ndarray, " M"]
    points_base1: Float32[np.ndarray, "M 3"]
    layer: Int[np.ndarray, " M"]

    def chosen(self, clusters: Bool[np.ndarray, " K"]) -> Members:
        """Return the members of some clusters."""
        kept = clusters[self.row]
        return Members(
            cluster=self.cluster[clusters],
            size=self.size[clusters],
            row=(np.cumsum(clusters) - 1)[self.row[kept]],
            point=self.point[kept],
            points_base1=np.compress(kept, self.points_base1, axis=0),
            layer=self.layer[kept],
        )

    def share(self, holds: Bool[np.ndarray, " M"]) -> Float64[np.ndarray, " K"]:
        """Return the share of each cluster's points for which something holds."""
        count = np.bincount(self.row, weights=holds, minlength=len(self.size))
        return np.asarray(count / self.size)


def members_of(
    scan: ScanFacts, wanted: Bool[np.ndarray, " C1"], most: int = MAX_MEMBERS
) -> Members:
    """Sample the wanted clusters: all points of the small ones, an even share of the large ones."""
    point, label = rows_by_group(scan.clusters.label, most, wanted)
    sizes = np.bincount(label)
    cluster = np.flatnonzero(sizes)
    size = sizes[cluster]
    return Members(
        cluster=cluster,
        size=size,
        row=np.repeat(np.arange(len(size)), size),
        point=point,
        points_base1=scan.points_base.take(point, axis=0),
        layer=height_layer(scan.height_m[point]),
    )


def entered_points(
    scan: ScanFacts, pasts: Sequence[PastScan], explained_m: float, margin_m: float
) -> Bool[np.ndarray, " P"]:
    """Tell which clustered points lie where some past scan saw through and had nothing near.

    The cheap look-up goes first: the few points that nothing explains are held against the rays.
    """
    point, points_base1, layer = _clustered(scan)
    entered = np.zeros(len(point), bool)
    for past in pasts:
        places = se3.transform(past.base0_T_base1, points_base1)
        lost = past.field.is_farther(places, layer, explained_m)
        asked = np.flatnonzero(lost & ~entered)
        entered[asked] = past.facts.sees_through(places.take(asked, axis=0), margin_m)
    proven = np.zeros(len(scan.points_base), bool)
    proven[point[entered]] = True
    return proven


def unexplained(
    past: PastScan,
    members: Members,
    explained_m: float,
    velocities: Float64[np.ndarray, "K 2"] | None = None,
) -> Bool[np.ndarray, " M"]:
    """Tell which points, moved back by their cluster's velocity, no point of the past is near.

    Args:
        past: The past scan.
        members: The points.
        explained_m: How near is near.
        velocities: (K, 2) on the ground, m/s, axes of the current level frame; None: standing.
    """
    places = _places(past, members, velocities)
    return past.field.is_farther(places, members.layer, explained_m)


def vacated(
    scan: ScanFacts,
    past: PastScan,
    members: Members,
    margin_m: float,
    velocities: Float64[np.ndarray, "K 2"],
) -> Bool[np.ndarray, " M"]:
    """Tell which points came, by their cluster's velocity, from where is seen through now."""
    origin_base0 = _places(past, members, velocities)
    return scan.sees_through(se3.transform(se3.inverse(past.base0_T_base1), origin_base0), margin_m)


def search_velocities(
    pasts: Sequence[PastScan], members: Members, reach_mps: float, reach_m: float
) -> Float64[np.ndarray, "K 2"]:
    """Return each cluster's best velocity on the ground, from an even sample of its points."""
    start = np.cumsum(members.size) - members.size
    step = np.linspace(0, 1, _SAMPLES, endpoint=False)
    sample = start[:, None] + (step * members.size[:, None]).astype(np.int64)
    views = [_view(past, members, sample) for past in pasts]
    return best_velocities(views, reach_mps, reach_m).astype(np.float64)


def _view(past: PastScan, members: Members, sample: Int64[np.ndarray, "K n"]) -> PastView:
    points_base1 = members.points_base1.take(sample.ravel(), axis=0)
    places = se3.transform(past.base0_T_base1, points_base1)[:, :2]
    return PastView(
        places=places.reshape(*sample.shape, 2),
        layers=members.layer[sample],
        base0_R_base1=past.base0_T_base1[:2, :2].astype(np.float32),
        seconds=past.seconds,
        field=past.field,
    )


def _places(
    past: PastScan, members: Members, velocities: Float64[np.ndarray, "K 2"] | None
) -> Float32[np.ndarray, "M 3"]:
    """Return where the points were in the past scan."""
    places = se3.transform(past.base0_T_base1, members.points_base1)
    if velocities is not None:
        shifts_m = (velocities @ past.base0_T_base1[:2, :2].T) * past.seconds
        places[:, :2] -= shifts_m.astype(np.float32).take(members.row, axis=0)
    return places


def _clustered(
    scan: ScanFacts,
) -> tuple[Int64[np.ndarray, " M"], Float32[np.ndarray, "M 3"], Int[np.ndarray, " M"]]:
    """Return the rows of the points on clusters, the points, and their height bands."""
    num = int(scan.clusters.sizes[1:].sum())
    point, layer = np.empty(num, np.int64), np.empty(num, np.int32)
    points_base = np.empty((num, 3), np.float32)
    _collect(scan.points_base, scan.height_m, scan.clusters.label, point, points_base, layer)
    return point, points_base, layer


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('float32')}, {read_only('int64')}, int64[::1],"
    " float32[:, ::1], int32[::1])"
)
def _collect(
    points: np.ndarray,
    heights_m: np.ndarray,
    label: np.ndarray,
    row: np.ndarray,
    collected: np.ndarray,
    layer: np.ndarray,
) -> None:
    """Write the points that have a label one behind the other."""
    count = 0
    for k in range(len(label)):
        if label[k] > 0:
            row[count] = k
            layer[count] = layer_of(heights_m[k])
            for axis in range(3):
                collected[count, axis] = points[k, axis]
            count += 1
