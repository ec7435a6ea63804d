# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The written forms of a parameter tree."""

from __future__ import annotations

from pathlib import Path

from unsup_track_ros.config import (
    Config,
    config_hash,
    dump_config,
    load_config,
    parameter,
    parameters_markdown,
    parameters_yaml,
)


class LeafConfig(Config):
    """Innermost group."""

    size_m: float = parameter(1.5, "Size.", unit="m", gt=0)


class BranchConfig(Config):
    """A group with a group in it.

    More words that the table does not need.
    """

    leaf: LeafConfig = LeafConfig()
    after: str = parameter("off", "A text that YAML could take for a boolean, a | b.")


class RootConfig(Config):
    """The root."""

    branch: BranchConfig = BranchConfig()
    scales: tuple[float, ...] = parameter((), "Scales.", tunable=True)
    topic: str = parameter(..., "Topic.")


def test_the_dump_is_a_ros_parameter_file() -> None:
    assert dump_config(RootConfig(topic="/points", scales=(1e-06, 2.0))) == (
        "/**:\n"
        "  ros__parameters:\n"
        "    branch:\n"
        "      leaf:\n"
        "        size_m: 1.5\n"
        "      after: 'off'\n"
        "    scales: [1.0e-06, 2.0]\n"
        "    topic: /points\n"
    )


def test_the_hash_depends_on_the_values_alone() -> None:
    one = config_hash(RootConfig(topic="/points"))
    assert len(one) == 64
    assert one == config_hash(RootConfig(branch=BranchConfig(after="off"), topic="/points"))
    assert one != config_hash(RootConfig(branch=BranchConfig(after="on"), topic="/points"))


def test_the_commented_defaults_explain_each_parameter() -> None:
    title, _, body = parameters_yaml(RootConfig).partition("\n")
    assert title.startswith("# ")
    assert body == (
        "/**:\n"
        "  ros__parameters:\n"
        "    branch:\n"
        "      leaf:\n"
        "        # Size. (> 0 m)\n"
        "        size_m: 1.5\n"
        "      # A text that YAML could take for a boolean, a | b.\n"
        "      after: 'off'\n"
        "    # Scales. (tunable)\n"
        "    scales: []\n"
        "    # Topic.\n"
        "    # topic: (required)\n"
    )


def test_the_commented_defaults_load_as_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text(parameters_yaml(BranchConfig), encoding="utf-8")
    assert load_config(path, BranchConfig) == BranchConfig()


def test_the_tables_hold_each_parameter_below_its_group() -> None:
    title, _, tables = parameters_markdown(RootConfig).partition("\n\n## ")
    assert title.startswith("# Parameters\n")
    assert f"## {tables}".splitlines() == [
        "## General",
        "",
        "The root.",
        "",
        "| parameter | type | default | unit | range | tunable | meaning |",
        "|---|---|---|---|---|---|---|",
        "| `scales` | list of float | `[]` |  |  | yes | Scales. |",
        "| `topic` | string | required |  |  |  | Topic. |",
        "",
        "## `branch`",
        "",
        "A group with a group in it.",
        "",
        "| parameter | type | default | unit | range | tunable | meaning |",
        "|---|---|---|---|---|---|---|",
        "| `branch.after` | string | `'off'` |  |  |  "
        "| A text that YAML could take for a boolean, a \\| b. |",
        "",
        "## `branch.leaf`",
        "",
        "Innermost group.",
        "",
        "| parameter | type | default | unit | range | tunable | meaning |",
        "|---|---|---|---|---|---|---|",
        "| `branch.leaf.size_m` | float | `1.5` | m | > 0 |  | Size. |",
    ]
