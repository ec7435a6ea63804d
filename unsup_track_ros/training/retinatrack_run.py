# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A whole training run of RetinaTrack, and its evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from unsup_track_ros.config import Config, config_hash, load_config, parameter
from unsup_track_ros.data.crossing.videos import crossing_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.retinatrack import RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.checkpoint import NETWORK_KEY, load_retinatrack
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig
from unsup_track_ros.networks.retinatrack.track_store import TrackStoreConfig
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.retinatrack import RetinaTrackLearner, RetinaTrackTrainingConfig
from unsup_track_ros.training.retinatrack_data import RetinaTrackDataConfig, training_frames
from unsup_track_ros.training.retinatrack_evaluation import (
    detect,
    score_detection,
    score_tracking,
    video_truths,
)
from unsup_track_ros.training.run_directory import CONFIG_NAME, RunDirectory, RunManifest

NAME: Final = "retinatrack"
EVALUATION_NAME: Final = "evaluation.json"
_TEST_SEED: Final = 1000


class RetinaTrackEvaluationConfig(Config):
    """Evaluation of RetinaTrack on crossing videos."""

    num_videos: int = parameter(20, "Crossing videos.", ge=1)
    decoding: DecodingConfig = DecodingConfig()
    track_store: TrackStoreConfig = TrackStoreConfig()


class RetinaTrackRunConfig(Config):
    """All parameters of `unsup-track train retinatrack`."""

    network: RetinaTrackConfig = RetinaTrackConfig()
    training: RetinaTrackTrainingConfig = RetinaTrackTrainingConfig()
    data: RetinaTrackDataConfig = RetinaTrackDataConfig()
    loop: LoopConfig = LoopConfig()
    evaluation: RetinaTrackEvaluationConfig = RetinaTrackEvaluationConfig()


def train_retinatrack(
    config: RetinaTrackRunConfig, out: Path, labels: Sequence[Path], device: str, progress: Progress
) -> RunDirectory:
    """Train into a directory, or go on where a former run stopped.

    Raises:
        DataError: The directory holds another run, or the data cannot be made.
    """
    data = training_frames(config.data, labels, progress)
    manifest = RunManifest(
        network=NAME,
        config_sha256=config_hash(config),
        data_fingerprint=data.fingerprint(),
        device=device,
    )
    with RunDirectory.open_for_writing(out, manifest, config) as run:
        learner = RetinaTrackLearner(config.network, config.training, data.to(torch.device(device)))
        train(learner, config.training.num_steps, run, config.loop, progress)
        metadata = {NETWORK_KEY: config.network.model_dump_json()}
        run.save_weights(0, learner.network.state_dict(), metadata)
        return run


def evaluate_retinatrack(folder: Path, progress: Progress) -> dict[str, Any]:
    """Score the network of a run on crossing videos, as detector and by each cue as tracker.

    Raises:
        DataError: The run is of another network, unfinished, or has no truth to be scored with.
    """
    run = RunDirectory.open(folder)
    paths = run.finished_weights(NAME, "RetinaTrack", "retinatrack")
    config = load_config(folder / CONFIG_NAME, RetinaTrackRunConfig)
    if config.data.source != "crossing":
        raise DataError(
            "This network was trained on the labels of recordings, which are no truth. Label a "
            "recording with `pipeline.image_detector: retinatrack` and evaluate the labels."
        )
    network = load_retinatrack(str(paths[0]), torch.device("cpu"))
    generator = torch.Generator().manual_seed(_TEST_SEED)
    videos = crossing_videos(config.data.crossing, config.evaluation.num_videos, generator)
    progress("evaluating", 1, 3)
    found = detect(network, videos.frames, config.evaluation.decoding)
    progress("evaluating", 2, 3)
    truths = video_truths(videos)
    scores = asdict(score_detection(found, truths))
    frame_s = 1.0 / config.data.crossing.traffic.rate_hz
    rows = []
    for cues in ("iou", "embedding", "iou_and_embedding"):
        store = config.evaluation.track_store.model_copy(update={"cues": cues})
        tracked = score_tracking(found, truths, store, frame_s)
        rows.append({"cues": cues, **asdict(tracked), **scores})
    content = {"rows": rows}
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    progress("evaluating", 3, 3)
    return content


def scores_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the scores as a table, a row per way of tracking."""
    lines = [
        "| matched by | MOTA | IDF1 | ID switches | misses | false | mAP | AP50 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["cues"], f"{row['mota']:.3f}", f"{row['idf1']:.3f}", row["num_switches"],
            row["num_misses"], row["num_false_positives"], f"{row['ap']:.3f}", f"{row['ap50']:.3f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
