# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""People behind parked vans and cars behind trucks: short drives with scans, and who is where.

The smallest world in which an occlusion on the road can be told from an absence: flat ground, a
wall, something that stands and hides, someone who passes behind it (and may stop, turn back, veer
or change speed there), two people who walk by, a LiDAR that stands or drives by. What is controlled
is how long the first one is hidden: the occluder is made to fit. Frame odom: x along the road, y to
the left, z up from the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from unsup_track_ros.data.permanence.ways import Behaviour, Who, is_possible, way_behind
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64, Int64

RATE_HZ: Final = 10.0
MIN_POINTS: Final = 5  # returns from which something is seen
_LIDAR_HEIGHT_M: Final = 1.8
_COLUMNS, _ROWS = 400, 44
_SECTOR_RAD: Final = (np.deg2rad(-10.0), np.deg2rad(170.0))
_ELEVATIONS_RAD: Final = (np.deg2rad(-24.0), np.deg2rad(2.0))
_RANGE_STD_M: Final = 0.02
_WALL = (0.0, 26.0, 3.0, 160.0, 0.5, 6.0, 0.0)
_MAX_RANGE_M: Final = 80.0
_BEFORE_S, _AFTER_S = 2.5, 1.5  # seen before and after
_PASSER_BY_M: Final = (0.6, 0.6, 1.75)
_HALF_PASSER_M: Final = 0.3
_TRIES: Final = 500
_TOLERANCE: Final = 0.25  # of how long somebody is hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What hides: its sides, how far it keeps from the occluder, how tall and long that may be."""

    size_m: tuple[float, float, float]
    gap_m: tuple[float, float]
    occluder_height_m: float
    max_occluder_m: float


