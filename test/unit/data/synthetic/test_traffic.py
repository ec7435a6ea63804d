# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.traffic import SpeedProfile, actor_states, steady
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world


def test_the_distance_is_the_area_below_the_speed() -> None:
    # 4 m/s until 1 s, braking to a stop at 3 s, standing from then on.
    profile = SpeedProfile(times_s=np.array([1.0, 3.0]), speeds_mps=np.array([4.0, 0.0]))
    for time_s, speed, way in ((-1.0, 4.0, -4.0), (0.0, 4.0, 0.0), (1.0, 4.0, 4.0)):
        assert profile.speed_mps(time_s) == speed
        assert profile.distance_m(time_s) == pytest.approx(way)
    assert profile.distance_m(2.0) == pytest.approx(4.0 + 3.0)
    assert profile.distance_m(3.0) == pytest.approx(8.0)
    assert profile.distance_m(9.0) == pytest.approx(8.0)
    assert steady(2.0).distance_m(1.5) == pytest.approx(3.0)


def test_the_velocity_of_an_actor_is_the_change_of_its_place(tiny_world: World) -> None:
    road, ground = tiny_world.road, tiny_world.ground
    step = 1e-3
    before, now, after = (
        actor_states(tiny_world.actors, road, ground, time_s)
        for time_s in (2 - step, 2.0, 2 + step)
    )
    change = (after.poses[:, :2] - before.poses[:, :2]) / (2 * step)
    assert np.linalg.norm(now.velocities, axis=1).max() > 3.0
    np.testing.assert_allclose(now.velocities[:, :2], change, atol=0.08)
    assert np.abs(now.velocities[:, 2]).max() < 0.5


def test_no_actor_is_a_valid_street(tiny_world: World) -> None:
    states = actor_states((), tiny_world.road, tiny_world.ground, 0.0)
    assert states.poses.shape == (0, 4)
    assert states.velocities.shape == (0, 3)


@pytest.mark.parametrize("seed", [7, 8])
def test_nothing_ever_runs_into_anything(tiny_config: WorldConfig, seed: int) -> None:
    config = tiny_config.model_copy(update={"duration_s": 6.0})
    world = build_world(config, seed)
    radius = np.array([0.5 * actor.model.size_m[1] for actor in world.actors])
    for time_s in np.arange(0.0, 6.0, 0.25):
        poses = actor_states(world.actors, world.road, world.ground, float(time_s)).poses
        gap = np.linalg.norm(poses[:, None, :2] - poses[None, :, :2], axis=-1)
        gap[np.diag_indices(len(gap))] = np.inf
        assert (gap > radius[:, None] + radius).all()
        ego = world.odom_T_base(float(time_s))[:2, 3]
        assert (np.linalg.norm(poses[:, :2] - ego, axis=1) > 0.9 + radius).all()


def test_a_street_has_everything_that_stands_and_moves(tiny_world: World) -> None:
    now = actor_states(tiny_world.actors, tiny_world.road, tiny_world.ground, 2.0)
    moving = np.linalg.norm(now.velocities, axis=1) > 0.5
    names = np.array([actor.model.name for actor in tiny_world.actors])
    assert set(names) == {"car", "van", "pedestrian", "cyclist"}
    assert moving[names == "car"].sum() >= 2
    assert (~moving[names == "car"]).sum() >= 5
    assert moving[names == "pedestrian"].any()


def test_in_a_static_world_only_the_ego_moves(static_world: World) -> None:
    first, second = (
        actor_states(static_world.actors, static_world.road, static_world.ground, time_s)
        for time_s in (0.0, 3.0)
    )
    np.testing.assert_array_equal(first.poses, second.poses)
    assert not first.velocities.any()
    assert len(static_world.actors) > 10
    way = static_world.odom_T_base(3.0)[:3, 3] - static_world.odom_T_base(0.0)[:3, 3]
    assert np.linalg.norm(way) > 5.0
