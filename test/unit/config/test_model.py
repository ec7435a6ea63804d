# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Declaring parameters and walking over them."""

from __future__ import annotations

import enum
from typing import Literal

import pytest
from pydantic import ValidationError

from unsup_track_ros.config import Config, ParameterInfo, describe, flatten, parameter


class Level(enum.Enum):
    """An enum."""

    LOW = "low"
    HIGH = "high"


class InnerConfig(Config):
    """A group."""

    size_m: float = parameter(1.0, "Size.", unit="m", gt=0, le=8, tunable=True)
    level: Level = parameter(Level.LOW, "Level.")


class OuterConfig(Config):
    """A tree."""

    inner: InnerConfig = InnerConfig(size_m=2.0)
    names: tuple[str, ...] = parameter(("a", "b"), "Names.")
    mode: Literal["x", "y"] | None = parameter(None, "Mode.")
    topic: str = parameter(..., "Topic.")
    enabled: bool = parameter(True, "Enabled.")
    count: int = parameter(0, "Count.")


def test_each_parameter_is_described_in_the_order_of_declaration() -> None:
    infos = {info.name: info for info in describe(OuterConfig)}
    assert list(infos) == [
        "inner.size_m",
        "inner.level",
        "names",
        "mode",
        "topic",
        "enabled",
        "count",
    ]
    assert infos["inner.size_m"] == ParameterInfo(
        name="inner.size_m",
        type_name="float",
        default=2.0,
        required=False,
        unit="m",
        bounds={"gt": 0.0, "le": 8.0},
        text="Size.",
        tunable=True,
    )
    assert infos["inner.size_m"].range_text == "> 0 and <= 8 m"
    assert infos["inner.level"].choices == ("low", "high")
    assert infos["inner.level"].default == "low"


def test_types_are_named_in_words() -> None:
    names = {info.name: info.type_name for info in describe(OuterConfig)}
    assert names == {
        "inner.size_m": "float",
        "inner.level": "choice",
        "names": "list of string",
        "mode": "choice or null",
        "topic": "string",
        "enabled": "bool",
        "count": "int",
    }


def test_a_required_parameter_has_no_default() -> None:
    info = next(info for info in describe(OuterConfig) if info.name == "topic")
    assert info.required
    assert info.default is None


def test_a_tree_is_flattened_to_plain_values() -> None:
    assert flatten(OuterConfig(topic="/points")) == {
        "inner.size_m": 2.0,
        "inner.level": "low",
        "names": ["a", "b"],
        "mode": None,
        "topic": "/points",
        "enabled": True,
        "count": 0,
    }


def test_a_config_cannot_be_changed() -> None:
    config = InnerConfig()
    with pytest.raises(ValidationError):
        config.size_m = 3.0  # type: ignore[misc]


def test_a_default_outside_its_own_range_is_refused() -> None:
    class WrongConfig(Config):
        """A wrong default."""

        size_m: float = parameter(-1.0, "Size.", unit="m", gt=0)

    with pytest.raises(ValidationError):
        WrongConfig()


def test_an_unknown_bound_is_refused() -> None:
    with pytest.raises(TypeError, match="bounded by gt, ge, lt, le, got minimum"):
        parameter(1.0, "Size.", minimum=0.0)
