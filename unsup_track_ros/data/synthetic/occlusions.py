# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""People who pass behind a parked van just when the ego could see them, for a chosen time.

On the street of everyday nobody is hidden for a given time by chance alone. Here a van and a
pedestrian on the sidewalk behind it are drawn together until the lines of sight from the ego's way
say that the pedestrian is hidden for as long as was asked, and seen before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.traffic import Route, steady
from unsup_track_ros.shapes import Bool, Float64

STEP_S: Final = 0.05
_TRIES: Final = 2000
_TOLERANCE: Final = 0.15  # of the time that somebody is hidden
_BEFORE_S, _AFTER_S = 1.5, 1.2  # seen at least
_NEAR_M: Final = 25.0  # from the ego while seen and hidden
_PERSON_M: Final = 0.6  # across
_SPEEDS_MPS: Final = (1.0, 3.0)


class OcclusionConfig(Config):
    """Occlusions that are made on purpose."""

    pedestrians: int = parameter(0, "How often somebody passes behind a parked van.", ge=0)
    hidden_s: float = parameter(2.0, "For how long each is hidden.", unit="s", gt=0.3, le=10.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Passage:
    """Where vans may park and people may walk, and who looks.

    Attributes:
        ego_street: (T, 2) s and d of the ego every `STEP_S`.
        parking_d_m: Middle of the parking lane, left of the centre line.
        walking_d_m: From where to where people walk beside the road.
        crossings_s: s where nothing is parked.
        room_m: Free way before and behind these.
    """

    ego_street: Float64[np.ndarray, "T 2"]
    parking_d_m: float
    walking_d_m: tuple[float, float]
    crossings_s: Float64[np.ndarray, " C"]
    room_m: float


def passing_behind(
    passage: Passage, van_m: tuple[float, float], hidden_s: float, rng: np.random.Generator
) -> tuple[Route, Route] | None:
    """Draw the routes of a van that stands and of a pedestrian who passes behind it.

    Args:
        passage: The street and the ego's way.
        van_m: Length and width of the van.
        hidden_s: For how long the ego must not see the pedestrian.
        rng: Source of every choice.

    Returns:
        Both routes, None where none was found.
    """
    ego = passage.ego_street
    times = STEP_S * np.arange(len(ego))
    for _ in range(_TRIES):
        side, course = rng.choice([-1.0, 1.0]), rng.choice([0.0, np.pi])
        meeting = int(rng.integers(len(ego)))
        van = np.array([ego[meeting, 0] + rng.uniform(-5.0, 20.0), side * passage.parking_d_m])
        speed_mps = rng.uniform(*_SPEEDS_MPS)
        way = speed_mps * np.cos(course) * times
        place = van[0] + rng.uniform(-6.0, 10.0) + way - way[meeting]
        person = np.stack([place, np.full(len(ego), side * rng.uniform(*passage.walking_d_m))], 1)
        if (np.abs(passage.crossings_s - van[0]) < passage.room_m).any():
            continue
        if _is_hidden_once(_hidden(ego, person, van, van_m), ego - person, hidden_s):
            start_s, d = person[0]
            parked = Route(
                s=van[0], d=van[1], course_rad=0.0 if side < 0 else np.pi, profile=steady(0.0)
            )
            return parked, Route(s=start_s, d=d, course_rad=course, profile=steady(speed_mps))
    return None


def _hidden(
    ego: Float64[np.ndarray, "T 2"],
    person: Float64[np.ndarray, "T 2"],
    van: Float64[np.ndarray, " 2"],
    van_m: tuple[float, float],
) -> Bool[np.ndarray, " T"]:
    """Tell when no line of sight reaches the person, as on a straight road."""
    half = np.array(van_m) / 2
    edges = np.array([-0.5, 0.0, 0.5])[:, None, None] * np.array([_PERSON_M, 0.0])
    sight = person + edges - ego
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (van - half - ego) / sight, (van + half - ego) / sight
    enter, leave = np.minimum(first, second).max(-1), np.maximum(first, second).min(-1)
    return np.asarray(((enter < leave) & (enter > 0) & (enter < 1)).all(axis=0))


def _is_hidden_once(
    hidden: Bool[np.ndarray, " T"], away: Float64[np.ndarray, "T 2"], hidden_s: float
) -> bool:
    """Tell whether somebody is hidden for that long, close by, and seen before and after."""
    rows = np.flatnonzero(hidden)
    if not len(rows) or abs(len(rows) * STEP_S - hidden_s) > _TOLERANCE * hidden_s:
        return False
    first, last = rows[0] - round(_BEFORE_S / STEP_S), rows[-1] + round(_AFTER_S / STEP_S)
    if first < 0 or last >= len(hidden) or rows[-1] - rows[0] + 1 != len(rows):
        return False
    near = np.linalg.norm(away[first : last + 1], axis=1).max() < _NEAR_M
    return bool(near)
