# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which discovery is which known object."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.networks.silot.association import Known, associate
from unsup_track_ros.networks.silot.config import SilotInferenceConfig

CONFIG = SilotInferenceConfig()


def box(row_px: float, column_px: float) -> list[float]:
    """A square of 10 px."""
    return [float(row_px), float(column_px), row_px + 10.0, column_px + 10.0]


def known(carried: list[list[float]], expected: list[list[float]], sure: list[bool]) -> Known:
    """Objects of the last frame."""
    return Known(
        carried_px=np.array(carried, float).reshape(-1, 4),
        expected_px=np.array(expected, float).reshape(-1, 4),
        is_sure=np.array(sure, bool),
    )


def test_in_the_first_frame_all_sure_discoveries_are_new_surest_first() -> None:
    boxes, presence = np.array([box(0, 0), box(0, 30), box(30, 0)]), np.array([0.6, 0.01, 0.9])
    confirming, born = associate(known([], [], []), boxes, presence, CONFIG)
    assert confirming.tolist() == []
    assert born.tolist() == [2, 0]


def test_a_discovery_where_an_object_is_carried_confirms_it_and_is_not_new() -> None:
    objects = known([box(0, 0), box(30, 30)], [box(0, 0), box(30, 30)], [True, True])
    boxes, presence = np.array([box(31, 30), box(0, 30)]), np.array([0.9, 0.9])
    confirming, born = associate(objects, boxes, presence, CONFIG)
    assert confirming.tolist() == [-1, 0]
    assert born.tolist() == [1]


def test_an_unsure_object_is_found_where_its_motion_puts_it_a_sure_one_is_not() -> None:
    boxes, presence = np.array([box(20, 0)]), np.array([0.9])
    for sure, confirmed, new in ((False, 0, []), (True, -1, [0])):
        objects = known([box(0, 0)], [box(20, 0)], [sure])
        confirming, born = associate(objects, boxes, presence, CONFIG)
        assert confirming.tolist() == [confirmed]
        assert born.tolist() == new


def test_of_discoveries_of_one_thing_the_surest_counts() -> None:
    boxes, presence = np.array([box(0, 0), box(1, 0)]), np.array([0.5, 0.8])
    _, born = associate(known([], [], []), boxes, presence, CONFIG)
    assert born.tolist() == [1]


def test_less_is_asked_to_confirm_than_to_be_new() -> None:
    config = CONFIG.model_copy(update={"min_confirming": 0.1, "min_new": 0.5})
    boxes, presence = np.array([box(0, 0), box(30, 0)]), np.array([0.2, 0.2])
    objects = known([box(0, 0)], [box(0, 0)], [False])
    confirming, born = associate(objects, boxes, presence, config)
    assert confirming.tolist() == [0]
    assert born.tolist() == []


def test_a_discovery_of_no_presence_is_nothing() -> None:
    confirming, born = associate(
        known([box(0, 0)], [box(0, 0)], [False]), np.array([box(0, 0)]), np.array([0.0]), CONFIG
    )
    assert confirming.tolist() == [-1]
    assert born.tolist() == []
