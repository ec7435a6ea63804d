# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ground of the synthetic world: gentle hills, a curved road, kerbs and crossing streets.

Street coordinates: `s` runs along the road's centre line (m from its start), `d` to its left (m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from unsup_track_ros.compiled import compiled, compiled_inner
from unsup_track_ros.shapes import Float32, Float64

# Cross-section of the street, right half: a residential street with parking strips.
LANE_WIDTH_M = 3.5
KERB_D_M = 5.9
KERB_HEIGHT_M = 0.12
SIDEWALK_D_M = 9.0
CROSSING_HALF_WIDTH_M = 4.0

_CENTRE_STEP_M = 0.25
_MAP_STEP_M = 1.0
_MAP_MARGIN_M = 130.0
_SHADOW_STEP_M = 0.25
SHADOW_D_M = 24.0


class Ground(NamedTuple):
    """The ground as compiled functions read it.

    Attributes:
        waves: (K, 4) amplitude (m), wave vector x, y (rad/m), phase (rad) of the hills.
        steepness: Largest slope of the hills.
        surface: (Y, X, 3) street coordinates s, d and height of the hills on a grid of the world
            plane; rays meet the surface between its nodes, within 0.1 mm of the hills.
        map_origin: (2,) world x, y of the grid's first node.
        map_step_m: Distance of the grid's nodes.
        crossings_s: (C,) s of the crossing streets.
        shadow: (S, D) share of sunlight on a grid of street coordinates from s = 0,
            d = -SHADOW_D_M.
        shadow_step_m: Distance of the shadow grid's nodes.
    """

    waves: Float64[np.ndarray, "K 4"]
    steepness: float
    surface: Float32[np.ndarray, "Y X 3"]
    map_origin: Float64[np.ndarray, " 2"]
    map_step_m: float
    crossings_s: Float64[np.ndarray, " C"]
    shadow: Float32[np.ndarray, "S D"]
    shadow_step_m: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Road:
    """The centre line of the road in the world plane, sampled every 0.25 m.

    Attributes:
        s: (S,) distance along the line.
        xy: (S, 2) world position.
        heading_rad: (S,) direction of increasing s, not wrapped.
    """

    s: Float64[np.ndarray, " S"]
    xy: Float64[np.ndarray, "S 2"]
    heading_rad: Float64[np.ndarray, " S"]

    @property
    def length_m(self) -> float:
        """Length of the centre line."""
        return float(self.s[-1])

    def place(
        self, s: Float64[np.ndarray, "*B"], d: Float64[np.ndarray, "*B"]
    ) -> tuple[Float64[np.ndarray, "*B"], Float64[np.ndarray, "*B"], Float64[np.ndarray, "*B"]]:
        """Return world x, y and the road's heading; beyond its ends the road runs on straight."""
        heading = np.interp(s, self.s, self.heading_rad)
        beyond = s - np.clip(s, 0.0, self.length_m)
        x = np.interp(s, self.s, self.xy[:, 0]) + beyond * np.cos(heading) - np.sin(heading) * d
        y = np.interp(s, self.s, self.xy[:, 1]) + beyond * np.sin(heading) + np.cos(heading) * d
        return x, y, heading


def build_road(length_m: float, rng: np.random.Generator) -> Road:
    """Draw a road that winds with radii above 90 m and starts at the origin along +x."""
    s = np.arange(0.0, length_m + _CENTRE_STEP_M, _CENTRE_STEP_M)
    heading = np.zeros_like(s)
    for wavelength_m, bend_rad in ((260.0, 0.32), (120.0, 0.06)):
        phase = rng.uniform(0, 2 * np.pi)
        bend = bend_rad * rng.uniform(0.7, 1.0)
        heading += bend * (np.sin(2 * np.pi * s / wavelength_m + phase) - np.sin(phase))
    middle = 0.5 * (heading[1:] + heading[:-1])
    steps = np.stack([np.cos(middle), np.sin(middle)], 1) * _CENTRE_STEP_M
    xy = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
    return Road(s=s, xy=xy, heading_rad=heading)


