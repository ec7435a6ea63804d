# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lossless conversion between a tree of structures and a flat dictionary of arrays.

Label files and pipeline snapshots are such dictionaries. Keys join member names with "/"; a member
that is None has no key; a tuple has its length under "#".
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from unsup_track_ros.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def to_arrays(structure: DataclassInstance, prefix: str = "") -> dict[str, np.ndarray]:
    """Flatten a dataclass of arrays, scalars, enums, strings, tuples and further structures."""
    arrays: dict[str, np.ndarray] = {}
    for member in dataclasses.fields(structure):
        _flatten(getattr(structure, member.name), prefix + member.name, arrays)
    return arrays


def _flatten(value: object, key: str, arrays: dict[str, np.ndarray]) -> None:
    if value is None:
        return
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        arrays.update(to_arrays(value, key + "/"))
    elif isinstance(value, tuple):
        arrays[key + "/#"] = np.array(len(value))
        for i, item in enumerate(value):
            _flatten(item, f"{key}/{i}", arrays)
    else:
        arrays[key] = np.asarray(value.value if isinstance(value, enum.Enum) else value)


def from_arrays(cls: type[T], arrays: Mapping[str, np.ndarray], prefix: str = "") -> T:
    """Rebuild a structure from what `to_arrays` made of it.

    Raises:
        DataError: A member without a default is missing.
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable
    members = {
        member.name: _build(hints[member.name], prefix + member.name, arrays)
        for member in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return cls(**members)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a structure's members; finding them costs more than reading an array."""
    return typing.get_type_hints(cls)


def _build(hint: Any, key: str, arrays: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if not any(k == key or k.startswith(key + "/") for k in arrays):
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if dataclasses.is_dataclass(hint):
        return from_arrays(hint, arrays, key + "/")  # type: ignore[arg-type]
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return tuple(
            _build(item, f"{key}/{i}", arrays) for i in range(int(_member(key + "/#", arrays)))
        )
    value = _member(key, arrays)
    if isinstance(hint, type) and issubclass(hint, enum.Enum | int | float | str):
        return hint(value.item())
    return value


def _member(key: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if key not in arrays:
        raise DataError(f"The stored data lacks '{key}'. It is incomplete or of another version.")
    return arrays[key]
