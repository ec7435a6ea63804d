# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack's assignment, losses, suppression and track store, written out as loops."""

from __future__ import annotations

import math

import numpy as np


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the IoU of two rectangles."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (first, second)]
    return float(shared / max(sum(areas) - shared, 1e-9))


def assigned(
    anchors: np.ndarray, boxes: np.ndarray, is_object: np.ndarray, identity_iou: float
) -> tuple[list[int], list[int]]:
    """Return the box and the identity of each anchor of one image, -1 for none."""
    rows = [m for m in range(len(boxes)) if is_object[m]]
    box, identity = [-1] * len(anchors), [-1] * len(anchors)
    for a, anchor in enumerate(anchors):
        best = max(rows, key=lambda m: (iou(anchor, boxes[m]), -m), default=-1)
        if best >= 0 and iou(anchor, boxes[best]) >= 0.5:
            box[a] = best
        if best >= 0 and iou(anchor, boxes[best]) >= identity_iou:
            identity[a] = best
    forced: dict[int, int] = {}
    for m in rows:
        a = max(range(len(anchors)), key=lambda a: (iou(anchors[a], boxes[m]), -a))
        overlap = iou(anchors[a], boxes[m])
        if overlap > 0 and (a not in forced or overlap > iou(anchors[a], boxes[forced[a]])):
            forced[a] = m
    for a, m in forced.items():
        box[a] = m
    return box, identity


def batch_hard(
    embeddings: np.ndarray, identity: np.ndarray, chosen: list[int], margin: float
) -> list[float]:
    """Return the loss of each chosen anchor of one clip that has another track beside it."""
    losses = []
    for j in chosen:
        farthest, nearest = 0.0, math.inf
        for other in range(len(identity)):
            if identity[other] < 0:
                continue
            distance = float(np.linalg.norm(embeddings[j] - embeddings[other]))
            if identity[other] == identity[j]:
                farthest = max(farthest, distance)
            else:
                nearest = min(nearest, distance)
        if nearest < math.inf:
            losses.append(math.log1p(math.exp(margin + farthest - nearest)))
    return losses


def contrastive(embeddings: np.ndarray, identity: np.ndarray, temperature: float) -> list[float]:
    """Return the loss of each row that has another of its track and one of another track."""
    losses = []
    for j in range(len(identity)):
        pairs, strangers = [], 0.0
        for other in range(len(identity)):
            lengths = np.linalg.norm(embeddings[j]) * np.linalg.norm(embeddings[other])
            cosine = float(embeddings[j] @ embeddings[other] / lengths)
            if identity[other] != identity[j]:
                strangers += math.exp(cosine / temperature)
            elif other != j:
                pairs.append(cosine)
        if pairs and strangers:
            own = [math.log1p(strangers / math.exp(cosine / temperature)) for cosine in pairs]
            losses.append(sum(own) / len(own))
    return losses


def suppressed(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, max_iou: float
) -> list[bool]:
    """Return which boxes stay, one after the other from the surest on."""
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        rivals = [k for k in kept if classes[k] == classes[row]]
        if all(iou(boxes[row], boxes[k]) <= max_iou for k in rivals):
            kept.append(int(row))
    return [row in kept for row in range(len(boxes))]


class LoopTrackStore:
    """The track store with a list of observations per track."""

    def __init__(self, depth: int, min_iou: float, min_cosine: float, max_unseen_s: float) -> None:
        self.settings = (depth, min_iou, min_cosine, max_unseen_s)
        self.tracks: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
        self.next_id = 0

    def step(self, stamp_ns: int, boxes: np.ndarray, embeddings: np.ndarray) -> list[int]:
        """Return the identity of each box."""
        depth, _, _, max_unseen_s = self.settings
        self.tracks = {
            name: seen
            for name, seen in self.tracks.items()
            if stamp_ns - seen[-1][0] <= max_unseen_s * 1e9
        }
        pairs = []
        for n, (box, embedding) in enumerate(zip(boxes, embeddings, strict=True)):
            for name, seen in self.tracks.items():
                pairs.append((self.alike(box, embedding, seen[-depth:]), n, name))
        ids = [-1] * len(boxes)
        for value, n, name in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if value > 0 and ids[n] < 0 and name not in ids:
                ids[n] = name
        for n in range(len(boxes)):
            if ids[n] < 0:
                ids[n] = self.next_id
                self.next_id += 1
            observation = (stamp_ns, boxes[n], embeddings[n])
            self.tracks.setdefault(ids[n], []).append(observation)
        return ids

    def alike(
        self,
        box: np.ndarray,
        embedding: np.ndarray,
        seen: list[tuple[int, np.ndarray, np.ndarray]],
    ) -> float:
        """Return the similarity to a track: latest place, most alike looks; 0 where refused."""
        _, min_iou, min_cosine, _ = self.settings
        cosines = []
        for _, _, old in seen:
            lengths = np.linalg.norm(embedding) * np.linalg.norm(old)
            cosines.append(float(embedding @ old / lengths))
        overlap = iou(box, seen[-1][1])
        if max(cosines) < min_cosine:
            return 0.0
        return 0.5 * ((overlap if overlap >= min_iou else 0.0) + max(cosines))
