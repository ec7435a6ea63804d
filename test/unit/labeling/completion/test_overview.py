# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table and the counts of completed objects."""

from __future__ import annotations

import json
from pathlib import Path

from unsup_track_ros.labeling.completion.overview import trajectory_counts, trajectory_rows
from unsup_track_ros.labeling.store import TRAJECTORIES_NAME


def line(
    number: int, *, moved: bool, weight: float, doubt: str = "", length_seen: bool = True
) -> str:
    return json.dumps(
        {
            "id": number,
            "frames": [0, 9],
            "moved": moved,
            "weight": weight,
            "doubt": doubt,
            "size_m": [4.2, 1.8, 1.5],
            "size_seen": [length_seen, True, True],
            "sightings": 10,
            "moving_sightings": 8,
            "travel_m": 7.04,
        }
    )


def test_what_is_in_doubt_comes_first_and_every_remark_says_why(tmp_path: Path) -> None:
    lines = [
        line(1, moved=True, weight=1.0),
        line(2, moved=True, weight=0.0, doubt="It has no object's shape."),
        line(3, moved=False, weight=0.5),
        line(4, moved=True, weight=1.0, length_seen=False),
    ]
    (tmp_path / TRAJECTORIES_NAME).write_text("\n".join(lines) + "\n")
    rows = trajectory_rows(tmp_path)
    assert [row[0] for row in rows] == ["#2", "#1", "#3", "#4"]
    assert rows[0] == [
        "#2",
        "0 to 9",
        "4.2 x 1.8 x 1.5",
        "7.0",
        "10 / 8",
        "0",
        "It has no object's shape.",
    ]
    assert rows[1][-1] == ""
    assert "Never moved" in rows[2][-1]
    assert "never seen" in rows[3][-1]
    assert trajectory_counts(tmp_path) == {"moving": 2, "standing": 1, "in_doubt": 1}


def test_without_a_completed_pass_there_is_nothing_to_show(tmp_path: Path) -> None:
    assert trajectory_rows(tmp_path) == []
    assert trajectory_counts(tmp_path) == {"moving": 0, "standing": 0, "in_doubt": 0}
