# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What never moves: houses, trees, poles, hedges along the road."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.data.synthetic.ground import (
    CROSSING_HALF_WIDTH_M,
    KERB_D_M,
    SIDEWALK_D_M,
    Ground,
    Road,
    ground_height,
)
from unsup_track_ros.data.synthetic.solids import Kind, Material, Part, Solids, placed, solids_of
from unsup_track_ros.shapes import Float64

_WALL_COLOURS = (
    (0.52, 0.30, 0.22),
    (0.66, 0.58, 0.44),
    (0.58, 0.56, 0.54),
    (0.72, 0.64, 0.40),
    (0.42, 0.22, 0.16),
    (0.62, 0.46, 0.36),
    (0.48, 0.54, 0.56),
)
_ROOF_COLOURS = ((0.36, 0.14, 0.09), (0.20, 0.19, 0.19), (0.30, 0.20, 0.14))
# Houses reach this far below their front, so that none floats on a slope.
_FOOTING_M = 1.5

# A thing of the scenery: its parts and where it stands (s, d, yaw against the road).
_Item = tuple[list[Part], float, float, float]


def build_scenery(
    road: Road, ground: Ground, trees_per_100m: float, rng: np.random.Generator
) -> Solids:
    """Line both sides of the road with scenery; returns solids in the world, owner -1."""
    items: list[_Item] = []
    for side in (-1.0, 1.0):
        items += _houses(road, ground, side, rng)
        items += _trees(road, ground, (side, trees_per_100m), rng)
        items += _poles(road, ground, side, rng)
    solids = solids_of([item[0] for item in items], range(len(items)))
    world = placed(solids, _poses(road, ground, items))
    return world._replace(owner=np.full(len(world.owner), -1, np.int32))


def _poses(road: Road, ground: Ground, items: list[_Item]) -> Float64[np.ndarray, "N 4"]:
    s, d, yaw = (np.array([item[k] for item in items], np.float64) for k in (1, 2, 3))
    x, y, heading = road.place(s, d)
    z = [ground_height(ground, *point) for point in zip(x, y, strict=True)]
    return np.stack([x, y, np.array(z), heading + yaw], 1)


def _is_free(ground: Ground, s: float, half_length: float) -> bool:
    """Tell whether nothing of length 2 `half_length` at s reaches into a crossing street."""
    room = CROSSING_HALF_WIDTH_M + 2.5 + half_length
    return bool(np.all(np.abs(ground.crossings_s - s) > room))


def _houses(road: Road, ground: Ground, side: float, rng: np.random.Generator) -> list[_Item]:
    """Build a row of houses with hedges or walls in front of those that stand back."""
    items: list[_Item] = []
    s = 0.0
    while s < road.length_m:
        width, depth = rng.uniform(9.0, 17.0), rng.uniform(9.0, 13.0)
        setback = rng.choice([0.3, 0.6, 4.5], p=[0.4, 0.3, 0.3])
        middle = s + 0.5 * width
        s += width + (rng.uniform(2.0, 9.0) if rng.random() < 0.35 else 0.0)
        if not _is_free(ground, middle, 0.5 * width):
            continue
        front = SIDEWALK_D_M + setback
        yaw = 0.0 if side < 0 else np.pi
        items.append((_house(width, depth, rng), middle, side * (front + 0.5 * depth), yaw))
        if setback > 2.0:
            items.append((_fence(width, rng), middle, side * (SIDEWALK_D_M + 0.3), 0.0))
    return items


def _house(width: float, depth: float, rng: np.random.Generator) -> list[Part]:
    """Return walls and a roof; x along the street, y towards the street."""
    height = 3.0 * rng.integers(2, 6) + 0.8
    wall = _WALL_COLOURS[int(rng.integers(len(_WALL_COLOURS)))]
    roof = _ROOF_COLOURS[int(rng.integers(len(_ROOF_COLOURS)))]
    rise = rng.uniform(2.0, 4.0)
    half = (0.5 * width, 0.5 * depth)
    lean = (half[1] + 0.1) / rise  # the sides of the roof meet in a ridge
    return [
        Part(
            kind=Kind.BOX,
            material=Material.FACADE,
            centre_m=(0.0, 0.0, 0.5 * (height - _FOOTING_M)),
            half_m=(*half, 0.5 * (height + _FOOTING_M)),
            colour=wall,
        ),
        Part(
            kind=Kind.BOX,
            material=Material.ROOF,
            centre_m=(0.0, 0.0, height + 0.5 * rise),
            half_m=(half[0] + 0.15, half[1] + 0.4, 0.5 * rise),
            taper=(0.0, 0.0, lean),
            colour=roof,
        ),
    ]


