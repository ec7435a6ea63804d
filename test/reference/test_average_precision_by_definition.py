# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vectorised average precision against its definition written in loops."""

from __future__ import annotations

import numpy as np
import pytest
from reference.average_precision_by_definition import (
    frame_average_precision as frame_by_definition,
)
from reference.average_precision_by_definition import (
    pooled_average_precision as pooled_by_definition,
)

from unsup_track_ros.evaluation.average_precision import (
    frame_average_precision,
    match_greedily,
    pooled_average_precision,
)

THRESHOLDS = np.array([0.1, 0.3, 0.5, 0.7])


def random_frame(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    num, num_truth = generator.integers(0, 9), generator.integers(0, 6)
    # Few distinct values: equal scores and equal overlaps must come out alike too.
    iou = generator.integers(0, 11, (num, num_truth)) / 10
    return iou, generator.integers(0, 6, num) / 5


@pytest.mark.parametrize("seed", range(200))
def test_frame_average_precision_is_what_the_definition_says(seed: int) -> None:
    iou, scores = random_frame(np.random.default_rng(seed))
    matches = match_greedily(iou, scores, np.ones(iou.shape[1], bool), THRESHOLDS, 0.1)
    expected = [frame_by_definition(iou, scores, threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(frame_average_precision(matches), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(50))
def test_pooled_average_precision_is_what_the_definition_says(seed: int) -> None:
    generator = np.random.default_rng(seed)
    frames = [random_frame(generator) for _ in range(5)]
    frames.append((np.eye(2), np.array([0.3, 0.7])))  # some truth in any case
    matched = [match_greedily(i, s, np.ones(i.shape[1], bool), THRESHOLDS, 0.1) for i, s in frames]
    expected = [pooled_by_definition(frames, threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(pooled_average_precision(matched), expected, atol=1e-12)
