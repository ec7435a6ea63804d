# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of rigid motions."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from unsup_track_ros.geometry import se3


@st.composite
def motions(draw: st.DrawFn) -> np.ndarray:
    numbers = st.floats(-1, 1, allow_nan=False)
    quat = np.array([draw(numbers) for _ in range(4)])
    if np.linalg.norm(quat) < 0.1:
        quat = np.array([0.0, 0.0, 0.0, 1.0])
    return se3.from_quaternion(quat, np.array([10 * draw(numbers) for _ in range(3)]))


@given(motions())
def test_a_motion_times_its_inverse_is_identity(odom_T_velo: np.ndarray) -> None:
    np.testing.assert_allclose(odom_T_velo @ se3.inverse(odom_T_velo), np.eye(4), atol=1e-12)


@given(motions())
def test_quaternion_and_matrix_are_the_same_rotation(odom_T_velo: np.ndarray) -> None:
    back = se3.from_quaternion(se3.quaternion_xyzw(odom_T_velo), odom_T_velo[:3, 3])
    np.testing.assert_allclose(back, odom_T_velo, atol=1e-9)


@given(motions(), motions(), st.floats(0, 1))
def test_interpolation_starts_and_ends_at_its_poses_and_stays_rigid(
    odom_T_velo0: np.ndarray, odom_T_velo1: np.ndarray, ratio: float
) -> None:
    middle = se3.interpolate(odom_T_velo0, odom_T_velo1, ratio)
    np.testing.assert_allclose(middle[:3, :3] @ middle[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(middle[:3, :3]) > 0
    start = se3.interpolate(odom_T_velo0, odom_T_velo1, 0.0)
    end = se3.interpolate(odom_T_velo0, odom_T_velo1, 1.0)
    np.testing.assert_allclose(start, odom_T_velo0, atol=1e-6)
    np.testing.assert_allclose(end, odom_T_velo1, atol=1e-6)


@given(motions(), motions())
def test_moving_points_twice_equals_moving_them_by_the_product(
    map_T_odom: np.ndarray, odom_T_velo: np.ndarray
) -> None:
    points_velo = np.arange(12.0).reshape(4, 3)
    points_odom = se3.transform(odom_T_velo, points_velo)
    map_T_velo = map_T_odom @ odom_T_velo
    np.testing.assert_allclose(
        se3.transform(map_T_odom, points_odom), se3.transform(map_T_velo, points_velo), atol=1e-9
    )
