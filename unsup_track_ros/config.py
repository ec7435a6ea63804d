# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters: one declaration per parameter, beside the code that reads it.

A stage declares a frozen `Config` subclass; `parameter` carries default, text, unit and bounds. The
tree of them feeds the YAML files, `docs/parameters.md`, the ROS descriptors and the checks.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """Base of all parameter groups: frozen, unknown keys refused, defaults validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = "",
    tunable: bool = False,
    **bounds: float,
) -> Any:
    """Declare one parameter.

    Args:
        default: Value when nothing else is given.
        description: One sentence for the documentation and the ROS descriptor.
        unit: SI unit, "px", or empty for a ratio, count or name.
        tunable: Whether it may change while a node runs; others are fixed after configure.
        **bounds: `ge`, `gt`, `le`, `lt`, as pydantic understands them.
    """
    extra: dict[str, Any] = {"unit": unit, "tunable": tunable}
    return Field(default, description=description, json_schema_extra=extra, **bounds)  # type: ignore[arg-type]
