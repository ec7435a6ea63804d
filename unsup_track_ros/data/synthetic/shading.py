# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Colours what the camera's rays meet, and tells where each pixel goes next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsup_track_ros.compiled import compiled, compiled_inner, on_all_cores
from unsup_track_ros.data.synthetic.ground import (
    KERB_D_M,
    SHADOW_D_M,
    Ground,
    hill_slope,
    is_raised,
    surface_at,
)
from unsup_track_ros.data.synthetic.intersection import Vector, local_normal
from unsup_track_ros.data.synthetic.raycast import GROUND, NOTHING, Hits, Rays
from unsup_track_ros.data.synthetic.solids import Solids
from unsup_track_ros.data.synthetic.surfaces import (
    Colour,
    blended,
    ground_colour,
    scaled,
    sky_colour,
    solid_colour,
)
from unsup_track_ros.shapes import Float32, Float64, UInt8

_GROUND_TAPS = 4
_HAZE_M = 700.0
_HAZE_COLOUR = (0.70, 0.76, 0.82)
# Light of the sun and of the sky on a white surface.
_SUN_LIGHT = 1.0
_SKY_LIGHT = 0.36
# How far the darkness below a vehicle reaches.
_CONTACT_M = 0.45
_MIN_DEPTH_M = 1e-3


class View(NamedTuple):
    """What the colouring of one image reads besides geometry.

    Attributes:
        sun: Unit vector towards the sun, world.
        pixel_rad: Angle of one pixel.
        noise_seed: Seed of the sensor noise of the first ray; that of the next is one more.
        noise: Its largest value in grey steps.
        footprints: (F, 6) x, y, cosine, sine, half length, half width of things on the ground.
        cam_T_odom: (4, 4) moves points of the world to the camera at the next image.
        pix_T_cam: (3, 3) intrinsics.
        motions: (N, 7) of every object: x, y, z; x, y, z at the next image; turn in between.
    """

    sun: Vector
    pixel_rad: float
    noise_seed: int
    noise: float
    footprints: Float64[np.ndarray, "F 6"]
    cam_T_odom: Float64[np.ndarray, "4 4"]
    pix_T_cam: Float64[np.ndarray, "3 3"]
    motions: Float64[np.ndarray, "N 7"]


def paint(
    rays: Rays, hits: Hits, solids: Solids, ground: Ground, view: View
) -> tuple[UInt8[np.ndarray, "R 3"], Float32[np.ndarray, "R 2"]]:
    """Return colour and next pixel of every ray; the next pixel is nan behind the next camera."""
    colours = np.empty((len(rays.directions), 3), np.uint8)
    next_pix = np.empty((len(rays.directions), 2), np.float32)

    def paint_span(first: int, last: int) -> None:
        span = slice(first, last)
        part = rays._replace(directions=rays.directions[span])
        seen = hits._replace(distance=hits.distance[span], solid=hits.solid[span])
        own = view._replace(noise_seed=view.noise_seed + first)
        _paint_rays(part, seen, solids, ground, own, (colours[span], next_pix[span]))

    on_all_cores(paint_span, len(rays.directions))
    return colours, next_pix


@compiled
def _paint_rays(
    rays: Rays,
    hits: Hits,
    solids: Solids,
    ground: Ground,
    view: View,
    out: tuple[UInt8[np.ndarray, "R 3"], Float32[np.ndarray, "R 2"]],
) -> None:
    colours, next_pix = out
    for r in range(rays.directions.shape[0]):
        d = (rays.directions[r, 0], rays.directions[r, 1], rays.directions[r, 2])
        t, m = hits.distance[r], int(hits.solid[r])
        x, y, z = rays.origin[0] + t * d[0], rays.origin[1] + t * d[1], rays.origin[2] + t * d[2]
        if m == NOTHING:
            colour = sky_colour(d)
        else:
            if m == GROUND:
                colour = _ground_light(ground, (x, y, z), d, t, view)
            else:
                colour = _solid_light(solids, m, (x, y, z), t * view.pixel_rad, view.sun)
            colour = blended(colour, _HAZE_COLOUR, 1.0 - np.exp(-t / _HAZE_M))
        jitter = view.noise * _pixel_noise(r + view.noise_seed)
        for channel in range(3):
            # The square root is close to the gamma of displays (1 / 2.2) and much cheaper.
            value = 255.0 * np.sqrt(min(max(colour[channel], 0.0), 1.0)) + jitter
            colours[r, channel] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
        u, v = _next_pixel(solids, m, (x, y, z), d, view)
        next_pix[r, 0] = u
        next_pix[r, 1] = v


@compiled_inner
def _pixel_noise(number: int) -> float:
    """Return noise in [-1, 1] without pattern (a mixed congruential hash)."""
    value = number * 6364136223846793005 + 1442695040888963407
    value = (value ^ (value >> 29)) * 2862933555777941757
    return ((value >> 40) & 0xFFFF) / 32767.5 - 1.0


