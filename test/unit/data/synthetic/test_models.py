# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.models import MAKERS
from unsup_track_ros.data.synthetic.solids import Kind


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_a_model_fill_its_box_exactly(name: str, seed: int) -> None:
    model = MAKERS[name](np.random.default_rng(seed))
    assert model.name == name
    lower = np.min([np.subtract(part.centre_m, part.half_m) for part in model.parts], axis=0)
    upper = np.max([np.add(part.centre_m, part.half_m) for part in model.parts], axis=0)
    length, width, height = model.size_m
    np.testing.assert_allclose(lower, [-length / 2, -width / 2, 0.0], atol=1e-9)
    np.testing.assert_allclose(upper, [length / 2, width / 2, height], atol=1e-9)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_no_leaning_face_turns_a_part_inside_out(name: str) -> None:
    for seed in range(20):
        for part in MAKERS[name](np.random.default_rng(seed)).parts:
            if part.kind is Kind.BOX:
                front, rear, side = part.taper
                tall = 2 * part.half_m[2]
                assert 2 * part.half_m[0] > (front + rear) * tall
                assert part.half_m[1] > side * tall
