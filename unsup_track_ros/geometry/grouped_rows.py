# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows of groups that are given as one label per row: in order, sampled, averaged."""

from __future__ import annotations

import math

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.shapes import Bool, Float32, Float64, Int, Int64


def rows_by_group(
    label: Int[np.ndarray, " P"], most: int, wanted: Bool[np.ndarray, " G"] | None = None
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    """Return at most `most` rows of each group, evenly spread over its rows, and their labels.

    Sorted by label, then by row.

    Args:
        label: (P,) group of each row, 0 for none.
        most: Rows per group.
        wanted: (G,) groups that are asked for, by label; None for all but 0.
    """
    label = np.ascontiguousarray(label, np.int64)
    size = np.bincount(label, minlength=1 if wanted is None else len(wanted))
    size[0 if wanted is None else ~wanted] = 0
    stride = np.maximum(size / most, 1.0)
    picked = (np.floor((size - 1) / stride) + 1).astype(np.int64)  # of an empty group none
    stride[size == 0] = 0.0
    row = np.empty(int(picked.sum()), np.int64)
    _pick_evenly(label, stride, np.cumsum(picked) - picked, np.zeros_like(picked), row)
    return row, np.repeat(np.arange(len(picked)), picked)


def renumbered(
    label: Int[np.ndarray, " P"], kept: Int64[np.ndarray, " R"]
) -> Int64[np.ndarray, " P"]:
    """Rename the kept labels to 1..R in their order; all others become 0."""
    new = np.zeros(1 + int(max(label.max(initial=0), kept.max(initial=0))), np.int64)
    new[kept] = np.arange(1, len(kept) + 1)
    return np.asarray(new[label])


def group_means(
    values: Float32[np.ndarray, "M D"], group: Int64[np.ndarray, " M"], num: int
) -> Float32[np.ndarray, "G D"]:
    """Average the finite rows of each group 0..num-1; nan where it has none."""
    sums, count = np.zeros((num, values.shape[1])), np.zeros(num, np.int64)
    _add_finite_rows(values, group, sums, count)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / count[:, None], np.float32)


@compiled_for(f"void({read_only('int64')}, float64[::1], int64[::1], int64[::1], int64[::1])")
def _pick_evenly(
    label: Int64[np.ndarray, " P"],
    stride: Float64[np.ndarray, " G"],
    free: Int64[np.ndarray, " G"],
    rank: Int64[np.ndarray, " G"],
    row: Int64[np.ndarray, " K"],
) -> None:
    """Write the rows of each group at which a new multiple of its stride is reached.

    Args:
        label: Group of each row.
        stride: Of each group, at least 1; 0 for one that is left out.
        free: Where the next row of each group is written; moves on.
        rank: Rows of each group that were met so far.
        row: What is written.
    """
    for k in range(len(label)):
        group = label[k]
        step, met = stride[group], rank[group]
        if step == 0.0:
            continue
        rank[group] = met + 1
        if step == 1.0 or met == 0 or int(met / step) != int((met - 1) / step):
            row[free[group]] = k
            free[group] += 1


@compiled_for(
    f"void({read_only('float32', 2, strided=True)}, {read_only('int64')},"
    " float64[:, ::1], int64[::1])"
)
def _add_finite_rows(
    values: Float32[np.ndarray, "M D"],
    group: Int64[np.ndarray, " M"],
    sums: Float64[np.ndarray, "G D"],
    count: Int64[np.ndarray, " G"],
) -> None:
    """Add the rows without nan or infinity to their groups."""
    for row in range(len(values)):
        is_finite = True
        for column in range(values.shape[1]):
            is_finite &= math.isfinite(values[row, column])
        if is_finite:
            count[group[row]] += 1
            for column in range(values.shape[1]):
                sums[group[row], column] += values[row, column]
