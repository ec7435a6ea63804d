# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shadows of standing things on the ground, computed once per world.

Things that move only darken the ground they stand on: a cast shadow would move over the ground and
show optical flow that its surface does not have.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled, on_all_cores
from unsup_track_ros.data.synthetic.ground import (
    SHADOW_D_M,
    Ground,
    Road,
    ground_height,
    surface_at,
)
from unsup_track_ros.data.synthetic.intersection import solid_distance
from unsup_track_ros.data.synthetic.solids import Solids
from unsup_track_ros.shapes import Float32, Float64, Int64

# Longest shadow that is looked for: that of a five-storey house.
_REACH_M = 28.0
_LIFT_M = 0.03


def with_shadows(
    ground: Ground, road: Road, standing: Solids, sun: Float64[np.ndarray, " 3"]
) -> Ground:
    """Return the ground with its shadow map filled: from every node a ray looks for the sun."""
    rows, columns = ground.shadow.shape
    s = np.arange(rows) * ground.shadow_step_m
    d = np.arange(columns) * ground.shadow_step_m - SHADOW_D_M
    x, y, _ = road.place(*np.meshgrid(s, d, indexing="ij"))
    centres_s = np.array([surface_at(ground, *c)[0] for c in standing.centre[:, :2]])
    order = np.argsort(centres_s, kind="stable")
    standing = Solids(*(column[order] for column in standing))
    windows = np.searchsorted(centres_s[order], np.stack([s - _REACH_M, s + _REACH_M], 1))
    shadow = np.ones_like(ground.shadow)
    nodes = np.stack([x, y], -1)

    def darken_span(first: int, last: int) -> None:
        span = slice(first, last)
        _darken(shadow[span], nodes[span], windows[span], standing, ground, sun)

    on_all_cores(darken_span, rows)
    return ground._replace(shadow=shadow)


@compiled
def _darken(
    shadow: Float32[np.ndarray, "S D"],
    nodes: Float64[np.ndarray, "S D 2"],
    windows: Int64[np.ndarray, "S 2"],
    solids: Solids,
    ground: Ground,
    sun: Float64[np.ndarray, " 3"],
) -> None:
    d = (sun[0], sun[1], sun[2])
    for i in range(shadow.shape[0]):
        for j in range(shadow.shape[1]):
            x, y = nodes[i, j]
            o = (x, y, ground_height(ground, x, y) + _LIFT_M)
            for m in range(windows[i, 0], windows[i, 1]):
                dx = solids.centre[m, 0] - o[0]
                dy = solids.centre[m, 1] - o[1]
                dz = solids.centre[m, 2] - o[2]
                along = dx * d[0] + dy * d[1] + dz * d[2]
                if dx * dx + dy * dy + dz * dz - along * along > solids.radius[m] ** 2:
                    continue
                if solid_distance(solids, m, o, d) < np.inf:
                    shadow[i, j] = 0.0
                    break
