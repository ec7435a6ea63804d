# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Gather what a label directory knows into report.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.labeling.completion import overview as completion_overview
from unsup_track_ros.labeling.consistency_history import TABLE_HEADER, table_rows
from unsup_track_ros.labeling.pictures import report_pictures
from unsup_track_ros.labeling.store import (
    CONFIG_NAME,
    EVALUATION_NAME,
    REPORT_NAME,
    SUMMARY_NAME,
    TIMINGS_NAME,
    LabelStore,
)
from unsup_track_ros.labeling.thumbnails import thumbnails
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.frame_picture import ego_speed_mps
from unsup_track_ros.visualization.html_report import Report, Table, render_report
from unsup_track_ros.visualization.svg_plot import Axes, Line, line_plot

_MISSING: Final = "–"  # noqa: RUF001 - a dash for readers
_TRACK_HEADER: Final = (
    "id", "from (s)", "to (s)", "frames", "path (m)", "top speed (m/s)", "size (m)", "existence",
)  # fmt: skip


@dataclass(slots=True)
class _TrackHistory:
    """One track over the recording."""

    times_s: list[float] = field(default_factory=list)
    positions_odom: list[np.ndarray] = field(default_factory=list)
    speeds_mps: list[float] = field(default_factory=list)
    size_m: np.ndarray = field(default_factory=lambda: np.zeros(3))
    existence: float = 0.0

    def row(self, track_id: int) -> list[str]:
        """Return the cells of the table."""
        path = np.stack(self.positions_odom)
        length_m = float(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1).sum())
        return [
            f"#{track_id}",
            f"{self.times_s[0]:.1f}",
            f"{self.times_s[-1]:.1f}",
            f"{len(self.times_s)}",
            f"{length_m:.1f}",
            f"{max(self.speeds_mps):.1f}",
            " x ".join(f"{side:.1f}" for side in self.size_m),
            f"{self.existence:.2f}",
        ]


@dataclass(slots=True)
class _History:
    """What the plots and the table of tracks need of all labels."""

    start_ns: int | None = None
    times_s: list[float] = field(default_factory=list)
    ego_odom: list[np.ndarray] = field(default_factory=list)
    speeds_mps: list[float] = field(default_factory=list)
    num_tracks: list[int] = field(default_factory=list)
    tracks: dict[int, _TrackHistory] = field(default_factory=dict)

    def add(self, label: FrameLabel) -> None:
        """Take note of one frame."""
        if self.start_ns is None:
            self.start_ns = label.stamp_ns
        time_s = (label.stamp_ns - self.start_ns) / 1e9
        pose = label.egomotion.odom_T_velo1
        self.times_s.append(time_s)
        self.ego_odom.append(np.full(3, np.nan) if pose is None else pose[:3, 3])
        self.speeds_mps.append(ego_speed_mps(label))
        shown = np.flatnonzero(label.tracks.states != TrackState.TENTATIVE)
        self.num_tracks.append(len(shown))
        for row in shown:
            track = self.tracks.setdefault(int(label.tracks.ids[row]), _TrackHistory())
            track.times_s.append(time_s)
            track.positions_odom.append(label.tracks.boxes_odom[row, :3])
            track.speeds_mps.append(float(np.linalg.norm(label.tracks.velocities_odom[row, :2])))
            track.size_m = label.tracks.boxes_odom[row, 3:6]
            track.existence = float(label.tracks.existence[row])


def write_report(store: LabelStore) -> Path:
    """Write report.html of a label directory; return its path."""
    history = _History()
    for label in store:
        history.add(label)
    summary = _read(store.folder / SUMMARY_NAME)
    timings = _read(store.folder / TIMINGS_NAME)
    report = Report(
        title=f"Labels of {Path(store.manifest.recording_path).name}",
        subtitle=f"{store.manifest.recording_path} · version {store.manifest.code_version} · "
        f"parameters {store.manifest.config_sha256[:12]} · round {store.manifest.round}",
        tiles=_tiles(history, summary, timings),
        pictures=_pictures(store.folder, history),
        plots=_plots(history),
        tables=[
            Table(
                heading="Completed objects, in doubt first",
                header=completion_overview.TABLE_HEADER,
                rows=completion_overview.trajectory_rows(store.folder),
                pictures=thumbnails(store.folder, completion_overview.trajectory_ids(store.folder)),
            ),
            *_tables(store.folder, history, timings),
            Table(
                heading="TF, LiDAR and camera against each other",
                header=TABLE_HEADER,
                rows=table_rows(summary.get("consistency", {})),
            ),
            Table(
                heading="Messages that belong to no frame",
                header=("topic: reason", "messages"),
                rows=[[why, str(num)] for why, num in summary.get("dropped", {}).items()],
            ),
        ],
        notes=tuple(summary.get("warnings", ())),
        configuration=(store.folder / CONFIG_NAME).read_text(),
    )
    store.write_text(REPORT_NAME, render_report(report))
    return store.folder / REPORT_NAME


