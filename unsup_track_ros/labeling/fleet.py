# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label many recordings: one after the other, in processes of this machine, or on a Dask cluster.

A task is one recording and its label directory. Whoever runs it, and however often it is started
anew, the directory ends with the same bytes, because a label directory resumes by itself. So
nothing here schedules or retries: that is left to the pool, or to Dask. A recording that cannot be
labelled is explained and does not stop the others.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import ConfigError, DataError, UnsupTrackError
from unsup_track_ros.labeling.chunks import gather_chunk, plan_chunks
from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions, label_recording
from unsup_track_ros.labeling.progress import Progress, named_progress, no_progress
from unsup_track_ros.labeling.remote_files import is_remote, local_labels, local_recording
from unsup_track_ros.labeling.store import LabelStore

Finish = Callable[[Recording, LabelStore, Progress], object]

# How often Dask starts a task again whose worker died.
_RETRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelingTask:
    """One recording to label.

    Attributes:
        recording: Path, or URL that fsspec knows (s3://..., gs://...).
        out: Label directory, a path or such a URL.
        config: Parameters.
        options: How it is made.
        finish: As of `label_recording`; it goes to other processes by its name.
    """

    recording: str
    out: str
    config: LabelerConfig
    options: LabelingOptions
    finish: Finish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What became of a task.

    Attributes:
        recording: As asked for.
        out: As asked for.
        problem: Why there are no labels, or not all of them; empty when all went well.
        num_frames: Frames with a label.
        num_new: Labels that this run added.
        num_tracks: Confirmed tracks.
        warnings: What was missing or odd in the recording.
        seconds: Wall time.
    """

    recording: str
    out: str
    problem: str = ""
    num_frames: int = 0
    num_new: int = 0
    num_tracks: int = 0
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


def plan_outputs(recordings: Sequence[str], out: str) -> list[str]:
    """Return a label directory below `out` for each recording, named like it.

    Raises:
        DataError: Two recordings have the same name.
    """
    names = [PurePosixPath(recording.rstrip("/")).stem for recording in recordings]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"Several recordings are called '{twice[0]}', and their labels would go to the same "
            f"place below {out}. Label them with several commands, each with its own --out."
        )
    return [f"{out.rstrip('/')}/{name}" for name in names]


def label_task(task: LabelingTask, progress: Progress = no_progress) -> TaskResult:
    """Label one recording; what a user can cause becomes a sentence in the result."""
    start_s = time.monotonic()
    try:
        with (
            local_recording(task.recording) as recording_path,
            local_labels(task.out) as folder,
            Recording(recording_path, task.config.recording) as recording,
        ):
            done = label_recording(
                recording, task.config, folder, task.options, progress, task.finish
            )
    except UnsupTrackError as error:
        seconds = time.monotonic() - start_s
        return TaskResult(
            recording=task.recording, out=task.out, problem=str(error), seconds=seconds
        )
    return TaskResult(
        recording=task.recording,
        out=task.out,
        num_frames=done.num_frames,
        num_new=done.num_new,
        num_tracks=done.num_tracks,
        warnings=done.warnings,
        seconds=time.monotonic() - start_s,
    )


def label_tasks(
    tasks: Sequence[LabelingTask], executor: Executor, progress: Progress
) -> list[TaskResult]:
    """Run tasks with an executor; return their results in the order of the tasks.

    Args:
        tasks: What to do; each with a label directory of its own.
        executor: `local_workers` or `dask_workers`.
        progress: Told after every recording.
    """
    results: dict[int, TaskResult] = {}
    planning = {_submitted(executor, plan_task, task): n for n, task in enumerate(tasks)}
    gathering: dict[Future[None], int] = {}
    labelling: dict[Future[TaskResult], int] = {}
    num_chunks = num_gathered = 0
    while planning or gathering or labelling:
        for future in _finished([*planning, *gathering, *labelling]):
            if future in planning:
                number = planning.pop(future)
                for chunk in _answer(future, []):
                    gathering[_submitted(executor, gather_task, tasks[number], chunk)] = number
                    num_chunks += 1
            elif future in gathering:
                number = gathering.pop(future)
                num_gathered += 1
                progress("chunks", num_gathered, num_chunks)
            else:
                number = labelling.pop(future)
                results[number] = _result(future, tasks[number])
                progress("recordings", len(results), len(tasks))
                continue
            if number not in gathering.values():
                labelling[_submitted(executor, label_task, tasks[number])] = number
        # What is still held, Dask works out again when the worker that had it dies.
        del future
    return [results[number] for number in range(len(tasks))]


def plan_task(task: LabelingTask) -> list[range]:
    """Return the chunks whose evidence others gather before a recording is labelled, if any."""
    if is_remote(task.recording) or is_remote(task.out):
        return []
    with Recording(Path(task.recording), task.config.recording) as recording:
        return plan_chunks(recording, task.config, Path(task.out), task.options)


def gather_task(task: LabelingTask, chunk: range) -> None:
    """Gather the evidence of a chunk."""
    with Recording(Path(task.recording), task.config.recording) as recording:
        gather_chunk(recording, task.config, Path(task.out), task.options, chunk)


def _finished(running: Sequence[Future[Any]]) -> set[Future[Any]]:
    """Wait until something is done; return all that is."""
    return wait(running, return_when=FIRST_COMPLETED).done


def _submitted(executor: Executor, work: Callable[..., Any], *arguments: object) -> Future[Any]:
    """Hand work to an executor; one whose processes died answers with that."""
    try:
        return executor.submit(work, *arguments)
    except BrokenProcessPool as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def _answer(future: Future[Any], otherwise: Any) -> Any:  # noqa: ANN401
    """Return a result; what failed fails again, with its reason, where the labels are made."""
    return otherwise if future.cancelled() or future.exception() is not None else future.result()


def label_here(tasks: Sequence[LabelingTask], progress: Progress) -> list[TaskResult]:
    """Run tasks in this process, one after the other."""
    results = []
    for number, task in enumerate(tasks):
        future: Future[TaskResult] = Future()
        try:
            future.set_result(
                label_task(task, named_progress(PurePosixPath(task.out).name, progress))
            )
        except Exception as error:  # a defect in one recording must not lose the others
            future.set_exception(error)
        results.append(_result(future, task))
        progress("recordings", number + 1, len(tasks))
    return results


@contextmanager
def local_workers(num: int) -> Iterator[Executor]:
    """Give processes on this machine, each of which labels one recording at a time."""
    # Spawned, not forked: threads of numeric libraries do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num, mp_context=context) as executor:
        yield executor


@contextmanager
def dask_workers(address: str) -> Iterator[Executor]:
    """Give the workers of a Dask cluster; their number may change while it works.

    Raises:
        ConfigError: Dask is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "--scheduler needs Dask: run `pip install 'unsup_track_ros[cluster]'` here and on the "
            "workers."
        ) from error
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"No Dask scheduler answers at {address} ({type(error).__name__}). Start one with "
            "`dask scheduler`, and workers with `dask worker`; see docs/labels.md."
        ) from error
    with client:
        # Never pure: the result is on the disk, so an equal task of an earlier run proves nothing.
        executor: Any = client.get_executor(pure=False, retries=_RETRIES)
        yield executor


def _result(future: Future[TaskResult], task: LabelingTask) -> TaskResult:
    try:
        return future.result()
    except (BrokenProcessPool, CancelledError):
        problem = (
            "The process that labelled it died, perhaps for want of memory. Run the same command "
            "again with fewer workers: it goes on where it stopped."
        )
    except Exception as error:
        problem = f"Internal error ({type(error).__name__}: {error})."
    return TaskResult(recording=task.recording, out=task.out, problem=problem)
