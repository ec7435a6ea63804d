# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every file keeps the rules of `code_rules`, and every rule bites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from architecture import code_rules

PYTHON_FOLDERS = ("unsup_track_ros", "test", "examples", "benchmark", "launch", "scripts")
# Not part of the repository: environments, caches and what builds and runs leave behind.
GENERATED = {"build", "install", "log", "dist", "demo", "runs", "__pycache__"}
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".md",
    ".msg",
    ".py",
    ".rst",
    ".rviz",
    ".toml",
    ".txt",
    ".xml",
    ".yaml",
}


def python_files(repository: Path, *folders: str) -> list[Path]:
    """All Python files of the folders, by name."""
    return sorted(path for folder in folders for path in (repository / folder).rglob("*.py"))


def text_files(repository: Path) -> list[Path]:
    """All text files that belong to the repository."""
    top = [p for p in repository.iterdir() if p.name in (".ci", ".gitignore") or p.name[0] != "."]
    found = [
        path
        for entry in top
        if entry.name not in GENERATED and not entry.name.endswith(".egg-info")
        for path in ([entry] if entry.is_file() else entry.rglob("*"))
    ]
    return sorted(
        path
        for path in found
        if path.is_file() and path.suffix in TEXT_SUFFIXES and not GENERATED & set(path.parts)
    )


def check(repository: Path, files: list[Path], rule: Callable[[str], list[str]]) -> None:
    """Apply a rule to the text of each file."""
    found = [
        f"{path.relative_to(repository)}: {violation}"
        for path in files
        for violation in rule(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_modules_and_functions_are_of_readable_size(repository: Path) -> None:
    check(repository, python_files(repository, "unsup_track_ros", "launch"), code_rules.sizes)


def test_dataclasses_that_others_see_are_frozen(repository: Path) -> None:
    files = python_files(repository, "unsup_track_ros")
    check(repository, files, code_rules.dataclasses_that_change)


def test_only_the_cli_talks_to_the_process(repository: Path) -> None:
    cli = repository / "unsup_track_ros" / "cli"
    files = [p for p in python_files(repository, "unsup_track_ros") if cli not in p.parents]
    check(repository, files, code_rules.process_calls)


def test_every_python_file_starts_with_the_header(repository: Path) -> None:
    files = [*python_files(repository, *PYTHON_FOLDERS), repository / "setup.py"]
    check(repository, files, code_rules.header)


def test_every_name_says_something(repository: Path) -> None:
    files = python_files(repository, *PYTHON_FOLDERS)
    names = [str(path.relative_to(repository)) for path in files]
    found = [f"{name}: {text}" for name in names for text in code_rules.empty_name(name)]
    assert not found, "\n".join(found)


def test_no_file_names_a_path_of_one_machine(repository: Path) -> None:
    check(repository, text_files(repository), code_rules.machine_paths)


def test_the_search_for_files_finds_them(repository: Path) -> None:
    names = {str(path.relative_to(repository)) for path in text_files(repository)}
    expected = {"Makefile", ".ci/run", "README.md", "setup.cfg", "unsup_track_ros/errors.py"}
    assert expected <= names
    assert not {name for name in names if name.startswith((".venv", ".git/"))}


LONG_MODULE = "x = 1\n" * 401
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 50
LONG_DOCSTRING = 'def f():\n    """Say.\n' + "    word\n" * 60 + '    """\n' + "    x = 1\n" * 45


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (code_rules.sizes, LONG_MODULE),
        (code_rules.sizes, LONG_FUNCTION),
        (code_rules.dataclasses_that_change, "@dataclass\nclass A: ..."),
        (code_rules.dataclasses_that_change, "@dataclass(frozen=True, slots=True)\nclass A: ..."),
        (
            code_rules.dataclasses_that_change,
            "@dataclasses.dataclass(frozen=False, slots=True, kw_only=True)\nclass A: ...",
        ),
        (code_rules.dataclasses_that_change, "@dataclass\nclass _A: ..."),
        (code_rules.process_calls, "import sys\nsys.exit(1)"),
        (code_rules.process_calls, "raise SystemExit(1)"),
        (code_rules.process_calls, "answer = input()"),
        (code_rules.process_calls, "sys.path.append('x')"),
        (code_rules.header, "import os\n"),
        (code_rules.header, code_rules.HEADER + "x: int = 1\n"),
        (code_rules.empty_name, "unsup_track_ros/geometry/utils.py"),
        (code_rules.empty_name, "unsup_track_ros/track_helpers.py"),
        (code_rules.empty_name, "unsup_track_ros/msg/box.py"),
        (code_rules.machine_paths, "see /" + "work/data"),
        (code_rules.machine_paths, "HOME=/" + "root/x"),
    ],
)
def test_each_rule_bites(rule: Callable[[str], list[str]], wrong: str) -> None:
    assert rule(wrong)


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        (code_rules.sizes, "x = 1\n" * 400),
        (code_rules.sizes, LONG_DOCSTRING),
        (
            code_rules.dataclasses_that_change,
            "@dataclass(frozen=True, slots=True, kw_only=True, eq=False)\nclass A: ...",
        ),
        (code_rules.dataclasses_that_change, "@dataclass(slots=True)\nclass _A: ..."),
        (code_rules.process_calls, "sys.stdout.flush()"),
        (code_rules.header, code_rules.HEADER + '"""A package."""\n'),
        (code_rules.empty_name, "unsup_track_ros/ros/message_types.py"),
        (code_rules.machine_paths, "https://host/work/x and ../work/y"),
    ],
)
def test_no_rule_bites_without_cause(rule: Callable[[str], list[str]], right: str) -> None:
    assert rule(right) == []
