# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import unsup_track_ros
from unsup_track_ros.cli.console import (
    print_notes,
    progress_display,
    reports_errors,
    show_tracebacks,
)
from unsup_track_ros.cli.main import app
from unsup_track_ros.errors import DataError

COMMANDS = ["demo", "synthesize", "kitti2bag", "label", "evaluate", "info", "params"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"Example: unsup-track {command}" in " ".join(done.stdout.split())


def test_the_program_lists_its_commands_and_version() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout
    assert all(command in listed for command in COMMANDS)
    assert unsup_track_ros.__version__ in CliRunner().invoke(app, ["--version"]).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["synthesize", "drive.mcap", "--fault", "camera_late_s"],
        ["synthesize", "drive.mcap", "--fault", "camera_late_s=soon"],
        ["fly"],
        ["label"],
        ["label", "x.mcap"],
        ["label", "x.mcap", "--out", "y", "--mode", "magic"],
        ["label", "x.mcap", "--out", "y", "--max-frames", "0"],
        ["params", "--markdown", "--yaml"],
        ["synthesize", "x.mcap", "--image-size", "wide"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; import unsup_track_ros.cli.main; "
        "print(sorted({'torch', 'cv2', 'numpy', 'scipy', 'numba', 'rosbags'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_parameters_are_printed_as_yaml_or_tables() -> None:
    yaml = CliRunner().invoke(app, ["params"]).stdout
    assert "ros__parameters" in yaml
    assert "snapshot_interval_s: 5.0" in yaml
    assert (
        "| `labels.snapshot_interval_s` |"
        in CliRunner().invoke(app, ["params", "--markdown"]).stdout
    )


def program(error: BaseException) -> typer.Typer:
    """A program whose only command fails."""
    failing = typer.Typer()

    @failing.callback()
    def _root(debug: bool = False) -> None:
        """The option that the real program has."""
        show_tracebacks(debug)

    @failing.command()
    @reports_errors
    def fail() -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataError("The bag is empty."), "error: The bag is empty."),
        (KeyboardInterrupt(), "run the same command again"),
        (RuntimeError("boom"), "Internal error (RuntimeError: boom)"),
    ],
)
def test_an_error_is_one_line_and_ends_with_1(error: BaseException, words: str) -> None:
    done = CliRunner().invoke(program(error), ["fail"])
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_debug_lets_the_error_through() -> None:
    done = CliRunner().invoke(program(DataError("The bag is empty.")), ["--debug", "fail"])
    assert isinstance(done.exception, DataError)


def test_progress_without_a_terminal_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display() as progress:
        for done in range(1, 101):
            progress("labelling", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "labelling: 1 of 100"
    assert lines[-1] == "labelling: 100 of 100"
    assert len(lines) == 2  # the rest came within five seconds


def test_work_that_begins_again_has_a_time_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((0.0, 100.0, 1000.0, 1010.0))
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    with progress_display() as progress:
        for done in (1, 10, 1, 6):
            progress("training", done, 10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "training: 6 of 10, 8 s left"  # 2 s a step since it began again


def test_warnings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_notes(("No camera.",))
    captured = capsys.readouterr()
    assert captured.err == "warning: No camera.\n"
    assert captured.out == ""
