# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is on the street: draws actors that never run into each other or the ego."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.ground import KERB_D_M, LANE_WIDTH_M, SIDEWALK_D_M, Ground, Road
from unsup_track_ros.data.synthetic.models import MAKERS, Model
from unsup_track_ros.data.synthetic.occlusions import (
    STEP_S,
    OcclusionConfig,
    Passage,
    passing_behind,
)
from unsup_track_ros.data.synthetic.traffic import Actor, Route, SpeedProfile, steady
from unsup_track_ros.shapes import Float64

EGO_LANE_D_M = -0.5 * LANE_WIDTH_M
_PARKING_D_M = KERB_D_M - 1.05
_CYCLING_D_M = 3.35
# Nothing is parked or walks onto the road this close to a crossing street.
_CROSSING_ROOM_M = 9.0
# Free space kept between two things, and the time step at which it is checked.
_ROOM_M = 0.35
_CHECK_STEP_S = 0.2
_TRIES = 12
_VEHICLE_DECELERATION_MPS2 = 2.5
_PERSON_ACCELERATION_MPS2 = 1.5
# A box of the ego itself for the check: length, width.
_EGO_SIZE_M = (4.6, 1.9)


class TrafficConfig(Config):
    """How much stands and moves on the street."""

    parked_cars_per_100m: float = parameter(9.0, "Parked cars, both sides together.", ge=0)
    parked_vans_per_100m: float = parameter(1.5, "Parked vans, both sides together.", ge=0)
    moving_cars_per_100m: float = parameter(
        5.0, "Cars that lead, come towards, cross, stop or start.", ge=0
    )
    moving_vans_per_100m: float = parameter(1.2, "Vans that do the same.", ge=0)
    pedestrians_per_100m: float = parameter(
        6.0, "People who walk along, cross the road, or stand.", ge=0
    )
    cyclists_per_100m: float = parameter(1.8, "Cyclists.", ge=0)
    occlusions: OcclusionConfig = OcclusionConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stage:
    """What a sampler may look at."""

    road: Road
    ground: Ground
    duration_s: float
    ego: SpeedProfile
    ego_start_s: float
    frozen: bool

    def ego_s(self, time_s: float) -> float:
        return self.ego_start_s + self.ego.distance_m(time_s)


_Sampler = Callable[[_Stage, np.random.Generator], Route]


def stop_and_go(
    cruise_mps: float, duration_s: float, acceleration_mps2: float, rng: np.random.Generator
) -> SpeedProfile:
    """Draw a profile that mostly cruises, and slows down or stops for a while about every 12 s."""
    times, speeds = [-100.0], [cruise_mps]
    now = rng.uniform(1.0, 12.0)
    while now < duration_s + 10.0:
        low = cruise_mps * rng.choice([0.0, 0.35, 0.6])
        ramp = max((cruise_mps - low) / acceleration_mps2, 0.1)
        hold = rng.uniform(1.0, 3.0)
        times += [now, now + ramp, now + ramp + hold, now + 2 * ramp + hold]
        speeds += [cruise_mps, low, low, cruise_mps]
        now = times[-1] + rng.uniform(4.0, 12.0)
    return SpeedProfile(times_s=np.array(times), speeds_mps=np.array(speeds))


def _start_at(time_s: float, cruise_mps: float, acceleration_mps2: float) -> SpeedProfile:
    ramp = cruise_mps / acceleration_mps2
    return SpeedProfile(
        times_s=np.array([time_s, time_s + ramp]), speeds_mps=np.array([0.0, cruise_mps])
    )


def _parked(stage: _Stage, rng: np.random.Generator) -> Route:
    side = rng.choice([-1.0, 1.0])
    d = side * (_PARKING_D_M + rng.normal(0.0, 0.06))
    course = (0.0 if side < 0 else np.pi) + rng.normal(0.0, 0.015)
    return Route(s=_free_s(stage, rng), d=d, course_rad=course, profile=steady(0.0))


def _free_s(stage: _Stage, rng: np.random.Generator) -> float:
    for _ in range(_TRIES):
        s = rng.uniform(2.0, stage.road.length_m - 2.0)
        if np.all(np.abs(stage.ground.crossings_s - s) > _CROSSING_ROOM_M):
            return float(s)
    return 2.0


def _leading(stage: _Stage, rng: np.random.Generator) -> Route:
    """Drive where the ego will be some seconds later, or far ahead of it at its own pace."""
    lead_s = rng.uniform(2.2, 7.0)
    if rng.random() < 0.7:
        knots = stage.ego.times_s - lead_s
        profile = SpeedProfile(times_s=knots, speeds_mps=stage.ego.speeds_mps)
        gap = rng.uniform(3.0, 8.0)
        s = stage.ego_start_s + stage.ego.distance_m(lead_s) + gap
        return Route(s=s, d=EGO_LANE_D_M, course_rad=0.0, profile=profile)
    profile = stop_and_go(rng.uniform(6.0, 11.0), stage.duration_s, _VEHICLE_DECELERATION_MPS2, rng)
    s = stage.ego_start_s + rng.uniform(20.0, 110.0)
    return Route(s=s, d=EGO_LANE_D_M, course_rad=0.0, profile=profile)


