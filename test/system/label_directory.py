# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Running, killing and comparing labelling commands."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from unsup_track_ros.labeling.store import VARYING_FILES

COMMAND: Final = (sys.executable, "-m", "unsup_track_ros.cli.main")
TIMEOUT_S: Final = 300.0
POLL_S: Final = 0.005


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment(),
        check=False,
    )


def run_well(*arguments: str | Path) -> str:
    """Run a command that must succeed; return its output."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_and_kill(folder: Path, moment: float, *arguments: str | Path) -> bool:
    """Start a command and kill it with SIGKILL; return whether it was still running.

    Args:
        folder: The label directory it writes.
        moment: Below 1: share of the start-up (until the first new label); whole part: so many new
            labels are waited for, the rest of the number is a share of 60 ms waited on top.
    """
    before = num_labels(folder)
    start_s = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    wanted, share = before + int(moment), moment % 1
    while process.poll() is None and num_labels(folder) < wanted:
        assert time.monotonic() - start_s < TIMEOUT_S
        time.sleep(POLL_S)
    time.sleep(share * (0.06 if moment >= 1 else 2.0))
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


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


def kill_moments(number: int, num_frames: int) -> list[float]:
    """Return moments that differ from run to run of the suite by nothing: seeded."""
    rng = random.Random(number)
    longest = max(num_frames / (number + 1) * 1.5, 1.0)
    return [rng.uniform(0.0, longest) for _ in range(number)]


def environment() -> dict[str, str]:
    """Return the environment with one thread per library, as tests share the machine."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
