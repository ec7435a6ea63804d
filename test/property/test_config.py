# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML -> tree -> YAML is the identity, whatever the values."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Literal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from unsup_track_ros.config import (
    Config,
    config_hash,
    dump_config,
    flatten,
    from_values,
    load_config,
    parameter,
)


class Colour(enum.Enum):
    """A choice whose values YAML could take for booleans."""

    ON = "on"
    OFF = "off"


class GroupConfig(Config):
    """One parameter of every kind."""

    number: float = parameter(0.0, "Number.")
    count: int = parameter(0, "Count.")
    text: str = parameter("", "Text.")
    flag: bool = parameter(False, "Flag.")
    colour: Colour = parameter(Colour.ON, "Colour.")
    mode: Literal["yes", "no"] = parameter("no", "Mode.")
    numbers: tuple[float, ...] = parameter((), "Numbers.")
    texts: tuple[str, ...] = parameter((), "Texts.")
    maybe: float | None = parameter(None, "Maybe.")


class TreeConfig(Config):
    """A tree of two levels."""

    first: GroupConfig = GroupConfig()
    second: GroupConfig = GroupConfig()


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
GROUPS = st.builds(
    GroupConfig,
    number=FINITE,
    count=st.integers(),
    text=TEXT,
    flag=st.booleans(),
    colour=st.sampled_from(Colour),
    mode=st.sampled_from(["yes", "no"]),
    numbers=st.lists(FINITE).map(tuple),
    texts=st.lists(TEXT).map(tuple),
    maybe=st.none() | FINITE,
)
TREES = st.builds(TreeConfig, first=GROUPS, second=GROUPS)


@example(config=TreeConfig(first=GroupConfig(texts=("\x85", "\u2028", "é"))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(config=TREES)
def test_a_dumped_tree_loads_as_the_same_tree(tmp_path: Path, config: TreeConfig) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(dump_config(config), encoding="utf-8", newline="")
    loaded = load_config(path, TreeConfig)
    assert loaded == config
    assert dump_config(loaded) == dump_config(config)
    assert config_hash(loaded) == config_hash(config)


@settings(deadline=None)
@given(config=TREES)
def test_a_flattened_tree_builds_the_same_tree(config: TreeConfig) -> None:
    assert from_values(TreeConfig, flatten(config)) == config
