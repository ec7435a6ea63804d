# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The count prior as published: after every object P(c) is updated."""

from __future__ import annotations

import numpy as np


def expectations_of(present: list[bool], probability: float) -> list[float]:
    """Return the prior probability of presence of each object, given those before it."""
    num = len(present)
    counts = np.arange(num + 1)
    weight = probability**counts
    weight = weight / weight.sum()
    answers, so_far = [], 0
    for index, here in enumerate(present):
        left = num - index
        share = np.clip((counts - so_far) / left, 0.0, 1.0)
        answers.append(float((weight * share).sum()))
        absent = np.clip((left - counts + so_far) / left, 0.0, 1.0)
        weight = weight * (share if here else absent)
        weight = weight / weight.sum()
        so_far += here
    return answers
