# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A whole training run of RAM, and its evaluation: videos, learner, directory, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, config_hash, load_config, parameter
from unsup_track_ros.data.permanence import PermanenceConfig, PermanenceVideos, permanence_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.random_walk_memory import RandomWalkMemory, RandomWalkMemoryConfig
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.ram import RamLearner, RamTrainingConfig, VisibleVideos
from unsup_track_ros.training.ram_evaluation import (
    OTHER_CLASS,
    STATE_NAMES,
    TARGET_CLASS,
    RamEvaluationConfig,
    follow_targets,
    identity_survival,
    score_table,
    score_targets,
)
from unsup_track_ros.training.ram_pictures import belief_sheets
from unsup_track_ros.training.run_directory import CONFIG_NAME, RunDirectory, RunManifest
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.html_report import Report, Table, render_report
from unsup_track_ros.visualization.svg_plot import Axes, Line, line_plot

NAME: Final = "random_walk_memory"
NETWORK_KEY: Final = "network_config"
EVALUATION_NAME: Final = "evaluation.json"
REPORT_NAME: Final = "report.html"
_FINGERPRINT_LENGTH: Final = 16
_NUM_PICTURED, _PICTURED_EVERY = 4, 4


class RamDataConfig(Config):
    """Training data of RAM."""

    num_videos: int = parameter(1000, "Videos.", ge=1)
    seed: int = parameter(0, "Seed of the videos.", ge=0)
    world: PermanenceConfig = PermanenceConfig()


class RamRunConfig(Config):
    """All parameters of `unsup-track train ram`."""

    network: RandomWalkMemoryConfig = RandomWalkMemoryConfig()
    training: RamTrainingConfig = RamTrainingConfig()
    data: RamDataConfig = RamDataConfig()
    loop: LoopConfig = LoopConfig()
    evaluation: RamEvaluationConfig = RamEvaluationConfig()


def train_ram(config: RamRunConfig, out: Path, device: str, progress: Progress) -> RunDirectory:
    """Train into a directory, or go on where a former run stopped.

    Raises:
        DataError: The directory holds another run.
    """
    progress("making videos", 0, 1)
    videos = permanence_videos(config.data.world, config.data.num_videos, config.data.seed, device)
    progress("making videos", 1, 1)
    manifest = RunManifest(
        network=NAME,
        config_sha256=config_hash(config),
        data_fingerprint=_fingerprint(videos.frames),
        device=device,
    )
    with RunDirectory.open_for_writing(out, manifest, config) as run:
        learner = RamLearner(config.network, config.training, seen_only(videos))
        train(learner, config.training.num_steps, run, config.loop, progress)
        metadata = {NETWORK_KEY: config.network.model_dump_json()}
        run.save_weights(0, learner.network.state_dict(), metadata)
        _write_report(run, [], [])
        return run


def evaluate_ram(folder: Path, progress: Progress) -> dict[str, Any]:
    """Score the network of a run and the baselines by state; renew the report.

    Raises:
        DataError: The run is of another network or unfinished.
    """
    run = RunDirectory.open(folder)
    paths = run.finished_weights(NAME, "RAM", "ram")
    config = load_config(folder / CONFIG_NAME, RamRunConfig)
    evaluation = config.evaluation
    videos = permanence_videos(config.data.world, evaluation.num_videos, evaluation.seed)
    progress("evaluating", 0, 1)
    network = load_ram(paths[0])
    answers = follow_targets(videos, network, evaluation)
    progress("evaluating", 1, 1)
    returns, kept = identity_survival(videos, answers)
    content: dict[str, Any] = {
        "rows": score_table([score_targets(videos, answers)]),
        "returns": returns,
        "returns_with_same_identity": kept,
    }
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    pictures = belief_sheets(
        network, evaluation.tracker, videos.frames[:_NUM_PICTURED], _PICTURED_EVERY
    )
    _write_report(run, content["rows"], pictures)
    return content


def load_ram(path: Path, device: torch.device | None = None) -> RandomWalkMemory:
    """Read a network from a checkpoint.

    Raises:
        DataError: There is none, or it is of another network.
    """
    weights, about = read_checkpoint(path)
    if about.get("network") != NAME:
        raise DataError(
            f"The checkpoint {path} is of no random walk along memory. Give one of `train ram`."
        )
    network = RandomWalkMemory(RandomWalkMemoryConfig.model_validate_json(about[NETWORK_KEY]))
    load_weights(network, weights, path)
    return network.to(device or torch.device("cpu")).eval()


def seen_only(videos: PermanenceVideos) -> VisibleVideos:
    """Return what a training may know: frames, and boxes of what is seen."""
    boxes_px = videos.visible_boxes_px()
    classes = torch.full((boxes_px.shape[2],), OTHER_CLASS, device=boxes_px.device)
    classes[0] = TARGET_CLASS
    return VisibleVideos(frames=videos.frames, boxes_px=boxes_px, classes=classes)


def scores_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the scores as a table, a row per method."""
    table = state_table(rows)
    lines = [f"| {' | '.join(cells)} |" for cells in (table.header, *table.rows)]
    return "\n".join([lines[0], "|---" * len(table.header) + "|", *lines[1:]])


def state_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return mean IoU by method and state, in per cent."""
    columns = [*STATE_NAMES.values(), "mean"]
    return Table(
        heading="Mean IoU of the target on unseen videos, in per cent",
        header=("method", *columns),
        rows=[[row["method"], *(f"{row[name][0]:.1f}" for name in columns)] for row in rows],
    )


def _write_report(
    run: RunDirectory, rows: Sequence[dict[str, Any]], pictures: Sequence[tuple[str, bytes]]
) -> None:
    progress = run.progress()
    report = Report(
        title="Training of the random walk along memory",
        subtitle=f"version {run.manifest.code_version} · parameters "
        f"{run.manifest.config_sha256[:12]} · data {run.manifest.data_fingerprint}",
        tiles=[(str(progress[-1]["step"] if progress else 0), "steps")],
        pictures=list(pictures),
        plots=_loss_plots(progress),
        tables=[state_table(rows)] if rows else [],
        configuration=(run.folder / CONFIG_NAME).read_text(),
    )
    run.write_text(REPORT_NAME, render_report(report))


def _loss_plots(progress: Sequence[dict[str, Any]]) -> list[str]:
    plots = []
    for term in [name for name in (progress[0] if progress else {}) if name != "step"]:
        points = np.array([[row["step"], row[term][0]] for row in progress], float)
        line = Line(points=points, color=colors.track_color(0), name=term)
        plots.append(line_plot([line], Axes(x_label="step", y_label=term, from_zero=True)))
    return plots


def _fingerprint(frames: Tensor) -> str:
    digest = hashlib.sha256(str(tuple(frames.shape)).encode())
    for video in frames:  # piece by piece: the whole may be larger than what is free
        digest.update(video.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:_FINGERPRINT_LENGTH]
