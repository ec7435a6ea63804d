# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: import-linter's contracts hold and bite, and the core does without ROS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Runs in a fresh process: imports every module below the package, with ROS refused.
IMPORT_ALL = """
import importlib, pkgutil, sys
ROS = set(sys.argv[1].split(","))

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ROS:
            raise ImportError(f"the core imported the ROS package '{name}'")

sys.meta_path.insert(0, Refusal())
package = importlib.import_module(sys.argv[2])
names = [module.name for module in pkgutil.walk_packages(package.__path__, sys.argv[2] + ".")
         if module.name.split(".")[1] != "ros"]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
ROS_PACKAGES = (
    "ament_index_python,builtin_interfaces,cv_bridge,diagnostic_msgs,geometry_msgs,launch,"
    "launch_ros,lifecycle_msgs,nav_msgs,rcl_interfaces,rclpy,rosbag2_py,sensor_msgs,"
    "sensor_msgs_py,std_msgs,tf2_msgs,tf2_ros,vision_msgs,visualization_msgs"
)


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is also first on the import path."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the folder's pyproject.toml."""
    program = "from importlinter.cli import lint_imports_command as run; run()"
    return run(sys.executable, "-c", program, "--no-cache", folder=folder)


@pytest.fixture
def skeleton(repository: Path, tmp_path: Path) -> Path:
    """A copy of the package with every module empty, under the real contracts."""
    for path in (repository / "unsup_track_ros").rglob("*.py"):
        empty = tmp_path / path.relative_to(repository)
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.touch()
    settings = (repository / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    return tmp_path


def test_the_import_contracts_hold(repository: Path) -> None:
    answer = lint_imports(repository)
    assert answer.returncode == 0, answer.stdout


def test_the_import_contracts_hold_for_the_skeleton(skeleton: Path) -> None:
    answer = lint_imports(skeleton)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("geometry/se3.py", "unsup_track_ros.networks", "Imports point down only"),
        ("structures/frame.py", "unsup_track_ros.geometry", "Imports point down only"),
        ("config/model.py", "unsup_track_ros.structures", "Imports point down only"),
        ("tracking/__init__.py", "unsup_track_ros.occupancy", "Imports point down only"),
        ("labeling/__init__.py", "unsup_track_ros.cli", "Imports point down only"),
        ("perception/detection.py", "unsup_track_ros.perception.optical_flow", "Stages do not"),
        ("evaluation/report.py", "unsup_track_ros.tracking", "Evaluation never imports"),
        ("data/rosbag.py", "rclpy", "Only unsup_track_ros.ros knows ROS"),
        ("cli/__init__.py", "sensor_msgs.msg", "Only unsup_track_ros.ros knows ROS"),
        ("standalone/node.py", "rclpy", "Only unsup_track_ros.ros knows ROS"),
        ("standalone/node.py", "unsup_track_ros.ros", "Imports point down only"),
        ("ros/__init__.py", "unsup_track_ros.standalone", "Imports point down only"),
        ("ros/__init__.py", "cyclonedds.domain", "Only unsup_track_ros.standalone knows DDS"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    skeleton: Path, module: str, imported: str, contract: str
) -> None:
    path = skeleton / "unsup_track_ros" / module
    assert path.is_file(), "the module of this tripwire has moved"
    path.write_text(f"def f() -> None:\n    import {imported}\n", encoding="utf-8")
    answer = lint_imports(skeleton)
    assert answer.returncode == 1, answer.stdout
    broken = [line for line in answer.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), answer.stdout


def test_a_new_top_level_module_must_be_given_a_layer(skeleton: Path) -> None:
    (skeleton / "unsup_track_ros" / "stray.py").touch()
    answer = lint_imports(skeleton)
    assert answer.returncode == 1
    assert "stray" in answer.stdout


def test_ros_is_allowed_where_it_belongs(skeleton: Path) -> None:
    node = skeleton / "unsup_track_ros" / "ros" / "nodes" / "tracker_node.py"
    node.parent.mkdir(parents=True, exist_ok=True)
    for folder in (node.parent.parent, node.parent):
        (folder / "__init__.py").touch()
    node.write_text("import rclpy\nimport sensor_msgs.msg\n", encoding="utf-8")
    assert lint_imports(skeleton).returncode == 0


def test_every_core_module_can_be_imported_without_ros(repository: Path) -> None:
    answer = run(
        sys.executable, "-c", IMPORT_ALL, ROS_PACKAGES, "unsup_track_ros", folder=repository
    )
    assert answer.returncode == 0, answer.stderr
    modules = list((repository / "unsup_track_ros").rglob("*.py"))
    assert int(answer.stdout.split()[-1]) >= len(modules) // 2  # it did walk the tree


def test_a_core_module_that_imports_ros_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "core"
    (package / "stage").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "stage" / "__init__.py").write_text("import rclpy.node\n", encoding="utf-8")
    answer = run(sys.executable, "-c", IMPORT_ALL, ROS_PACKAGES, "core", folder=tmp_path)
    assert answer.returncode != 0
    assert "the core imported the ROS package 'rclpy'" in answer.stderr
