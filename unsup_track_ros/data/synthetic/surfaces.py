# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What surfaces look like: linear colour at a point, painted on the surface itself.

Everything is diffuse and fixed to its surface, so that the true optical flow is the one seen.
The numbers are proportions of things (bricks, windows, markings) in metres and shares of light.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_inner
from unsup_track_ros.data.synthetic.ground import (
    CROSSING_HALF_WIDTH_M,
    KERB_D_M,
    LANE_WIDTH_M,
    SIDEWALK_D_M,
    Ground,
    surface_at,
)
from unsup_track_ros.data.synthetic.noise import (
    band,
    fading,
    hashed,
    layered2,
    layered3,
    noise2,
)
from unsup_track_ros.data.synthetic.solids import Material, Solids

Colour = tuple[float, float, float]
_Vector = tuple[float, float, float]

_FACADE = int(Material.FACADE)
_ROOF = int(Material.ROOF)
_LEAVES = int(Material.LEAVES)
_PAINT = int(Material.PAINT)
_CABIN = int(Material.CABIN)
_BARK = int(Material.BARK)
_WALL = int(Material.WALL)
_CLOTH = int(Material.CLOTH)
_STOREY_M = 3.0
_WINDOW_STEP_M = 2.5
_SLAB_M = 0.75


@compiled_inner
def scaled(colour: Colour, factor: float) -> Colour:
    """Return a colour made brighter or darker."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


@compiled_inner
def blended(first: Colour, second: Colour, share: float) -> Colour:
    """Return a mixture with `share` of the second colour."""
    rest = 1.0 - share
    return (
        rest * first[0] + share * second[0],
        rest * first[1] + share * second[1],
        rest * first[2] + share * second[2],
    )


@compiled_inner
def ground_colour(ground: Ground, x: float, y: float, footprint_m: float) -> Colour:
    """Return road with markings, paved sidewalk, or lawn."""
    s, d, _ = surface_at(ground, x, y)
    nearest = 1e9
    for k in range(ground.crossings_s.shape[0]):
        away = s - ground.crossings_s[k]
        if abs(away) < abs(nearest):
            nearest = away
    grain = layered2(x, y, 11.0, footprint_m)
    if abs(d) < KERB_D_M or abs(nearest) < CROSSING_HALF_WIDTH_M:
        return _road_colour(s, d, nearest, grain, footprint_m)
    if abs(d) < SIDEWALK_D_M:
        return _sidewalk_colour(s, d, grain, footprint_m)
    lawn = (0.16 + 0.05 * noise2(0.3 * x, 0.3 * y, 17.0), 0.24, 0.06)
    return scaled(lawn, 1.0 + 0.55 * grain)


@compiled_inner
def _road_colour(s: float, d: float, crossing: float, grain: float, footprint_m: float) -> Colour:
    """Return asphalt with repairs, cracks, wear in the wheel tracks, and white markings."""
    i, j = int(np.floor(s / 7.0)), int(np.floor((d + 1.3) / 2.6))
    grey = 0.20 * (1.0 + 0.7 * grain)
    if hashed(i, j, 23.0) < 0.22:
        grey *= 0.62 + 0.5 * hashed(i, j, 24.0)
    crack = noise2(0.45 * s, 0.45 * d, 29.0) + 0.35 * noise2(1.7 * s, 1.7 * d, 31.0)
    grey *= 1.0 - 0.35 * band(0.9 * crack, 0.015, footprint_m) * fading(0.3, footprint_m)
    paint = _markings(s, d, crossing, footprint_m)
    worn = min(max(0.85 + 0.5 * grain, 0.35), 1.0)
    return blended((grey, grey, 1.04 * grey), (0.72, 0.72, 0.70), paint * worn)


@compiled_inner
def _markings(s: float, d: float, crossing: float, footprint_m: float) -> float:
    """Return the share of white paint: dashed centre line, parking lines, zebras at crossings."""
    away = abs(crossing) - CROSSING_HALF_WIDTH_M
    paint = 0.0
    if away > 5.0:
        if s % 6.0 < 3.0:
            paint = band(d, 0.07, footprint_m)
        paint = max(paint, band(abs(d) - LANE_WIDTH_M - 0.1, 0.06, footprint_m))
        if abs(d) > LANE_WIDTH_M + 0.1:
            paint = max(paint, band(s % 6.0 - 3.0, 0.06, footprint_m))
    elif 1.0 < away < 4.0 and abs(d) < KERB_D_M - 0.3:
        paint = band((d + 50.0) % 1.0 - 0.5, 0.25, footprint_m)
    elif 4.4 < away < 4.8 and (d < 0.0) == (crossing < 0.0) and abs(d) < LANE_WIDTH_M:
        paint = 1.0
    return paint


@compiled_inner
def _sidewalk_colour(s: float, d: float, grain: float, footprint_m: float) -> Colour:
    """Return a kerb stone and slabs with joints, each slab with its own grey."""
    if abs(d) < KERB_D_M + 0.18:
        joint = band(s % 1.0 - 0.5, 0.02, footprint_m)
        return scaled((0.42, 0.42, 0.40), (1.0 + 0.35 * grain) * (1.0 - 0.5 * joint))
    u, v = s / _SLAB_M, d / _SLAB_M
    i, j = int(np.floor(u)), int(np.floor(v))
    own = (hashed(i, j, 41.0) - 0.5) * fading(_SLAB_M, footprint_m)
    u, v = (u - i - 0.5) * _SLAB_M, (v - j - 0.5) * _SLAB_M
    joint = max(
        band(0.5 * _SLAB_M - abs(u), 0.02, footprint_m),
        band(0.5 * _SLAB_M - abs(v), 0.02, footprint_m),
    )
    return scaled((0.36, 0.33, 0.30), (1.0 + 0.5 * own + 0.5 * grain) * (1.0 - 0.5 * joint))


@compiled_inner
def solid_colour(solids: Solids, m: int, p: _Vector, n: _Vector, footprint_m: float) -> Colour:
    """Return the colour of a solid at point `p` with normal `n`, both in its own axes."""
    material = solids.material[m]
    seed = float(solids.pattern[m])
    own = (float(solids.colour[m, 0]), float(solids.colour[m, 1]), float(solids.colour[m, 2]))
    half = (solids.half[m, 0], solids.half[m, 1], solids.half[m, 2])
    if material == _FACADE:
        return _facade_colour(own, p, n, half, seed, footprint_m)
    if material == _ROOF:
        tiles = band(p[2] % 0.3 - 0.15, 0.04, footprint_m) + band(
            p[0] % 0.5 - 0.25, 0.03, footprint_m
        )
        grain = layered2(p[0], p[2] + p[1], seed, footprint_m)
        return scaled(own, (1.0 + 0.5 * grain) * (1.0 - 0.35 * min(tiles, 1.0)))
    if material == _PAINT:
        return _paint_colour(own, p, n, half, seed, footprint_m)
    if material == _CABIN:
        return _cabin_colour(own, p, n, half, footprint_m)
    grain = layered3(p[0], p[1], p[2], seed, footprint_m)
    if material == _LEAVES:
        coarse = noise2(2.2 * p[0] + 3.0 * p[1], 2.6 * p[2] + p[1], seed)
        return scaled(own, max(0.15, 1.0 + 0.75 * coarse + 1.3 * grain))
    if material in (_BARK, _WALL, _CLOTH):
        return scaled(own, max(0.2, 1.0 + 0.6 * grain))
    return scaled(own, 1.0 + 0.3 * grain)


@compiled_inner
def _facade_colour(
    own: Colour, p: _Vector, n: _Vector, half: _Vector, seed: float, footprint_m: float
) -> Colour:
    """Return a plastered or brick wall with rows of windows, doors and a plinth."""
    if abs(n[0]) > abs(n[1]):
        u, width, face = p[1] * np.sign(n[0]), half[1], 1.0
    else:
        u, width, face = -p[0] * np.sign(n[1]), half[0], 2.0
    height = p[2] + half[2] - 1.5  # the footing below the ground
    grain = layered2(u, height, seed + face, footprint_m)
    wall = scaled(own, max(0.2, 1.0 + 0.42 * grain))
    if seed % 2.0 == 0.0:
        row = int(np.floor(height / 0.16))
        joint = band(height % 0.16 - 0.08, 0.014, footprint_m)
        joint = max(joint, band((u + 0.17 * (row % 2)) % 0.34 - 0.17, 0.014, footprint_m))
        wall = scaled(wall, 1.0 - 0.4 * joint * fading(0.16, footprint_m))
    if height < 0.55:
        return scaled(wall, 0.55)
    columns = max(1, int(2.0 * width / _WINDOW_STEP_M))
    step = 2.0 * width / columns
    column, storey = int(np.floor((u + width) / step)), int(np.floor(height / _STOREY_M))
    du = u + width - (column + 0.5) * step
    dv = height - storey * _STOREY_M - 1.65
    if (storey + 1) * _STOREY_M > 2.0 * half[2] - 1.0:
        return scaled(wall, 0.85)
    if abs(dv + 1.65) < 0.12 and storey > 0:
        return scaled(wall, 0.8)
    return _window_colour(wall, (du, dv), (column, storey), seed + face, footprint_m)


@compiled_inner
def _window_colour(
    wall: Colour,
    offset: tuple[float, float],
    cell: tuple[int, int],
    seed: float,
    footprint_m: float,
) -> Colour:
    """Return the wall with a window, or now and then a door, in the middle of its cell."""
    du, dv = offset
    half_width, low, high = 0.62, -0.78, 0.78
    choice = hashed(cell[0], cell[1], seed + 2.0)
    door = cell[1] == 0 and choice < 0.3
    if door:
        half_width, low, high = 0.5, -1.2, 0.85
    inside = min(half_width - abs(du), dv - low, high - dv)
    if inside < 0.0:
        if not door and -0.14 < dv - low < 0.0 and abs(du) < half_width + 0.12:
            return scaled(wall, 1.35)
        return wall
    if inside < 0.09 or (not door and abs(du) < 0.045) or (not door and abs(dv - 0.25) < 0.035):
        return (0.62, 0.60, 0.56)
    if door:
        return scaled((0.22, 0.13, 0.08), 1.0 + 0.5 * choice + 0.3 * np.sign(du % 0.3 - 0.15))
    glass = (0.05, 0.07, 0.09)
    curtain = hashed(cell[0], cell[1], seed + 5.0)
    if curtain < 0.45 and dv > low + curtain * 2.0:
        folds = 1.0 + 0.25 * np.sin(30.0 * du) * fading(0.2, footprint_m)
        return scaled((0.42, 0.40, 0.36), folds)
    shine = 0.5 + 0.5 * noise2(1.3 * du + 5.0 * choice, 1.1 * dv + 9.0 * curtain, seed)
    return blended(glass, (0.30, 0.36, 0.42), 0.6 * shine)


@compiled_inner
def _paint_colour(
    own: Colour, p: _Vector, n: _Vector, half: _Vector, seed: float, footprint_m: float
) -> Colour:
    """Return a painted body with seams, handles, lights, grille, plates and some dirt."""
    dirt = layered3(p[0], p[1], p[2], seed, footprint_m)
    colour = scaled(own, 1.0 + 0.22 * dirt)
    height = (p[2] + half[2]) / (2.0 * half[2])
    if abs(n[0]) > 0.8:
        side = abs(p[1]) / half[1]
        if 0.55 < height < 0.85 and side > 0.62:
            return (0.85, 0.85, 0.80) if n[0] > 0.0 else (0.55, 0.02, 0.02)
        if 0.30 < height < 0.48 and abs(p[1]) < 0.26:
            return (0.75, 0.75, 0.70)
        if height < 0.28 or (n[0] > 0.0 and height < 0.70 and side < 0.55):
            return (0.04, 0.04, 0.045)
        return colour
    if n[2] > 0.8:
        return colour
    if height < 0.16:
        return (0.035, 0.035, 0.035)
    for k in range(3):
        seam = (0.42 - 0.40 * k) * half[0]
        colour = scaled(colour, 1.0 - 0.7 * band(p[0] - seam, 0.012, footprint_m))
        if k < 2 and abs(p[0] - seam + 0.85) < 0.11 and 0.74 < height < 0.80:
            return (0.05, 0.05, 0.05)
    if (abs(p[0]) - 0.62 * half[0]) ** 2 + ((height - 0.05) * 0.7) ** 2 < 0.16:
        return scaled(colour, 0.25)
    return colour


@compiled_inner
def _cabin_colour(own: Colour, p: _Vector, n: _Vector, half: _Vector, footprint_m: float) -> Colour:
    """Return windows between painted pillars, and a painted roof."""
    if n[2] > 0.9:
        return scaled(own, 0.95 + 0.1 * noise2(3.0 * p[0], 3.0 * p[1], 5.0))
    height = (p[2] + half[2]) / (2.0 * half[2])
    if height > 0.88:
        return own
    glass = blended((0.03, 0.04, 0.05), (0.24, 0.29, 0.34), 0.25 + 0.75 * height)
    if abs(n[1]) > abs(n[0]):
        pillar = max(
            band(p[0] + 0.08, 0.05, footprint_m),
            band(p[0] - 0.85 * half[0] + 0.5, 0.05, footprint_m),
        )
        return blended(glass, scaled(own, 0.35), pillar)
    side = abs(p[1]) / (half[1] - 0.25 * 2.0 * half[2] * height)
    if side > 0.93:
        return own
    if height < 0.5 and 0.3 < side < 0.75:
        return scaled(glass, 0.45)  # the headrests behind the window
    return glass


@compiled_inner
def sky_colour(direction: _Vector) -> Colour:
    """Return a clear sky with some clouds; fixed to the direction, so it flows by rotation only."""
    up = max(direction[2], 0.0)
    share = min(1.0, 2.2 * np.sqrt(up))
    colour = blended((0.72, 0.78, 0.84), (0.20, 0.38, 0.72), share)
    if up <= 0.0:
        return colour
    u, v = direction[0] / (up + 0.18), direction[1] / (up + 0.18)
    cloud = noise2(1.1 * u, 1.1 * v, 3.0) + 0.5 * noise2(2.7 * u, 2.7 * v, 4.0)
    cloud += 0.28 * noise2(6.5 * u, 6.5 * v, 6.0) + 0.15 * noise2(15.0 * u, 15.0 * v, 7.0)
    return blended(colour, (0.92, 0.92, 0.92), min(max(0.9 * cloud + 0.1, 0.0), 0.85))
