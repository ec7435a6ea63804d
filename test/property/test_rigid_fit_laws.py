# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the rigid fit: it recovers any motion, and moves along with its input."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.rigid_fit import fit_rigid

Motion = tuple[list[float], list[float]]
small = st.floats(-3.0, 3.0, allow_nan=False)
motions = st.tuples(
    st.lists(small, min_size=3, max_size=3), st.lists(small, min_size=3, max_size=3)
)


def matrix(drawn: Motion) -> torch.Tensor:
    rotation = Rotation.from_rotvec(np.array(drawn[0])).as_matrix()
    return torch.from_numpy(se3.rigid(rotation, np.array(drawn[1])))


def moved(a_T_b: torch.Tensor, points_b: torch.Tensor) -> torch.Tensor:
    return points_b @ a_T_b[:3, :3].mT + a_T_b[:3, 3]


def cloud(seed: int) -> torch.Tensor:
    return torch.randn(12, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=50, deadline=None)
@given(drawn=motions, seed=st.integers(0, 1000))
def test_any_motion_is_recovered(drawn: Motion, seed: int) -> None:
    a_T_b, points_b = matrix(drawn), cloud(seed)
    found = fit_rigid(points_b, moved(a_T_b, points_b))
    torch.testing.assert_close(found, a_T_b, atol=1e-6, rtol=0)


@settings(max_examples=50, deadline=None)
@given(first=motions, second=motions, seed=st.integers(0, 1000))
def test_moving_either_cloud_composes_with_the_fit(
    first: Motion, second: Motion, seed: int
) -> None:
    # Noise makes the fit inexact; the law holds for the inexact fit too.
    points_b = cloud(seed)
    points_a = moved(matrix(first), points_b) + 0.1 * cloud(seed + 1)
    a_T_b = fit_rigid(points_b, points_a)
    c_T_a = matrix(second)
    c_T_b = fit_rigid(points_b, moved(c_T_a, points_a))
    torch.testing.assert_close(c_T_b, c_T_a @ a_T_b, atol=1e-6, rtol=0)
