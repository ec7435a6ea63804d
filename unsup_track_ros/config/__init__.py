# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters: one declaration per parameter, beside the code that reads it.

A stage declares a frozen `Config` subclass; `parameter` carries default, text, unit and bounds. The
tree of them feeds the YAML files, `docs/parameters.md`, the ROS descriptors and the checks.
"""

from __future__ import annotations

from unsup_track_ros.config.loading import from_values, load_config, parameters_of
from unsup_track_ros.config.model import (
    Config,
    ParameterInfo,
    describe,
    flatten,
    parameter,
)
from unsup_track_ros.config.writing import (
    config_hash,
    dump_config,
    parameters_markdown,
    parameters_yaml,
)

__all__ = [
    "Config",
    "ParameterInfo",
    "config_hash",
    "describe",
    "dump_config",
    "flatten",
    "from_values",
    "load_config",
    "parameter",
    "parameters_markdown",
    "parameters_of",
    "parameters_yaml",
]
