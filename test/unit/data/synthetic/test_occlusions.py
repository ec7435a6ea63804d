# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Somebody passes behind a parked van for the time that was asked."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.occlusions import (
    STEP_S,
    OcclusionConfig,
    Passage,
    passing_behind,
)
from unsup_track_ros.data.synthetic.population import TrafficConfig
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world

VAN_M = (5.0, 2.0)


def passage(speed_mps: float, crossings_s: np.ndarray) -> Passage:
    s = 80.0 + speed_mps * STEP_S * np.arange(round(8.0 / STEP_S))
    return Passage(
        ego_street=np.stack([s, np.full_like(s, -1.75)], axis=1),
        parking_d_m=4.85,
        walking_d_m=(6.7, 8.5),
        crossings_s=crossings_s,
        room_m=9.0,
    )


def test_nothing_is_parked_at_a_crossing() -> None:
    everywhere = np.arange(0.0, 300.0, 5.0)
    assert passing_behind(passage(3.0, everywhere), VAN_M, 2.0, np.random.default_rng(0)) is None


def test_the_van_stands_and_the_pedestrian_walks_behind_it() -> None:
    found = passing_behind(passage(3.0, np.zeros(0)), VAN_M, 2.0, np.random.default_rng(0))
    assert found is not None
    van, person = found
    assert not van.profile.speeds_mps.any()
    assert person.profile.speeds_mps.min() >= 1.0
    assert abs(person.d) > abs(van.d) + 1.0
    assert person.d * van.d > 0


@pytest.mark.parametrize("hidden_s", [2.0, 4.0])
def test_the_scan_loses_the_pedestrian_for_the_time_asked(
    tiny_config: WorldConfig, hidden_s: float
) -> None:
    nobody = {name: 0.0 for name in TrafficConfig.model_fields if name.endswith("_per_100m")}
    occlusions = OcclusionConfig(pedestrians=1, hidden_s=hidden_s)
    config = tiny_config.model_copy(
        update={
            "duration_s": 8.0,
            "ego_speed_mps": 2.0,
            "trees_per_100m": 0.0,
            "traffic": TrafficConfig(**nobody, occlusions=occlusions),
        }
    )
    world = build_world(config, seed=0)
    assert [actor.model.name for actor in world.actors] == ["van", "pedestrian"]
    num = []
    for k in range(80):
        truth = render(world, config.start_ns + k * world.period_ns, 0.0)[1]
        assert truth.num_points is not None
        num.append(int(truth.num_points[1]))
    hidden = np.flatnonzero(np.array(num) < 3)
    assert hidden[-1] - hidden[0] + 1 == len(hidden)
    assert len(hidden) / 10 == pytest.approx(hidden_s, abs=0.2 * hidden_s + 0.2)
    assert min(num[: hidden[0] - 5]) >= 3
