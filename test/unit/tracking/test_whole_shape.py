# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Size and heading of whole boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unsup_track_ros.tracking.motion_model import MotionModelConfig, noise_factors
from unsup_track_ros.tracking.track_store import TrackTable
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig
from unsup_track_ros.tracking.whole_shape import correct_shape, shape_weights

MOTION = MotionModelConfig(yaw_std_rad=0.2, score_trust=0.1)
EXTENT = VisibleExtentConfig(whole_boxes=True, growth_time_s=1.0)


def car(weight: float = 1.0, yaw_rad: float = 0.0) -> TrackTable:
    return replace(
        TrackTable.empty(1),
        ids=np.array([1]),
        mean=np.zeros((1, 6)),
        covariance=np.eye(6)[None],
        size=np.array([[4.0, 1.8, 1.5]]),
        yaw_rad=np.array([yaw_rad]),
        yaw_variance=np.array([0.04]),
        shape_weight=np.array([weight]),
        heading_known=np.array([True]),
        log_odds=np.zeros(1),
        confirmed=np.ones(1, bool),
        birth_ns=np.zeros(1, np.int64),
        seen_ns=np.zeros(1, np.int64),
        hit_ns=np.zeros((1, 1), np.int64),
        seen_mean=np.zeros((1, 6)),
        seen_covariance=np.eye(6)[None],
    )


def see(
    table: TrackTable,
    length_m: float,
    yaw_rad: float = 0.0,
    factor: float = 1.0,
    unseen_s: float = 0.1,
) -> TrackTable:
    box = np.array([[0.0, 0.0, 0.0, length_m, 1.8, 1.5, yaw_rad]])
    return correct_shape(
        table, box, np.ones(1, bool), np.array([factor]), np.array([unseen_s]), (MOTION, EXTENT)
    )


def test_a_box_of_score_one_half_has_the_deviation_of_the_parameters_and_surer_ones_less() -> None:
    factors = noise_factors(np.array([0.5, 0.9, 0.1, 1.0, 0.0]), MOTION)
    # By hand: odds 1, 9 and 1/9 to the power of -0.1; no score is surer than 1 in 10,000.
    np.testing.assert_allclose(factors[:3], [1.0, 9**-0.1, 9**0.1])
    np.testing.assert_allclose(factors[3:], [9999**-0.1, 9999**0.1])


def test_boxes_are_all_alike_without_trust_in_scores() -> None:
    scores = np.array([0.0, 0.3, 1.0])
    assert noise_factors(scores, MotionModelConfig()).tolist() == [1.0, 1.0, 1.0]


def test_the_size_is_the_mean_of_the_boxes_weighted_by_their_precision() -> None:
    """By hand: weights 1 and 4 without time to forget; (1 * 4 + 4 * 5) / 5 = 4.8 m."""
    table = see(car(), 5.0, factor=0.5, unseen_s=0.0)
    assert table.size[0].tolist() == pytest.approx([4.8, 1.8, 1.5])
    assert table.shape_weight[0] == pytest.approx(5.0)
    np.testing.assert_allclose(shape_weights(np.array([0.5])), [4.0])


@pytest.mark.parametrize("length_m", [3.0, 5.0])
def test_sizes_are_followed_alike_up_and_down_and_old_ones_forgotten(length_m: float) -> None:
    table = see(car(), length_m, unseen_s=1.0)
    share = 1 / (1 + np.exp(-1.0))  # of the new box beside one whose weight fell to 1/e
    assert table.size[0, 0] - 4.0 == pytest.approx(share * (length_m - 4.0))


def test_one_box_along_the_other_axis_changes_neither_size_nor_heading() -> None:
    before = car(weight=3.0)
    table = see(before, 4.4, yaw_rad=np.pi / 2, unseen_s=0.0)
    np.testing.assert_array_equal(table.size, before.size)
    assert table.yaw_rad[0] == 0.0
    assert table.yaw_variance[0] == before.yaw_variance[0]
    assert table.shape_weight[0] == pytest.approx(2.0)


def test_what_most_boxes_say_is_the_axis() -> None:
    """Born along the wrong axis: the second box the other way outweighs the first."""
    table = see(car(weight=1.5), 4.4, yaw_rad=np.pi / 2, unseen_s=0.0)
    assert table.yaw_rad[0] == 0.0
    table = see(table, 4.4, yaw_rad=np.pi / 2, unseen_s=0.0)
    assert table.yaw_rad[0] == pytest.approx(np.pi / 2)
    assert table.size[0].tolist() == pytest.approx([4.4, 1.8, 1.5])
    assert table.shape_weight[0] == pytest.approx(1.0)
    assert table.yaw_variance[0] == pytest.approx(0.04)


def test_a_box_that_faces_back_corrects_the_axis_and_leaves_the_front() -> None:
    table = see(car(), 4.0, yaw_rad=np.pi + 0.1)
    assert 0.0 < table.yaw_rad[0] < 0.1


def test_a_sure_box_turns_the_heading_more_than_an_unsure_one() -> None:
    yaw_rad = [see(car(), 4.0, yaw_rad=0.1, factor=factor).yaw_rad[0] for factor in (0.5, 2.0)]
    # By hand: gains 0.04 / (0.04 + 0.01) and 0.04 / (0.04 + 0.16).
    np.testing.assert_allclose(yaw_rad, [0.08, 0.02])