def _fence(width: float, rng: np.random.Generator) -> list[Part]:
    """Return a clipped hedge or a low wall."""
    hedge = rng.random() < 0.6
    height = rng.uniform(0.9, 1.4) if hedge else rng.uniform(0.6, 1.0)
    return [
        Part(
            kind=Kind.BOX,
            material=Material.LEAVES if hedge else Material.WALL,
            centre_m=(0.0, 0.0, 0.5 * height - 0.15),
            half_m=(0.5 * width - 0.2, 0.35 if hedge else 0.12, 0.5 * height + 0.15),
            colour=(0.10, 0.22, 0.06) if hedge else (0.5, 0.47, 0.42),
        )
    ]


def _trees(
    road: Road, ground: Ground, side_and_density: tuple[float, float], rng: np.random.Generator
) -> list[_Item]:
    side, per_100m = side_and_density
    num = round(per_100m * road.length_m / 100.0)
    places: list[float] = np.sort(rng.uniform(0.0, road.length_m, num)).tolist()
    return [
        (_tree(rng), s, side * (KERB_D_M + 0.7), rng.uniform(0, np.pi))
        for s in places
        if _is_free(ground, s, 1.0)
    ]


def _tree(rng: np.random.Generator) -> list[Part]:
    """Return a trunk and a crown of several balls, the lowest above a van's roof."""
    trunk, radius = rng.uniform(2.4, 3.2), rng.uniform(0.12, 0.22)
    size = rng.uniform(1.3, 2.1)
    green = np.array([0.13, 0.25, 0.06]) * rng.uniform(0.7, 1.4)
    parts = [
        Part(
            kind=Kind.CYLINDER,
            material=Material.BARK,
            centre_m=(0.0, 0.0, 0.5 * trunk + 0.3),
            half_m=(radius, radius, 0.5 * trunk + 0.6),
            colour=(0.20, 0.14, 0.09),
        )
    ]
    for k in range(5):
        angle, away = 2 * np.pi * k / 4, (0.0 if k == 4 else 0.55 * size)
        half = size * rng.uniform(0.65, 0.95)
        z = trunk + 0.9 * half + (0.9 * size if k == 4 else rng.uniform(0.0, 0.4))
        red, grn, blue = (green * rng.uniform(0.85, 1.15)).tolist()
        parts.append(
            Part(
                kind=Kind.ELLIPSOID,
                material=Material.LEAVES,
                centre_m=(away * np.cos(angle), away * np.sin(angle), z),
                half_m=(half, half, 0.9 * half),
                colour=(red, grn, blue),
            )
        )
    return parts


def _poles(road: Road, ground: Ground, side: float, rng: np.random.Generator) -> list[_Item]:
    """Set lamp posts every 30 m and traffic signs in between."""
    items: list[_Item] = []
    for s in np.arange(rng.uniform(5.0, 20.0), road.length_m, 30.0):
        if _is_free(ground, float(s), 0.5):
            items.append((_lamp(), float(s), side * (KERB_D_M + 0.35), 0.0 if side < 0 else np.pi))
        sign_s = float(s) + rng.uniform(8.0, 22.0)
        if _is_free(ground, sign_s, 0.5) and rng.random() < 0.6:
            items.append((_sign(rng), sign_s, side * (KERB_D_M + 0.5), 0.0 if side < 0 else np.pi))
    return items


def _lamp() -> list[Part]:
    grey = (0.25, 0.27, 0.27)
    return [
        Part(
            kind=Kind.CYLINDER,
            material=Material.METAL,
            centre_m=(0.0, 0.0, 3.4),
            half_m=(0.07, 0.07, 3.6),
            colour=grey,
        ),
        Part(
            kind=Kind.BOX,
            material=Material.METAL,
            centre_m=(0.0, 0.7, 7.0),
            half_m=(0.07, 0.8, 0.06),
            colour=grey,
        ),
    ]


def _sign(rng: np.random.Generator) -> list[Part]:
    board = ((0.55, 0.03, 0.03), (0.03, 0.10, 0.50), (0.80, 0.55, 0.02))[int(rng.integers(3))]
    return [
        Part(
            kind=Kind.CYLINDER,
            material=Material.METAL,
            centre_m=(0.0, 0.0, 1.2),
            half_m=(0.035, 0.035, 1.5),
            colour=(0.4, 0.4, 0.4),
        ),
        Part(
            kind=Kind.BOX,
            material=Material.METAL,
            centre_m=(-0.05, 0.0, 2.4),
            half_m=(0.015, 0.32, 0.32),
            colour=board,
        ),
    ]
