# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The six services by which `ros2 param` and others reach the parameters of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unsup_track_ros.standalone.exceptions import (
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from unsup_track_ros.standalone.messages import service_class
from unsup_track_ros.standalone.parameter import Parameter, SetParametersResult
from unsup_track_ros.standalone.qos import qos_profile_parameters


def add_parameter_services(node: Any) -> None:
    """Create the services of a node."""
    for name, (srv_type, answer) in _ANSWERS.items():
        node.create_service(
            service_class(f"rcl_interfaces/srv/{srv_type}"),
            f"~/{name}",
            _bind(node, answer),
            qos_profile=qos_profile_parameters,
        )


def _bind(node: Any, answer: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any], Any]:
    def callback(request: Any, response: Any) -> Any:
        answer(node, request, response)
        return response

    return callback


def _known(ask: Callable[[list[str]], list[Any]], names: Any) -> list[Any]:
    """Ask for all names; one that is unknown makes the whole answer empty, as rclpy does."""
    try:
        return ask(list(names))
    except (ParameterNotDeclaredException, ParameterUninitializedException):
        return []


def _describe(node: Any, request: Any, response: Any) -> None:
    response.descriptors = _known(node.describe_parameters, request.names)


def _get(node: Any, request: Any, response: Any) -> None:
    found = _known(node.get_parameters, request.names)
    response.values = [parameter.get_parameter_value() for parameter in found]


def _get_types(node: Any, request: Any, response: Any) -> None:
    response.types = _known(node.get_parameter_types, request.names)


def _list(node: Any, request: Any, response: Any) -> None:
    response.result = node.list_parameters(list(request.prefixes), request.depth)


def _set_all(node: Any, messages: list[Any]) -> Any:
    try:
        wanted = [Parameter.from_parameter_msg(message) for message in messages]
        return node.set_parameters_atomically(wanted)
    except ParameterNotDeclaredException as error:
        return SetParametersResult(successful=False, reason=str(error))


def _set(node: Any, request: Any, response: Any) -> None:
    response.results = [_set_all(node, [message]) for message in request.parameters]


def _set_atomically(node: Any, request: Any, response: Any) -> None:
    response.result = _set_all(node, request.parameters)


_ANSWERS = {
    "describe_parameters": ("DescribeParameters", _describe),
    "get_parameters": ("GetParameters", _get),
    "get_parameter_types": ("GetParameterTypes", _get_types),
    "list_parameters": ("ListParameters", _list),
    "set_parameters": ("SetParameters", _set),
    "set_parameters_atomically": ("SetParametersAtomically", _set_atomically),
}
