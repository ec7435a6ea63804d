# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of a RetinaTrack network on crossing videos, its thresholds chosen on other videos."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import torch

from unsup_track_ros.data.crossing.videos import CrossingVideos
from unsup_track_ros.evaluation.association_scores import AssociationScores
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig
from unsup_track_ros.networks.retinatrack.track_store import TrackStoreConfig
from unsup_track_ros.training.retinatrack import RetinaTrackLearner
from unsup_track_ros.training.retinatrack_evaluation import (
    VideoDetections,
    VideoTruth,
    detect,
    score_detection,
    score_tracking,
)

FRAME_S = 0.1
SCORES = (0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
COSINES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PAPER_OVERLAPS = (0.4,)  # below which an overlap counts as none
FREE_OVERLAPS = (0.1, 0.2, 0.3, 0.4)
CHOSEN_BY = ("mota", "idf1")
CUES: Final[Sequence[Literal["iou_and_embedding", "iou"]]] = ("iou_and_embedding", "iou")
KEPT_SCORE = 0.02  # below it nothing is kept for COCO's curve


def answers_of(
    learner: RetinaTrackLearner, sets: dict[str, CrossingVideos]
) -> dict[str, list[VideoDetections]]:
    """Detect in all sets of videos, in bfloat16 where it was trained so."""
    learner.network.eval()
    device = learner.data.frames.device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        return {
            name: detect(learner.network, videos.frames, DecodingConfig())
            for name, videos in sets.items()
        }


def compact(detections: list[VideoDetections]) -> list[VideoDetections]:
    """Drop what is far too unsure, and what is beyond need for tracking, to travel light."""
    kept = []
    for video in detections:
        num = max(int((video.scores >= KEPT_SCORE).sum(axis=1).max()), 1)
        kept.append(
            VideoDetections(
                boxes_px=video.boxes_px[:, :num],
                scores=np.where(video.scores >= KEPT_SCORE, video.scores, 0.0)[:, :num],
                embeddings=video.embeddings[:, :num],
            )
        )
    return kept


def scored(
    name: str,
    answers: dict[str, list[VideoDetections]],
    truths: dict[str, list[VideoTruth]],
    overlaps: Sequence[Sequence[float]] = (PAPER_OVERLAPS,),
) -> list[dict[str, Any]]:
    """Choose thresholds on the validation videos; score on the test videos.

    Args:
        name: Of the network; those of `full` are scored by overlap alone as well.
        answers: Detections, by set of videos.
        truths: What was to be found.
        overlaps: Sets of `min_iou` to choose from, each giving rows of its own.
    """
    found = score_detection(answers["test"], truths["test"])
    rows = []
    for cues, allowed in itertools.product(CUES, overlaps):
        if cues == "iou" and not name.startswith("full"):
            continue
        options = Options(answers["validation"], truths["validation"])
        for criterion in CHOSEN_BY:
            config = options.best(TrackStoreConfig(cues=cues), criterion, allowed)
            scores = score_tracking(answers["test"], truths["test"], config, FRAME_S)
            rows.append(
                {
                    "network": name,
                    "cues": cues,
                    "chosen_by": criterion,
                    "overlaps": list(allowed),
                    "min_score": config.min_score,
                    "min_iou": config.min_iou,
                    "min_cosine": config.min_cosine,
                    "num_observations": config.num_observations,
                    **dataclasses.asdict(scores),
                    **dataclasses.asdict(found),
                }
            )
    return rows


class Options:
    """What a tracker may be set to, scored on the validation videos."""

    def __init__(self, detections: list[VideoDetections], truths: list[VideoTruth]) -> None:
        self._detections, self._truths = detections, truths
        self._known: dict[TrackStoreConfig, AssociationScores] = {}

    def best(
        self, config: TrackStoreConfig, criterion: str, overlaps: Sequence[float] = PAPER_OVERLAPS
    ) -> TrackStoreConfig:
        """Return what scores best: the score, the overlap, the looks, and the score again."""
        steps: list[tuple[str, Sequence[float]]] = [("min_score", SCORES), ("min_iou", overlaps)]
        if config.cues != "iou":
            steps.append(("min_cosine", COSINES))
        steps.append(("min_score", SCORES))
        for name, values in steps:
            tried = [config.model_copy(update={name: value}) for value in values]
            config = tried[int(np.argmax([getattr(self._score(x), criterion) for x in tried]))]
        return config

    def _score(self, config: TrackStoreConfig) -> AssociationScores:
        if config not in self._known:
            self._known[config] = score_tracking(self._detections, self._truths, config, FRAME_S)
        return self._known[config]
