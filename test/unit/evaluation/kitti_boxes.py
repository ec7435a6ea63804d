# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hand-made truth and answers of the KITTI tracking benchmark."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

Row = tuple[int, int, str, float]


def boxes(
    *rows: Row,
    scores: dict[int, float] | None = None,
    height_px: float = 100.0,
    occlusion: int = 0,
    truncation: int = 0,
) -> TrackedBoxes:
    """Return cubes of 2 m from (frame, id, class, x); in the image they are 100 px wide at 50 x."""
    num = len(rows)
    x = np.array([row[3] for row in rows], float).reshape(num)
    left = 50 * x
    return TrackedBoxes(
        frames=np.array([row[0] for row in rows], np.int64).reshape(num),
        ids=np.array([row[1] for row in rows], np.int64).reshape(num),
        classes=np.array([row[2] for row in rows], np.str_).reshape(num),
        boxes=np.column_stack([x, np.zeros((num, 2)), np.full((num, 3), 2.0), np.zeros(num)]),
        boxes_pix=np.column_stack(
            [left, np.zeros(num), left + 100, np.full(num, height_px)]
        ).astype(float),
        scores=np.array([(scores or {}).get(row[1], 0.0) for row in rows], float).reshape(num),
        truncation=np.full(num, float(truncation)),
        occlusion=np.full(num, occlusion, np.int64),
    )


def together(*parts: TrackedBoxes) -> TrackedBoxes:
    """Return several sets of boxes as one."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in TrackedBoxes.__slots__
    }
    order = np.argsort(columns["frames"], kind="stable")
    return TrackedBoxes(**{name: column[order] for name, column in columns.items()})
