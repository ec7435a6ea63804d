# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The track store of RetinaTrack: who is who, from overlap and appearance (paper, 3.5).

A track is alive or dead, never tentative. It remembers how it looked in its last observations, and
what is detected may look like any of them. Matching is greedy, best pair first.

Divergence: the paper compares place and looks alike with each of the last H observations. Here the
place is that of the latest alone: what moves has left its old places to others
(docs/results/retinatrack.md, as is H).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.shapes import Bool, Float, Float64, Int64


class TrackStoreConfig(Config):
    """Matching of boxes of an image to tracks."""

    cues: Literal["iou_and_embedding", "iou", "embedding"] = parameter(
        "iou_and_embedding", "What pairs are judged by; 'iou' is the paper's IoU tracker."
    )
    max_detections: int = parameter(100, "Surest detections of a frame that are used.", ge=1)
    min_score: float = parameter(
        0.5, "Score from which a detection is tracked.", ge=0, lt=1, tunable=True
    )
    min_iou: float = parameter(0.4, "A smaller overlap counts as none.", ge=0, le=1)
    min_cosine: float = parameter(
        0.5, "Pairs whose embeddings are less alike never match (epsilon of the paper).",
        ge=-1, le=1, tunable=True,
    )  # fmt: skip
    num_observations: int = parameter(
        3, "H, the last observations of a track whose looks are compared with.", ge=1
    )
    max_unseen_s: float = parameter(
        4.0, "A track that is not found again for longer is dead (paper: 40 frames at 10 Hz).",
        unit="s", ge=0,
    )  # fmt: skip


