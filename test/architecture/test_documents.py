# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The documents name only what exists, and the generated ones are current."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from unsup_track_ros.config import Config, load_config, parameters_markdown, parameters_yaml

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/**/*.md")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# `a/b.py`, `a/` or `name.toml` in backticks is a path; `a/b` alone may be anything.
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|rst|toml|txt|yaml|xml|cfg|msg)))`")


@pytest.fixture(scope="module")
def root_config() -> type[Config]:
    """The tree of everything that a user can set."""
    # Imported here, so that a stage that does not import spares the other tests.
    from unsup_track_ros.labeling.labeler import LabelerConfig

    return LabelerConfig


def missing_links(folder: Path, text: str) -> list[str]:
    """List the relative links of a document that lead nowhere."""
    targets = [target for target in _LINK.findall(text) if "://" not in target]
    return [target for target in targets if not (folder / target).exists()]


def missing_paths(repository: Path, text: str) -> list[str]:
    """List the paths that a document names and that neither the checkout nor the package has."""
    roots = (repository, repository / "unsup_track_ros")
    named = _PATH.findall(text)
    return [name for name in named if not any((root / name).exists() for root in roots)]


def test_every_link_leads_somewhere(repository: Path) -> None:
    documents = [path for pattern in DOCUMENTS for path in sorted(repository.glob(pattern))]
    found = {
        str(path.relative_to(repository)): missing
        for path in documents
        if (missing := missing_links(path.parent, path.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_in_the_maps_of_the_code_exists(repository: Path, name: str) -> None:
    assert missing_paths(repository, (repository / name).read_text(encoding="utf-8")) == []


def test_a_dead_link_and_a_dead_path_are_found(repository: Path) -> None:
    text = "See [x](absent.md), [y](LICENSE#top), [z](https://host/a), `absent.py`, `errors.py`."
    assert missing_links(repository, text) == ["absent.md"]
    assert missing_paths(repository, text) == ["absent.py"]


@pytest.mark.parametrize(
    ("name", "write", "command"),
    [
        ("config/default.yaml", parameters_yaml, "unsup-track params"),
        ("docs/parameters.md", parameters_markdown, "unsup-track params --markdown"),
    ],
)
def test_the_generated_file_is_current(
    repository: Path,
    root_config: type[Config],
    name: str,
    write: Callable[[type[Config]], str],
    command: str,
) -> None:
    committed = (repository / name).read_text(encoding="utf-8")
    assert committed == write(root_config), f"Renew it: {command} > {name}"


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("all_in_one", "docs/ros_parameters.md"),
        ("labeler", "docs/ros_labeler_parameters.md"),
    ],
)
def test_the_parameters_of_the_nodes_are_current(
    repository: Path, name: str, document: str
) -> None:
    from unsup_track_ros.ros.configuration import node_markdown

    committed = (repository / document).read_text(encoding="utf-8")
    assert committed == node_markdown(name), "Renew it: make docs"


def test_every_file_of_parameters_can_be_loaded(
    repository: Path, root_config: type[Config]
) -> None:
    files = sorted((repository / "config").glob("*.yaml"))
    assert files
    from unsup_track_ros.ros.configuration import names_of_all_nodes

    for path in files:
        load_config(path, root_config, foreign=names_of_all_nodes())
    assert load_config(repository / "config" / "default.yaml", root_config) == root_config()


def test_every_decision_has_its_number_status_and_reason(repository: Path) -> None:
    records = sorted((repository / "docs" / "decisions").glob("*.md"))
    numbers = [path.name[:4] for path in records]
    assert numbers == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for path in records:
        text = path.read_text(encoding="utf-8")
        for heading in ("# ", "## Decision", "## Reason", "## Consequences"):
            assert f"\n{heading}" in f"\n{text}", f"{path.name} lacks '{heading}'"
