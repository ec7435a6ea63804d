# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rigid motions: hand-made values."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry import se3


def test_half_a_turn_between_two_headings_is_a_quarter_turn_and_the_middle() -> None:
    odom_T_base0 = np.eye(4)
    odom_T_base1 = se3.rigid(se3.rotation_about_z(np.pi / 2), np.array([2.0, 0.0, 0.0]))
    middle = se3.interpolate(odom_T_base0, odom_T_base1, 0.5)
    assert se3.yaw_rad(middle) == pytest.approx(np.pi / 4)
    np.testing.assert_allclose(middle[:3, 3], [1.0, 0.0, 0.0])


def test_a_motion_is_scaled_by_several_ratios_as_by_each() -> None:
    base1_T_base0 = se3.rigid(se3.rotation_about_z(0.4), np.array([2.0, -1.0, 0.5]))
    half, back, none = se3.scaled(base1_T_base0, np.array([0.5, -1.0, 0.0]))
    np.testing.assert_array_equal(half, se3.scaled(base1_T_base0, 0.5))
    np.testing.assert_allclose(half[:3, 3], [1.0, -0.5, 0.25])
    assert se3.yaw_rad(half) == pytest.approx(0.2)
    assert se3.yaw_rad(back) == pytest.approx(-0.4)
    np.testing.assert_allclose(none, np.eye(4), atol=1e-15)


def test_the_angle_of_a_tiny_rotation_keeps_its_digits() -> None:
    assert se3.rotation_angle_rad(
        se3.rigid(se3.rotation_about_z(1e-9), np.zeros(3))
    ) == pytest.approx(1e-9)


@pytest.mark.parametrize(
    ("angle", "wrapped"), [(np.pi, np.pi), (-np.pi, np.pi), (3.5 * np.pi, -0.5 * np.pi)]
)
def test_angles_wrap_to_the_half_open_interval(angle: float, wrapped: float) -> None:
    assert float(se3.wrap_angle_rad(np.array(angle))) == pytest.approx(wrapped)


def test_a_box_turns_and_moves_with_its_frame() -> None:
    odom_T_velo = se3.rigid(se3.rotation_about_z(np.pi / 2), np.array([10.0, 0.0, 1.0]))
    box_velo = np.array([[2.0, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0]])
    box_odom = se3.transform_boxes(odom_T_velo, box_velo)
    np.testing.assert_allclose(box_odom, [[10.0, 2.0, 1.0, 4.0, 2.0, 1.5, np.pi / 2]], atol=1e-12)


def test_a_zero_quaternion_is_refused() -> None:
    with pytest.raises(ValueError, match="non-zero length"):
        se3.from_quaternion(np.zeros(4), np.zeros(3))
