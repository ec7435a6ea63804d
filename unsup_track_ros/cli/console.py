# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every command does alike: errors as one sentence, progress with ETA, JSON for machines.

Results go to stdout; progress, warnings and errors go to stderr.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar

import typer

from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.labeling.progress import Progress

P = ParamSpec("P")
R = TypeVar("R")

FAILED: Final = 1
_LINE_INTERVAL_S: Final = 5.0  # between two lines of progress where there is no terminal
_RESUME_HINT: Final = "Interrupted. What is finished is kept; run the same command again to go on."

_show_tracebacks: ContextVar[bool] = ContextVar("show_tracebacks", default=False)


def show_tracebacks(wanted: bool) -> None:
    """Choose between tracebacks and sentences for the errors of the command that follows."""
    _show_tracebacks.set(wanted)


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of a command into one sentence on stderr and exit code 1; `--debug` shows all."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UnsupTrackError as error:
            if _show_tracebacks.get():
                raise
            _fail(str(error))
        except KeyboardInterrupt:
            _fail(_RESUME_HINT)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if _show_tracebacks.get():
                raise
            _fail(
                f"Internal error ({type(error).__name__}: {_first_line(error)}). Please report "
                f"it with the output of `unsup-track --debug {' '.join(sys.argv[1:])}`."
            )
        raise typer.Exit(FAILED)

    return wrapped


def print_result(text: str, content: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a command found: text for people or one JSON object for machines."""
    print(json.dumps(content, indent=2, ensure_ascii=False) if as_json else text)


def print_notes(notes: tuple[str, ...]) -> None:
    """Print warnings, one line each."""
    for note in notes:
        print(f"warning: {note}", file=sys.stderr)


@contextmanager
def progress_display(*, bars_allowed: bool = True) -> Iterator[Progress]:
    """Give a function that shows progress with ETA: bars on a terminal, else lines.

    Args:
        bars_allowed: False where several processes write to one terminal.
    """
    if not (bars_allowed and sys.stderr.isatty()):
        yield _ProgressLines()
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description:>12}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("ETA"),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(work: str, done: int, total: int) -> None:
            if work not in tasks:
                tasks[work] = bars.add_task(work, total=total)
            elif done < bars.tasks[tasks[work]].completed:  # the same work on the next recording
                bars.reset(tasks[work])
            bars.update(tasks[work], completed=done, total=total)

        yield show


class _ProgressLines:
    """Progress as plain lines, for logs."""

    def __init__(self) -> None:
        self._started: dict[str, tuple[float, int]] = {}
        self._done: dict[str, int] = {}
        self._last_s = -_LINE_INTERVAL_S

    def __call__(self, work: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done < self._done.get(work, 0):  # the same work on the next recording
            del self._started[work]
        self._done[work] = done
        start_s, start_done = self._started.setdefault(work, (now_s, done))
        if done < total and now_s - self._last_s < _LINE_INTERVAL_S:
            return
        self._last_s = now_s
        eta = ""
        if start_done < done < total:
            remaining_s = (now_s - start_s) / (done - start_done) * (total - done)
            eta = f", {remaining_s:.0f} s left"
        print(f"{work}: {done} of {total}{eta}", file=sys.stderr, flush=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def _fail(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)
