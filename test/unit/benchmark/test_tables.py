# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of the benchmarks."""

from __future__ import annotations

from benchmark.tables import judged, number, share, table


def test_missing_numbers_are_named_and_never_zero() -> None:
    assert number(None) == "n/a"
    assert number(0.12345, 2, "m") == "0.12 m"
    assert judged(None, False) == "n/a"
    assert share(3.0, 4.0) == "75%"
    assert share(None, 4.0) == share(0.0, 0.0) == "n/a"


def test_a_number_says_whether_it_meets_its_bar() -> None:
    assert judged(0.5, True) == "0.500 met"
    assert judged(130.4, False, 0) == "130 MISSED"


def test_a_table_has_text_left_and_numbers_right() -> None:
    assert table(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | ---: |\n| x | 1 |"