class TrackStore:
    """Gives detections of one frame after the other the identities of tracks."""

    def __init__(self, config: TrackStoreConfig) -> None:
        self._config = config
        self._next_id = 0
        self.reset()

    @property
    def num_live(self) -> int:
        """Tracks that are alive."""
        return len(self._ids)

    def reset(self) -> None:
        """Forget all tracks; identities go on, none is used twice."""
        self._ids: Int64[np.ndarray, " T"] = np.zeros(0, np.int64)
        self._last_seen_ns: Int64[np.ndarray, " T"] = np.zeros(0, np.int64)
        self._num_seen: Int64[np.ndarray, " T"] = np.zeros(0, np.int64)
        depth = self._config.num_observations
        self._boxes: Float64[np.ndarray, "T 4"] = np.zeros((0, 4))
        # Rings: observation n of a track is in place n modulo H.
        self._embeddings: Float64[np.ndarray, "T H E"] = np.zeros((0, depth, 0))

    def step(
        self,
        stamp_ns: int,
        boxes_px: Float[np.ndarray, "N 4"],
        scores: Float[np.ndarray, " N"],
        embeddings: Float[np.ndarray, "N E"],
    ) -> Int64[np.ndarray, " N"]:
        """Return the identity of each detection, -1 for those that are not tracked.

        Args:
            stamp_ns: Time of the frame.
            boxes_px: Left, top, right, bottom.
            scores: 0 to 1.
            embeddings: Appearance; only directions count.
        """
        order = np.argsort(-np.asarray(scores), kind="stable")[: self._config.max_detections]
        used = order[scores[order] >= self._config.min_score]
        boxes = np.asarray(boxes_px, np.float64)[used]
        directions = _directions(np.asarray(embeddings, np.float64)[used])
        self._bury(stamp_ns)
        if not self.num_live:  # the first frame tells how long embeddings are
            self._embeddings = np.zeros((0, *self._ring_shape(directions)))
        similarity = self.similarity(boxes, directions)
        track = greedy_matches(similarity, similarity > 0)
        found = track >= 0
        self._append(track[found], boxes[found], directions[found], stamp_ns)
        ids = np.full(len(scores), -1, np.int64)
        ids[used[found]] = self._ids[track[found]]
        ids[used[~found]] = self._begin(boxes[~found], directions[~found], stamp_ns)
        return ids

    def similarity(
        self, boxes: Float64[np.ndarray, "N 4"], directions: Float64[np.ndarray, "N E"]
    ) -> Float64[np.ndarray, "N T"]:
        """Return how alike detections and live tracks are; 0 where a match is refused.

        The mean of the IoU with the latest observation, 0 below `min_iou`, and the cosine of the
        embeddings with the observation that looks most alike. A pair is refused where that cosine
        distance is above 1 - epsilon: where the cosine is below `min_cosine`.
        """
        config, num_tracks = self._config, self.num_live
        if not num_tracks or not len(boxes):
            return np.zeros((len(boxes), num_tracks))
        iou = rectangle_iou(boxes, self._boxes)
        iou[iou < config.min_iou] = 0.0
        if config.cues == "iou":
            return iou
        known = np.arange(config.num_observations) < self._num_seen[:, None]
        flat = self._embeddings.reshape(num_tracks * config.num_observations, -1)
        cosines = (directions @ flat.T).reshape(len(boxes), *known.shape)
        cosine = np.where(known, cosines, -1.0).max(axis=2)
        both = 0.5 * (iou + cosine) if config.cues == "iou_and_embedding" else cosine
        return np.asarray(np.where(cosine >= config.min_cosine, both, 0.0))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        return {
            "next_id": np.array(self._next_id),
            "ids": self._ids.copy(),
            "last_seen_ns": self._last_seen_ns.copy(),
            "num_seen": self._num_seen.copy(),
            "boxes": self._boxes.copy(),
            "embeddings": self._embeddings.copy(),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`."""
        self._next_id = int(state["next_id"])
        self._ids = state["ids"].copy()
        self._last_seen_ns = state["last_seen_ns"].copy()
        self._num_seen = state["num_seen"].copy()
        self._boxes = state["boxes"].copy()
        self._embeddings = state["embeddings"].copy()

    def _ring_shape(self, values: Float64[np.ndarray, "N D"]) -> tuple[int, int]:
        return self._config.num_observations, values.shape[1]

    def _bury(self, stamp_ns: int) -> None:
        """Forget the tracks that have not been seen for too long."""
        alive = stamp_ns - self._last_seen_ns <= round(self._config.max_unseen_s * 1e9)
        if alive.all():
            return
        self._ids, self._last_seen_ns = self._ids[alive], self._last_seen_ns[alive]
        self._num_seen = self._num_seen[alive]
        self._boxes, self._embeddings = self._boxes[alive], self._embeddings[alive]

    def _append(
        self,
        tracks: Int64[np.ndarray, " K"],
        boxes: Float64[np.ndarray, "K 4"],
        directions: Float64[np.ndarray, "K E"],
        stamp_ns: int,
    ) -> None:
        place = self._num_seen[tracks] % self._config.num_observations
        self._boxes[tracks] = boxes
        self._embeddings[tracks, place] = directions
        self._num_seen[tracks] += 1
        self._last_seen_ns[tracks] = stamp_ns

    def _begin(
        self,
        boxes: Float64[np.ndarray, "K 4"],
        directions: Float64[np.ndarray, "K E"],
        stamp_ns: int,
    ) -> Int64[np.ndarray, " K"]:
        """Start a track with each; return their identities."""
        num, first = len(boxes), self.num_live
        ids = self._next_id + np.arange(num, dtype=np.int64)
        self._next_id += num
        self._ids = np.concatenate([self._ids, ids])
        self._last_seen_ns = np.concatenate([self._last_seen_ns, np.zeros(num, np.int64)])
        self._num_seen = np.concatenate([self._num_seen, np.zeros(num, np.int64)])
        self._boxes = np.concatenate([self._boxes, boxes])
        empty = np.zeros((num, *self._ring_shape(directions)))
        self._embeddings = np.concatenate([self._embeddings, empty])
        self._append(first + np.arange(num), boxes, directions, stamp_ns)
        return ids


def greedy_matches(
    similarity: Float64[np.ndarray, "N T"], allowed: Bool[np.ndarray, "N T"]
) -> Int64[np.ndarray, " N"]:
    """Match rows to columns greedily, the most alike pair first; return the column or -1.

    A pair that is the best of its row and of its column will be taken by greedy matching whatever
    else is; all such pairs are taken at once, then the rest is looked at anew. Of equals the first
    row, then the first column, wins.
    """
    num_rows = len(similarity)
    column_of = np.full(num_rows, -1, np.int64)
    order = np.argsort(-similarity, axis=None, kind="stable")
    rank = np.empty(similarity.size, np.int64)
    rank[order] = np.arange(similarity.size)
    last = similarity.size
    rank = np.where(allowed, rank.reshape(similarity.shape), last)
    while rank.size and (rank < last).any():
        best = rank.argmin(axis=1)
        rows = np.arange(num_rows)
        mutual = (rank[rows, best] < last) & (rank[:, best].argmin(axis=0) == rows)
        column_of[mutual] = best[mutual]
        rank[mutual] = last
        rank[:, best[mutual]] = last
    return column_of


def _directions(embeddings: Float64[np.ndarray, "N E"]) -> Float64[np.ndarray, "N E"]:
    """Scale to length 1; what has no direction is like nothing."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(length, 1e-12))
