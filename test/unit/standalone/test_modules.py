# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the stand-in provides, what it says of the rest, and when it steps in."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rclpy.qos
import sensor_msgs.msg

from unsup_track_ros.standalone.modules import MESSAGE_PACKAGES, MODULES

SENTENCE = "is not part of the stand-in for ROS 2 .* docs/standalone.md lists what is"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_module_has_its_names(name: str) -> None:
    module = importlib.import_module(name)
    for _, members in MODULES[name]:
        for member in members.split():
            assert getattr(module, member) is not None


def test_a_name_that_is_not_there_is_refused_with_a_sentence() -> None:
    with pytest.raises(ImportError, match=f"'rclpy.qos.LivelinessPolicy' {SENTENCE}"):
        rclpy.qos.LivelinessPolicy  # noqa: B018
    with pytest.raises(ImportError, match=f"'sensor_msgs.msg.Picture' {SENTENCE}"):
        sensor_msgs.msg.Picture  # noqa: B018
    with pytest.raises(ImportError, match=SENTENCE):
        exec("from rclpy.node import NodeNameNonExistentError")


def test_a_module_that_is_not_there_is_refused_with_a_sentence() -> None:
    with pytest.raises(ModuleNotFoundError, match=f"'rclpy.action' {SENTENCE}"):
        importlib.import_module("rclpy.action")
    with pytest.raises(ModuleNotFoundError, match=f"'tf2_ros.buffer_client' {SENTENCE}"):
        importlib.import_module("tf2_ros.buffer_client")


def test_a_method_that_is_not_there_is_refused_with_a_sentence(node: Any) -> None:
    with pytest.raises(AttributeError, match=f"'Node.create_action' {SENTENCE}"):
        node.create_action("x")
    assert not hasattr(node, "handle")


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{folder}:{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_rclpy_always_wins(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "__init__.py").write_text("REAL = True\n", encoding="utf-8")
    program = (
        f"import sys; sys.path.insert(1, {str(repository)!r})\n"
        "from unsup_track_ros.standalone import provide_ros\n"
        "print(provide_ros(), provide_ros())\n"
        "import rclpy; print(rclpy.REAL, 'sensor_msgs' in sys.modules)\n"
    )
    answer = run(program, tmp_path)
    assert answer.stdout.split() == ["ROS", "2", "ROS", "2", "True", "False"], answer.stderr


def test_without_ros_and_without_dds_one_sentence_says_what_to_do(repository: Path) -> None:
    program = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'cyclonedds' else find(name, *a)\n"
        "from unsup_track_ros.standalone import provide_ros, StandaloneError\n"
        "try: provide_ros()\n"
        "except StandaloneError as error: print(error)\n"
    )
    answer = run(program, repository)
    assert "pip install cyclonedds" in answer.stdout, answer.stderr


INTERRUPTED_IN_TEXT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from unsup_track_ros.standalone import provide_ros
provide_ros()
import rclpy
rclpy.init(args=[])
try:
    exec("import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(9)")
except KeyboardInterrupt:
    print("handled")
rclpy.try_shutdown()
"""


def test_an_interrupt_that_was_handled_is_no_failure(repository: Path) -> None:
    answer = run(INTERRUPTED_IN_TEXT, repository)
    assert answer.stdout == "handled\n"
    assert answer.returncode == 0


def test_the_document_lists_everything_that_is_there(repository: Path) -> None:
    text = (repository / "docs" / "standalone.md").read_text(encoding="utf-8")
    listed = {
        match[1]: set(re.findall(r"`(\w+)`", match[2]))
        for match in re.finditer(r"^\| `([\w.]+)` \| (.*) \|$", text, re.MULTILINE)
    }
    provided = {
        name: {member for _, members in sources for member in members.split()}
        for name, sources in MODULES.items()
    }
    assert {name: listed.get(name) for name in provided} == provided
    assert all(f"`{package}`" in text for package in MESSAGE_PACKAGES)


def test_the_stand_in_is_no_second_ros(repository: Path) -> None:
    """It must not grow: what the nodes do not use is not there."""
    folder = repository / "unsup_track_ros" / "standalone"
    total = sum(code_lines(path.read_text(encoding="utf-8")) for path in folder.glob("*.py"))
    assert total < 3300


def code_lines(source: str) -> int:
    """Count lines without docstrings, comments and blank ones."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documented |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(
        bool(line.strip()) and line.strip()[0] != "#" and number not in documented
        for number, line in lines
    )
