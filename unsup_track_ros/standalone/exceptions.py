# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.exceptions`: what goes wrong in a program that uses rclpy, in rclpy's words."""

from __future__ import annotations

import re
from typing import Any, Final


class NotInitializedException(Exception):
    """`rclpy.init()` was not called, or the context is shut down."""

    def __init__(self, message: str | None = None) -> None:
        said = f" msg:{message}" if message else ""
        super().__init__(f"rclpy.init() has not been called.{said}")


class InvalidHandle(Exception):
    """An entity was used after it had been destroyed."""


class NameValidationException(Exception):
    """A node, namespace, topic or service cannot have this name."""

    kind = "name"

    def __init__(self, name: str, error: str, invalid_index: int) -> None:
        pointer = " " * invalid_index + "^"
        super().__init__(f"Invalid {self.kind}: {error}:\n  '{name}'\n   {pointer}")


class InvalidNamespaceException(NameValidationException):
    """Not a namespace."""

    kind = "namespace"


class InvalidNodeNameException(NameValidationException):
    """Not a node name."""

    kind = "node name"


class InvalidTopicNameException(NameValidationException):
    """Not a topic name."""

    kind = "topic name"


class InvalidServiceNameException(NameValidationException):
    """Not a service name."""

    kind = "service name"


class ParameterException(Exception):
    """Base of the errors about parameters."""

    def __init__(self, error: str, parameters: Any) -> None:
        super().__init__(f"{error}: {parameters}")


class ParameterNotDeclaredException(ParameterException):
    """A parameter was used before it was declared."""

    def __init__(self, parameters: Any) -> None:
        super().__init__("Invalid access to undeclared parameter(s)", parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    """A parameter was declared twice."""

    def __init__(self, parameters: Any) -> None:
        super().__init__("Parameter(s) already declared", parameters)


class InvalidParameterException(ParameterException):
    """A parameter cannot have this name."""

    def __init__(self, parameter: str) -> None:
        super().__init__("Invalid parameter name", parameter)


class InvalidParameterTypeException(ParameterException):
    """A parameter was given a value of another type."""

    def __init__(self, parameter: Any, expected: str) -> None:
        super().__init__(
            f"Trying to set parameter '{parameter.name}' to '{parameter.value}' of type "
            f"'{parameter.type_.name}', expecting type '{expected}'",
            parameter.name,
        )


class InvalidParameterValueException(ParameterException):
    """A value was refused by the descriptor or by a callback."""

    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        super().__init__(
            f"Invalid parameter value ({value}) for parameter. Reason: {reason}", parameter
        )


class ParameterImmutableException(ParameterException):
    """A read-only parameter was to be changed."""

    def __init__(self, parameter: str) -> None:
        super().__init__("Attempted to modify read-only parameter", parameter)


class ParameterUninitializedException(ParameterException):
    """A parameter was declared with a type only and has no value yet."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The parameter '{parameter}' is not initialized", parameter)


_CHARACTERS: Final = "must not contain characters other than alphanumerics, '_'"


def check_node_name(name: str) -> str:
    """Return a node name that is one.

    Raises:
        InvalidNodeNameException: It is not.
    """
    at = _first_invalid(name, allow="")
    if not name:
        raise InvalidNodeNameException(name, "node name must not be empty", 0)
    if at is not None:
        raise InvalidNodeNameException(name, f"node name {_CHARACTERS}", at)
    if name[0].isdigit():
        raise InvalidNodeNameException(name, "node name must not start with a number", 0)
    return name


def check_namespace(name: str) -> str:
    """Return a namespace that is one, with its leading slash.

    Raises:
        InvalidNamespaceException: It is not.
    """
    absolute = name if name.startswith("/") else f"/{name}"
    _check_path(absolute, InvalidNamespaceException, "namespace")
    return absolute


def expand_name(name: str, node_name: str, namespace: str, *, is_service: bool = False) -> str:
    """Return the full name of a topic or service: `~` is the node, a relative name its namespace.

    Raises:
        InvalidTopicNameException: It is not a name; InvalidServiceNameException for services.
    """
    wrong = InvalidServiceNameException if is_service else InvalidTopicNameException
    kind = "service name" if is_service else "topic name"
    if not name:
        raise wrong(name, f"{kind} must not be empty", 0)
    prefix = namespace.rstrip("/")
    if name == "~" or name.startswith("~/"):
        full = f"{prefix}/{node_name}{name[1:]}"
    else:
        full = name if name.startswith("/") else f"{prefix}/{name}"
    _check_path(full, wrong, kind)
    return full


def _check_path(full: str, wrong: type[NameValidationException], kind: str) -> None:
    at = _first_invalid(full, allow="/")
    if at is not None:
        raise wrong(full, f"{kind} {_CHARACTERS}, '~', '{{', or '}}'", at)
    if full != "/" and full.endswith("/"):
        raise wrong(full, f"{kind} must not end with a forward slash", len(full) - 1)
    for match in re.finditer(r"/(?=/|\d)", full):
        reason = f"{kind} token must not start with a number or be empty"
        raise wrong(full, reason, match.start() + 1)


def _first_invalid(name: str, *, allow: str) -> int | None:
    found = (at for at, sign in enumerate(name) if not (sign.isascii() and sign.isalnum()))
    return next((at for at in found if name[at] not in "_" + allow), None)
