# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which discovery is which known object, and which is a new one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.networks.silot.config import SilotInferenceConfig
from unsup_track_ros.shapes import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """K objects of one scene that were there in the last frame.

    Attributes:
        carried_px: Boxes where propagation puts them.
        expected_px: Boxes where their own motion puts them.
        is_sure: Whether propagation is sure of them.
    """

    carried_px: Float64[np.ndarray, "K 4"]
    expected_px: Float64[np.ndarray, "K 4"]
    is_sure: Bool[np.ndarray, " K"]


def associate(
    known: Known,
    boxes_px: Float64[np.ndarray, "N 4"],
    presence: Float64[np.ndarray, " N"],
    config: SilotInferenceConfig,
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " M"]]:
    """Match the discoveries of one scene with its objects.

    Args:
        known: The objects.
        boxes_px: Boxes of the discoveries.
        presence: Their presences.
        config: Thresholds.

    Returns:
        The discovery that confirms each object, -1 for none, and the new objects, surest first.
    """
    candidates = np.flatnonzero(presence >= config.min_confirming)
    candidates = candidates[np.argsort(-presence[candidates], kind="stable")]
    overlap = rectangle_iou(boxes_px[candidates], boxes_px[candidates])
    # A discovery is the same as a surer one that it overlaps.
    repeated = np.any(np.tril(overlap > config.max_other_iou, k=-1), axis=1)
    candidates = candidates[~repeated]
    same = rectangle_iou(known.carried_px, boxes_px[candidates])
    expected = rectangle_iou(known.expected_px, boxes_px[candidates])
    same = np.where(known.is_sure[:, None], same, np.maximum(same, expected))
    rows, columns = linear_sum_assignment(same, maximize=True)
    enough = same[rows, columns] >= config.min_same_iou
    confirming = np.full(len(known.is_sure), -1)
    confirming[rows[enough]] = candidates[columns[enough]]
    is_free = np.ones(len(candidates), bool)
    is_free[columns[enough]] = False
    is_free &= presence[candidates] >= config.min_new
    is_free &= same.max(axis=0, initial=0.0) <= config.max_other_iou
    return confirming, candidates[is_free]
