# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes, scripts, launch files, RViz and documents of the ROS package agree with each other."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from unsup_track_ros.config import describe
from unsup_track_ros.ros.configuration import NODE_CONFIGS

MAX_NODE_LINES = 150
# What RViz needs to show each kind of topic.
DISPLAYED = {
    "rviz_default_plugins/MarkerArray": "MarkerArray",
    "rviz_default_plugins/PointCloud2": "PointCloud2",
    "rviz_default_plugins/Map": "OccupancyGrid",
    "rviz_default_plugins/Image": "Image",
}


def too_long(source: str) -> bool:
    """Tell whether a node is more than a shell."""
    return source.count("\n") > MAX_NODE_LINES


def outputs(repository: Path) -> dict[str, str]:
    """Return the message type by topic, as `ros/outputs.py` lists them."""
    tree = ast.parse((repository / "unsup_track_ros/ros/outputs.py").read_text(encoding="utf-8"))
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Output"
    ]
    named = [{k.arg: k.value for k in call.keywords} for call in calls]
    return {ast.literal_eval(n["topic"]): ast.unparse(n["message"]) for n in named}


def shown(repository: Path) -> list[dict[str, Any]]:
    """Return the displays of the RViz configuration that have a topic."""
    text = (repository / "rviz" / "unsup_track.rviz").read_text(encoding="utf-8")
    displays = yaml.safe_load(text)["Visualization Manager"]["Displays"]
    return [display for display in displays if "Topic" in display]


def node_files(repository: Path) -> list[Path]:
    """All nodes."""
    folder = repository / "unsup_track_ros" / "ros" / "nodes"
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def test_a_node_is_a_shell(repository: Path) -> None:
    files = node_files(repository)
    assert len(files) == len(NODE_CONFIGS)
    assert [p.name for p in files if too_long(p.read_text(encoding="utf-8"))] == []


def test_a_node_that_is_more_than_a_shell_is_found() -> None:
    assert too_long("x = 1\n" * 151)
    assert not too_long("x = 1\n" * 150)


def test_every_node_has_an_executable_that_follows_the_environment(repository: Path) -> None:
    for path in node_files(repository):
        script = repository / "scripts" / path.stem
        assert os.access(script, os.X_OK), script
        assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")


def test_the_launch_files_start_executables_that_exist(repository: Path) -> None:
    sources = [
        *(repository / "launch").glob("*.py"),
        repository / "unsup_track_ros/ros/launching.py",
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    started = set(re.findall(r'\bnode\(\s*"(\w+)"', text))
    assert started == set(NODE_CONFIGS)
    scripts = {path.name for path in (repository / "scripts").iterdir()}
    assert {n if n == "all_in_one" else f"{n}_node" for n in started} <= scripts


def test_rviz_shows_topics_that_are_published_with_the_type_it_needs(repository: Path) -> None:
    published = outputs(repository)
    seen = {display["Topic"]["Value"]: display["Class"] for display in shown(repository)}
    assert len(seen) >= 4
    for topic, display in seen.items():
        name = topic.removeprefix("/unsup_track/")
        assert published[name] == DISPLAYED[display], topic


def test_rviz_asks_for_no_more_than_is_offered(repository: Path) -> None:
    offered = {
        info.name.split(".")[1]: info.default
        for info in describe(NODE_CONFIGS["all_in_one"])
        if info.name.startswith("qos.") and info.name.endswith(".durability")
    }
    for display in shown(repository):
        wanted = display["Topic"]["Durability Policy"].lower().replace(" ", "_")
        name = display["Topic"]["Value"].rpartition("/")[2]
        assert wanted == "volatile" or offered[name] == wanted, name


def test_every_output_has_its_quality_of_service_and_its_line_in_the_document(
    repository: Path,
) -> None:
    groups = {info.name.split(".")[1] for info in describe(NODE_CONFIGS["all_in_one"])}
    document = (repository / "docs" / "ros.md").read_text(encoding="utf-8")
    published = outputs(repository)
    assert len(published) >= 14
    assert published.keys() <= groups
    assert [topic for topic in published if f"| `{topic}` |" not in document] == []


@pytest.mark.parametrize("name", ["kitti", "nuscenes_like", "generic"])
def test_every_parameter_in_the_example_files_is_one_of_the_nodes(
    repository: Path, name: str
) -> None:
    from unsup_track_ros.config import load_config
    from unsup_track_ros.ros.configuration import AllInOneConfig

    load_config(repository / "config" / f"{name}.yaml", AllInOneConfig)
