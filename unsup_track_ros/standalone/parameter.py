# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.parameter` and the parameters of a node: types, descriptors, callbacks, refusals.

Reasons of refusals are in rclpy's words.
"""

from __future__ import annotations

import array
import enum
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from unsup_track_ros.standalone.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from unsup_track_ros.standalone.messages import message_class

Descriptor: Final = message_class("rcl_interfaces/msg/ParameterDescriptor")
SetParametersResult: Final = message_class("rcl_interfaces/msg/SetParametersResult")
ListParametersResult: Final = message_class("rcl_interfaces/msg/ListParametersResult")
ParameterEvent: Final = message_class("rcl_interfaces/msg/ParameterEvent")
ParameterMessage: Final = message_class("rcl_interfaces/msg/Parameter")
ParameterValue: Final = message_class("rcl_interfaces/msg/ParameterValue")
_TOLERANCE: Final = 1e-6  # rclpy's, for floating-point ranges
_LISTS: Final = (list, tuple, array.array)


class Parameter:
    """A name with a typed value."""

    class Type(enum.Enum):
        """Types that a parameter can have."""

        NOT_SET = 0
        BOOL = 1
        INTEGER = 2
        DOUBLE = 3
        STRING = 4
        BYTE_ARRAY = 5
        BOOL_ARRAY = 6
        INTEGER_ARRAY = 7
        DOUBLE_ARRAY = 8
        STRING_ARRAY = 9

        @classmethod
        def from_parameter_value(cls, parameter_value: Any) -> Parameter.Type:
            """Return the type of a Python value.

            Raises:
                TypeError: A parameter cannot hold it.
            """
            if parameter_value is None:
                return cls.NOT_SET
            if isinstance(parameter_value, _LISTS):
                for python, kind in _ELEMENTS:
                    if all(isinstance(value, python) for value in parameter_value):
                        return kind
                raise TypeError(
                    "The given value is not a list of one of the allowed types "
                    f"'{parameter_value}'."
                )
            for python, kind in _SCALARS:
                if isinstance(parameter_value, python):
                    return kind
            raise TypeError(f"The given value is not one of the allowed types '{parameter_value}'.")

        def check(self, parameter_value: Any) -> bool:
            """Tell whether a value is of this type; an empty list is of every list type."""
            python = _PYTHON[self]
            if self in _LIST_TYPES:
                return isinstance(parameter_value, _LISTS) and all(
                    isinstance(value, python) for value in parameter_value
                )
            return isinstance(parameter_value, python)

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        kind = Parameter.Type.from_parameter_value(value) if type_ is None else type_
        if not isinstance(kind, Parameter.Type):
            raise TypeError(f"type must be an instance of '{Parameter.Type!r}'")
        if not kind.check(value):
            raise ValueError(f"Type '{kind}' and value '{value}' do not agree")
        self.name, self.type_, self.value = name, kind, value

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, type_={self.type_}, value={self.value!r})"

    @classmethod
    def from_parameter_msg(cls, param_msg: Any) -> Parameter:
        """Return the parameter that a message holds."""
        kind = Parameter.Type(param_msg.value.type)
        value = None
        if kind is not Parameter.Type.NOT_SET:
            value = getattr(param_msg.value, f"{kind.name.lower()}_value")
        return cls(param_msg.name, kind, value)

    def get_parameter_value(self) -> Any:
        """Return the value as rcl_interfaces/ParameterValue."""
        message = ParameterValue(type=self.type_.value)
        if self.type_ is not Parameter.Type.NOT_SET:
            setattr(message, f"{self.type_.name.lower()}_value", self.value)
        return message

    def to_parameter_msg(self) -> Any:
        """Return it as rcl_interfaces/Parameter."""
        return ParameterMessage(name=self.name, value=self.get_parameter_value())


_T: Final = Parameter.Type
# bool before int: True is an int.
_SCALARS: Final = ((bool, _T.BOOL), (int, _T.INTEGER), (float, _T.DOUBLE), (str, _T.STRING))
_ELEMENTS: Final = (
    (bytes, _T.BYTE_ARRAY), (bool, _T.BOOL_ARRAY), (int, _T.INTEGER_ARRAY),
    (float, _T.DOUBLE_ARRAY), (str, _T.STRING_ARRAY),
)  # fmt: skip
_LIST_TYPES: Final = frozenset(kind for _, kind in _ELEMENTS)
_PYTHON: Final = {kind: python for python, kind in (*_SCALARS, *_ELEMENTS)} | {
    _T.NOT_SET: type(None)
}


class Parameters:
    """The part of a node that holds its parameters."""

    def __init__(self, overrides: dict[str, Parameter], *, allow_undeclared: bool) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, Any] = {}
        self._parameter_overrides = overrides
        self._allow_undeclared_parameters = allow_undeclared
        self._pre_set: list[Callable[[list[Parameter]], list[Parameter]]] = []
        self._on_set: list[Callable[[list[Parameter]], Any]] = []
        self._post_set: list[Callable[[list[Parameter]], Any]] = []

    def declare_parameter(
        self, name: str, value: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare a parameter with a default value, or with a type and no value.

        Raises:
            ParameterAlreadyDeclaredException: It was declared before.
            InvalidParameterTypeException: The override is of another type.
            InvalidParameterValueException: The descriptor or a callback refuses the value.
        """
        if not name or name[0] == "." or name[-1] == ".":
            raise InvalidParameterException(name)
        if name in self._parameters:
            raise ParameterAlreadyDeclaredException([name])
        described = Descriptor() if descriptor is None else descriptor
        described.name = name
        if isinstance(value, Parameter.Type):
            if value is _T.NOT_SET or described.dynamic_typing:
                raise ValueError(f"Cannot declare parameter {{{name}}} as statically typed so")
            described.type, value = value.value, None
        elif not described.dynamic_typing:
            described.type = _T.from_parameter_value(value).value
            if described.type == _T.NOT_SET.value:
                raise ValueError(
                    "Cannot declare a statically typed parameter with default value of type "
                    "PARAMETER_NOT_SET"
                )
        if not ignore_override and name in self._parameter_overrides:
            value = self._parameter_overrides[name].value
        parameter = Parameter(name, value=value)
        result = self._set([parameter], {name: described})
        if not result.successful:
            if result.reason.startswith("Wrong parameter type"):
                raise InvalidParameterTypeException(parameter, _T(described.type).name)
            raise InvalidParameterValueException(name, parameter.value, result.reason)
        return self._parameters[name]

    def declare_parameters(
        self, namespace: str, parameters: Sequence[tuple[Any, ...]], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare several: tuples of name, value and descriptor."""
        prefix = f"{namespace}." if namespace else ""
        return [
            self.declare_parameter(f"{prefix}{name}", *rest, **{"ignore_override": ignore_override})
            for name, *rest in parameters
        ]

    def undeclare_parameter(self, name: str) -> None:
        """Forget a parameter.

        Raises:
            ParameterImmutableException: It is read-only.
        """
        if self._declared(name) and self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name], self._descriptors[name]

    def has_parameter(self, name: str) -> bool:
        """Tell whether it is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """Return a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared.
            ParameterUninitializedException: It has no value yet.
        """
        if not self._declared(name):
            return Parameter(name, _T.NOT_SET)
        parameter = self._parameters[name]
        if parameter.type_ is _T.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameters(self, names: Sequence[str]) -> list[Parameter]:
        """Return several parameters."""
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Any = None) -> Parameter:
        """Return a parameter, or the alternative where it has no value."""
        parameter = self._parameters.get(name)
        if parameter is not None and parameter.type_ is not _T.NOT_SET:
            return parameter
        return Parameter(name, _T.NOT_SET) if alternative_value is None else alternative_value

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Return the parameters of a group by the rest of their names."""
        start = f"{prefix}." if prefix else ""
        return {
            name[len(start) :]: parameter
            for name, parameter in self._parameters.items()
            if name.startswith(start)
        }

    def get_parameter_types(self, names: Sequence[str]) -> list[Any]:
        """Return the types of several parameters, as numbers."""
        return [
            self._parameters[name].type_.value if self._declared(name) else _T.NOT_SET.value
            for name in names
        ]

    def describe_parameter(self, name: str) -> Any:
        """Return the descriptor of a parameter."""
        return self._descriptors[name] if self._declared(name) else Descriptor()

    def describe_parameters(self, names: Sequence[str]) -> list[Any]:
        """Return the descriptors of several parameters."""
        return [self.describe_parameter(name) for name in names]

    def list_parameters(self, prefixes: Sequence[str], depth: int) -> Any:
        """Return names, and the groups they are in, down to a depth (0: all) below the prefixes."""
        result = ListParametersResult()
        for name in self._parameters:
            below = [name] if not prefixes else [
                name[len(p) + 1 :] for p in prefixes if name == p or name.startswith(f"{p}.")
            ]  # fmt: skip
            if any(depth == 0 or rest.count(".") < depth for rest in below):
                result.names.append(name)
                group = name.rpartition(".")[0]
                if group and group not in result.prefixes:
                    result.prefixes.append(group)
        return result

    def set_parameters(self, parameter_list: Sequence[Parameter]) -> list[Any]:
        """Set parameters one by one, and return a result for each."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: Sequence[Parameter]) -> Any:
        """Set all parameters or none, and return the result."""
        wanted = list(parameter_list)
        if self._pre_set:
            wanted = [changed for callback in self._pre_set for changed in callback(wanted)]
            if not wanted:
                return SetParametersResult(
                    successful=False,
                    reason="parameter list cannot be empty, this might be due to "
                    "pre_set_parameters_callback modifying the original parameters list.",
                )
        unknown = [parameter.name for parameter in wanted if parameter.name not in self._parameters]
        if unknown and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(unknown)
        return self._set(wanted, None)

    def add_pre_set_parameters_callback(
        self, callback: Callable[[list[Parameter]], list[Parameter]]
    ) -> None:
        """Let a callback change what is going to be set."""
        self._pre_set.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """Let a callback accept or refuse what is going to be set."""
        self._on_set.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """Tell a callback what has been set."""
        self._post_set.insert(0, callback)

    def remove_on_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """Ask a callback no more."""
        self._on_set.remove(callback)

    def remove_post_set_parameters_callback(
        self, callback: Callable[[list[Parameter]], Any]
    ) -> None:
        """Tell a callback no more."""
        self._post_set.remove(callback)

    def _publish_parameter_event(self, event: Any) -> None:
        """Tell the network what has been set."""
        raise NotImplementedError

    def _declared(self, name: str) -> bool:
        if name not in self._parameters and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(name)
        return name in self._parameters

    def _set(self, wanted: list[Parameter], described: dict[str, Any] | None) -> Any:
        for parameter in wanted:
            reason = _refusal(parameter, described or self._descriptors, new=described is not None)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        for callback in list(self._on_set):
            result = callback(wanted)
            if not result.successful:
                return result
        event = ParameterEvent()
        for parameter in wanted:
            self._store(parameter, described, event)
        self._publish_parameter_event(event)
        for callback in list(self._post_set):
            callback(wanted)
        return SetParametersResult(successful=True)

    def _store(self, parameter: Parameter, described: dict[str, Any] | None, event: Any) -> None:
        name, message = parameter.name, parameter.to_parameter_msg()
        if parameter.type_ is _T.NOT_SET and described is None:
            event.deleted_parameters.append(message)
            self._parameters.pop(name, None)
            self._descriptors.pop(name, None)
            return
        if described is not None:
            self._descriptors[name] = described[name]
        elif name not in self._descriptors:
            self._descriptors[name] = Descriptor(name=name, dynamic_typing=True)
        had_value = self.get_parameter_or(name).type_ is not _T.NOT_SET
        (event.changed_parameters if had_value else event.new_parameters).append(message)
        self._parameters[name] = parameter


