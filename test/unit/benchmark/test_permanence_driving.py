# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When motion changes, as a property of the world, and how sure a ratio of kept identities is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.permanence_driving import kept_ratio, rows_of
from unsup_track_ros.data.permanence.driving import DrivingFrame


def frames(end_m: float) -> list[DrivingFrame]:
    """Return a drive in which somebody walks at 2 m/s, is hidden for 1 s and comes out at x."""
    seen = {0.0: 0.0, 1.0: 2.0, 2.0: end_m}
    return [
        DrivingFrame(
            time_s=time_s,
            odom_T_velo=np.eye(4),
            points_velo=np.zeros((0, 3)),
            boxes_odom=np.array([[seen.get(time_s, 0.0), 7.0, 0.9, 0.6, 0.6, 1.75, 0.0]]),
            velocities_odom=np.array([[2.0, 0.0, 0.0]]),
            num_points=np.array([9 if time_s in seen else 0]),
        )
        for time_s in (0.0, 1.0, 1.5, 2.0)
    ]


@pytest.mark.parametrize(
    ("end_m", "row"),
    [
        (4.0, {"changes little"}),
        (2.1, {"changes little"}),
        (1.9, {"motion changes"}),
        (-0.1, {"motion changes", "motion changes, by 4 m or more"}),
    ],
)
def test_motion_changes_where_the_straight_way_misses_by_two_metres(
    end_m: float, row: set[str]
) -> None:
    assert set(rows_of("stops", frames(end_m))) == row | {"all who do something else"}


def test_who_goes_on_is_in_a_row_of_its_own() -> None:
    assert rows_of("goes on", frames(4.0)) == ("goes on",)


def test_the_interval_of_a_ratio_holds_it_and_shrinks_with_the_drives() -> None:
    before, after = np.arange(30) % 3 == 0, np.arange(30) % 3 != 1
    ratio, low, high = kept_ratio(before, after)
    assert ratio == 2.0
    assert 1.0 < low < ratio < high
    _, more_low, more_high = kept_ratio(np.tile(before, 16), np.tile(after, 16))
    assert (more_high - more_low) < 0.5 * (high - low)


def test_both_trackers_are_drawn_together() -> None:
    """The same drives kept by both: no draw of drives can tell them apart."""
    kept = np.array([True, False, True, True, False])
    assert kept_ratio(kept, kept) == (1.0, 1.0, 1.0)


def test_nobody_kept_before_is_no_number() -> None:
    none, one = np.zeros(3, bool), np.array([True, False, False])
    assert kept_ratio(none, one)[0] == np.inf
    assert np.isnan(kept_ratio(none, none)).all()
