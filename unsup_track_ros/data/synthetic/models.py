# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Models of vehicles and people: a few solids each, together filling their box exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.data.synthetic.solids import Kind, Material, Part

Colour = tuple[float, float, float]

_PAINTS: tuple[Colour, ...] = (
    (0.75, 0.75, 0.76),
    (0.45, 0.47, 0.50),
    (0.06, 0.06, 0.07),
    (0.55, 0.05, 0.04),
    (0.05, 0.12, 0.42),
    (0.62, 0.60, 0.52),
    (0.04, 0.22, 0.12),
    (0.70, 0.36, 0.05),
)
_CLOTHES: tuple[Colour, ...] = (
    (0.60, 0.08, 0.08),
    (0.08, 0.15, 0.45),
    (0.70, 0.66, 0.55),
    (0.10, 0.35, 0.20),
    (0.75, 0.55, 0.10),
    (0.20, 0.20, 0.22),
    (0.50, 0.25, 0.50),
)
_SKINS: tuple[Colour, ...] = ((0.72, 0.50, 0.38), (0.45, 0.28, 0.18), (0.82, 0.62, 0.50))
_RUBBER: Colour = (0.03, 0.03, 0.03)
_TROUSERS: tuple[Colour, ...] = ((0.06, 0.07, 0.12), (0.25, 0.22, 0.17), (0.10, 0.10, 0.10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A thing that can stand or move on the street.

    Attributes:
        name: Class name of the truth.
        size_m: Length, width, height of its box, which stands on the model's origin.
        parts: Solids in the frame of the model (x forward, origin on the ground below the middle).
    """

    name: str
    size_m: tuple[float, float, float]
    parts: tuple[Part, ...]


def _pick(choices: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    return choices[int(rng.integers(len(choices)))]


def _wheels(length: float, width: float, radius: float) -> list[Part]:
    return [
        Part(
            kind=Kind.ELLIPSOID,
            material=Material.TYRE,
            centre_m=(end * 0.31 * length, side * (0.5 * width - 0.11), radius),
            half_m=(radius, 0.11, radius),
            colour=_RUBBER,
        )
        for end in (-1, 1)
        for side in (-1, 1)
    ]


def _box(
    material: Material,
    lower: tuple[float, float, float],
    upper: tuple[float, float, float],
    colour: Colour,
    taper: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Part:
    low, high = np.array(lower), np.array(upper)
    x, y, z = (0.5 * (low + high)).tolist()
    a, b, c = (0.5 * (high - low)).tolist()
    return Part(
        kind=Kind.BOX,
        material=material,
        centre_m=(x, y, z),
        half_m=(a, b, c),
        taper=taper,
        colour=colour,
    )


def car(rng: np.random.Generator) -> Model:
    """Draw a saloon or hatchback."""
    length, width = rng.uniform(4.0, 4.8), rng.uniform(1.70, 1.88)
    height = rng.uniform(1.42, 1.62)
    paint, belt = _pick(_PAINTS, rng), 0.60 * height
    boot = rng.uniform(0.02, 0.16) * length  # near 0: hatchback
    front, rear, side = 0.5 * length, -0.5 * length, 0.5 * width
    parts = [
        _box(Material.PAINT, (rear, -side, 0.22), (front, side, belt), paint, (0.12, 0.06, 0.05)),
        _box(
            Material.CABIN,
            (rear + boot, -side + 0.06, belt),
            (front - 0.26 * length, side - 0.06, height),
            paint,
            (0.85, 0.45, 0.22),
        ),
        *_wheels(length, width, 0.32),
    ]
    return Model(name="car", size_m=(length, width, height), parts=tuple(parts))


def van(rng: np.random.Generator) -> Model:
    """Draw a delivery van with a short bonnet."""
    length, width, height = rng.uniform(5.0, 6.0), rng.uniform(1.92, 2.05), rng.uniform(2.1, 2.5)
    paint = _pick(_PAINTS[:3] + _PAINTS[5:6], rng)
    front, rear, side = 0.5 * length, -0.5 * length, 0.5 * width
    parts = [
        _box(Material.PAINT, (rear, -side, 0.25), (front, side, 1.05), paint, (0.10, 0.0, 0.02)),
        _box(
            Material.METAL,
            (rear, -side, 1.05),
            (front - 1.9, side, height),
            paint,
            (0.0, 0.03, 0.04),
        ),
        _box(
            Material.CABIN,
            (front - 1.9, -side, 1.05),
            (front - 0.35, side, height),
            paint,
            (0.75, 0.0, 0.06),
        ),
        *_wheels(length, width, 0.36),
    ]
    return Model(name="van", size_m=(length, width, height), parts=tuple(parts))


def _ball(
    material: Material,
    centre: tuple[float, float, float],
    half: tuple[float, float, float],
    colour: Colour,
) -> Part:
    return Part(kind=Kind.ELLIPSOID, material=material, centre_m=centre, half_m=half, colour=colour)


def pedestrian(rng: np.random.Generator) -> Model:
    """Draw a person in mid-stride; the limbs do not move."""
    height, stride = rng.uniform(1.55, 1.90), rng.uniform(0.50, 0.75)
    shoulder = 0.25
    hip, neck = 0.50 * height, 0.86 * height
    shirt, trousers, skin = _pick(_CLOTHES, rng), _pick(_TROUSERS, rng), _pick(_SKINS, rng)
    foot = 0.5 * stride
    parts = [
        _box(Material.CLOTH, (foot - 0.26, 0.03, 0.0), (foot, 0.13, 0.09), _RUBBER),
        _box(Material.CLOTH, (-foot, -0.13, 0.0), (0.26 - foot, -0.03, 0.09), _RUBBER),
        _box(Material.CLOTH, (foot - 0.25, 0.02, 0.05), (foot - 0.10, 0.15, 0.55 * hip), trousers),
        _box(Material.CLOTH, (-foot, -0.15, 0.05), (0.15 - foot, -0.02, 0.55 * hip), trousers),
        _box(
            Material.CLOTH,
            (-0.20, -0.16, 0.45 * hip),
            (0.20, 0.16, 1.05 * hip),
            trousers,
            (0.25, 0.25, 0.0),
        ),
        _ball(
            Material.CLOTH, (0.0, 0.0, 0.5 * (hip + neck)), (0.15, 0.20, 0.56 * (neck - hip)), shirt
        ),
        _ball(Material.CLOTH, (0.08, shoulder - 0.06, 0.66 * height), (0.09, 0.06, 0.30), shirt),
        _ball(Material.CLOTH, (-0.08, 0.06 - shoulder, 0.66 * height), (0.09, 0.06, 0.30), shirt),
        _ball(Material.CLOTH, (0.0, 0.0, height - 0.13), (0.10, 0.09, 0.13), skin),
    ]
    return Model(name="pedestrian", size_m=(stride, 2 * shoulder, height), parts=tuple(parts))


def cyclist(rng: np.random.Generator) -> Model:
    """Draw a person on a bicycle."""
    length, height, handlebar = 1.75, rng.uniform(1.60, 1.80), 0.28
    shirt, trousers, skin = _pick(_CLOTHES, rng), _pick(_TROUSERS, rng), _pick(_SKINS, rng)
    frame = _pick(_PAINTS, rng)
    wheel = 0.34
    parts = [
        _ball(Material.TYRE, (0.5 * length - wheel, 0.0, wheel), (wheel, 0.03, wheel), _RUBBER),
        _ball(Material.TYRE, (wheel - 0.5 * length, 0.0, wheel), (wheel, 0.03, wheel), _RUBBER),
        _box(Material.PAINT, (-0.45, -0.04, 0.45), (0.45, 0.04, 0.72), frame, (0.3, 0.3, 0.0)),
        _box(Material.METAL, (0.38, -handlebar, 0.95), (0.46, handlebar, 1.02), (0.1, 0.1, 0.1)),
        _box(Material.CLOTH, (-0.20, -0.17, 0.35), (0.18, 0.17, 0.95), trousers, (0.1, 0.0, 0.05)),
        _ball(Material.CLOTH, (0.0, 0.0, 0.68 * height), (0.20, 0.22, 0.34), shirt),
        _ball(Material.CLOTH, (0.22, 0.0, 0.64 * height), (0.26, 0.24, 0.08), shirt),
        _ball(Material.CLOTH, (0.06, 0.0, height - 0.13), (0.11, 0.09, 0.13), skin),
    ]
    return Model(name="cyclist", size_m=(length, 2 * handlebar, height), parts=tuple(parts))


MAKERS = {"car": car, "van": van, "pedestrian": pedestrian, "cyclist": cyclist}
