# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Solids that everything above the ground is made of: tapered boxes, cylinders, ellipsoids."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unsup_track_ros.shapes import Float32, Float64, Shaped


class Kind(enum.IntEnum):
    """Form of a solid."""

    BOX = 0
    CYLINDER = 1
    ELLIPSOID = 2


class Material(enum.IntEnum):
    """Surface of a solid: how it looks to the camera and how strongly it reflects the laser."""

    FACADE = 0
    ROOF = 1
    BARK = 2
    LEAVES = 3
    METAL = 4
    PAINT = 5
    CABIN = 6
    TYRE = 7
    CLOTH = 8
    WALL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One solid in the frame of its model.

    That is x forward, y left, z up, with the origin on the ground below the middle.

    Attributes:
        kind: Form.
        material: Surface.
        centre_m: Centre x, y, z.
        half_m: Half extents; of a box at its bottom; x is the radius of a cylinder.
        taper: How far the faces of a box lean in per metre of height: front, rear, sides.
        colour: Linear red, green, blue in [0, 1].
    """

    kind: Kind
    material: Material
    centre_m: tuple[float, float, float]
    half_m: tuple[float, float, float]
    taper: tuple[float, float, float] = (0.0, 0.0, 0.0)
    colour: tuple[float, float, float] = (0.5, 0.5, 0.5)


class Solids(NamedTuple):
    """M solids as compiled functions read them, in one frame.

    Attributes:
        centre: (M, 3) centre.
        axis: (M, 2) cosine and sine of the yaw.
        half: (M, 3) half extents, of a box at its bottom.
        taper: (M, 3) lean of a box's front, rear and sides per metre of height.
        radius: (M,) of the bounding sphere.
        kind: (M,) values of `Kind`.
        material: (M,) values of `Material`.
        owner: (M,) row of the object it belongs to, -1 for buildings, trees and poles.
        pattern: (M,) seed of its texture.
        colour: (M, 3) linear colour.
    """

    centre: Float64[np.ndarray, "M 3"]
    axis: Float64[np.ndarray, "M 2"]
    half: Float64[np.ndarray, "M 3"]
    taper: Float64[np.ndarray, "M 3"]
    radius: Float64[np.ndarray, " M"]
    kind: Shaped[np.ndarray, " M"]
    material: Shaped[np.ndarray, " M"]
    owner: Shaped[np.ndarray, " M"]
    pattern: Shaped[np.ndarray, " M"]
    colour: Float32[np.ndarray, "M 3"]


def solids_of(models: Sequence[Sequence[Part]], owners: Sequence[int]) -> Solids:
    """Tabulate the parts of models, each still in its own frame; `owner` is the row of `owners`."""
    parts = [part for model in models for part in model]
    owner = np.array([o for o, model in zip(owners, models, strict=True) for _ in model], np.int32)
    half = np.array([part.half_m for part in parts], np.float64).reshape(-1, 3)
    return Solids(
        centre=np.array([part.centre_m for part in parts], np.float64).reshape(-1, 3),
        axis=np.tile([1.0, 0.0], (len(parts), 1)),
        half=half,
        taper=np.array([part.taper for part in parts], np.float64).reshape(-1, 3),
        radius=np.linalg.norm(half, axis=1),
        kind=np.array([part.kind for part in parts], np.int32),
        material=np.array([part.material for part in parts], np.int32),
        owner=owner,
        pattern=np.arange(len(parts), dtype=np.int32),
        colour=np.array([part.colour for part in parts], np.float32).reshape(-1, 3),
    )


def placed(solids: Solids, poses: Float64[np.ndarray, "N 4"]) -> Solids:
    """Move solids from the frames of their owners to the world.

    Args:
        solids: Table whose `owner` indexes `poses`.
        poses: World x, y, z of the owner's origin and its yaw (rad).
    """
    pose = poses[solids.owner]
    cosine, sine = np.cos(pose[:, 3]), np.sin(pose[:, 3])
    x, y, z = solids.centre.T
    centre = np.stack(
        [pose[:, 0] + cosine * x - sine * y, pose[:, 1] + sine * x + cosine * y, pose[:, 2] + z], 1
    )
    return solids._replace(centre=centre, axis=np.stack([cosine, sine], 1))


def joined(first: Solids, second: Solids) -> Solids:
    """Append one table to another."""
    return Solids(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


def chosen(solids: Solids, rows: Shaped[np.ndarray, " M"]) -> Solids:
    """Select rows by mask or index."""
    return Solids(*(column[rows] for column in solids))
