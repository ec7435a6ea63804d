# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a frame costs, stage by stage and by the number of points; labelling against real time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmark.runs import MODE_KEY, Bench, configured, say
from benchmark.tables import judged, number, table
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.labeler import LabelingOptions, label_recording
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.pipeline import Pipeline
from unsup_track_ros.structures.frame import PointCloud, SensorFrame

# Frames until caches, compiled code and the window of scans are filled.
_WARM_UP = 12
_FACTORS = (0.5, 1.0, 2.0)
_JITTER_M = 0.01
# What was asked for, of mode `improved`.
STEP_BAR_MS, LABELLING_BAR = 120.0, 0.5
_CPU = "CPU time of all threads"
Times = dict[str, list[float]]


def cost(bench: Bench, recordings: Sequence[Path], modes: Sequence[str]) -> str:
    """Measure every mode on every recording; return the section."""
    parts = [
        "## Cost",
        "Wall times of `Pipeline.step` in milliseconds, median and 95th percentile over the frames "
        f"after the first {_WARM_UP}; stages overlap, so they do not add up to the step. "
        "What other programs do beside counts in wall times, less so in CPU time; load average "
        f"at the start: {os.getloadavg()[0]:.1f}. Labelling: `label_recording` as users run it, "
        "with completion and without pictures.",
    ]
    for bag in recordings:
        with Recording(bag) as recording:
            frames = list(recording)
        times = {mode: _times(bench, frames, mode) for mode in modes}
        speeds = {mode: _labelling_speed(bench, bag, mode) for mode in modes}
        points = np.median([len(frame.cloud.points_velo) for frame in frames])
        parts += [
            f"### {bag.stem}: {len(frames)} frames, {points / 1e3:.0f} k points",
            _bars(times, speeds),
            _stage_table(times),
        ]
    with Recording(recordings[0]) as recording:
        frames = list(recording)
    parts += [f"### Growth with the number of points ({recordings[0].stem})"]
    return "\n\n".join([*parts, _growth(bench, frames, modes)])


def _times(bench: Bench, frames: Iterable[SensorFrame], mode: str) -> Times:
    pipeline = Pipeline(configured({MODE_KEY: mode}).pipeline, torch.device(bench.device))
    times: Times = {}
    for number_of_frame, frame in enumerate(frames):
        start_s = time.process_time()
        seconds = dict(pipeline.step(frame).stage_seconds)
        seconds[_CPU] = time.process_time() - start_s
        if number_of_frame >= _WARM_UP:
            for stage, value in seconds.items():
                times.setdefault(stage, []).append(1e3 * value)
    if not times:
        raise DataError(
            f"A recording that is timed must have more than {_WARM_UP} frames, the first of which "
            "are not counted. Make the drives longer."
        )
    return times


def _stage_table(times: Mapping[str, Times]) -> str:
    stages = dict.fromkeys(stage for by_stage in times.values() for stage in by_stage)
    rows = [
        [
            stage,
            *(
                " / ".join(number(float(np.percentile(by_stage[stage], q)), 1) for q in (50, 95))
                for by_stage in times.values()
            ),
        ]
        for stage in stages
    ]
    return table(["stage", *(f"{mode}, median / 95 %" for mode in times)], rows)


def _labelling_speed(bench: Bench, bag: Path, mode: str) -> float:
    """Return seconds of recording that are labelled per second."""
    config = configured({MODE_KEY: mode})
    out = bench.folder / "labels" / f"{bag.stem}_{mode}_cost"
    say(f"timing labels of {bag.stem} {mode}")
    with Recording(bag, config.recording) as recording:
        start_s = time.perf_counter()
        options = LabelingOptions(device=bench.device, overwrite=True, pictures=False)
        label_recording(recording, config, out, options, no_progress)
        wall_s = time.perf_counter() - start_s
        # n frames last n periods, but their stamps span n - 1.
        recorded_s = recording.duration_s * len(recording) / max(len(recording) - 1, 1)
    return recorded_s / wall_s


def _bars(times: Mapping[str, Times], speeds: Mapping[str, float]) -> str:
    """Hold step time and labelling speed against what was asked for."""
    tails = {mode: float(np.percentile(by_stage["step"], 95)) for mode, by_stage in times.items()}
    rows = [
        [
            "causal step, 95 % (ms)",
            f"<= {STEP_BAR_MS:g}",
            *(judged(tail, tail <= STEP_BAR_MS, 0) for tail in tails.values()),
        ],
        [
            "labelling, x real time",
            f">= {LABELLING_BAR:g}",
            *(judged(speed, speed >= LABELLING_BAR, 2) for speed in speeds.values()),
        ],
    ]
    return table(["", "bar", *times], rows)


def _growth(bench: Bench, frames: Sequence[SensorFrame], modes: Sequence[str]) -> str:
    rows = []
    for mode in modes:
        medians = []
        for factor in _FACTORS:
            say(f"{factor:g} x points, {mode}")
            step_ms = _times(bench, _with_points(frames, factor), mode)["step"]
            medians.append(float(np.median(step_ms)))
            tail = float(np.percentile(step_ms, 95))
            rows.append([f"{mode} x{factor:g}", number(medians[-1], 1), number(tail, 1), ""])
        exponent = np.log(medians[-1] / medians[0]) / np.log(_FACTORS[-1] / _FACTORS[0])
        rows[-1][-1] = number(float(exponent), 2)
    header = ["points", "step, median (ms)", "95 % (ms)", "grows as points to the power of"]
    return table(header, rows)


def _with_points(frames: Iterable[SensorFrame], factor: float) -> Iterator[SensorFrame]:
    """Thin the scans at random, or double them with copies a centimetre aside."""
    generator = np.random.default_rng(0)
    for frame in frames:
        yield replace(frame, cloud=resampled(frame.cloud, factor, generator))


def resampled(cloud: PointCloud, factor: float, generator: np.random.Generator) -> PointCloud:
    """Return a share of the points, or all and copies a centimetre aside, in the scan's order."""
    total = len(cloud.points_velo)
    if factor == 1.0:
        return cloud
    wanted = round(total * factor)
    rows = np.concatenate(
        [
            np.repeat(np.arange(total), wanted // total),
            generator.choice(total, wanted % total, replace=False),
        ]
    )
    rows.sort(kind="stable")
    points_velo = cloud.points_velo[rows]
    copies = np.append(False, rows[1:] == rows[:-1])
    points_velo[copies] += generator.normal(0.0, _JITTER_M, (int(copies.sum()), 3)).astype(
        np.float32
    )
    chosen = {
        name: None if (values := getattr(cloud, name)) is None else values[rows]
        for name in ("intensity", "time_offset_s", "ring")
    }
    return PointCloud(points_velo=points_velo, **chosen)
