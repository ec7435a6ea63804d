# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where one ray meets one solid or the ground; the compiled core of the ray caster."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_inner
from unsup_track_ros.data.synthetic.ground import KERB_HEIGHT_M, Ground, is_raised, surface_at
from unsup_track_ros.data.synthetic.solids import Kind, Solids

Vector = tuple[float, float, float]

_BOX = int(Kind.BOX)
_CYLINDER = int(Kind.CYLINDER)
# The march along a ray stops this far above the ground; well below the LiDAR's noise.
_GROUND_TOLERANCE_M = 1e-5
_MAX_MARCH_STEPS = 80
# Below this height the ground counts as a plane for the next step.
_PLANE_HEIGHT_M = 0.3
_KERB_BISECTIONS = 24


@compiled_inner
def solid_distance(solids: Solids, m: int, o: Vector, d: Vector) -> float:
    """Return where a ray enters a solid, infinity if it misses it or starts inside."""
    c, s = solids.axis[m, 0], solids.axis[m, 1]
    wx, wy = o[0] - solids.centre[m, 0], o[1] - solids.centre[m, 1]
    start = (c * wx + s * wy, c * wy - s * wx, o[2] - solids.centre[m, 2])
    step = (c * d[0] + s * d[1], c * d[1] - s * d[0], d[2])
    # Numbers, not rows of the tables: every view of an array costs a count of its references.
    half = (solids.half[m, 0], solids.half[m, 1], solids.half[m, 2])
    kind = solids.kind[m]
    if kind == _BOX:
        taper = (solids.taper[m, 0], solids.taper[m, 1], solids.taper[m, 2])
        return _box_distance(half, taper, start, step)
    if kind == _CYLINDER:
        return _cylinder_distance(half, start, step)
    return _ellipsoid_distance(half, start, step)


@compiled_inner
def _box_distance(half: Vector, taper: Vector, start: Vector, step: Vector) -> float:
    """Clip a ray by the six planes of a box, four of which may lean inwards with height."""
    foot = start[2] + half[2]
    planes = (
        (half[0] - start[0] - taper[0] * foot, step[0] + taper[0] * step[2]),
        (half[0] + start[0] - taper[1] * foot, taper[1] * step[2] - step[0]),
        (half[1] - start[1] - taper[2] * foot, step[1] + taper[2] * step[2]),
        (half[1] + start[1] - taper[2] * foot, taper[2] * step[2] - step[1]),
        (half[2] - start[2], step[2]),
        (foot, -step[2]),
    )
    enter = 0.0
    leave = np.inf
    for room, speed in planes:  # how far inside the start is, and how fast the ray goes outwards
        if speed < 0.0:
            enter = max(enter, room / speed)
        elif speed > 0.0:
            leave = min(leave, room / speed)
        elif room < 0.0:
            return np.inf
    return enter if 0.0 < enter < leave else np.inf


@compiled_inner
def _cylinder_distance(half: Vector, start: Vector, step: Vector) -> float:
    a = step[0] ** 2 + step[1] ** 2
    b = start[0] * step[0] + start[1] * step[1]
    root = b * b - a * (start[0] ** 2 + start[1] ** 2 - half[0] ** 2)
    if root <= 0.0 or a == 0.0:
        return np.inf
    near: float = (-b - np.sqrt(root)) / a
    if near > 0.0 and abs(start[2] + near * step[2]) <= half[2]:
        return near
    if step[2] == 0.0:
        return np.inf
    lid = (np.sign(-step[2]) * half[2] - start[2]) / step[2]
    inside = (start[0] + lid * step[0]) ** 2 + (start[1] + lid * step[1]) ** 2 <= half[0] ** 2
    return lid if lid > 0.0 and inside else np.inf


