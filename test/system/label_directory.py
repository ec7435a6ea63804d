# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Running, killing and comparing labelling commands."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from unsup_track_ros.cli.main import app
from unsup_track_ros.labeling.store import VARYING_FILES

COMMAND: Final = (sys.executable, "-m", "unsup_track_ros.cli.main")
TIMEOUT_S: Final = 300.0
POLL_S: Final = 0.005
FRAME_S: Final = 0.06
START_S: Final = 2.0


def run_well(*arguments: str | Path) -> str:
    """Run a command in this process that must succeed; return what it printed."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str | Path) -> str:
    """Run a command in this process that must fail; return its one sentence."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 1, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.output
    return errors[0]


def run_and_kill(folder: Path, moment: float, *arguments: str | Path) -> bool:
    """Start a command and kill it with SIGKILL; return whether it was still running.

    Args:
        folder: The label directory it writes.
        moment: Whole part: how many steps (`num_steps`) are waited for; the rest is a share of the
            start-up, or of the time that a frame takes, waited on top.
    """
    start_s = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and num_steps(folder) < int(moment):
        assert time.monotonic() - start_s < TIMEOUT_S
        time.sleep(POLL_S)
    time.sleep(moment % 1 * (FRAME_S if moment >= 1 else START_S))
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


def num_steps(folder: Path) -> int:
    """Count labels, second looks, completed labels and pictures: four steps a frame."""
    looks, completed = (len(list((folder / n).glob("*.npz"))) for n in ("scratch", "completed"))
    looks = max(looks, num_labels(folder) if completed else 0)  # the looks go when all are used
    drawn = len(list((folder / "pictures.partial").glob("*.jpg")))
    return num_labels(folder) + looks + completed + drawn


def num_labels(folder: Path) -> int:
    """Count the stored frames."""
    return len(list((folder / "frames").glob("*.npz")))


def tree(folder: Path) -> dict[str, str]:
    """Return the hash of every file but those that are known to vary."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in VARYING_FILES
    }


def kill_moments(chain: int, num_frames: int, length: int) -> list[float]:
    """Return moments in any of the four steps of a frame, ascending, the same for equal chains."""
    rng = random.Random(chain)
    return sorted(rng.uniform(0.0, 4 * num_frames) for _ in range(length))
