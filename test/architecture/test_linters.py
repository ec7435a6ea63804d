# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The linters of `make check` are not only configured, they bite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BRANCHES = "".join(f"    if x == {number}:\n        x = 0\n" for number in range(12))
STATEMENTS = "    x = 0\n" * 41
# One line for each family of rules that pyproject.toml selects.
VIOLATIONS = {
    "E501": "x = '" + "long" * 30 + "'\n",
    "F401": "import os\n",
    "F403": "from os import *\n",
    "I001": "import sys\nimport os\n",
    "B006": "def f(x=[]): ...\n",
    "UP006": "import typing\nx: typing.List[int]\n",
    "SIM102": "if a:\n    if b:\n        c()\n",
    "C400": "list(x for x in y)\n",
    "RUF005": "x = [1] + y\n",
    "D103": "def f(): ...\n",
    "D417": 'def f(x, y):\n    """Say.\n\n    Args:\n        x: One.\n    """\n',
    "ANN001": "def f(x): ...\n",
    "ANN201": "def f(): return 1\n",
    "PTH123": "open('x')\n",
    "NPY002": "import numpy as np\nnp.random.rand(3)\n",
    "ARG001": "def f(x): return 1\n",
    "ERA001": "# x = 1\n",
    "TD002": "# TODO: later\n",
    "T201": "print(1)\n",
    "TID252": "from . import x\n",
    "PERF401": "z = []\nfor x in y:\n    if x:\n        z.append(x)\n",
    "PLW0603": "x = 1\ndef f():\n    global x\n    x = 2\n",
    "C901": f"def f(x):\n{BRANCHES}",
    "PLR0912": f"def f(x):\n{BRANCHES}",
    "PLR0913": "def f(a, b, c, d, *, e, f, g): ...\n",
    "PLR0915": f"def f(x):\n{STATEMENTS}",
}
MYPY_VIOLATIONS = {
    "no-untyped-def": "def f(x): return x",
    "type-arg": "def f(x: list) -> None: ...",
    "no-any-return": "from typing import Any\ndef f(x: Any) -> int: return x",
    "arg-type": (
        "from unsup_track_ros.config import Config, parameter\n"
        "class C(Config):\n    x_m: float = parameter(1.0, 'X.')\n"
        "C(x_m='far')"
    ),
}


def run(*command: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in a folder."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def ruff(repository: Path, name: str, source: str) -> str:
    """Lint a text as if it were the file of that name."""
    arguments = ("ruff", "check", "--output-format=concise", f"--stdin-filename={name}", "-")
    return run(*arguments, folder=repository, text=source).stdout


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_each_family_of_ruff_rules_bites(repository: Path, rule: str) -> None:
    assert f" {rule} " in ruff(repository, "unsup_track_ros/stage.py", VIOLATIONS[rule])


def test_the_cli_may_print(repository: Path) -> None:
    assert " T201 " not in ruff(repository, "unsup_track_ros/cli/stage.py", VIOLATIONS["T201"])


def test_the_formatter_bites(repository: Path) -> None:
    arguments = ("ruff", "format", "--check", "--stdin-filename=unsup_track_ros/stage.py", "-")
    assert run(*arguments, folder=repository, text="x  =  1\n").returncode == 1


def test_mypy_bites(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "stage.py"
    path.write_text("\n".join(MYPY_VIOLATIONS.values()), encoding="utf-8")
    settings = ("--config-file", "pyproject.toml", "--follow-imports=silent")
    answer = run("mypy", *settings, str(path), folder=repository)
    missed = [code for code in MYPY_VIOLATIONS if f"[{code}]" not in answer.stdout]
    assert not missed, answer.stdout + answer.stderr


def test_codespell_bites(repository: Path) -> None:
    answer = run("codespell_lib", "-", folder=repository, text="te" + "h reciev" + "er\n")
    assert answer.returncode != 0


@pytest.mark.parametrize(("in_ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_absent_recordings_fail_in_ci_and_skip_elsewhere(
    repository: Path, tmp_path: Path, in_ci: str, outcome: str
) -> None:
    folder = tmp_path / "checkout" / "test"
    folder.mkdir(parents=True)
    conftest = (repository / "test" / "conftest.py").read_text(encoding="utf-8")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "test_one.py").write_text("def test_one(shared_data): ...\n", encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": in_ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in answer.stdout
