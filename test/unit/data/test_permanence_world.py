# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table-top world: what is drawn, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unsup_track_ros.data.permanence import PermanenceConfig, State, permanence_videos
from unsup_track_ros.data.permanence.rendering import Scene, orbit, render_scene, tight_boxes
from unsup_track_ros.data.permanence.script import KINDS, TARGET, Habits, Script, write_script
from unsup_track_ros.errors import ConfigError

SMALL = PermanenceConfig(height_px=32, width_px=48, num_frames=20, slot_frames=8)
HABITS = Habits(act_share=0.5, carry_share=0.9, cover_share=0.8, behind_share=0.5)


def script(seed: int, num_frames: int = 96) -> Script:
    camera = np.tile([0.0, -8.0, 3.0], (num_frames, 1))
    return write_script(num_frames, 16, HABITS, camera, np.random.default_rng(seed))


def scene(places: dict[int, tuple[float, float, float]]) -> Scene:
    """Things at given places; all others far below the table."""
    num = len(KINDS)
    at = torch.full((1, num, 3), -500.0)
    for index, place in places.items():
        at[0, index] = torch.tensor(place)
    ones = torch.ones(1, num)
    return Scene(
        camera_m=orbit(torch.zeros(1), torch.full((1,), 0.35), 8.5),
        places_m=at,
        radius_m=ones * 0.4,
        height_m=ones * 0.8,
        yaw_rad=ones * 0,
        colors=torch.rand(1, num, 3, generator=torch.Generator().manual_seed(0)),
    )


def test_the_same_seed_gives_the_same_videos_and_another_seed_others() -> None:
    first, again, other = (permanence_videos(SMALL, 2, seed) for seed in (4, 4, 5))
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.states, again.states)
    assert not torch.equal(first.frames, other.frames)


def test_a_training_is_told_nothing_of_what_is_not_seen() -> None:
    videos = permanence_videos(SMALL, 4, 1)
    known = torch.isfinite(videos.visible_boxes_px()).all(-1)
    hidden = videos.states != State.VISIBLE
    assert bool(hidden.any())
    assert not bool((known & hidden).any())


def test_a_ball_in_the_middle_is_drawn_in_the_middle() -> None:
    seen = render_scene(scene({TARGET: (0.0, 0.0, -0.4)}), 80, 112, 140.0)
    box = tight_boxes(seen.alone)[0, TARGET]
    assert abs(float(box[1] + box[3]) / 2 - 56) <= 1.0
    assert float(box[3] - box[1]) == pytest.approx(2 * 0.4 * 140 / 8.5, abs=2.0)


@pytest.mark.parametrize("index", [1, 4, 5])
def test_a_cone_a_cylinder_and_a_cube_before_the_ball_hide_it(index: int) -> None:
    seen = render_scene(scene({TARGET: (0.0, 1.0, 0.0), index: (0.0, -0.5, 0.0)}), 80, 112, 140.0)
    alone, left = (int(mask[0, TARGET].sum()) for mask in (seen.alone, seen.visible))
    assert left < alone
    assert bool(seen.visible[0, index].any())


def test_no_pixel_shows_two_things() -> None:
    videos_scene = scene({i: (0.5 * i - 1.5, 0.0, 0.0) for i in range(len(KINDS))})
    seen = render_scene(videos_scene, 80, 112, 140.0)
    assert int(seen.visible[0].sum(0).max()) == 1


def test_what_a_cone_carries_moves_as_the_cone_does() -> None:
    carried = 0
    for seed in range(20):
        made = script(seed)
        for time in range(1, len(made.places_m)):
            outer = made.container[time, TARGET]
            if (
                outer >= 0
                and made.moves[time, TARGET]
                and made.container[time - 1, TARGET] == outer
            ):
                moved = made.places_m[time] - made.places_m[time - 1]
                np.testing.assert_allclose(moved[TARGET, :2], moved[outer, :2], atol=1e-9)
                carried += 1
    assert carried > 20


def test_only_cones_contain_and_also_cones() -> None:
    inside = [script(seed).container for seed in range(20)]
    cones = {i for i, kind in enumerate(KINDS) if kind == "cone"}
    assert {int(i) for found in inside for i in np.unique(found)} - {-1} <= cones
    assert any((found[:, sorted(cones)] >= 0).any() for found in inside)


def test_things_that_stand_do_not_stand_in_one_another() -> None:
    for seed in range(10):
        made = script(seed)
        end, outside = made.places_m[-1, :, :2], made.container[-1] < 0
        still = ~made.moves[-1]
        rows = np.flatnonzero(outside & still)
        gaps = np.linalg.norm(end[rows, None] - end[None, rows], axis=2)
        np.fill_diagonal(gaps, np.inf)
        covers = np.array([KINDS[row] == "cone" for row in rows])
        assert gaps[~covers][:, ~covers].min(initial=np.inf) > 0.5


def test_a_standing_camera_stands_and_a_moving_one_moves() -> None:
    for moving in (False, True):
        config = SMALL.model_copy(update={"moving_camera": moving})
        camera = permanence_videos(config, 2, 3).camera_m
        assert bool((camera[:, 1:] != camera[:, :-1]).any()) == moving


def test_no_videos_are_refused() -> None:
    with pytest.raises(ConfigError, match="At least one video"):
        permanence_videos(SMALL, 0, 0)