def _tiles(
    history: _History, summary: Mapping[str, Any], timings: Mapping[str, Any]
) -> list[tuple[str, str]]:
    step = timings.get("milliseconds", {}).get("step", {}).get("median")
    duration_s = history.times_s[-1] if history.times_s else 0.0
    return [
        (str(len(history.times_s)), "frames"),
        (f"{duration_s:.1f} s", "recording"),
        (str(len(history.tracks)), "moving objects tracked"),
        (str(summary.get("detections", _MISSING)), "detections"),
        (_MISSING if step is None else f"{step:.0f} ms", "median step"),
    ]


def _pictures(folder: Path, history: _History) -> list[tuple[str, bytes]]:
    return [
        (f"frame {int(path.stem)} · {history.times_s[int(path.stem)]:.1f} s", path.read_bytes())
        for path in report_pictures(folder)
        if int(path.stem) < len(history.times_s)
    ]


def _plots(history: _History) -> list[str]:
    times_s = np.asarray(history.times_s)
    lines = [
        Line(
            points=np.stack(track.positions_odom)[:, :2],
            color=colors.track_color(track_id),
            name=f"#{track_id}",
        )
        for track_id, track in sorted(history.tracks.items())
    ]
    ego = np.stack(history.ego_odom)[:, :2] if history.ego_odom else np.zeros((0, 2))
    lines.append(Line(points=ego, color=colors.EGO, name="this vehicle", width_px=2.5))
    speed = Line(
        points=np.stack([times_s, history.speeds_mps], axis=1), color=colors.EGO, name="speed"
    )
    count = Line(
        points=np.stack([times_s, np.asarray(history.num_tracks, float)], axis=1),
        color=colors.MOVING,
        name="tracks",
    )
    return [
        line_plot(lines, Axes(x_label="x in odom (m)", y_label="y in odom (m)", equal_scale=True)),
        line_plot([speed], Axes(x_label="time (s)", y_label="own speed (m/s)", from_zero=True)),
        line_plot([count], Axes(x_label="time (s)", y_label="tracks", from_zero=True)),
    ]


def _tables(folder: Path, history: _History, timings: Mapping[str, Any]) -> list[Table]:
    ids = sorted(history.tracks)
    tables = [
        Table(
            heading="Tracks",
            header=_TRACK_HEADER,
            rows=[history.tracks[track_id].row(track_id) for track_id in ids],
            chips=[colors.track_color(track_id) for track_id in ids],
        )
    ]
    evaluation = _read(folder / EVALUATION_NAME)
    if evaluation:
        tables.append(_evaluation_table(evaluation))
    stages = timings.get("milliseconds", {})
    rows = [
        [
            name,
            *(
                _MISSING if row[key] is None else f"{row[key]:.1f}"
                for key in ("median", "p95", "max")
            ),
        ]
        for name, row in stages.items()
    ]
    tables.append(
        Table(heading="Time per frame (ms)", header=("stage", "median", "p95", "max"), rows=rows)
    )
    return tables


def _evaluation_table(evaluation: Mapping[str, Any]) -> Table:
    units = evaluation.get("units", {})
    rows = [
        [
            f"{key} ({units[key]})" if key in units else key,
            _MISSING if value is None else f"{value:.3f}",
        ]
        for key, value in evaluation["metrics"].items()
    ]
    return Table(
        heading="Scores against the truth", header=("metric", "value"), rows=rows, folded=True
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content
