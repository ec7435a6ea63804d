# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pedestrians behind parked vans: short drives with scans, and who is where.

The smallest world in which an occlusion on the road can be told from an absence: flat ground, a
wall, a van, a pedestrian who passes behind it (and may stop or turn back there), others who walk in
front, a LiDAR that drives by. Frame odom: x along the road, y to the left, z up from the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64, Int64

RATE_HZ: Final = 10.0
_LIDAR_HEIGHT_M: Final = 1.8
_COLUMNS, _ROWS = 220, 44
_SECTOR_RAD: Final = (np.deg2rad(0.0), np.deg2rad(100.0))
_ELEVATIONS_RAD: Final = (np.deg2rad(-24.0), np.deg2rad(2.0))
_RANGE_STD_M: Final = 0.02
_PERSON_M: Final = (0.6, 0.6, 1.75)
_VAN_WIDTH_M, _VAN_HEIGHT_M = 2.0, 2.3
_WALL = (0.0, 24.0, 3.0, 120.0, 0.5, 6.0, 0.0)
_MAX_RANGE_M: Final = 80.0

WALKING_MPS: Final = (0.9, 1.8)
RUNNING_MPS: Final = (2.5, 5.0)
Behaviour = Literal["steady", "stops", "turns back"]
BEHAVIOURS: Final[tuple[Behaviour, ...]] = ("steady", "stops", "turns back")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrivingFrame:
    """One scan and the people in it.

    Attributes:
        time_s: Since the start.
        odom_T_velo: Pose of the LiDAR.
        points_velo: Returns.
        people_odom: Boxes of all people; the first goes behind the van.
        velocities_odom: Their velocities.
        num_points: Returns on each of them.
    """

    time_s: float
    odom_T_velo: Float64[np.ndarray, "4 4"]
    points_velo: Float64[np.ndarray, "P 3"]
    people_odom: Float64[np.ndarray, "K 7"]
    velocities_odom: Float64[np.ndarray, "K 3"]
    num_points: Int64[np.ndarray, " K"]


def driving_occlusion(
    behaviour: Behaviour,
    rng: np.random.Generator,
    duration_s: float = 14.0,
    *,
    speeds_mps: tuple[float, float] = WALKING_MPS,
    lengths_m: tuple[float, float] = (0.8, 3.5),
) -> Iterator[DrivingFrame]:
    """Yield the frames of one drive, in which the first person goes behind a van.

    Args:
        behaviour: What the first person does there.
        rng: Source of every choice.
        duration_s: Length of the drive.
        speeds_mps: Between which the first person goes: walking, or `RUNNING_MPS`.
        lengths_m: Between which the van is long.
    """
    van = _van(lengths_m, rng)
    times = np.arange(0.0, duration_s, 1.0 / RATE_HZ)
    first = _hidden_path(behaviour, van, times, speeds_mps, rng)
    paths = np.stack([first, *_passers_by(van, times, rng)])
    velocities = np.gradient(paths, 1.0 / RATE_HZ, axis=1)
    ego_speed_mps = rng.choice([0.0, rng.uniform(0.3, 1.0)])
    rays = _rays()
    for index, time_s in enumerate(times):
        odom_T_velo = se3.rigid(np.eye(3), np.array([ego_speed_mps * time_s, 0, _LIDAR_HEIGHT_M]))
        people = _boxes(paths[:, index], velocities[:, index])
        solids = np.concatenate([people, [van, _WALL]])
        range_m, owner = _cast(rays, odom_T_velo[:3, 3], solids)
        back = np.isfinite(range_m)
        noisy = range_m[back] + rng.normal(0, _RANGE_STD_M, int(back.sum()))
        num = np.bincount(owner[back] + 1, minlength=len(solids) + 1)[1 : len(people) + 1]
        yield DrivingFrame(
            time_s=float(time_s),
            odom_T_velo=odom_T_velo,
            points_velo=rays[back] * noisy[:, None],
            people_odom=people,
            velocities_odom=np.append(velocities[:, index], np.zeros((len(people), 1)), axis=1),
            num_points=num,
        )


def _van(lengths_m: tuple[float, float], rng: np.random.Generator) -> tuple[float, ...]:
    length = rng.uniform(*lengths_m)
    place = (rng.uniform(8.0, 14.0), rng.uniform(4.5, 7.0), _VAN_HEIGHT_M / 2)
    return (*place, length, _VAN_WIDTH_M, _VAN_HEIGHT_M, 0.0)


def _hidden_path(
    behaviour: Behaviour,
    van: tuple[float, ...],
    times: np.ndarray,
    speeds_mps: tuple[float, float],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "T 2"]:
    """Return the way of the person who goes behind the van, to the right of it in the image."""
    y = van[1] + van[4] / 2 + rng.uniform(0.7, 2.0)
    # Seen from the origin, the middle of what the van hides at this distance.
    middle = van[0] * y / van[1]
    speed = rng.uniform(*speeds_mps)
    away = rng.choice([-1.0, 1.0])
    arrival_s = rng.uniform(4.0, 5.0)
    pause_s = 0.0 if behaviour == "steady" else rng.uniform(0.2, 2.5)
    on = np.minimum(times, arrival_s) + np.maximum(times - arrival_s - pause_s, 0.0) * (
        -1.0 if behaviour == "turns back" else 1.0
    )
    x = middle + away * speed * (on - arrival_s)
    return np.stack([x, np.full_like(x, y)], axis=1)


def _passers_by(
    van: tuple[float, ...], times: np.ndarray, rng: np.random.Generator
) -> list[Float64[np.ndarray, "T 2"]]:
    """Return two who walk behind the van's far side or before it, seen most of the time."""
    paths = []
    for offset in (-van[4] / 2 - rng.uniform(0.8, 1.5), van[4] / 2 + rng.uniform(3.2, 5.0)):
        y = van[1] + offset
        speed = rng.uniform(0.9, 1.7) * rng.choice([-1.0, 1.0])
        x = van[0] * y / van[1] + speed * (times - rng.uniform(3.0, 9.0))
        paths.append(np.stack([x, np.full_like(x, y)], axis=1))
    return paths


def _boxes(
    places: Float64[np.ndarray, "K 2"], velocities: Float64[np.ndarray, "K 2"]
) -> Float64[np.ndarray, "K 7"]:
    boxes = np.zeros((len(places), 7))
    boxes[:, :2] = places
    boxes[:, 2] = _PERSON_M[2] / 2
    boxes[:, 3:6] = _PERSON_M
    boxes[:, 6] = np.arctan2(velocities[:, 1], velocities[:, 0])
    return boxes


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
            turn = se3.rotation_about_z(-box[6])
            start, way = turn @ (origin - box[:3]), rays @ turn.T
            half = np.array(box[3:6]) / 2.0
            first, second = (-half - start) / way, (half - start) / way
            enter = np.minimum(first, second).max(1)
            leave = np.maximum(first, second).min(1)
            reach.append(np.where((enter < leave) & (enter > 0), enter, np.inf))
    ranges = np.stack(reach)
    owner = ranges.argmin(0) - 1
    nearest = ranges.min(0)
    return np.where(nearest < _MAX_RANGE_M, nearest, np.inf), owner


def hidden_spans(num_points: Int64[np.ndarray, " T"], min_points: int) -> list[tuple[int, int]]:
    """Return the stretches [first, end) in which a person has fewer returns, between sightings."""
    seen: Bool[np.ndarray, " T"] = num_points >= min_points
    rows = np.flatnonzero(seen)
    return [(a + 1, b) for a, b in pairwise(rows.tolist()) if b - a > 1]
