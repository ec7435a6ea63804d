# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Principal axes in closed form, against LAPACK and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.compiled import compiled
from unsup_track_ros.perception.egomotion.principal_axes import thinnest_axis


@compiled
def thinnest_axes(entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ask for many covariances one by one: (2, V) variances and (V, 3) axes."""
    num = entries.shape[1]
    variances, axes = np.empty((2, num)), np.empty((num, 3))
    for v in range(num):
        xx, xy, xz, yy, yz, zz = entries[:, v]
        variances[0, v], variances[1, v], axes[v, 0], axes[v, 1], axes[v, 2] = thinnest_axis(
            xx, xy, xz, yy, yz, zz
        )
    return variances, axes


ROWS, COLUMNS = np.triu_indices(3)


def entries_of(covariances: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(covariances[:, ROWS, COLUMNS].T)


def test_a_slab_is_thin_along_its_normal() -> None:
    variances, axes = thinnest_axes(entries_of(np.diag([4.0, 0.01, 9.0])[None]))
    np.testing.assert_allclose(variances[:, 0], [0.01, 4.0], atol=1e-12)
    np.testing.assert_allclose(np.abs(axes[0]), [0.0, 1.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("sides", [(1e-4, 0.02, 0.03), (1e-4, 1e-3, 5.0), (0.0, 0.1, 0.1)])
def test_they_are_those_of_lapack(sides: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(0)
    rotations = np.linalg.qr(rng.normal(size=(500, 3, 3)))[0]
    covariances = (
        rotations
        @ (np.diag(sides) * rng.uniform(0.5, 2.0, (500, 1, 1)))
        @ np.swapaxes(rotations, 1, 2)
    )
    variances, axes = thinnest_axes(entries_of(covariances))
    expected, vectors = np.linalg.eigh(covariances)
    np.testing.assert_allclose(variances.T, expected[:, :2], atol=1e-8 * max(sides))
    np.testing.assert_allclose(np.abs((axes * vectors[:, :, 0]).sum(1)), 1.0, atol=1e-9)


def test_a_ball_and_a_point_have_some_axis_and_no_nan() -> None:
    balls = np.stack([np.eye(3), np.zeros((3, 3)), 1e-9 * np.eye(3)])
    variances, axes = thinnest_axes(entries_of(balls))
    np.testing.assert_allclose(variances[0], [1.0, 0.0, 1e-9], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1.0)


def test_nothing_has_no_axes() -> None:
    variances, axes = thinnest_axes(np.zeros((6, 0)))
    assert variances.shape == (2, 0)
    assert axes.shape == (0, 3)
