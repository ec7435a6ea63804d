# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who moves where on the table: slides, hops, cones that cover things and carry them along.

After the actions of CATER, on which LA-CATER is built. A script is made object by object with
numpy; everything per pixel is left to `rendering`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from unsup_track_ros.shapes import Bool, Float64, Int64

TABLE_M: Final = 2.8  # half the side of the table
_GAP_M: Final = 0.08  # between things that stand
_PLACES_TRIED: Final = 48
_MAX_WAY_M: Final = 2.5  # of a slide or hop; cones come from farther to cover
_MAX_COVER_WAY_M: Final = 3.5
_HOP_M: Final = 2.2  # above every thing on the table

Kind = Literal["sphere", "cone", "cylinder", "cube"]
# The cast: what stands at which index of every video. The target comes first.
KINDS: Final[tuple[Kind, ...]] = (
    "sphere", "cone", "cone", "cone", "cylinder", "cube", "cylinder",
)  # fmt: skip
TARGET: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Script:
    """Where everything is over time; x, y, z in a frame on the table, z up.

    Attributes:
        places_m: Middle of each thing's underside.
        radius_m: Radius, for a cube half its side.
        height_m: Height.
        container: Index of the outermost cone that a thing is in, -1 outside.
        moves: Whether a thing moves from this frame to the next or has just come.
    """

    places_m: Float64[np.ndarray, "T M 3"]
    radius_m: Float64[np.ndarray, " M"]
    height_m: Float64[np.ndarray, " M"]
    container: Int64[np.ndarray, "T M"]
    moves: Bool[np.ndarray, "T M"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How lively the things are.

    Attributes:
        act_share: Probability that a thing acts in a slot of time.
        carry_share: The same of a cone with something inside.
        cover_share: Probability that a cone that acts covers something, if it can.
        behind_share: Probability that a thing goes behind another, as seen by the camera.
    """

    act_share: float
    carry_share: float
    cover_share: float
    behind_share: float


class _Stage:
    """The state of one script while it is made."""

    def __init__(self, rng: np.random.Generator, habits: Habits) -> None:
        self.rng = rng
        self.habits = habits
        self.radius_m, self.height_m = _sizes(rng)
        self.places_m = np.zeros((len(KINDS), 2))
        self.parent = np.full(len(KINDS), -1)
        self.planned = np.zeros(0, int)
        for index in range(len(KINDS)):
            self.planned = np.arange(index)
            place = self.free_place(index, np.array([0.0, -9.0]), slide=False)
            self.places_m[index] = place if place is not None else rng.uniform(-TABLE_M, TABLE_M, 2)
        self.planned = np.arange(len(KINDS))

    def root(self, index: int) -> int:
        """Return the outermost cone around a thing, itself where there is none."""
        while self.parent[index] >= 0:
            index = int(self.parent[index])
        return index

    def content(self, index: int) -> list[int]:
        """Return what is inside a cone."""
        return [i for i in range(len(KINDS)) if i != index and self.root(i) == index]

    def fits_in(self, cone: int) -> list[int]:
        """Return what stands free and has room inside a cone, target first."""
        slope = self.height_m[cone] / self.radius_m[cone]
        inner = (
            self.radius_m[cone] * slope / (1.0 + np.sqrt(1.0 + slope**2))
        )  # radius of a ball inside
        found = []
        for index, kind in enumerate(KINDS):
            if index == cone or self.parent[index] >= 0:
                continue
            room = inner if kind == "sphere" else 0.85 * self.radius_m[cone]
            if kind in ("sphere", "cone") and self.radius_m[index] <= room:
                found.append(index)
        return found

    def has_air(self, cone: int, inside: int) -> bool:
        """Tell whether a cone can be put over a thing and then touches nothing else."""
        way = np.linalg.norm(self.places_m[cone] - self.places_m[inside])
        others = [i for i in range(len(KINDS)) if i not in (cone, inside) and self.parent[i] < 0]
        gap = np.linalg.norm(self.places_m[others] - self.places_m[inside], axis=1)
        reached = way < _MAX_COVER_WAY_M
        return bool(
            reached and (gap > self.radius_m[others] * 1.2 + self.radius_m[cone] + _GAP_M).all()
        )

    def free_place(
        self, index: int, camera_m: np.ndarray, *, slide: bool
    ) -> Float64[np.ndarray, " 2"] | None:
        """Return a place to stand, reached without touching anything if it is slid to."""
        rng = self.rng
        places = rng.uniform(-TABLE_M, TABLE_M, (_PLACES_TRIED, 2))
        others = np.array([i for i in self.planned if i != index and self.parent[i] < 0], int)
        if not len(others):
            return np.asarray(places[0])
        if rng.random() < self.habits.behind_share:
            hiders = others[self.height_m[others] > self.height_m[index]]
            if len(hiders):
                chosen = rng.choice(hiders, _PLACES_TRIED)
                away = self.places_m[chosen] - camera_m
                away /= np.linalg.norm(away, axis=1, keepdims=True)
                gap = self.radius_m[chosen] * 1.4 + self.radius_m[index] + _GAP_M
                gap = gap + rng.uniform(0.0, 0.5, _PLACES_TRIED)
                places = self.places_m[chosen] + away * gap[:, None]
        inside = (np.abs(places) <= TABLE_M).all(1)
        reach = self.radius_m[others] * 1.2 + self.radius_m[index] * 1.2 + _GAP_M
        centres = self.places_m[others]
        start = self.places_m[index] if slide else None
        clear = _distance(start, places, centres) > reach
        near = np.linalg.norm(places - self.places_m[index], axis=1) < _MAX_WAY_M
        good = np.flatnonzero(inside & clear.all(1) & (near | (index >= len(self.planned))))
        return np.asarray(places[good[0]]) if len(good) else None


def write_script(
    num_frames: int,
    slot_frames: int,
    habits: Habits,
    camera_m: Float64[np.ndarray, "T 3"],
    rng: np.random.Generator,
) -> Script:
    """Make one script.

    Args:
        num_frames: Its length.
        slot_frames: Length of the slots in which things act.
        habits: How lively they are.
        camera_m: Where the camera is; some go where it does not see them.
        rng: Source of everything random.
    """
    stage = _Stage(rng, habits)
    num = len(KINDS)
    places = np.zeros((num_frames, num, 3))
    container = np.full((num_frames, num), -1)
    for first in range(0, num_frames, slot_frames):
        last = min(first + slot_frames, num_frames)
        before = np.concatenate([stage.places_m, np.zeros((num, 1))], axis=1)
        parents = np.array([stage.root(i) if stage.parent[i] >= 0 else -1 for i in range(num)])
        paths = np.repeat(before[None], slot_frames, axis=0)
        container[first:last] = parents
        acted: set[int] = set()
        for index in rng.permutation(num).tolist():
            together = stage.content(index)
            share = habits.carry_share if together else habits.act_share
            if index in acted or stage.parent[index] >= 0 or rng.random() > share:
                continue
            seen_from = camera_m[last - 1, :2]
            touched, path = _action(stage, index, seen_from, slot_frames, acted)
            if path is None:
                continue
            paths[:, index] = path
            for inside in together if touched == "carry" else []:
                paths[:, inside, :2] = path[:, :2]
                stage.places_m[inside] = path[-1, :2]
            acted.update([index, *together])
        places[first:last] = paths[: last - first]
    moved = np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=2) > 1e-6
    return Script(
        places_m=places,
        radius_m=stage.radius_m,
        height_m=stage.height_m,
        container=container,
        moves=moved,
    )


def _action(
    stage: _Stage, index: int, camera_m: np.ndarray, num_frames: int, acted: set[int]
) -> tuple[str, np.ndarray | None]:
    """Choose what a thing does in a slot and return it with the path."""
    rng, habits = stage.rng, stage.habits
    covers = KINDS[index] == "cone"
    content = stage.content(index)
    if covers and not content and rng.random() < habits.cover_share:
        room = [i for i in stage.fits_in(index) if i not in acted and stage.has_air(index, i)]
        if room:
            inside = room[0] if rng.random() < 0.7 else int(rng.choice(room))
            path = _path(stage, index, stage.places_m[inside].copy(), num_frames, hop=True)
            stage.parent[inside] = index
            acted.add(inside)
            acted.update(stage.content(inside))
            return "cover", path
    hop = bool(rng.random() < (0.25 if content else 0.35))
    target = stage.free_place(index, camera_m, slide=not hop)
    if target is None:
        return "rest", None
    if content and hop:
        stage.parent[stage.parent == index] = -1
    path = _path(stage, index, target, num_frames, hop=hop)
    return ("carry" if content and not hop else "move"), path


def _path(
    stage: _Stage, index: int, target: np.ndarray, num_frames: int, *, hop: bool
) -> Float64[np.ndarray, "T 3"]:
    """Return the path to a place, which then is the thing's own."""
    start = stage.places_m[index].copy()
    length = int(stage.rng.integers(2 * num_frames // 3, num_frames + 1))
    delay = int(stage.rng.integers(0, num_frames - length + 1))
    share = np.clip((np.arange(num_frames) + 1 - delay) / length, 0.0, 1.0)
    eased = share * share * (3.0 - 2.0 * share)
    path = np.zeros((num_frames, 3))
    if hop:
        # Up, across, down: nothing is touched on the way.
        across = np.clip((share - 0.3) / 0.4, 0.0, 1.0)
        path[:, :2] = start + (target - start) * across[:, None]
        path[:, 2] = _HOP_M * np.clip(np.minimum(share, 1.0 - share) / 0.3, 0.0, 1.0)
    else:
        path[:, :2] = start + (target - start) * eased[:, None]
    stage.places_m[index] = target
    return path


def _sizes(rng: np.random.Generator) -> tuple[Float64[np.ndarray, " M"], Float64[np.ndarray, " M"]]:
    """Return radius and height of the cast: cones of three sizes, the largest covers the others."""
    radius = np.zeros(len(KINDS))
    height = np.zeros(len(KINDS))
    cones = iter((0.66, 0.81, 1.0))
    for index, kind in enumerate(KINDS):
        if kind == "sphere":
            radius[index] = rng.uniform(0.30, 0.36)
            height[index] = 2 * radius[index]
        elif kind == "cone":
            radius[index] = next(cones) * rng.uniform(0.97, 1.03)
            height[index] = 1.6 * radius[index]
        else:
            radius[index] = rng.uniform(0.35, 0.6)
            height[index] = rng.uniform(0.7, 1.5)
    return radius, height


def _distance(
    start: np.ndarray | None, ends: np.ndarray, centres: np.ndarray
) -> Float64[np.ndarray, "P N"]:
    """Return how near the ways from a start to P ends come to N centres."""
    if start is None:
        return np.asarray(np.linalg.norm(ends[:, None] - centres[None], axis=2))
    way = ends - start
    to_centre = centres[None] - start
    share = (to_centre * way[:, None]).sum(2) / np.maximum((way**2).sum(1), 1e-9)[:, None]
    nearest = start + np.clip(share, 0.0, 1.0)[..., None] * way[:, None]
    return np.asarray(np.linalg.norm(nearest - centres[None], axis=2))
