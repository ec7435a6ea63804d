# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The completed objects for people: a table with what is in doubt first, and counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from unsup_track_ros.labeling.store import TRAJECTORIES_NAME

TABLE_HEADER: Final = (
    "object",
    "frames",
    "length x width x height (m)",
    "way (m)",
    "seen / moving",
    "weight",
    "remark",
)
_STANDING: Final = "Never moved; of the size of something that did."
_PART_SEEN: Final = "Size of like objects: a side was never seen."


def read_trajectories(folder: Path) -> list[dict[str, Any]]:
    """Return the completed objects of a label directory, none where nothing was completed."""
    path = folder / TRAJECTORIES_NAME
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def trajectory_counts(folder: Path) -> dict[str, int]:
    """Count the completed objects by what is thought of them."""
    objects = read_trajectories(folder)
    return {
        "moving": sum(1 for each in objects if each["moved"] and each["weight"] > 0),
        "standing": sum(1 for each in objects if not each["moved"]),
        "in_doubt": sum(1 for each in objects if each["doubt"]),
    }


def trajectory_rows(folder: Path) -> list[list[str]]:
    """Return the rows of the table, objects in doubt first."""
    return [
        [
            f"#{each['id']}",
            f"{each['frames'][0]} to {each['frames'][1]}",
            " x ".join(f"{side:.1f}" for side in each["size_m"]),
            f"{each['travel_m']:.1f}",
            f"{each['sightings']} / {each['moving_sightings']}",
            f"{each['weight']:g}",
            _remark(each),
        ]
        for each in _doubtful_first(folder)
    ]


def trajectory_ids(folder: Path) -> list[int]:
    """Return the ids of the objects in the order of `trajectory_rows`."""
    return [each["id"] for each in _doubtful_first(folder)]


def _doubtful_first(folder: Path) -> list[dict[str, Any]]:
    return sorted(read_trajectories(folder), key=lambda each: (not each["doubt"], each["id"]))


def _remark(each: dict[str, Any]) -> str:
    if each["doubt"]:
        return str(each["doubt"])
    if not each["moved"]:
        return _STANDING
    return "" if all(each["size_seen"]) else _PART_SEEN
