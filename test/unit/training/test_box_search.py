# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The local box search: boxes go where their returns are, and nowhere without reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.training.test_expectation import CONFIG, frames, seen_standing

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.training.box_search import BoxSearchConfig, searched_boxes
from unsup_track_ros.training.standing_objects import find_standing, fitted_to_returns

TRUE = np.array([20.0, 5.0, 0.0, 4.4, 1.8, 1.5, 0.3])
SEARCH = BoxSearchConfig()


def two_sides(box: np.ndarray, num: int = 300, noise_m: float = 0.02) -> np.ndarray:
    """Returns on the rear and on one long side, as a LiDAR sees a car."""
    rng = np.random.default_rng(0)
    share = rng.uniform(-0.5, 0.5, num)
    rear = rng.random(num) < 0.3
    x = np.where(rear, -0.5, share) * box[3]
    y = np.where(rear, share, -0.5) * box[4]
    z = rng.uniform(-0.4, 0.4, num)
    placed = np.stack([x, y, z], axis=1) + rng.normal(0, noise_m, (num, 3))
    cosine, sine = np.cos(box[6]), np.sin(box[6])
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return np.asarray(placed @ turn.T + box[:3])


def group_of(points: np.ndarray) -> np.ndarray:
    return np.zeros(len(points), np.int64)


@pytest.mark.parametrize(
    "error", [(0.3, -0.2, 0, 0.0, 0.0, 0, 0.0), (0.2, 0.25, 0, -0.3, 0.3, 0, 0.1)]
)
def test_a_coarse_box_is_moved_onto_its_returns(error: tuple[float, ...]) -> None:
    coarse = TRUE + np.array(error)
    points = two_sides(TRUE)
    found = searched_boxes(coarse[None], points, group_of(points), SEARCH)
    before, after = (bev_iou(box[None], TRUE[None])[0, 0] for box in (coarse, found[0]))
    assert before < 0.75
    assert after > before + 0.02
    assert found[0, [2, 5]].tolist() == coarse[[2, 5]].tolist()


def test_a_true_box_stays() -> None:
    points = two_sides(TRUE)
    found = searched_boxes(TRUE[None], points, group_of(points), SEARCH)
    assert bev_iou(found, TRUE[None])[0, 0] > 0.93


def test_the_side_that_nobody_saw_is_kept() -> None:
    """Returns of the rear alone say where the rear is, not how long the car is."""
    rear = two_sides(TRUE)
    local = (rear - TRUE[:3]) @ np.array([np.cos(0.3), np.sin(0.3), 0])
    rear = rear[local < -TRUE[3] / 2 + 0.1]
    found = searched_boxes(TRUE[None], rear, group_of(rear), SEARCH)
    assert abs(found[0, 3] - TRUE[3]) < 0.2


def test_few_returns_change_nothing_and_nothing_without_straight_sides() -> None:
    person = np.array([20.0, 5.0, 0.0, 0.7, 0.6, 1.7, 0.3])
    for true, num in ((TRUE, 8), (person, 300)):
        points = two_sides(true, num)
        coarse = true + np.array([0.3, 0, 0, 0, 0, 0, 0])
        found = searched_boxes(coarse[None], points, group_of(points), SEARCH)
        assert np.array_equal(found, coarse[None])


def test_a_wall_beside_a_car_does_not_draw_its_box() -> None:
    rng = np.random.default_rng(1)
    along, height = rng.uniform(-3, 3, 300), rng.uniform(-0.4, 0.8, 300)
    turn = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    wall = np.stack([along, np.full(300, -1.35), height], axis=1) @ turn.T + TRUE[:3]
    points = np.concatenate([two_sides(TRUE), wall])
    greedy = SEARCH.model_copy(update={"max_outside_m": 9.0})
    kept, drawn = (
        bev_iou(searched_boxes(TRUE[None], points, group_of(points), config), TRUE[None])[0, 0]
        for config in (SEARCH, greedy)
    )
    assert kept > 0.85
    assert drawn < kept - 0.1


def test_each_box_answers_to_its_own_returns_alone() -> None:
    other = TRUE + np.array([0, 12.0, 0, 0, 0, 0, 0.5])
    coarse = np.stack([TRUE, other]) + np.array([0.3, -0.2, 0, 0, 0, 0, 0])
    points = [two_sides(TRUE), two_sides(other)]
    group = np.repeat([1, 0], [len(points[1]), len(points[0])])
    both = searched_boxes(coarse, np.concatenate([points[1], points[0]]), group, SEARCH)
    for row in range(2):
        alone = searched_boxes(coarse[row][None], points[row], group_of(points[row]), SEARCH)
        assert both[row] == pytest.approx(alone[0])


def test_the_e_step_gathers_the_returns_of_all_frames_in_odom() -> None:
    """The sensor goes ahead by a metre a frame; every scan holds a part of the car."""
    labels, opinions = frames(4), seen_standing(4)  # of a box at 20, 5 in odom with yaw 0.1
    true = find_standing(labels, opinions, 1.0, CONFIG).boxes_odom[0] + [0.3, -0.2, 0, 0, 0, 0, 0]
    returns = two_sides(true, 64)
    told = []
    for place, (label, opinion) in enumerate(zip(labels, opinions, strict=True)):
        assert label.egomotion.odom_T_velo1 is not None
        seen = returns[place::4]
        points = se3.transform(se3.inverse(label.egomotion.odom_T_velo1), seen)
        heights = np.full(len(seen), 0.8, np.float32)
        told.append(replace(opinion, points_velo=points.astype(np.float32), heights_m=heights))
    standing = find_standing(labels, told, 1.0, CONFIG)
    fitted = fitted_to_returns(standing, labels, told, SEARCH)
    before, after = (bev_iou(found.boxes_odom, true[None])[0, 0] for found in (standing, fitted))
    assert after > before + 0.02
