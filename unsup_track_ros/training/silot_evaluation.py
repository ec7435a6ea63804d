# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run SILOT and its baseline over scattered videos and lay their answers beside the truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.data.scattered.videos import ScatteredVideos
from unsup_track_ros.evaluation.image_tracking import ImageFrame
from unsup_track_ros.networks.silot import Silot, SilotInferenceConfig
from unsup_track_ros.networks.silot.lasting_tracker import tracker_of
from unsup_track_ros.networks.silot.tracker import TrackedObjects
from unsup_track_ros.perception.color_components import (
    ColorComponentsConfig,
    ColorComponentsTracker,
)
from unsup_track_ros.shapes import Float64, Int64

_BATCH = 16  # videos that go through the network together


def tracked_by_network(
    videos: ScatteredVideos,
    network: Silot,
    max_objects: int | None = None,
    inference: SilotInferenceConfig | None = None,
) -> list[list[ImageFrame]]:
    """Track all videos by a network; scores are presences."""
    answers: list[list[ImageFrame]] = []
    for first in range(0, len(videos.frames), _BATCH):
        rows = range(first, min(first + _BATCH, len(videos.frames)))
        batch: list[list[ImageFrame]] = [[] for _ in rows]
        stepped = network_steps(
            videos.frames[first : first + _BATCH], network, max_objects, inference
        )
        for index, found in enumerate(stepped):
            for frames, row in zip(batch, rows, strict=True):
                place = row - first
                answer = (
                    _ids(found.ids[place]),
                    _floats(found.boxes_px[place]),
                    _floats(found.presence[place]),
                )
                frames.append(_beside_truth(videos, row, index, answer))
        answers += batch
    return answers


def network_steps(
    frames: Tensor,
    network: Silot,
    max_objects: int | None = None,
    inference: SilotInferenceConfig | None = None,
) -> Iterator[TrackedObjects]:
    """Give what the network makes of each frame of some videos (N, T, C, H, W), 0 to 255."""
    tracker = tracker_of(network, inference or SilotInferenceConfig(), max_objects)
    for index in range(frames.shape[1]):
        yield tracker.step(frames[:, index].float() / 255.0)


def tracked_by_components(
    videos: ScatteredVideos, config: ColorComponentsConfig
) -> list[list[ImageFrame]]:
    """Track all videos by connected components; every object is sure."""
    answers = []
    for row, video in enumerate(videos.frames):
        tracker = ColorComponentsTracker(config)
        frames = []
        for index, image in enumerate(video):
            ids, boxes_px = tracker.step(image.permute(1, 2, 0).cpu().numpy())
            frames.append(_beside_truth(videos, row, index, (ids, boxes_px, np.ones(len(ids)))))
        answers.append(frames)
    return answers


def _beside_truth(
    videos: ScatteredVideos,
    row: int,
    index: int,
    answer: tuple[Int64[np.ndarray, " N"], Float64[np.ndarray, "N 4"], Float64[np.ndarray, " N"]],
) -> ImageFrame:
    truth_ids = _ids(torch.nonzero(videos.is_object[row])[:, 0])
    ids, boxes_px, scores = answer
    return ImageFrame(
        truth_ids=truth_ids,
        truth_boxes_px=_floats(videos.boxes_px[row, index])[truth_ids],
        ids=ids,
        boxes_px=boxes_px,
        scores=scores,
    )


def _ids(values: Tensor) -> Int64[np.ndarray, " N"]:
    return values.cpu().numpy().astype(np.int64)


def _floats(values: Tensor) -> Float64[np.ndarray, ...]:
    return values.cpu().numpy().astype(np.float64)
