# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes over real DDS: on ROS 2 where it is installed, else on the stand-in; the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from system.conftest import tiny_drive

from unsup_track_ros.standalone import provide_ros

provide_ros()

__all__ = ["tiny_drive"]

from ros.probe import Probe  # noqa: E402 - there is an rclpy now


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ros)


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    """A node of the test's own, spinning in a thread."""
    with Probe() as made:
        yield made
