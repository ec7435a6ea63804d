# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""report.html of a training of SILOT: curves, scores, and sheets of what the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.networks.silot import Silot
from unsup_track_ros.networks.silot.tracker import TrackedObjects
from unsup_track_ros.shapes import UInt8
from unsup_track_ros.training.run_directory import CONFIG_NAME, RunDirectory
from unsup_track_ros.training.silot_evaluation import network_steps
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.html_report import Report, Table, render_report
from unsup_track_ros.visualization.svg_plot import Axes, Line, line_plot

REPORT_NAME: Final = "report.html"
_SCALE: Final = 6
_MIN_PRESENCE: Final = 0.5
_JPEG_QUALITY: Final = 92


def write_run_report(
    run: RunDirectory, networks: Sequence[Silot], examples: Tensor, rows: Sequence[dict[str, Any]]
) -> None:
    """Write the report of a run.

    Args:
        run: The run.
        networks: What was learned, one per copy.
        examples: (N, T, C, H, W) videos, 0 to 255, for the sheets of the first network.
        rows: Scores per method and number of objects; none before an evaluation.
    """
    progress = run.progress()
    report = Report(
        title="Training of SILOT",
        subtitle=f"version {run.manifest.code_version} · parameters "
        f"{run.manifest.config_sha256[:12]} · data {run.manifest.data_fingerprint}",
        tiles=[
            (str(progress[-1]["step"] if progress else 0), "steps"),
            (str(len(networks)), "networks"),
        ],
        pictures=sheets(networks[0], examples),
        plots=[*_loss_plots(progress), *score_plots(rows)],
        tables=_score_tables(rows),
        configuration=(run.folder / CONFIG_NAME).read_text(),
    )
    run.write_text(REPORT_NAME, render_report(report))


def sheets(network: Silot, frames: Tensor) -> list[tuple[str, bytes]]:
    """Return pictures per frame: videos above, reconstructions with boxes and identities below."""
    pictures = []
    for index, found in enumerate(network_steps(frames, network)):
        sheet = frame_sheet(frames[:, index], found)
        encoded = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[
            1
        ]
        pictures.append((f"frame {index}: seen, and explained by objects", encoded.tobytes()))
    return pictures


def frame_sheet(
    frames: UInt8[Tensor, "N C H W"], found: TrackedObjects
) -> UInt8[np.ndarray, "Y X 3"]:
    """Lay frames in a row, and under each what the network makes of it."""
    columns = []
    for place, frame in enumerate(frames):
        seen = _enlarged(frame.float() / 255.0)
        explained = _enlarged(found.reconstruction[place])
        for box_px, presence, identity in zip(
            found.boxes_px[place].tolist(),
            found.presence[place].tolist(),
            found.ids[place].tolist(),
            strict=True,
        ):
            if presence > _MIN_PRESENCE:
                top, left, bottom, right = (round(edge * _SCALE) for edge in box_px)
                color = colors.track_color(identity)
                cv2.rectangle(explained, (left, top), (right, bottom), color, 1)
                cv2.putText(
                    explained, str(identity), (left + 2, top + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.35,
                    color, 1, cv2.LINE_AA,
                )  # fmt: skip
        columns.append(np.vstack([seen, explained]))
    return np.hstack(columns)


def score_plots(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return curves of MOTA, average precision and count error over the number of objects."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    plots = []
    for key, text in (
        ("mota", "MOTA"),
        ("ap", "average precision"),
        ("count_error", "count error"),
    ):
        lines = [
            Line(
                points=np.array(
                    [[row["objects"], row[key]] for row in rows if row["method"] == method], float
                ),
                color=colors.WARNING if method == "ConnComp" else colors.track_color(number),
                name=method,
            )
            for number, method in enumerate(methods)
        ]
        plots.append(
            line_plot(lines, Axes(x_label="objects per video", y_label=text, from_zero=True))
        )
    return plots if rows else []


def _loss_plots(progress: Sequence[dict[str, Any]]) -> list[str]:
    if not progress:
        return []
    plots = []
    for term in (name for name in progress[0] if name != "step"):
        values = np.array([row[term] for row in progress], float)
        steps = np.array([row["step"] for row in progress], float)
        lines = [
            Line(
                points=np.stack([steps, values[:, copy]], axis=1),
                color=colors.track_color(copy),
                name=f"network {copy}",
            )
            for copy in range(values.shape[1])
        ]
        label = term.replace("_", " ")
        plots.append(line_plot(lines, Axes(x_label="step", y_label=label, from_zero=True)))
    return plots


def _score_tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    if not rows:
        return []
    cells = [
        [row["method"], str(row["objects"])]
        + [f"{row[key]:.3f}" for key in ("mota", "ap", "count_error", "idf1")]
        for row in rows
    ]
    header = ("method", "objects", "MOTA", "AP", "count error", "IDF1")
    return [Table(heading="Scores on unseen videos", header=header, rows=cells)]


def _enlarged(image: Tensor) -> UInt8[np.ndarray, "Y X 3"]:
    picture = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    colored = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    size = (colored.shape[1] * _SCALE, colored.shape[0] * _SCALE)
    return np.ascontiguousarray(cv2.resize(colored, size, interpolation=cv2.INTER_NEAREST))
