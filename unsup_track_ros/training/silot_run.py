# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A whole training run of SILOT, and its evaluation: data, learner, directory, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from unsup_track_ros.config import Config, config_hash, load_config, parameter
from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.image_tracking import score_videos
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.silot import Silot, SilotConfig, SilotInferenceConfig
from unsup_track_ros.perception.color_components import ColorComponentsConfig
from unsup_track_ros.perception.silot_detection import NETWORK_KEY, load_silot
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.run_directory import CONFIG_NAME, RunDirectory, RunManifest
from unsup_track_ros.training.silot import SilotLearner, SilotTrainingConfig
from unsup_track_ros.training.silot_data import (
    SilotDataConfig,
    data_fingerprint,
    training_frames,
)
from unsup_track_ros.training.silot_evaluation import tracked_by_components, tracked_by_network
from unsup_track_ros.training.silot_report import write_run_report

NAME: Final = "silot"
EVALUATION_NAME: Final = "evaluation.json"
_TEST_SEED: Final = 1000


class SilotEvaluationConfig(Config):
    """Evaluation of SILOT on scattered videos."""

    most_objects: int = parameter(12, "Videos with 1 up to so many objects are made.", ge=1)
    num_videos: int = parameter(32, "Videos per number of objects.", ge=1)
    max_objects: int = parameter(16, "Objects that the network keeps per frame.", ge=1)
    min_presence: float = parameter(0.5, "Presence from which an object counts.", gt=0, lt=1)
    inference: SilotInferenceConfig = SilotInferenceConfig()


class SilotRunConfig(Config):
    """All parameters of `unsup-track train silot`."""

    network: SilotConfig = SilotConfig()
    training: SilotTrainingConfig = SilotTrainingConfig()
    data: SilotDataConfig = SilotDataConfig()
    loop: LoopConfig = LoopConfig()
    evaluation: SilotEvaluationConfig = SilotEvaluationConfig()


def train_silot(
    config: SilotRunConfig, out: Path, recordings: Sequence[Path], device: str, progress: Progress
) -> RunDirectory:
    """Train into a directory, or go on where a former run stopped.

    Raises:
        DataError: The directory holds another run, or the data cannot be made.
    """
    frames = training_frames(config.data, recordings, progress)
    manifest = RunManifest(
        network=NAME,
        config_sha256=config_hash(config),
        data_fingerprint=data_fingerprint(frames),
        device=device,
    )
    with RunDirectory.open_for_writing(out, manifest, config) as run:
        learner = SilotLearner(config.network, config.training, [frames.to(device)])
        train(learner, config.training.num_steps, run, config.loop, progress)
        metadata = {NETWORK_KEY: config.network.model_dump_json()}
        for copy in range(config.training.num_copies):
            run.save_weights(copy, learner.network.state_dict_of(copy), metadata)
        write_run_report(
            run,
            [load_silot(str(p), torch.device("cpu")) for p in run.weights_paths()],
            frames[:3].cpu(),
            [],
        )
        return run


def evaluate_silot(folder: Path, progress: Progress) -> dict[str, Any]:
    """Score the networks of a run, and ConnComp, per number of objects; renew the report.

    Raises:
        DataError: The run is of another network, unfinished, or has no truth to be scored with.
    """
    run = RunDirectory.open(folder)
    config = load_config(folder / CONFIG_NAME, SilotRunConfig)
    paths = run.finished_weights(NAME, "SILOT", "silot")
    if config.data.source != "scattered":
        raise DataError(
            "This network was trained on recordings, which have no truth in their views. Label a "
            "recording with detector 'silot' and evaluate the labels."
        )
    networks = {path.stem: load_silot(str(path), torch.device("cpu")) for path in paths}
    rows: list[dict[str, Any]] = []
    for number in range(1, config.evaluation.most_objects + 1):
        rows += _scored(number, config, networks)
        progress("evaluating", number, config.evaluation.most_objects)
    content = {"rows": rows}
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    write_run_report(run, list(networks.values()), _examples(config.data.scattered), rows)
    return content


def scores_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the scores as a table, a row per number of objects."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    head = "| objects | " + " | ".join(f"{m} MOTA / AP / count error" for m in methods) + " |"
    lines = [head, "|---" * (len(methods) + 1) + "|"]
    for number in sorted({row["objects"] for row in rows}):
        cells = [
            f"{row['mota']:.3f} / {row['ap']:.3f} / {row['count_error']:.2f}"
            for method in methods
            for row in rows
            if row["objects"] == number and row["method"] == method
        ]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _scored(
    number: int, config: SilotRunConfig, networks: dict[str, Silot]
) -> list[dict[str, Any]]:
    scene = config.data.scattered.model_copy(update={"min_objects": number, "max_objects": number})
    generator = torch.Generator().manual_seed(_TEST_SEED + number)
    videos = scattered_videos(scene, config.evaluation.num_videos, generator, "test")
    answers = {"ConnComp": tracked_by_components(videos, ColorComponentsConfig())}
    asked = config.evaluation
    for name, network in networks.items():
        answers[name] = tracked_by_network(videos, network, asked.max_objects, asked.inference)
    presence = asked.min_presence
    return [
        {"method": name, "objects": number, **asdict(score_videos(frames, presence))}
        for name, frames in answers.items()
    ]


def _examples(scene: ScatteredConfig) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_TEST_SEED)
    return scattered_videos(scene, 3, generator, "test").frames
