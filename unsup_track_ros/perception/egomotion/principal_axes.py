# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The thinnest principal axis of a small covariance, in closed form.

The roots of the characteristic cubic by Smith's trigonometric formula (1961): some arithmetic,
where LAPACK iterates.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_inner

# Below this share of the trace a covariance is a multiple of the identity: any axis is principal.
_ROUND = 1e-14


@compiled_inner
def thinnest_axis(
    xx: float, xy: float, xz: float, yy: float, yz: float, zz: float
) -> tuple[float, float, float, float, float]:
    """Return the smallest and the middle variance, and the direction of the smallest.

    Args:
        xx: Entries of the covariance.
        xy: As named.
        xz: As named.
        yy: As named.
        yz: As named.
        zz: As named.

    Returns:
        Two eigenvalues, exact to about 1e-8 of the largest, and the unit vector (x, y, z) of the
        smallest; it is good where that is well apart from the middle one.
    """
    mean = (xx + yy + zz) / 3.0
    dx, dy, dz = xx - mean, yy - mean, zz - mean
    spread = np.sqrt((dx * dx + dy * dy + dz * dz + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0)
    scale = spread if spread > _ROUND * abs(mean) else 1.0
    determinant = (
        dx * (dy * dz - yz * yz) - xy * (xy * dz - yz * xz) + xz * (xy * yz - dy * xz)
    ) / (scale * scale * scale)
    angle = np.arccos(min(max(0.5 * determinant, -1.0), 1.0)) / 3.0
    smallest = mean + 2.0 * spread * np.cos(angle + 2.0 * np.pi / 3.0)
    middle = 3.0 * mean - smallest - (mean + 2.0 * spread * np.cos(angle))
    x, y, z = _null_direction(xx - smallest, xy, xz, yy - smallest, yz, zz - smallest)
    return smallest, middle, x, y, z


@compiled_inner
def _null_direction(
    a: float, b: float, c: float, d: float, e: float, f: float
) -> tuple[float, float, float]:
    """Return what is orthogonal to the rows (a, b, c), (b, d, e), (c, e, f) of rank two.

    Of the cross products of two rows the longest is the most exact.
    """
    x, y, z = b * e - c * d, c * b - a * e, a * d - b * b
    squared = x * x + y * y + z * z
    for u, v, w in (
        (b * f - c * e, c * c - a * f, a * e - b * c),
        (d * f - e * e, e * c - b * f, b * e - d * c),
    ):
        other = u * u + v * v + w * w
        if other > squared:
            x, y, z, squared = u, v, w, other
    if squared == 0.0:
        return 0.0, 0.0, 1.0
    length = np.sqrt(squared)
    return x / length, y / length, z / length
