# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ray caster that camera, LiDAR and shadows share: which surface does each ray meet first?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsup_track_ros.compiled import compiled, compiled_inner, on_all_cores
from unsup_track_ros.data.synthetic.ground import Ground
from unsup_track_ros.data.synthetic.intersection import Vector, ground_distance, solid_distance
from unsup_track_ros.data.synthetic.solids import Solids
from unsup_track_ros.shapes import Float64, Int64, Shaped

GROUND = -1
NOTHING = -2


class Rays(NamedTuple):
    """Rays from one point, grouped in bundles of neighbours.

    Attributes:
        origin: (3,) common start.
        directions: (R, 3) unit vectors, bundle after bundle.
        starts: (B + 1,) first ray of each bundle, and R.
        axes: (B, 3) unit vector in the middle of each bundle.
        cosines: (B,) of the largest angle between a bundle's rays and its axis.
        reach_m: Length at which rays end.
    """

    origin: Float64[np.ndarray, " 3"]
    directions: Float64[np.ndarray, "R 3"]
    starts: Int64[np.ndarray, " C"]
    axes: Float64[np.ndarray, "B 3"]
    cosines: Float64[np.ndarray, " B"]
    reach_m: float


class Hits(NamedTuple):
    """Answer of `cast`.

    Attributes:
        distance: (R,) along the ray, m; the reach where nothing is met.
        solid: (R,) row of the solid that is met first, GROUND or NOTHING.
        reachable: (N,) rays that would meet object n if it stood alone.
    """

    distance: Float64[np.ndarray, " R"]
    solid: Shaped[np.ndarray, " R"]
    reachable: Int64[np.ndarray, " N"]


def bundled(
    grid: Float64[np.ndarray, "H W 3"], tile: tuple[int, int]
) -> tuple[Rays, Int64[np.ndarray, " R"]]:
    """Group a grid of unit directions into tiles of neighbours.

    Returns:
        Rays from the origin with endless reach, and the flat grid index of each ray.
    """
    rows, columns = grid.shape[:2]
    tile_row, tile_column = np.arange(rows) // tile[0], np.arange(columns) // tile[1]
    bundle = (tile_row[:, None] * (tile_column[-1] + 1) + tile_column[None, :]).ravel()
    order = np.argsort(bundle, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(bundle))]).astype(np.int64)
    directions = np.ascontiguousarray(grid.reshape(-1, 3)[order], np.float64)
    axes = np.add.reduceat(directions, starts[:-1], axis=0)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    along = (directions * np.repeat(axes, np.diff(starts), axis=0)).sum(1)
    cosines = np.minimum.reduceat(along, starts[:-1])
    return Rays(np.zeros(3), directions, starts, axes, cosines, np.inf), order


def aimed(rays: Rays, world_T_sensor: Float64[np.ndarray, "4 4"], reach_m: float) -> Rays:
    """Move rays from the sensor's frame to the world."""
    rotation = world_T_sensor[:3, :3]
    return rays._replace(
        origin=world_T_sensor[:3, 3].copy(),
        # Not `@`: BLAS wakes all its threads for a product this thin, and they get in the way.
        directions=np.einsum("ij,rj->ri", rotation, rays.directions),
        axes=np.einsum("ij,rj->ri", rotation, rays.axes),
        reach_m=float(reach_m),
    )


def cast(rays: Rays, solids: Solids, ground: Ground, num_objects: int) -> Hits:
    """Find the first surface on every ray."""
    distance = np.empty(len(rays.directions))
    solid = np.empty(len(rays.directions), np.int32)
    reachable = np.zeros((len(rays.axes), num_objects), np.int64)

    def cast_span(first: int, last: int) -> None:
        span = slice(first, last)
        part = rays._replace(
            starts=rays.starts[first : last + 1], axes=rays.axes[span], cosines=rays.cosines[span]
        )
        _cast_bundles(part, solids, ground, Hits(distance, solid, reachable[span]))

    on_all_cores(cast_span, len(rays.axes))
    return Hits(distance, solid, reachable.sum(0))


@compiled
def _cast_bundles(rays: Rays, solids: Solids, ground: Ground, hits: Hits) -> None:
    o = (rays.origin[0], rays.origin[1], rays.origin[2])
    for b in range(rays.axes.shape[0]):
        statics, objects = _candidates(rays, b, solids)
        for r in range(rays.starts[b], rays.starts[b + 1]):
            d = (rays.directions[r, 0], rays.directions[r, 1], rays.directions[r, 2])
            best, found = _first_static(solids, statics, o, d, rays.reach_m)
            last = -1
            for k in range(objects.shape[0]):
                m = objects[k]
                near = solid_distance(solids, m, o, d)
                if near >= rays.reach_m:
                    continue
                if solids.owner[m] != last:
                    last = solids.owner[m]
                    hits.reachable[b, last] += 1
                if near < best:
                    best = near
                    found = m
            below = ground_distance(ground, o, d, best)
            if below < best:
                best = below
                found = GROUND
            hits.distance[r] = best
            hits.solid[r] = found


@compiled_inner
def _first_static(
    solids: Solids, statics: Float64[np.ndarray, "A 2"], o: Vector, d: Vector, reach_m: float
) -> tuple[float, int]:
    """Meet the solids without owner, nearest bounding sphere first."""
    best = reach_m
    found = NOTHING
    for k in range(statics.shape[0]):
        if statics[k, 0] > best:
            break
        m = int(statics[k, 1])
        near = solid_distance(solids, m, o, d)
        if near < best:
            best = near
            found = m
    return best, found


@compiled_inner
def _candidates(
    rays: Rays, b: int, solids: Solids
) -> tuple[Float64[np.ndarray, "A 2"], Int64[np.ndarray, " A"]]:
    """Select the solids whose bounding sphere touches the cone of a bundle.

    Returns:
        Distance and row of those without owner, nearest first; rows of those with one, in order, so
        that the parts of one object follow each other.
    """
    num = solids.radius.shape[0]
    statics = np.empty((num, 2))
    objects = np.empty(num, np.int64)
    num_statics = 0
    num_objects = 0
    cosine = rays.cosines[b]
    sine = np.sqrt(max(0.0, 1.0 - cosine * cosine))
    axis = (rays.axes[b, 0], rays.axes[b, 1], rays.axes[b, 2])
    for m in range(num):
        x, y = solids.centre[m, 0] - rays.origin[0], solids.centre[m, 1] - rays.origin[1]
        z, radius = solids.centre[m, 2] - rays.origin[2], solids.radius[m]
        along = x * axis[0] + y * axis[1] + z * axis[2]
        if along < -radius:
            continue
        square = x * x + y * y + z * z
        across = np.sqrt(max(0.0, square - along * along))
        near = np.sqrt(square) - radius
        if across * cosine - along * sine > radius or near > rays.reach_m:
            continue
        if solids.owner[m] >= 0:
            objects[num_objects] = m
            num_objects += 1
            continue
        k = num_statics
        while k > 0 and statics[k - 1, 0] > near:
            statics[k, 0], statics[k, 1] = statics[k - 1, 0], statics[k - 1, 1]
            k -= 1
        statics[k, 0] = near
        statics[k, 1] = m
        num_statics += 1
    return statics[:num_statics], objects[:num_objects]
