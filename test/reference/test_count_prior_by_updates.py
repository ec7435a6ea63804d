# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of the count prior says what updating P(c) object by object says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference.count_prior_by_updates import expectations_of

from unsup_track_ros.networks.silot.count_prior import presence_expectations


@pytest.mark.parametrize("probability", [0.999, 0.5, 0.0123])
def test_the_table_equals_the_updates(probability: float) -> None:
    rng = np.random.default_rng(0)
    log_odds = torch.tensor(math.log(probability / (1 - probability)), dtype=torch.float64)
    table = presence_expectations(20, log_odds)
    for share in (0.1, 0.5, 0.9):
        present = (rng.random(20) < share).tolist()
        before = np.cumsum([0, *present[:-1]])
        mine = [table[index, int(so_far)].item() for index, so_far in enumerate(before)]
        assert mine == pytest.approx(expectations_of(present, probability), abs=1e-9)