@compiled_inner
def _ground_light(ground: Ground, point: Vector, direction: Vector, t: float, view: View) -> Colour:
    """Return the light from the ground: several taps along the pixel, which is long there."""
    x, y, _ = point
    slope_x, slope_y = hill_slope(ground, x, y)
    across = t * view.pixel_rad
    flat = max(np.sqrt(direction[0] ** 2 + direction[1] ** 2), 1e-6)
    facing = max(slope_x * direction[0] + slope_y * direction[1] - direction[2], 1e-3)
    along = min(across / facing, 8.0)
    taps = min(_GROUND_TAPS, int(np.ceil(along / (1.5 * across))))
    step = along / taps
    footprint = max(across, step)
    total = (0.0, 0.0, 0.0)
    for tap in range(taps):
        shift = (tap - 0.5 * (taps - 1)) * step / flat
        colour = ground_colour(
            ground, x + shift * direction[0], y + shift * direction[1], footprint
        )
        total = (total[0] + colour[0], total[1] + colour[1], total[2] + colour[2])
    s, d, _ = surface_at(ground, x, y)
    norm = np.sqrt(1.0 + slope_x**2 + slope_y**2)
    facing_sun = (view.sun[2] - slope_x * view.sun[0] - slope_y * view.sun[1]) / norm
    light = _SUN_LIGHT * max(facing_sun, 0.0) * _sunlight(ground, s, d)
    light = (light + _SKY_LIGHT) * _contact(view, x, y)
    if abs(abs(d) - KERB_D_M) < 0.02 and is_raised(ground, s, d):
        light *= 0.6  # the upright face of the kerb
    return scaled(total, light / taps)


@compiled_inner
def _sunlight(ground: Ground, s: float, d: float) -> float:
    """Return the share of sunlight that no standing thing keeps from the ground."""
    rows, columns = ground.shadow.shape
    u, v = s / ground.shadow_step_m, (d + SHADOW_D_M) / ground.shadow_step_m
    if u < 0.0 or v < 0.0 or u >= rows - 1 or v >= columns - 1:
        return 1.0
    i, j = int(u), int(v)
    a, b = u - i, v - j
    low: float = (1.0 - b) * ground.shadow[i, j] + b * ground.shadow[i, j + 1]
    high: float = (1.0 - b) * ground.shadow[i + 1, j] + b * ground.shadow[i + 1, j + 1]
    return (1.0 - a) * low + a * high


@compiled_inner
def _contact(view: View, x: float, y: float) -> float:
    """Return how much sky is left below and beside things that stand on the ground."""
    light = 1.0
    for k in range(view.footprints.shape[0]):
        dx, dy = x - view.footprints[k, 0], y - view.footprints[k, 1]
        if abs(dx) > 4.0 or abs(dy) > 4.0:
            continue
        c, s = view.footprints[k, 2], view.footprints[k, 3]
        u = max(abs(c * dx + s * dy) - view.footprints[k, 4], 0.0)
        v = max(abs(c * dy - s * dx) - view.footprints[k, 5], 0.0)
        gap = np.sqrt(u * u + v * v) / _CONTACT_M
        if gap < 1.0:
            light *= 0.35 + 0.65 * gap * gap * (3.0 - 2.0 * gap)
    return light


@compiled_inner
def _solid_light(solids: Solids, m: int, point: Vector, footprint_m: float, sun: Vector) -> Colour:
    c, s = solids.axis[m, 0], solids.axis[m, 1]
    dx, dy = point[0] - solids.centre[m, 0], point[1] - solids.centre[m, 1]
    local = (c * dx + s * dy, c * dy - s * dx, point[2] - solids.centre[m, 2])
    normal = local_normal(solids, m, local)
    nx, ny, nz = c * normal[0] - s * normal[1], s * normal[0] + c * normal[1], normal[2]
    colour = solid_colour(solids, m, local, normal, footprint_m)
    lit = max(nx * sun[0] + ny * sun[1] + nz * sun[2], 0.0)
    return scaled(colour, _SUN_LIGHT * lit + _SKY_LIGHT * (0.78 + 0.22 * nz))


@compiled_inner
def _next_pixel(
    solids: Solids, m: int, point: Vector, direction: Vector, view: View
) -> tuple[float, float]:
    """Project where the surface point will be at the next image; the sky only turns."""
    x, y, z, w = point[0], point[1], point[2], 1.0
    if m == NOTHING:
        x, y, z, w = direction[0], direction[1], direction[2], 0.0
    elif m >= 0 and solids.owner[m] >= 0:
        n = solids.owner[m]
        c, s = np.cos(view.motions[n, 6]), np.sin(view.motions[n, 6])
        dx, dy = x - view.motions[n, 0], y - view.motions[n, 1]
        x = view.motions[n, 3] + c * dx - s * dy
        y = view.motions[n, 4] + s * dx + c * dy
        z += view.motions[n, 5] - view.motions[n, 2]
    right = _row(view, 0.0, (x, y, z), w)
    down = _row(view, 1.0, (x, y, z), w)
    depth = _row(view, 2.0, (x, y, z), w)
    if depth <= _MIN_DEPTH_M:
        return np.nan, np.nan
    u = view.pix_T_cam[0, 0] * right / depth + view.pix_T_cam[0, 2]
    return u, view.pix_T_cam[1, 1] * down / depth + view.pix_T_cam[1, 2]


@compiled_inner
def _row(view: View, row: float, p: Vector, w: float) -> float:
    """Return one coordinate of a point (w = 1) or a direction (w = 0) in the camera's frame."""
    k = int(row)  # a literal integer would be compiled for itself
    x, y, z = p
    across = view.cam_T_odom[k, 0] * x + view.cam_T_odom[k, 1] * y
    return float(across + view.cam_T_odom[k, 2] * z + view.cam_T_odom[k, 3] * w)
