# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import yaml

_PROGRAM: Final = (
    "import sys; from unsup_track_ros.cli.run import run_node; "
    "sys.exit(run_node(sys.argv[1], sys.argv[2:]))"
)
_COMMAND: Final = (sys.executable, "-c", _PROGRAM)
_END_S: Final = 60.0
_POLL_S: Final = 0.02


class NodeProcess:
    """Starts a node as `unsup-track run` does; ends it as a shell does, and demands exit code 0."""

    def __init__(
        self,
        name: str,
        folder: Path,
        parameters: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            name: As on the command line: all, perception, tracker, occupancy, labeler.
            folder: Receives the parameter file and the log.
            parameters: Values by dotted name, given as a file for all nodes.
            arguments: More of what follows `--ros-args`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.yaml"
        path.write_text(
            yaml.safe_dump({"/**": {"ros__parameters": dict(parameters or {})}}), encoding="utf-8"
        )
        self._log = folder / f"{name}.log"
        self._process = subprocess.Popen(
            [*_COMMAND, name, "--ros-args", "--params-file", str(path), *arguments],
            stdout=self._log.open("w"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            cwd=folder,
        )

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exception_type is not None:
            self._process.kill()
            self._process.wait()
            sys.stderr.write(f"--- log of the node ---\n{self.log}")
            return
        if self._process.poll() is None:
            assert self.end() == 0, self.log

    @property
    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Tell it to end; return its exit code."""
        self._process.send_signal(how)
        return self._process.wait(_END_S)

    def wait(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        return self._process.wait(3 * _END_S)

    def wait_for_log(self, text: str, timeout_s: float = 120.0) -> None:
        """Wait until it has printed something."""
        end_s = time.monotonic() + timeout_s
        while text not in self.log:
            assert time.monotonic() < end_s, f"'{text}' is not in the log:\n{self.log}"
            assert self.is_running, self.log
            time.sleep(_POLL_S)
