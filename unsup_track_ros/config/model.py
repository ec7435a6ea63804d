# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The base of all parameter groups, and the walk over a tree of them."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

_BOUND_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_TYPE_NAMES: dict[object, str] = {bool: "bool", int: "int", float: "float", str: "string"}


class Config(BaseModel):
    """Base of all parameter groups: frozen, unknown keys refused, finite, defaults validated."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


def parameter(
    default: Any,  # noqa: ANN401 (the field's own annotation is the type)
    description: str,
    *,
    unit: str = "",
    tunable: bool = False,
    **bounds: float,
) -> Any:  # noqa: ANN401
    """Declare one parameter.

    Args:
        default: Value when nothing else is given; `...` for one that the user must give.
        description: One sentence for the documentation and the ROS descriptor.
        unit: SI unit, "px", or empty for a ratio, count or name.
        tunable: Whether it may change while a node runs; others are fixed after configure.
        **bounds: `ge`, `gt`, `le`, `lt`.
    """
    unknown = sorted(bounds.keys() - _BOUND_SIGNS.keys())
    if unknown:
        raise TypeError(
            f"A parameter is bounded by {', '.join(_BOUND_SIGNS)}, got {', '.join(unknown)}."
        )
    extra: dict[str, Any] = {"unit": unit, "tunable": tunable}
    limits: dict[str, Any] = dict(bounds)
    return Field(default, description=description, json_schema_extra=extra, **limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterInfo:
    """What is declared about one parameter of a tree.

    Attributes:
        name: Dotted name from the root of the tree.
        type_name: "bool", "int", "float", "string", "choice", "list of ..." or "... or null".
        default: Plain value as YAML holds it; None also where `required`.
        required: Whether the user must give it.
        unit: SI unit, "px", or empty.
        bounds: Numbers keyed by gt, ge, lt, le.
        choices: Allowed values; empty where the bounds or the type alone decide.
        text: What it does, in one sentence.
        tunable: Whether it may change while a node runs.
    """

    name: str
    type_name: str
    default: object
    required: bool
    unit: str
    bounds: Mapping[str, float] = field(default_factory=dict)
    choices: tuple[str | int, ...] = ()
    text: str
    tunable: bool

    @property
    def range_text(self) -> str:
        """The allowed values in words: "> 0 m", "one of 'tf', 'lidar'", or nothing."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)

        given = [
            (sign, self.bounds[key]) for key, sign in _BOUND_SIGNS.items() if key in self.bounds
        ]
        limits = " and ".join(f"{sign} {limit:g}" for sign, limit in given)
        return f"{limits} {self.unit}".strip() if limits else ""

    @property
    def expected_text(self) -> str:
        """What a value must be, as the end of "must be ..."."""
        if self.choices:
            return self.range_text
        article = "an" if self.type_name.startswith("int") else "a"
        return f"{article} {self.type_name} {self.range_text}".strip()


def describe(config_class: type[Config]) -> Iterator[ParameterInfo]:
    """Walk over the parameters of a tree in the order of their declaration."""
    return _describe(config_class, "", None)


def plain(value: object) -> object:
    """Return a value as YAML holds it: enums by value, sequences as lists, the rest unchanged."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def flatten(config: Config) -> dict[str, object]:
    """Return every parameter of a tree by its dotted name, in the order of declaration."""
    flat: dict[str, object] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Config):
            flat.update({f"{name}.{key}": item for key, item in flatten(value).items()})
        else:
            flat[name] = plain(value)
    return flat


def _describe(
    config_class: type[Config], prefix: str, defaults: Config | None
) -> Iterator[ParameterInfo]:
    for name, info in config_class.model_fields.items():
        # A group's defaults are those of the instance that its parent declares, not of its class.
        default = getattr(defaults, name) if defaults is not None else _default(info)
        if isinstance(info.annotation, type) and issubclass(info.annotation, Config):
            nested = default if isinstance(default, Config) else None
            yield from _describe(info.annotation, f"{prefix}{name}.", nested)
        else:
            yield _parameter_info(prefix + name, info, default)


def _default(info: FieldInfo) -> object:
    if info.is_required():
        return ...
    if info.default_factory is not None:
        return info.get_default(call_default_factory=True, validated_data={})
    return info.default


def _parameter_info(name: str, info: FieldInfo, default: object) -> ParameterInfo:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    bounds = {
        key: float(limit)
        for key in _BOUND_SIGNS
        for item in info.metadata
        if (limit := getattr(item, key, None)) is not None
    }
    required = default is ...
    return ParameterInfo(
        name=name,
        type_name=_type_name(info.annotation),
        default=None if required else plain(default),
        required=required,
        unit=str(extra.get("unit", "")),
        bounds=bounds,
        choices=_choices(info.annotation),
        text=info.description or "",
        tunable=bool(extra.get("tunable", False)),
    )


def _type_name(annotation: object) -> str:
    if annotation in _TYPE_NAMES:
        return _TYPE_NAMES[annotation]
    arguments = [item for item in typing.get_args(annotation) if item is not Ellipsis]
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [_type_name(item) for item in arguments if item is not types.NoneType]
        return " or ".join([*inner, "null"] if len(inner) < len(arguments) else inner)
    if origin in (tuple, list):
        return "list of " + _type_name(arguments[0])
    if _choices(annotation):
        return "choice"
    return getattr(annotation, "__name__", str(annotation)).lower()


def _choices(annotation: object) -> tuple[str | int, ...]:
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return tuple(member.value for member in annotation)
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return typing.get_args(annotation)
    if origin is not None:  # a list of choices, a choice or null
        return tuple(choice for item in typing.get_args(annotation) for choice in _choices(item))
    return ()