def _oncoming(stage: _Stage, rng: np.random.Generator) -> Route:
    """Meet the ego somewhere on its way."""
    profile = stop_and_go(rng.uniform(6.0, 10.0), stage.duration_s, _VEHICLE_DECELERATION_MPS2, rng)
    meeting = rng.uniform(0.5, stage.duration_s + 3.0)
    s = stage.ego_s(meeting) + rng.uniform(-15.0, 25.0) + profile.distance_m(meeting)
    return Route(s=s, d=-EGO_LANE_D_M, course_rad=np.pi, profile=profile)


def _crossing(stage: _Stage, rng: np.random.Generator) -> Route:
    """Wait in a crossing street, then cross the road well before or after the ego."""
    s = float(rng.choice(stage.ground.crossings_s)) if len(stage.ground.crossings_s) else 0.0
    side = rng.choice([-1.0, 1.0])
    start = rng.uniform(0.0, stage.duration_s)
    profile = _start_at(start, rng.uniform(5.0, 8.0), 0.8 * _VEHICLE_DECELERATION_MPS2)
    lane = side * 0.25 * LANE_WIDTH_M * 2.0
    return Route(
        s=s + lane,
        d=side * rng.uniform(10.0, 22.0),
        course_rad=-side * 0.5 * np.pi,
        profile=profile,
    )


def _vehicle(stage: _Stage, rng: np.random.Generator) -> Route:
    samplers: tuple[_Sampler, ...] = (_leading, _oncoming, _oncoming, _crossing)
    if not len(stage.ground.crossings_s):
        samplers = samplers[:-1]
    return samplers[int(rng.integers(len(samplers)))](stage, rng)


def _walking(stage: _Stage, rng: np.random.Generator) -> Route:
    """Walk along a sidewalk, stand on it, or cross the road ahead of the ego."""
    side = rng.choice([-1.0, 1.0])
    d = side * rng.uniform(KERB_D_M + 1.4, SIDEWALK_D_M - 0.5)
    kind = rng.random()
    if kind < 0.15:
        return Route(
            s=_free_s(stage, rng), d=d, course_rad=rng.uniform(-np.pi, np.pi), profile=steady(0.0)
        )
    speed = rng.uniform(0.9, 1.7)
    if kind < 0.70:
        course = 0.0 if rng.random() < 0.5 else np.pi
        return Route(s=_free_s(stage, rng), d=d, course_rad=course, profile=steady(speed))
    when = rng.uniform(0.0, stage.duration_s)
    s = stage.ego_s(when) + rng.uniform(16.0, 40.0)
    profile = _start_at(when - rng.uniform(0.0, 4.0), speed, _PERSON_ACCELERATION_MPS2)
    return Route(s=s, d=d, course_rad=-side * 0.5 * np.pi, profile=profile)


