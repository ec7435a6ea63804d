# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Colours what the camera's rays meet, and tells where each pixel goes next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsup_track_ros.data.synthetic.compiled import compiled, compiled_inner, on_all_cores
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


class View(NamedTuple):
    """What the colouring of one image reads besides geometry.

    Attributes:
        sun: (3,) unit vector towards the sun, world.
        pixel_rad: Angle of one pixel.
        noise_seed: Seed of the sensor noise of the first ray; that of the next is one more.
        noise: Its largest value in grey steps.
        footprints: (F, 6) x, y, cosine, sine, half length, half width of things on the ground.
        cam_T_odom: (4, 4) moves points of the world to the camera at the next image.
        pix_T_cam: (3, 3) intrinsics.
        motions: (N, 7) of every object: x, y, z; x, y, z at the next image; turn in between.
    """

    sun: Float64[np.ndarray, " 3"]
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
        d = rays.directions[r]
        direction = (d[0], d[1], d[2])
        t, m = hits.distance[r], int(hits.solid[r])
        x, y, z = rays.origin[0] + t * d[0], rays.origin[1] + t * d[1], rays.origin[2] + t * d[2]
        if m == NOTHING:
            colour = sky_colour(direction)
        else:
            if m == GROUND:
                colour = _ground_light(ground, (x, y, z), direction, t, view)
            else:
                colour = _solid_light(solids, m, (x, y, z), t * view.pixel_rad, view.sun)
            colour = blended(colour, _HAZE_COLOUR, 1.0 - np.exp(-t / _HAZE_M))
        jitter = view.noise * _pixel_noise(r + view.noise_seed)
        for channel in range(3):
            # The square root is close to the gamma of displays (1 / 2.2) and much cheaper.
            value = 255.0 * np.sqrt(min(max(colour[channel], 0.0), 1.0)) + jitter
            colours[r, channel] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
        u, v = _next_pixel(solids, m, (x, y, z), direction, view)
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
    light = (light + _SKY_LIGHT) * _contact(view.footprints, x, y)
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
    m = ground.shadow
    low: float = (1.0 - b) * m[i, j] + b * m[i, j + 1]
    high: float = (1.0 - b) * m[i + 1, j] + b * m[i + 1, j + 1]
    return (1.0 - a) * low + a * high


@compiled_inner
def _contact(footprints: Float64[np.ndarray, "F 6"], x: float, y: float) -> float:
    """Return how much sky is left below and beside things that stand on the ground."""
    light = 1.0
    for k in range(footprints.shape[0]):
        dx, dy = x - footprints[k, 0], y - footprints[k, 1]
        if abs(dx) > 4.0 or abs(dy) > 4.0:
            continue
        c, s = footprints[k, 2], footprints[k, 3]
        u = max(abs(c * dx + s * dy) - footprints[k, 4], 0.0)
        v = max(abs(c * dy - s * dx) - footprints[k, 5], 0.0)
        gap = np.sqrt(u * u + v * v) / _CONTACT_M
        if gap < 1.0:
            light *= 0.35 + 0.65 * gap * gap * (3.0 - 2.0 * gap)
    return light


@compiled_inner
def _solid_light(
    solids: Solids, m: int, point: Vector, footprint_m: float, sun: Float64[np.ndarray, " 3"]
) -> Colour:
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
    T = view.cam_T_odom
    x, y, z, w = point[0], point[1], point[2], 1.0
    if m == NOTHING:
        x, y, z, w = direction[0], direction[1], direction[2], 0.0
    elif m >= 0 and solids.owner[m] >= 0:
        motion = view.motions[solids.owner[m]]
        c, s = np.cos(motion[6]), np.sin(motion[6])
        dx, dy = x - motion[0], y - motion[1]
        x, y = motion[3] + c * dx - s * dy, motion[4] + s * dx + c * dy
        z += motion[5] - motion[2]
    a = T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + w * T[0, 3]
    b = T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + w * T[1, 3]
    depth = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + w * T[2, 3]
    if depth <= 1e-3:
        return np.nan, np.nan
    K = view.pix_T_cam
    return K[0, 0] * a / depth + K[0, 2], K[1, 1] * b / depth + K[1, 2]
