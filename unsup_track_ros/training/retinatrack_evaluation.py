# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run RetinaTrack over videos and score it as detector and as tracker, each at its own point.

As a detector every box counts, however unsure; as a tracker those from a score on (paper, 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unsup_track_ros.data.crossing.videos import CrossingVideos
from unsup_track_ros.evaluation.association_scores import (
    AssociationFrame,
    AssociationScores,
    score_associations,
)
from unsup_track_ros.evaluation.coco import CocoScores, ImageBoxes, coco_scores
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.networks.retinatrack import RetinaTrack
from unsup_track_ros.networks.retinatrack.anchors import anchor_boxes
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig, decode
from unsup_track_ros.networks.retinatrack.track_store import TrackStore, TrackStoreConfig
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64, UInt8

MIN_IOU = 0.5
_IMAGES_AT_ONCE = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoDetections:
    """What a network finds in one video of T frames: D boxes a frame, surest first."""

    boxes_px: Float32[np.ndarray, "T D 4"]
    scores: Float32[np.ndarray, "T D"]
    embeddings: Float32[np.ndarray, "T D E"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoTruth:
    """Boxes of one video; the row of a vehicle is its identity."""

    boxes_px: Float64[np.ndarray, "T M 4"]
    is_truth: Bool[np.ndarray, "T M"]


def video_truths(videos: CrossingVideos) -> list[VideoTruth]:
    """Return the truth of each video."""
    return [
        VideoTruth(boxes_px=boxes.cpu().numpy().astype(np.float64), is_truth=is_truth.cpu().numpy())
        for boxes, is_truth in zip(videos.boxes_px, videos.is_truth, strict=True)
    ]


@torch.no_grad()
def detect(
    network: RetinaTrack, frames: UInt8[torch.Tensor, "N T 3 H W"], config: DecodingConfig
) -> list[VideoDetections]:
    """Detect in each video; the network must be in its evaluation mode."""
    size = (int(frames.shape[-2]), int(frames.shape[-1]))
    anchors = anchor_boxes(network.config, size[0], size[1], frames.device)
    answers = []
    for video in frames:
        parts = [
            decode(network(images), anchors, size, config)
            for images in video.split(_IMAGES_AT_ONCE)
        ]
        answers.append(
            VideoDetections(
                boxes_px=torch.cat([part.boxes_px for part in parts]).cpu().numpy(),
                scores=torch.cat([part.scores for part in parts]).cpu().numpy(),
                embeddings=torch.cat([part.embeddings for part in parts]).cpu().numpy(),
            )
        )
    return answers


def track(
    video: VideoDetections, config: TrackStoreConfig, frame_s: float
) -> Int64[np.ndarray, "T D"]:
    """Return the identity of every detection of a video, -1 for those that are not tracked."""
    store = TrackStore(config)
    rows = zip(video.boxes_px, video.scores, video.embeddings, strict=True)
    return np.stack(
        [store.step(round(index * frame_s * 1e9), *row) for index, row in enumerate(rows)]
    )


def score_tracking(
    detections: Sequence[VideoDetections],
    truths: Sequence[VideoTruth],
    config: TrackStoreConfig,
    frame_s: float,
) -> AssociationScores:
    """Score a track store on detections, at IoU 0.5."""
    sequences = []
    for video, truth in zip(detections, truths, strict=True):
        ids = track(video, config, frame_s)
        frames = []
        for index, visible in enumerate(truth.is_truth):
            used = ids[index] >= 0
            truth_ids = np.flatnonzero(visible)
            iou = rectangle_iou(truth.boxes_px[index, truth_ids], video.boxes_px[index, used])
            frames.append(
                AssociationFrame(truth_ids=truth_ids, track_ids=ids[index, used], similarity=iou)
            )
        sequences.append(frames)
    return score_associations(sequences, MIN_IOU)


def score_detection(
    detections: Sequence[VideoDetections], truths: Sequence[VideoTruth]
) -> CocoScores:
    """Score all boxes as COCO does."""
    images = []
    for video, truth in zip(detections, truths, strict=True):
        for index, visible in enumerate(truth.is_truth):
            found = video.scores[index] > 0
            images.append(
                ImageBoxes(
                    truth_boxes_px=truth.boxes_px[index, visible],
                    boxes_px=video.boxes_px[index, found].astype(np.float64),
                    scores=video.scores[index, found].astype(np.float64),
                )
            )
    return coco_scores(images)