@compiled_inner
def _ellipsoid_distance(half: Vector, start: Vector, step: Vector) -> float:
    x, y, z = start[0] / half[0], start[1] / half[1], start[2] / half[2]
    u, v, w = step[0] / half[0], step[1] / half[1], step[2] / half[2]
    a = u * u + v * v + w * w
    b = x * u + y * v + z * w
    c = x * x + y * y + z * z - 1.0
    root = b * b - a * c
    if root <= 0.0:
        return np.inf
    near = (-b - np.sqrt(root)) / a
    return near if near > 0.0 else np.inf


@compiled_inner
def local_normal(solids: Solids, m: int, p: Vector) -> Vector:
    """Return the outward unit normal of a solid at a point of its surface, in its own axes."""
    half = (solids.half[m, 0], solids.half[m, 1], solids.half[m, 2])
    kind = solids.kind[m]
    if kind == _BOX:
        nearest, axis, sign = np.inf, 0, 1.0
        for face in range(6):
            side, way = face // 2, 1.0 - 2.0 * (face % 2)
            lean = 0.0
            if side < 2:
                lean = solids.taper[m, min(face, 2)]
            room = (half[side] - way * p[side] - lean * (p[2] + half[2])) / np.sqrt(
                1.0 + lean * lean
            )
            if room < nearest:
                nearest, axis, sign = room, side, way
                nz = lean / np.sqrt(1.0 + lean * lean)
        rest = np.sqrt(max(0.0, 1.0 - nz * nz))
        if axis == 0:
            return sign * rest, 0.0, nz
        if axis == 1:
            return 0.0, sign * rest, nz
        return 0.0, 0.0, sign
    if kind == _CYLINDER:
        if abs(p[2]) > half[2] - 1e-6:
            return 0.0, 0.0, np.sign(p[2])
        return p[0] / half[0], p[1] / half[0], 0.0
    nx, ny, nz = p[0] / half[0] ** 2, p[1] / half[1] ** 2, p[2] / half[2] ** 2
    norm = np.sqrt(nx * nx + ny * ny + nz * nz)
    return nx / norm, ny / norm, nz / norm


@compiled_inner
def ground_distance(ground: Ground, o: Vector, d: Vector, reach_m: float) -> float:
    """Return where a ray meets the ground, kerbs included, at most the reach."""
    upper, raised = _march(ground, KERB_HEIGHT_M, o, d, 0.0, reach_m)
    if raised or upper >= reach_m:
        return min(upper, reach_m)
    lower, raised = _march(ground, 0.0, o, d, upper, reach_m)
    if not raised or lower >= reach_m:
        return min(lower, reach_m)
    # The ray passes from above the road to below the sidewalk: it meets the kerb's face in between.
    for _ in range(_KERB_BISECTIONS):
        middle = 0.5 * (upper + lower)
        place = surface_at(ground, o[0] + middle * d[0], o[1] + middle * d[1])
        if is_raised(ground, place[0], place[1]):
            lower = middle
        else:
            upper = middle
    return lower


@compiled_inner
def _march(
    ground: Ground, lift: float, o: Vector, d: Vector, start: float, reach_m: float
) -> tuple[float, bool]:
    """Step along a ray to the hills raised by `lift`; returns where, and whether behind the kerb.

    No hill is steeper than `ground.steepness`, so a step never passes a crest from far above; close
    to the ground the secant through the last two heights takes over.
    """
    fall = ground.steepness * np.sqrt(d[0] ** 2 + d[1] ** 2) - d[2]
    if fall <= 0.0:
        return np.inf, False
    t = start
    last_t, last_height = t, np.inf
    for _ in range(_MAX_MARCH_STEPS):
        place = surface_at(ground, o[0] + t * d[0], o[1] + t * d[1])
        height = o[2] + t * d[2] - place[2] - lift
        if abs(height) < _GROUND_TOLERANCE_M:
            return t, is_raised(ground, place[0], place[1])
        if t > reach_m:
            break
        rate = fall
        if height < _PLANE_HEIGHT_M and last_height < np.inf:
            rate = max((last_height - height) / (t - last_t), 0.2 * fall)
        last_t, last_height = t, height
        t += height / rate
    return np.inf, False
