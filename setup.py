# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""pip's view of the package; colcon uses CMakeLists.txt. Metadata is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup

NAME = "unsup_track_ros"


def shared_files() -> list[tuple[str, list[str]]]:
    """List what ROS expects under `share/`, so that ament finds a pip installation too."""
    share = Path("share") / NAME
    found = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (str(share), ["package.xml"]),
    ]
    for folder in ("config", "config/training", "launch", "msg", "rviz"):
        files = sorted(str(path) for path in Path(folder).glob("*") if path.is_file())
        if files:
            found.append((str(share / folder), files))
    return found


setup(data_files=shared_files())
