# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS parameters from the parameter tree: declared, described, checked, and changed atomically."""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)

from unsup_track_ros.config import Config, ParameterInfo, describe, flatten, from_values
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.ros.configuration import names_of_all_nodes

AnyConfig = TypeVar("AnyConfig", bound=Config)

_OF_RCLPY = ("use_sim_time", "start_type_description_service")
_OVERRIDES_OF_RCLPY = "qos_overrides."
_LARGEST_INT = 2**63 - 1
_STRINGS = "list of string"


class NodeParameters(Generic[AnyConfig]):
    """The parameters of one node.

    Attributes:
        config: The tree with the values in force.
    """

    config: AnyConfig

    def __init__(
        self,
        node: Any,
        config_class: type[AnyConfig],
        on_change: Callable[[AnyConfig], None],
    ) -> None:
        """Check what the node was given and declare everything.

        Args:
            node: An rclpy node that has declared none of them.
            config_class: Tree of its parameters.
            on_change: Told of the new tree after a change at run time.

        Raises:
            ConfigError: A parameter is unknown, missing, of the wrong type or out of its range.
        """
        self._class = config_class
        self._infos = {info.name: info for info in describe(config_class)}
        self._on_change = on_change
        self.config = from_values(config_class, self._given(node))
        for name, value in flatten(self.config).items():
            info = self._infos[name]
            node.declare_parameter(
                name, _ros_value(info, value), descriptor(info), ignore_override=True
            )
        node.add_on_set_parameters_callback(self._set)

    def _given(self, node: Any) -> dict[str, object]:
        """Return what command line and files say; what is meant for other nodes is left out."""
        foreign = names_of_all_nodes() - self._infos.keys()
        # The only place that knows names nobody declared. rclpy would declare them all by itself
        # (automatically_declare_parameters_from_overrides), but dies of an empty list doing so.
        given = {name: p.value for name, p in node._parameter_overrides.items()}
        return {
            name: self._plain(name, value)
            for name, value in given.items()
            if name not in foreign
            and name not in _OF_RCLPY
            and not name.startswith(_OVERRIDES_OF_RCLPY)
            and value is not None  # an empty list in a file has no type, so that ROS has no value
        }

    def _plain(self, name: str, value: object) -> object:
        if isinstance(value, array.array | list | tuple):
            is_text = name in self._infos and self._infos[name].type_name == _STRINGS
            return [item for item in value if item != ""] if is_text else list(value)
        return value

    def _set(self, parameters: Iterable[Any]) -> SetParametersResult:
        """Accept all of a request or nothing of it."""
        changes = {
            p.name: self._plain(p.name, p.value) for p in parameters if p.name in self._infos
        }
        fixed = [name for name in changes if not self._infos[name].tunable]
        if fixed:
            reason = f"The parameter '{fixed[0]}' is fixed while the node runs; restart the node."
            return SetParametersResult(successful=False, reason=reason)
        try:
            config = from_values(self._class, flatten(self.config) | changes)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if changes:
            self.config = config
            self._on_change(config)
        return SetParametersResult(successful=True)


def descriptor(info: ParameterInfo) -> ParameterDescriptor:
    """Describe a parameter: text, unit, range, and whether it may change."""
    described = ParameterDescriptor(
        name=info.name,
        description=f"{info.text} [{info.unit}]" if info.unit else info.text,
        additional_constraints=f"must be {info.expected_text}",
        read_only=not info.tunable,
    )
    if info.bounds and info.type_name == "float":
        low, high = _limits(info, sys.float_info.max)
        described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif info.bounds and info.type_name == "int":
        low, high = _limits(info, _LARGEST_INT)
        whole = IntegerRange(from_value=_first_int(info, low), to_value=_last_int(info, high))
        described.integer_range = [whole]
    return described


def _limits(info: ParameterInfo, largest: float) -> tuple[float, float]:
    """Return the closed range; that a limit itself may be excluded is checked with the value."""
    bounds = info.bounds
    low = bounds.get("ge", bounds.get("gt", -largest))
    return float(low), float(bounds.get("le", bounds.get("lt", largest)))


def _first_int(info: ParameterInfo, low: float) -> int:
    excluded = "gt" in info.bounds and low == math.floor(low)
    return max(math.ceil(low) + int(excluded), -_LARGEST_INT)


def _last_int(info: ParameterInfo, high: float) -> int:
    excluded = "lt" in info.bounds and high == math.ceil(high)
    return min(math.floor(high) - int(excluded), _LARGEST_INT)


def _ros_value(info: ParameterInfo, value: object) -> object:
    """Return a value whose type ROS can tell; an empty list of texts would have none."""
    return [""] if info.type_name == _STRINGS and value == [] else value