def _refusal(parameter: Parameter, descriptors: dict[str, Any], *, new: bool) -> str:
    """Return why a descriptor refuses a value, empty if it does not."""
    descriptor = descriptors.get(parameter.name)
    if descriptor is None:
        return ""
    if descriptor.read_only and not new:
        return f"Trying to set a read-only parameter: {parameter.name}."
    kind, expected = parameter.type_, _T(descriptor.type)
    if descriptor.dynamic_typing:
        descriptor.type = kind.value
    elif kind is _T.NOT_SET and not new:
        return "Static parameter cannot be undeclared"
    elif kind not in (_T.NOT_SET, expected):
        return f"Wrong parameter type, expected '{expected}' got '{kind}'"
    if kind is _T.INTEGER and descriptor.integer_range:
        return _outside(parameter, descriptor.integer_range[0])
    if kind is _T.DOUBLE and descriptor.floating_point_range:
        return _outside(parameter, descriptor.floating_point_range[0])
    return ""


def _outside(parameter: Parameter, limits: Any) -> str:
    low, high = sorted((limits.from_value, limits.to_value))
    value, is_integer = parameter.value, parameter.type_ is _T.INTEGER

    def near(a: float, b: float) -> bool:
        return a == b if is_integer else math.isclose(a, b, rel_tol=_TOLERANCE)

    if near(value, low) or near(value, high):  # the ends are always allowed
        return ""
    if not low < value < high:
        dot = "." if is_integer else ""
        return (
            f"Parameter {parameter.name} out of range{dot} Min: {low}, Max: {high}, value: {value}"
        )
    if limits.step and not near(low + round((value - low) / limits.step) * limits.step, value):
        fit = "a valid" if is_integer else "close enough to a valid"
        return (
            f"The parameter value for {parameter.name} is not {fit} step. Min: {low}, max: {high}, "
            f"value: {value}, step: {limits.step}"
        )
    return ""
