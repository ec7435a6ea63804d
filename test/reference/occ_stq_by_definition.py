# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""STQ as its formulas are written: whole sequences held as sets of voxels."""

from __future__ import annotations

import math
from collections import defaultdict

# (frame, voxel) -> (true class, true id, predicted class, predicted id)
Volume = dict[tuple[int, int], tuple[int, int, int, int]]


def stq(  # noqa: C901 - the formulas in one piece
    sequences: list[Volume],
    num_classes: int,
    things: tuple[int, ...],
    free: int,
    *,
    official: bool,
    min_voxels: int = 3,
) -> tuple[float, float, float]:
    """Return STQ, AQ and SQ."""
    true_of, said_of = defaultdict(set), defaultdict(set)
    tubes: dict[tuple[int, int, int], set[tuple[int, int]]] = defaultdict(set)
    answers: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for s, volume in enumerate(sequences):
        in_frame: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
        for place, (true_class, true_id, said_class, said_id) in volume.items():
            if official and true_class == free:
                continue
            true_of[true_class].add((s, place))
            said_of[said_class].add((s, place))
            if true_class in things and true_id != 0 and not (official and true_id == 1):
                in_frame[true_class, true_id, place[0]].append(place)
            if said_class in things and said_id > 0 and not (official and said_id == 1):
                answers[s, said_id].add(place)
        for (true_class, true_id, _), places in in_frame.items():
            if len(places) >= min_voxels:
                tubes[s, true_class, true_id].update(places)
    ious = [
        len(true_of[k] & said_of[k]) / len(true_of[k] | said_of[k])
        for k in range(num_classes)
        if k != free and true_of[k] | said_of[k]
    ]
    qualities = []
    for (s, _, _), tube in tubes.items():
        total = 0.0
        for (of, _), answer in answers.items():
            shared = len(tube & answer)
            if of == s and shared:
                total += shared * shared / (len(tube) + len(answer) - shared)
        qualities.append(total / len(tube))
    aq, sq = sum(qualities) / len(qualities), sum(ious) / len(ious)
    return math.sqrt(aq * sq), aq, sq
