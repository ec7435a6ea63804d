# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Wall times of a labelling run: the one thing about it that no second run reproduces."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np


class Timings:
    """Collects the time of every stage of every frame of this process."""

    def __init__(self) -> None:
        self._stages_s: dict[str, list[float]] = {}
        self._storing_s: list[float] = []
        self._waiting_s: list[float] = []
        self._stamps_ns: list[int] = []
        self._start_s = time.perf_counter()
        self._end_s = self._start_s

    @property
    def num_frames(self) -> int:
        """Frames stepped."""
        return len(self._stamps_ns)

    @property
    def frames_per_s(self) -> float:
        """Frames read, stepped and stored per second of wall time."""
        wall_s = self._end_s - self._start_s
        return self.num_frames / wall_s if self.num_frames else float("nan")

    @property
    def real_time_factor(self) -> float:
        """Seconds of recording per second of wall time; 1 keeps up with the vehicle."""
        if self.num_frames < 2:
            return float("nan")
        # n frames last n periods, but their stamps span n - 1.
        span_s = (self._stamps_ns[-1] - self._stamps_ns[0]) / 1e9
        recorded_s = span_s * self.num_frames / (self.num_frames - 1)
        return recorded_s / (self._end_s - self._start_s)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Count the time of the block as storing."""
        start_s = time.perf_counter()
        yield
        self._storing_s.append(time.perf_counter() - start_s)

    def waited(self, seconds: float) -> None:
        """Count time spent on waiting for the next frame."""
        self._waiting_s.append(seconds)

    def add(self, stamp_ns: int, stage_seconds: Mapping[str, float]) -> None:
        """Count one frame."""
        self._stamps_ns.append(stamp_ns)
        for stage, seconds in stage_seconds.items():
            self._stages_s.setdefault(stage, []).append(seconds)
        self._end_s = time.perf_counter()

    def to_json(self) -> str:
        """Write median, 95th percentile and maximum of every stage in milliseconds."""
        rows = {stage: _row(seconds) for stage, seconds in self._stages_s.items()}
        rows["waiting_for_frame"] = _row(self._waiting_s)
        rows["storing"] = _row(self._storing_s)
        content = {
            "note": "Wall times of the newest run; they differ from run to run.",
            "frames": self.num_frames,
            "frames_per_s": _rounded(self.frames_per_s),
            "real_time_factor": _rounded(self.real_time_factor),
            "milliseconds": rows,
        }
        return json.dumps(content, indent=2) + "\n"


def _row(seconds: list[float]) -> dict[str, float | None]:
    if not seconds:
        return {"median": None, "p95": None, "max": None}
    milliseconds = np.asarray(seconds) * 1e3
    return {
        "median": _rounded(float(np.median(milliseconds))),
        "p95": _rounded(float(np.percentile(milliseconds, 95))),
        "max": _rounded(float(milliseconds.max())),
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 3)
