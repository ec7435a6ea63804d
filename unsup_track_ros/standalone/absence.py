# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What to say when a program asks for a part of ROS 2 that the stand-in does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def sentence(what: str) -> str:
    """Return the sentence about an absent part."""
    return (
        f"{what} is not part of the stand-in for ROS 2 that runs here because rclpy is not "
        "installed; docs/standalone.md lists what is. Install ROS 2 to use it."
    )


def absent(module: str) -> Callable[[str], Any]:
    """Return a module's `__getattr__`, which refuses every name that the module does not define.

    An ImportError also where AttributeError is usual: Python would replace the sentence of an
    AttributeError in `from module import name`.
    """

    def refuse(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        raise ImportError(sentence(f"'{module}.{name}'"))

    return refuse