def build_ground(
    road: Road, crossings_s: Float64[np.ndarray, " C"], rng: np.random.Generator
) -> Ground:
    """Lay hills and the street map around a road; the shadow map is still empty."""
    lower = road.xy.min(0) - _MAP_MARGIN_M
    columns, rows = np.ceil((road.xy.max(0) + _MAP_MARGIN_M - lower) / _MAP_STEP_M).astype(int) + 1
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    nodes = np.stack([x, y], -1).reshape(-1, 2) * _MAP_STEP_M + lower
    _, nearest = cKDTree(road.xy).query(nodes)
    offset = nodes - road.xy[nearest]
    cosine, sine = np.cos(road.heading_rad[nearest]), np.sin(road.heading_rad[nearest])
    s = road.s[nearest] + cosine * offset[:, 0] + sine * offset[:, 1]
    d = -sine * offset[:, 0] + cosine * offset[:, 1]
    waves = _draw_hills(rng)
    phase = nodes @ waves[:, 1:3].T + waves[:, 3]
    height = (waves[:, 0] * np.sin(phase)).sum(1)
    shadow_shape = (
        int(road.length_m / _SHADOW_STEP_M) + 1,
        int(2 * SHADOW_D_M / _SHADOW_STEP_M) + 1,
    )
    return Ground(
        waves=waves,
        steepness=float((waves[:, 0] * np.hypot(waves[:, 1], waves[:, 2])).sum()),
        surface=np.stack([s, d, height], -1).reshape(rows, columns, 3).astype(np.float32),
        map_origin=lower,
        map_step_m=_MAP_STEP_M,
        crossings_s=np.asarray(crossings_s, np.float64),
        shadow=np.ones(shadow_shape, np.float32),
        shadow_step_m=_SHADOW_STEP_M,
    )


def _draw_hills(rng: np.random.Generator) -> Float64[np.ndarray, "K 4"]:
    """Draw waves whose slopes add up to at most 3.2 %."""
    waves = []
    for wavelength_m, slope in ((220.0, 0.018), (130.0, 0.010), (60.0, 0.004)):
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        wave = 2 * np.pi / wavelength_m
        waves.append([slope / wave, wave * np.cos(direction), wave * np.sin(direction), phase])
    return np.array(waves)


@compiled_inner
def _phase(ground: Ground, k: int, x: float, y: float) -> float:
    return float(ground.waves[k, 1] * x + ground.waves[k, 2] * y + ground.waves[k, 3])


@compiled
def hill_height(ground: Ground, x: float, y: float) -> float:
    """Return the height of the road surface (kerbs left out)."""
    height = 0.0
    for k in range(ground.waves.shape[0]):
        height += ground.waves[k, 0] * np.sin(_phase(ground, k, x, y))
    return height


@compiled
def hill_slope(ground: Ground, x: float, y: float) -> tuple[float, float]:
    """Return the gradient of `hill_height`."""
    slope_x = 0.0
    slope_y = 0.0
    for k in range(ground.waves.shape[0]):
        rise = ground.waves[k, 0] * np.cos(_phase(ground, k, x, y))
        slope_x += rise * ground.waves[k, 1]
        slope_y += rise * ground.waves[k, 2]
    return slope_x, slope_y


@compiled
def surface_at(ground: Ground, x: float, y: float) -> tuple[float, float, float]:
    """Return s, d and the height of the hills at a point of the world plane."""
    rows, columns, _ = ground.surface.shape
    u = min(max((x - ground.map_origin[0]) / ground.map_step_m, 0.0), columns - 1.001)
    v = min(max((y - ground.map_origin[1]) / ground.map_step_m, 0.0), rows - 1.001)
    i, j = int(v), int(u)
    a, b = v - i, u - j
    w0, w1, w2, w3 = (1.0 - a) * (1.0 - b), (1.0 - a) * b, a * (1.0 - b), a * b
    sums = (0.0, 0.0, 0.0)
    for row, column, weight in ((i, j, w0), (i, j + 1, w1), (i + 1, j, w2), (i + 1, j + 1, w3)):
        sums = (
            sums[0] + weight * ground.surface[row, column, 0],
            sums[1] + weight * ground.surface[row, column, 1],
            sums[2] + weight * ground.surface[row, column, 2],
        )
    return sums


@compiled_inner
def is_raised(ground: Ground, s: float, d: float) -> bool:
    """Tell whether a place of the street lies behind the kerb."""
    if abs(d) < KERB_D_M:
        return False
    for k in range(ground.crossings_s.shape[0]):
        if abs(s - ground.crossings_s[k]) < CROSSING_HALF_WIDTH_M:
            return False
    return True


@compiled
def ground_height(ground: Ground, x: float, y: float) -> float:
    """Return the height of the surface, kerbs included."""
    s, d, height = surface_at(ground, x, y)
    if is_raised(ground, s, d):
        height += KERB_HEIGHT_M
    return height


def ground_heights(ground: Ground, points: Float64[np.ndarray, "P 2"]) -> Float64[np.ndarray, " P"]:
    """Return `ground_height` of many points of the world plane."""
    heights = np.empty(len(points))
    _fill_heights(ground, np.ascontiguousarray(points), heights)
    return heights


@compiled
def _fill_heights(
    ground: Ground, points: Float64[np.ndarray, "P 2"], heights: Float64[np.ndarray, " P"]
) -> None:
    for k in range(points.shape[0]):
        heights[k] = ground_height(ground, points[k, 0], points[k, 1])
