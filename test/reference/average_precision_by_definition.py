# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Average precision written down word by word, one threshold, loops only: the oracle."""

from __future__ import annotations

import numpy as np


def outcomes(iou: np.ndarray, scores: np.ndarray, threshold: float) -> list[tuple[float, bool]]:
    """Return (score, hit) of every detection, best first."""
    taken: set[int] = set()
    answer = []
    for row in sorted(range(len(scores)), key=lambda k: (-scores[k], k)):
        free = [column for column in range(iou.shape[1]) if column not in taken]
        best = max(free, key=lambda column: (iou[row, column], -column), default=None)
        hit = best is not None and iou[row, best] >= threshold
        if hit:
            assert best is not None
            taken.add(best)
        answer.append((float(scores[row]), bool(hit)))
    return answer


def area(points: list[tuple[float, float]]) -> float:
    """Integrate the largest precision at this recall or beyond, over (recall, precision) points."""
    total, reached = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        best = max(precision for other, precision in points if other >= recall)
        total += (recall - reached) * best
        reached = recall
    return total


def frame_average_precision(iou: np.ndarray, scores: np.ndarray, threshold: float) -> float:
    """AP of one frame: every detection is an operating point."""
    num_truth, hits, points = iou.shape[1], 0, []
    if num_truth == 0:
        return 0.0
    for number, (_, hit) in enumerate(outcomes(iou, scores, threshold), start=1):
        hits += hit
        points.append((hits / num_truth, hits / number))
    return area(points)


def pooled_average_precision(
    frames: list[tuple[np.ndarray, np.ndarray]], threshold: float
) -> float:
    """AP over frames: every distinct score is an operating point."""
    num_truth = sum(iou.shape[1] for iou, _ in frames)
    everything = [one for iou, scores in frames for one in outcomes(iou, scores, threshold)]
    points = []
    for cut in sorted({score for score, _ in everything}, reverse=True):
        kept = [hit for score, hit in everything if score >= cut]
        points.append((sum(kept) / num_truth, sum(kept) / len(kept)))
    return area(points)
