# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How things move along and across the street: speeds, routes, and where everything is when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.data.synthetic.ground import Ground, Road, ground_height, hill_slope
from unsup_track_ros.data.synthetic.models import Model
from unsup_track_ros.shapes import Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeedProfile:
    """Speed over time, linear between knots and constant outside them.

    Attributes:
        times_s: (K,) knots, ascending.
        speeds_mps: (K,) speed at the knots, not negative.
    """

    times_s: Float64[np.ndarray, " K"]
    speeds_mps: Float64[np.ndarray, " K"]

    def speed_mps(self, time_s: float) -> float:
        """Return the speed at a time."""
        return float(np.interp(time_s, self.times_s, self.speeds_mps))

    def distance_m(self, time_s: float) -> float:
        """Return the distance covered since time 0."""
        return self._since_first_knot(time_s) - self._since_first_knot(0.0)

    def _since_first_knot(self, time_s: float) -> float:
        before = self.times_s < time_s
        times = np.concatenate([self.times_s[:1], self.times_s[before][1:], [time_s]])
        return float(np.trapezoid(np.interp(times, self.times_s, self.speeds_mps), times))


def steady(speed_mps: float) -> SpeedProfile:
    """Return a constant speed."""
    return SpeedProfile(times_s=np.zeros(1), speeds_mps=np.array([speed_mps]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """A straight way in street coordinates.

    Attributes:
        s: Start along the road, m.
        d: Start to the left of its centre line, m.
        course_rad: Direction against the road: 0 along it, pi against it, +-pi/2 across it.
        profile: Speed over time.
    """

    s: float
    d: float
    course_rad: float
    profile: SpeedProfile

    def street_position(self, time_s: float) -> tuple[float, float]:
        """Return s and d at a time."""
        way = self.profile.distance_m(time_s)
        return self.s + way * np.cos(self.course_rad), self.d + way * np.sin(self.course_rad)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actor:
    """A model on a route."""

    model: Model
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActorStates:
    """Where N actors are at one time, in the world.

    Attributes:
        poses: (N, 4) x, y, z of the ground point below the middle, and yaw.
        velocities: (N, 3) m/s.
    """

    poses: Float64[np.ndarray, "N 4"]
    velocities: Float64[np.ndarray, "N 3"]


def actor_states(actors: Sequence[Actor], road: Road, ground: Ground, time_s: float) -> ActorStates:
    """Place all actors at a time.

    The velocity is along the heading and the slope of the hills; the step over a kerb is left out
    of it (it is in the poses).
    """
    street = np.array([actor.route.street_position(time_s) for actor in actors]).reshape(-1, 2)
    course = np.array([actor.route.course_rad for actor in actors])
    speed = np.array([actor.route.profile.speed_mps(time_s) for actor in actors])
    x, y, heading = road.place(street[:, 0], street[:, 1])
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    z = np.array([ground_height(ground, *point) for point in points])
    slope = np.array([hill_slope(ground, *point) for point in points]).reshape(-1, 2)
    yaw = heading + course
    # At d metres left of a bent centre line the same ds is a shorter or longer way.
    stretch = np.where(
        np.abs(np.cos(course)) > 0.5, 1.0 - street[:, 1] * _curvature(road, street[:, 0]), 1.0
    )
    ground_speed = speed * stretch
    velocity = np.stack([ground_speed * np.cos(yaw), ground_speed * np.sin(yaw)], 1)
    climb = (velocity * slope).sum(1, keepdims=True)
    return ActorStates(
        poses=np.stack([x, y, z, yaw], 1).reshape(-1, 4),
        velocities=np.concatenate([velocity, climb], 1).reshape(-1, 3),
    )


def _curvature(road: Road, s: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    step = road.s[1] - road.s[0]
    ahead: Float64[np.ndarray, " N"] = np.interp(s + step, road.s, road.heading_rad)
    behind: Float64[np.ndarray, " N"] = np.interp(s - step, road.s, road.heading_rad)
    curvature: Float64[np.ndarray, " N"] = (ahead - behind) / (2 * step)
    return curvature
