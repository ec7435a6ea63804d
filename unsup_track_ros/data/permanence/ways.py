# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What somebody does behind an occluder: what is wanted, and what legs, brakes and engines allow.

A velocity never jumps: it goes straight towards the one that is wanted, with a limited
acceleration. Pedestrians who start at a traffic light reach their pace with 0.14 g, give or take
0.09 g, and need two or three steps to stop: walkers change their velocity with 1 to 2 m/s^2 here,
runners with twice that. Drivers who meet something unexpected brake with 4.5 m/s^2, nine of ten
with 3.4 or more (Fambro et al., NCHRP 400, 1997), and an ordinary car takes nine seconds to
100 km/h, 3 m/s^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from unsup_track_ros.shapes import Float64

Behaviour = Literal["goes on", "stops", "turns back", "veers", "changes speed"]
Who = Literal["walker", "runner", "car"]
BEHAVIOURS: Final[dict[Who, tuple[Behaviour, ...]]] = {
    "walker": ("goes on", "stops", "turns back", "veers", "changes speed"),
    "runner": ("goes on", "stops", "turns back", "veers", "changes speed"),
    "car": ("goes on", "stops", "changes speed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast somebody moves, and how fast that can change: from the gentlest to the hardest."""

    speed_mps: tuple[float, float]
    max_speed_mps: float
    slows_mps2: tuple[float, float]
    hastens_mps2: tuple[float, float]


PACES: Final[dict[Who, Pace]] = {
    "walker": Pace(
        speed_mps=(0.9, 1.8), max_speed_mps=6.0, slows_mps2=(1.0, 2.0), hastens_mps2=(1.0, 2.0)
    ),
    "runner": Pace(
        speed_mps=(2.5, 4.5), max_speed_mps=6.0, slows_mps2=(2.0, 4.0), hastens_mps2=(2.0, 4.0)
    ),
    "car": Pace(
        speed_mps=(4.0, 8.0), max_speed_mps=14.0, slows_mps2=(2.0, 4.5), hastens_mps2=(1.0, 3.0)
    ),
}

_Wish = tuple[float, Float64[np.ndarray, " 2"]]  # from this time on (s) this velocity (m/s)


def is_possible(who: Who, behaviour: Behaviour, hidden_s: float) -> bool:
    """Tell whether anybody could: who turns back must come to a stop and gather speed again."""
    pace = PACES[who]
    return behaviour != "turns back" or _turn_s(pace.speed_mps[0], pace.slows_mps2[1]) <= hidden_s


def way_behind(
    who: Who,
    behaviour: Behaviour,
    hidden_s: float,
    since_s: Float64[np.ndarray, " T"],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "T 2"]:
    """Return how far along and aside somebody gets by each time since it vanished, in metres.

    Who turns back is hardly as fast as others: it has to be back where it came from in time.

    Args:
        who: Who moves.
        behaviour: What it does while hidden; `is_possible` in that time.
        hidden_s: For how long.
        since_s: Times since it vanished, in ascending order, some of them before.
        rng: Source of every choice.
    """
    pace = PACES[who]
    vigour = rng.uniform()
    slows, hastens = (
        low + vigour * (high - low) for low, high in (pace.slows_mps2, pace.hastens_mps2)
    )
    low, high = pace.speed_mps
    if behaviour == "turns back":
        high = min(high, slows * hidden_s / 2.0)
        slows = hastens = max(slows, 2.0 * low / hidden_s)
    on = np.array([rng.uniform(low, max(low, high)), 0.0])
    wishes = _wishes(pace, behaviour, on, hidden_s, slows, rng)
    return _striven(on, wishes, since_s, slows, hastens)


def _turn_s(speed_mps: float, acceleration_mps2: float) -> float:
    """Return how long it takes to run back as fast as one came."""
    return 2.0 * speed_mps / acceleration_mps2


def _wishes(
    pace: Pace,
    behaviour: Behaviour,
    on: Float64[np.ndarray, " 2"],
    hidden_s: float,
    slows_mps2: float,
    rng: np.random.Generator,
) -> list[_Wish]:
    """Return which velocity, along and aside, is wanted after `on`, from when on."""
    speed_mps = float(on[0])
    change_s = hidden_s * rng.uniform(0.2, 0.5)
    if behaviour == "stops":
        return [(change_s, 0.0 * on), (change_s + hidden_s * rng.uniform(0.3, 0.5), on)]
    if behaviour == "turns back":
        turn_s = _turn_s(speed_mps, slows_mps2)
        pause_s = (hidden_s - turn_s) * rng.uniform(0.0, 0.3)
        stop_s = (hidden_s - turn_s - pause_s) / 2.0
        return [(stop_s, 0.0 * on), (stop_s + turn_s / 2.0 + pause_s, -on)]
    if behaviour == "veers":
        angle = np.deg2rad(rng.uniform(20.0, 45.0))
        return [(change_s, speed_mps * np.array([np.cos(angle), np.sin(angle)]))]
    if behaviour == "changes speed":
        share = rng.choice([rng.uniform(0.3, 0.6), rng.uniform(1.5, 2.2)])
        return [(change_s, on * min(share, pace.max_speed_mps / speed_mps))]
    return []


def _striven(
    on: Float64[np.ndarray, " 2"],
    wishes: Sequence[_Wish],
    since_s: Float64[np.ndarray, " T"],
    slows_mps2: float,
    hastens_mps2: float,
) -> Float64[np.ndarray, "T 2"]:
    """Return the way of who strives for velocities with limited acceleration, 0 at time 0."""
    end_s = max(float(since_s[-1]), 0.0)
    velocity = on
    knots = [(min(float(since_s[0]), 0.0), velocity)]
    ends_s = [*(start_s for start_s, _ in wishes[1:]), end_s]
    for (start_s, wanted), until_s in zip(wishes, ends_s, strict=False):
        knots.append((start_s, velocity))
        limit = slows_mps2 if np.linalg.norm(wanted) < np.linalg.norm(velocity) else hastens_mps2
        reached_s = start_s + float(np.linalg.norm(wanted - velocity)) / limit
        share = min(1.0, (until_s - start_s) / max(reached_s - start_s, 1e-9))
        velocity = velocity + share * (wanted - velocity)
        knots.append((min(reached_s, until_s), velocity))
    knots.append((end_s, velocity))
    knots_s = np.array([time_s for time_s, _ in knots])
    velocities = np.stack([velocity for _, velocity in knots])
    times_s = np.union1d(np.append(since_s, 0.0), knots_s)
    along_aside = [np.interp(times_s, knots_s, velocities[:, axis]) for axis in (0, 1)]
    mean = np.stack([0.5 * (axis[1:] + axis[:-1]) for axis in along_aside], axis=1)
    place = np.concatenate([np.zeros((1, 2)), np.cumsum(mean * np.diff(times_s)[:, None], axis=0)])
    place -= place[np.searchsorted(times_s, 0.0)]
    return np.asarray(place[np.searchsorted(times_s, since_s)])
