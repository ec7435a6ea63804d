# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The part of `unsup-track label` that labels several recordings, here or on a cluster."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import typer

from unsup_track_ros.cli.console import FAILED, print_notes, print_result, progress_display

if TYPE_CHECKING:
    from unsup_track_ros.labeling.fleet import Finish, LabelingTask, TaskResult
    from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions
    from unsup_track_ros.labeling.progress import Progress


def is_single(recordings: list[str], out: str, where: tuple[int, str | None]) -> bool:
    """Tell whether one local recording is labelled into one directory, in this process."""
    from unsup_track_ros.labeling.remote_files import is_remote

    return len(recordings) == 1 and where == (1, None) and not is_remote(recordings[0] + out)


def label_many(
    places: tuple[list[str], str],
    how: tuple[LabelerConfig, LabelingOptions, Finish | None],
    where: tuple[int, str | None],
    as_json: bool,
) -> None:
    """Label recordings and print what became of each.

    Args:
        places: Recordings and where the labels go.
        how: Parameters, options, and what is done with the finished labels.
        where: Number of local processes, and address of a Dask scheduler that replaces them.
        as_json: Print JSON.

    Raises:
        typer.Exit: Some recording has no labels, or not all of them.
    """
    from unsup_track_ros.labeling.fleet import LabelingTask, plan_outputs

    recordings, out = places
    outs = [out] if len(recordings) == 1 else plan_outputs(recordings, out)
    config, options, finish = how
    tasks = [
        LabelingTask(recording=bag, out=folder, config=config, options=options, finish=finish)
        for bag, folder in zip(recordings, outs, strict=True)
    ]
    with progress_display() as progress:
        results = _run(tasks, where, progress)
    for result in results:
        print_notes(tuple(f"{result.recording}: {note}" for note in result.warnings))
    failed = [result for result in results if result.problem]
    content = {
        "labelled": len(results) - len(failed),
        "failed": len(failed),
        "recordings": [dataclasses.asdict(result) for result in results],
    }
    print_result("\n".join([*map(_line, results), _sum(results)]), content, as_json=as_json)
    if failed:
        raise typer.Exit(FAILED)


def _run(
    tasks: list[LabelingTask], where: tuple[int, str | None], progress: Progress
) -> list[TaskResult]:
    from unsup_track_ros.labeling.fleet import (
        dask_workers,
        label_here,
        label_tasks,
        local_workers,
    )

    workers, scheduler = where
    if scheduler is not None:
        with dask_workers(scheduler) as executor:
            return label_tasks(tasks, executor, progress)
    if workers == 1:
        return label_here(tasks, progress)
    with local_workers(workers) as executor:
        return label_tasks(tasks, executor, progress)


def _line(result: TaskResult) -> str:
    if result.problem:
        return f"failed    {result.recording}: {result.problem}"
    return (
        f"labelled  {result.recording}: {result.num_frames} frames ({result.num_new} new), "
        f"{result.num_tracks} moving objects -> {result.out}"
    )


def _sum(results: list[TaskResult]) -> str:
    failed = sum(1 for result in results if result.problem)
    if not failed:
        return f"All {len(results)} recordings are labelled."
    return f"{len(results) - failed} of {len(results)} recordings are labelled, {failed} failed."