_PERSON_M: Final = (0.6, 0.6, 1.75)
_KINDS: Final[dict[Who, _Kind]] = {
    "walker": _Kind(
        size_m=_PERSON_M,
        gap_m=(0.4, 1.7),
        occluder_height_m=2.3,
        max_occluder_m=12.0,
    ),
    "runner": _Kind(
        size_m=_PERSON_M,
        gap_m=(0.4, 1.7),
        occluder_height_m=2.3,
        max_occluder_m=14.0,
    ),
    "car": _Kind(
        size_m=(4.3, 1.8, 1.5),
        gap_m=(0.8, 2.0),
        occluder_height_m=3.4,
        max_occluder_m=20.0,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrivingFrame:
    """One scan and who is in it.

    Attributes:
        time_s: Since the start.
        odom_T_velo: Pose of the LiDAR.
        points_velo: Returns.
        boxes_odom: Boxes of all that moves; the first goes behind the occluder.
        velocities_odom: Their velocities.
        num_points: Returns on each of them.
    """

    time_s: float
    odom_T_velo: Float64[np.ndarray, "4 4"]
    points_velo: Float64[np.ndarray, "P 3"]
    boxes_odom: Float64[np.ndarray, "K 7"]
    velocities_odom: Float64[np.ndarray, "K 3"]
    num_points: Int64[np.ndarray, " K"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """A drive before it is looked at."""

    occluder: tuple[float, ...]
    times_s: Float64[np.ndarray, " T"]
    paths: Float64[np.ndarray, "K T 2"]
    sizes_m: Float64[np.ndarray, "K 3"]
    ego_speed_mps: float


def driving_occlusion(
    who: Who, behaviour: Behaviour, hidden_s: float, rng: np.random.Generator
) -> list[DrivingFrame]:
    """Return the frames of one drive in which the first one is hidden once, for a given time.

    Scenes are drawn until one has less than `MIN_POINTS` returns for that long, within a quarter.

    Args:
        who: What hides.
        behaviour: What it does while hidden.
        hidden_s: For how long.
        rng: Source of every choice.

    Raises:
        DataError: No scene was found.
    """
    for _ in range(_TRIES if is_possible(who, behaviour, hidden_s) else 0):
        scene = _scene(who, behaviour, hidden_s, rng)
        if scene is None or not _may_fit(scene, hidden_s):
            continue
        spans = hidden_spans(_returns_of_first(scene))
        if len(spans) == 1 and _fits((spans[0][1] - spans[0][0]) / RATE_HZ, hidden_s):
            return list(_frames(scene, rng))
    raise DataError(
        f"No drive was found in which a {who} that {behaviour} is hidden for {hidden_s} s; ask for "
        "a shorter time."
    )


def hidden_spans(num_points: Int64[np.ndarray, " T"]) -> list[tuple[int, int]]:
    """Return the stretches [first, end) with fewer than `MIN_POINTS` returns, between sightings."""
    seen: Bool[np.ndarray, " T"] = num_points >= MIN_POINTS
    rows = np.flatnonzero(seen)
    return [(a + 1, b) for a, b in pairwise(rows.tolist()) if b - a > 1]


def _fits(span_s: float, hidden_s: float) -> bool:
    return bool(abs(span_s - hidden_s) <= max(_TOLERANCE * hidden_s, 1.5 / RATE_HZ))


def _scene(
    who: Who, behaviour: Behaviour, hidden_s: float, rng: np.random.Generator
) -> _Scene | None:
    """Draw a way and fit the occluder to it; None where that takes an impossible one."""
    kind = _KINDS[who]
    away = float(rng.choice([-1.0, 1.0]))
    ego_mps = float(rng.choice([0.0, rng.uniform(0.5, 4.0)]))
    times = np.arange(0.0, _BEFORE_S + hidden_s + _AFTER_S, 1.0 / RATE_HZ)
    way = way_behind(who, behaviour, hidden_s, times - _BEFORE_S, rng)
    way[:, 0] *= away
    half_m = kind.size_m[0] / 2
    for depth_m in (2.4, 0.5):  # a van or truck; a bush or an advertising column
        y_near = rng.uniform(4.5, 7.0)
        y = y_near + depth_m + kind.size_m[1] / 2 + rng.uniform(*kind.gap_m)
        turn = np.searchsorted(times, _BEFORE_S + hidden_s / 2)
        middle = ego_mps * times[turn] + rng.uniform(4.0, 12.0) * y / 7.0
        path = np.array([middle, y]) + way - [way[turn, 0] / 2, 0.0]
        first, last = _BEFORE_S, _BEFORE_S + hidden_s
        ends = [np.array([np.interp(t, times, path[:, k]) for k in (0, 1)]) for t in (first, last)]
        enter_x, leave_x = ends[0][0] - away * half_m, ends[1][0] + away * half_m
        if behaviour == "turns back":  # it leaves where it came in; the shadow reaches farther
            leave_x = path[turn, 0] + away * (half_m + rng.uniform(0.3, 1.5))
        edges = ((enter_x, ends[0][1], ego_mps * first), (leave_x, ends[1][1], ego_mps * last))
        low_x, high_x = _corners(edges if away > 0 else edges[::-1], (y_near, y_near + depth_m))
        shortest_m = 2.0 if depth_m > 1 else 0.3
        if shortest_m <= high_x - low_x <= kind.max_occluder_m:
            break
    else:
        return None
    place = ((low_x + high_x) / 2, y_near + depth_m / 2, kind.occluder_height_m / 2)
    occluder = (*place, high_x - low_x, depth_m, kind.occluder_height_m, 0.0)
    others = _passers_by(occluder, path[:, 1].max() + kind.size_m[1] / 2, times, rng)
    return _Scene(
        occluder=occluder,
        times_s=times,
        paths=np.stack([path, *others]),
        sizes_m=np.array([kind.size_m, _PASSER_BY_M, _PASSER_BY_M]),
        ego_speed_mps=ego_mps,
    )


def _corners(
    edges: tuple[tuple[float, float, float], tuple[float, float, float]],
    near_far_m: tuple[float, float],
) -> tuple[float, float]:
    """Return from where to where a box must reach so that its shadow has these edges.

    Args:
        edges: x and y where the shadow shall begin and end, each with the x of the LiDAR then.
        near_far_m: y of the box's sides.
    """
    near, far = near_far_m
    (low_x, low_y, low_ego), (high_x, high_y, high_ego) = edges
    low_corner = far if low_x > low_ego else near
    high_corner = near if high_x > high_ego else far
    low = low_ego + (low_x - low_ego) * low_corner / low_y
    return low, high_ego + (high_x - high_ego) * high_corner / high_y


def _passers_by(
    occluder: tuple[float, ...], behind_y: float, times: np.ndarray, rng: np.random.Generator
) -> list[Float64[np.ndarray, "T 2"]]:
    """Return two who walk before the occluder and farther away than the hidden one."""
    paths = []
    front = occluder[1] - occluder[4] / 2 - rng.uniform(0.8, 1.5)
    for y in (front, behind_y + rng.uniform(1.5, 3.0)):
        speed = rng.uniform(0.9, 1.7) * rng.choice([-1.0, 1.0])
        x = occluder[0] * y / occluder[1] + speed * (times - rng.uniform(0.0, times[-1]))
        paths.append(np.stack([x, np.full_like(x, y)], axis=1))
    return paths


def _may_fit(scene: _Scene, hidden_s: float) -> bool:
    """Tell from lines of sight alone whether the first one may be hidden for that long."""
    low = np.array(scene.occluder[:2]) - np.array(scene.occluder[3:5]) / 2
    high = low + scene.occluder[3:5]
    if (
        (np.abs(scene.paths[0] - (low + high) / 2) < (high - low + scene.sizes_m[0, :2]) / 2)
        .all(axis=1)
        .any()
    ):
        return False
    eye = np.stack([scene.ego_speed_mps * scene.times_s, np.zeros_like(scene.times_s)], axis=1)
    half = np.array([scene.sizes_m[0, 0] / 2, 0.0])
    shares = np.linspace(-1.0, 1.0, 9)[:, None, None]
    sight = scene.paths[0] + shares * half - eye
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - eye) / sight, (high - eye) / sight
    enter = np.minimum(first, second).max(-1)
    leave = np.maximum(first, second).min(-1)
    hidden = ((enter < leave) & (enter > 0) & (enter < 1)).all(0)
    return _fits(hidden.sum() / RATE_HZ, hidden_s)


def _solids(
    scene: _Scene,
) -> Iterator[tuple[Float64[np.ndarray, " 3"], Float64[np.ndarray, "K 7"]]]:
    """Yield the place of the LiDAR and all boxes of each frame; those that move come first."""
    yaw = _yaws(_velocities(scene))
    for index, time_s in enumerate(scene.times_s):
        boxes = _boxes(scene.paths[:, index], scene.sizes_m, yaw[:, index])
        place = np.array([scene.ego_speed_mps * time_s, 0, _LIDAR_HEIGHT_M])
        yield place, np.concatenate([boxes, [scene.occluder, _WALL]])


def _returns_of_first(scene: _Scene) -> Int64[np.ndarray, " T"]:
    """Return how many returns the first one has in each frame, from the rays that may meet it."""
    rays, num = _rays(), []
    for place, solids in _solids(scene):
        range_m, owner = _cast(rays[_may_meet(rays, place, solids[0])], place, solids)
        num.append(int((np.isfinite(range_m) & (owner == 0)).sum()))
    return np.array(num, np.int64)


def _frames(scene: _Scene, rng: np.random.Generator) -> Iterator[DrivingFrame]:
    """Yield what the LiDAR sees of a scene."""
    velocities, rays, num_moving = _velocities(scene), _rays(), len(scene.paths)
    for index, (place, solids) in enumerate(_solids(scene)):
        range_m, owner = _cast(rays, place, solids)
        back = np.isfinite(range_m)
        noisy = range_m[back] + rng.normal(0, _RANGE_STD_M, int(back.sum()))
        num = np.bincount(owner[back] + 1, minlength=len(solids) + 1)[1 : num_moving + 1]
        yield DrivingFrame(
            time_s=float(scene.times_s[index]),
            odom_T_velo=se3.rigid(np.eye(3), place),
            points_velo=rays[back] * noisy[:, None],
            boxes_odom=solids[:num_moving],
            velocities_odom=np.append(velocities[:, index], np.zeros((num_moving, 1)), axis=1),
            num_points=num,
        )


def _velocities(scene: _Scene) -> Float64[np.ndarray, "K T 2"]:
    return np.asarray(np.gradient(scene.paths, 1.0 / RATE_HZ, axis=1))


def _yaws(velocities: Float64[np.ndarray, "K T 2"]) -> Float64[np.ndarray, "K T"]:
    """Return where each faces: along its motion, or as before while it stands."""
    moves = np.linalg.norm(velocities, axis=2) > 0.05
    latest = np.maximum.accumulate(np.where(moves, np.arange(moves.shape[1]), 0), axis=1)
    yaw = np.arctan2(velocities[..., 1], velocities[..., 0])
    return np.take_along_axis(yaw, latest, axis=1)


def _boxes(
    places: Float64[np.ndarray, "K 2"],
    sizes_m: Float64[np.ndarray, "K 3"],
    yaw_rad: Float64[np.ndarray, " K"],
) -> Float64[np.ndarray, "K 7"]:
    height = sizes_m[:, 2:] / 2
    return np.concatenate([places, height, sizes_m, yaw_rad[:, None]], axis=1)


def _rays() -> Float64[np.ndarray, "R 3"]:
    azimuth, elevation = np.meshgrid(
        np.linspace(*_SECTOR_RAD, _COLUMNS), np.linspace(*_ELEVATIONS_RAD, _ROWS)
    )
    flat = np.cos(elevation)
    rays = [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)]
    return np.stack(rays, axis=-1).reshape(-1, 3)


def _cast(
    rays: Float64[np.ndarray, "R 3"],
    origin: Float64[np.ndarray, " 3"],
    boxes: Float64[np.ndarray, "N 7"],
) -> tuple[Float64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
    """Return the range of each ray and the box that it meets, -1 for the ground and for nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = np.where(rays[:, 2] < 0, -origin[2] / rays[:, 2], np.inf)
        reach = [ground]
        for box in boxes:
            turn, near = se3.rotation_about_z(-box[6]), _may_meet(rays, origin, box)
            start, way = turn @ (origin - box[:3]), rays[near] @ turn.T
            half = np.array(box[3:6]) / 2.0
            first, second = (-half - start) / way, (half - start) / way
            enter = np.minimum(first, second).max(1)
            leave = np.maximum(first, second).min(1)
            met = np.full(len(rays), np.inf)
            met[near] = np.where((enter < leave) & (enter > 0), enter, np.inf)
            reach.append(met)
    ranges = np.stack(reach)
    owner = ranges.argmin(0) - 1
    nearest = ranges.min(0)
    return np.where(nearest < _MAX_RANGE_M, nearest, np.inf), owner


def _may_meet(
    rays: Float64[np.ndarray, "R 3"],
    origin: Float64[np.ndarray, " 3"],
    box: Float64[np.ndarray, " 7"],
) -> Bool[np.ndarray, " R"]:
    """Tell which rays go towards the upright cylinder around a box, seen from above."""
    away = box[:2] - origin[:2]
    distance_m, radius_m = float(np.hypot(*away)), float(np.hypot(*box[3:5])) / 2.0
    if distance_m <= radius_m:
        return np.ones(len(rays), bool)
    least = np.sqrt(1.0 - (radius_m / distance_m) ** 2)  # cosine of the angle off the middle
    along = (rays[:, :2] @ away) / distance_m
    return np.asarray(along >= least * np.hypot(rays[:, 0], rays[:, 1]) - 1e-9)