def _cycling(stage: _Stage, rng: np.random.Generator) -> Route:
    side = rng.choice([-1.0, 1.0])
    profile = stop_and_go(rng.uniform(3.5, 6.0), stage.duration_s, _PERSON_ACCELERATION_MPS2, rng)
    meeting = rng.uniform(0.0, stage.duration_s)
    way = profile.distance_m(meeting)
    s = stage.ego_s(meeting) + rng.uniform(8.0, 45.0) + (way if side > 0 else -way)
    course = 0.0 if side < 0 else np.pi
    return Route(s=s, d=side * _CYCLING_D_M, course_rad=course, profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Taken:
    """Discs that cover a thing at every checked time, and the rectangle around all of them."""

    discs: Float64[np.ndarray, "T D 2"]
    radius: float

    @property
    def lower(self) -> Float64[np.ndarray, " 2"]:
        lower: Float64[np.ndarray, " 2"] = self.discs.min((0, 1))
        return lower - self.radius - _ROOM_M

    @property
    def upper(self) -> Float64[np.ndarray, " 2"]:
        upper: Float64[np.ndarray, " 2"] = self.discs.max((0, 1))
        return upper + self.radius

    def meets(self, other: _Taken) -> bool:
        gap = np.linalg.norm(self.discs[:, :, None] - other.discs[:, None], axis=-1)
        return bool(gap.min() < self.radius + other.radius + _ROOM_M)


@dataclass(slots=True, eq=False)
class _Room:
    """Space-time that is taken."""

    road: Road
    times_s: Float64[np.ndarray, " T"]
    taken: list[_Taken] = field(default_factory=list)
    rectangles: list[Float64[np.ndarray, " 4"]] = field(default_factory=list)

    def take(self, route: Route, size_m: tuple[float, float], *, must: bool = False) -> bool:
        """Take the space of a route unless something is there at some time."""
        new = self._covered(route, size_m)
        lower, upper = new.lower, new.upper
        if not must and self.taken:
            boxes = np.array(self.rectangles)
            near = np.all((boxes[:, :2] < upper) & (boxes[:, 2:] > lower), axis=1)
            if any(new.meets(self.taken[k]) for k in np.flatnonzero(near)):
                return False
        self.taken.append(new)
        self.rectangles.append(np.concatenate([lower, upper]))
        return True

    def _covered(self, route: Route, size_m: tuple[float, float]) -> _Taken:
        length, width = size_m
        times = self.times_s if route.profile.speeds_mps.any() else self.times_s[:1]
        street = np.array([route.street_position(float(t)) for t in times])
        x, y, heading = self.road.place(street[:, 0], street[:, 1])
        num = max(1, int(np.ceil(length / width)))
        offsets = np.linspace(-0.5, 0.5, 2 * num + 1)[1::2] * length
        yaw = (heading + route.course_rad)[:, None]
        discs = np.stack(
            [x[:, None] + offsets * np.cos(yaw), y[:, None] + offsets * np.sin(yaw)], -1
        )
        return _Taken(discs=discs, radius=0.5 * width * float(np.hypot(1.0, length / num / width)))


def populate(
    config: TrafficConfig,
    world: tuple[Road, Ground],
    ego: tuple[SpeedProfile, float, float],
    *,
    frozen: bool,
    rng: np.random.Generator,
) -> tuple[Actor, ...]:
    """Draw the actors.

    Args:
        config: How many of each.
        world: Road and ground.
        ego: Speed profile, start s and duration of the drive.
        frozen: Whether everything stands still for ever (a static world).
        rng: Source of all choices.
    """
    road, ground = world
    profile, start_s, duration_s = ego
    stage = _Stage(
        road=road,
        ground=ground,
        duration_s=duration_s,
        ego=profile,
        ego_start_s=start_s,
        frozen=frozen,
    )
    room = _Room(road=road, times_s=np.arange(0.0, duration_s + 1.0, _CHECK_STEP_S))
    own = Route(s=start_s, d=EGO_LANE_D_M, course_rad=0.0, profile=profile)
    room.take(own, _EGO_SIZE_M, must=True)
    wanted: Sequence[tuple[str, float, _Sampler]] = (
        ("car", config.moving_cars_per_100m, _vehicle),
        ("van", config.moving_vans_per_100m, _vehicle),
        ("cyclist", config.cyclists_per_100m, _cycling),
        ("pedestrian", config.pedestrians_per_100m, _walking),
        ("van", config.parked_vans_per_100m, _parked),
        ("car", config.parked_cars_per_100m, _parked),
    )
    actors = [] if frozen else _occlusions(config.occlusions, stage, room, rng)
    for name, per_100m, sampler in wanted:
        for _ in range(round(per_100m * road.length_m / 100.0)):
            actor = _place(stage, room, MAKERS[name](rng), sampler, rng)
            if actor is not None:
                actors.append(actor)
    return tuple(actors)


def _occlusions(
    config: OcclusionConfig, stage: _Stage, room: _Room, rng: np.random.Generator
) -> list[Actor]:
    """Draw vans and the people who pass behind them; pairs without room are left out."""
    actors: list[Actor] = []
    times_s = np.arange(0.0, stage.duration_s, STEP_S)
    ego_s = np.array([stage.ego_s(float(time_s)) for time_s in times_s])
    passage = Passage(
        ego_street=np.stack([ego_s, np.full_like(ego_s, EGO_LANE_D_M)], axis=1),
        parking_d_m=_PARKING_D_M,
        walking_d_m=(KERB_D_M + 0.8, SIDEWALK_D_M - 0.5),
        crossings_s=stage.ground.crossings_s,
        room_m=_CROSSING_ROOM_M,
    )
    for _ in range(config.pedestrians):
        van, person = MAKERS["van"](rng), MAKERS["pedestrian"](rng)
        routes = passing_behind(passage, van.size_m[:2], config.hidden_s, rng)
        pair = [] if routes is None else list(zip((van, person), routes, strict=True))
        if all(room.take(route, model.size_m[:2]) for model, route in pair):
            actors.extend(Actor(model=model, route=route) for model, route in pair)
    return actors


def _place(
    stage: _Stage, room: _Room, model: Model, sampler: _Sampler, rng: np.random.Generator
) -> Actor | None:
    """Try some routes; a thing without room is left out."""
    for _ in range(_TRIES):
        route = sampler(stage, rng)
        if stage.frozen:
            s, d = route.street_position(0.5 * stage.duration_s)
            route = Route(s=s, d=d, course_rad=route.course_rad, profile=steady(0.0))
        if room.take(route, model.size_m[:2]):
            return Actor(model=model, route=route)
    return None
