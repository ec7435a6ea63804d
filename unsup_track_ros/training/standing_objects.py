# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objects that stand at one place of odom, by the word of networks in frame after frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_iou import bev_intersection_pairs, bev_iou
from unsup_track_ros.geometry.components import component_labels
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.training.box_search import BoxSearchConfig, searched_boxes
from unsup_track_ros.training.network_opinion import FrameOpinion

_NEIGHBOUR_M = 2.0  # boxes farther apart are not the same standing object
_ABOVE_GROUND_M = 0.2  # lower returns say nothing of an object's sides


class StandingObjectConfig(Config):
    """What is a standing object. Shares are of the mean score of what was seen moving."""

    min_share: float = parameter(
        0.4, "Boxes are looked at from this share of the mean score of what was seen moving.", ge=0
    )
    min_iou: float = parameter(
        0.3, "Boxes of two frames that overlap so much in odom are one object.", gt=0, le=1
    )
    min_sightings: int = parameter(4, "Frames in which an object must be found.", ge=1)
    min_mean_share: float = parameter(
        0.7, "It is labelled if its mean score has this share of that.", ge=0
    )
    max_spread_m: float = parameter(
        0.8, "Deviation of its places from which it does not stand.", unit="m", gt=0
    )
    max_weight: float = parameter(0.9, "Largest weight of what never moved.", gt=0, le=1)
    sure_sightings: int = parameter(8, "Sightings from which the mean score counts fully.", ge=1)
    search: BoxSearchConfig = BoxSearchConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StandingObjects:
    """Objects that the networks found at one place over several frames.

    Attributes:
        boxes_odom: (N, 7) mean box.
        weights: (N,) trust.
        heading_known: (N,) whether the sightings agree on the heading.
        first: (N,) place of the first frame with a sighting, and
        last: (N,) of the last.
    """

    boxes_odom: Float64[np.ndarray, "N 7"]
    weights: Float64[np.ndarray, " N"]
    heading_known: Bool[np.ndarray, " N"]
    first: Int64[np.ndarray, " N"]
    last: Int64[np.ndarray, " N"]


def find_standing(
    labels: Sequence[FrameLabel],
    opinions: Sequence[FrameOpinion],
    sure: float,
    config: StandingObjectConfig,
) -> StandingObjects:
    """Join the boxes that no label explains over all frames, and keep what stands and lasts.

    Args:
        labels: One per frame.
        opinions: Of the networks, one per frame.
        sure: How sure these are of what was seen moving (`sureness`).
        config: Parameters.
    """
    boxes, scores, frames = [np.zeros((0, 7))], [np.zeros(0)], [np.zeros(0, np.int64)]
    for place, (label, opinion) in enumerate(zip(labels, opinions, strict=True)):
        odom_T_velo = label.egomotion.odom_T_velo1
        if odom_T_velo is None:
            continue
        overlap = bev_iou(opinion.boxes_velo, label.detections.boxes_velo)
        share = opinion.scores / sure
        free = (overlap.max(axis=1, initial=0.0) < 0.1) & (share >= config.min_share)
        free &= ~opinion.moves
        boxes.append(se3.transform_boxes(odom_T_velo, opinion.boxes_velo[free]))
        scores.append(share[free])
        frames.append(np.full(int(free.sum()), place))
    return _joined(np.concatenate(boxes), np.concatenate(scores), np.concatenate(frames), config)


def fitted_to_returns(
    standing: StandingObjects,
    labels: Sequence[FrameLabel],
    opinions: Sequence[FrameOpinion],
    config: BoxSearchConfig,
) -> StandingObjects:
    """Fit the boxes of standing objects to what all scans returned of them."""
    points, owners = [np.zeros((0, 3))], [np.zeros(0, np.int64)]
    for place, (label, opinion) in enumerate(zip(labels, opinions, strict=True)):
        odom_T_velo = label.egomotion.odom_T_velo1
        if odom_T_velo is None:
            continue
        shown = np.flatnonzero((standing.first <= place) & (place <= standing.last))
        above = opinion.points_velo[opinion.heights_m > _ABOVE_GROUND_M]
        points_odom = se3.transform(odom_T_velo, above)
        owner = box_of_points(points_odom, standing.boxes_odom[shown], config.max_shift_m)
        points.append(points_odom[owner >= 0])
        owners.append(shown[owner[owner >= 0]])
    boxes_odom = searched_boxes(
        standing.boxes_odom, np.concatenate(points), np.concatenate(owners), config
    )
    return replace(standing, boxes_odom=boxes_odom)


def _joined(
    boxes: Float64[np.ndarray, "D 7"],
    scores: Float64[np.ndarray, " D"],
    frames: Int64[np.ndarray, " D"],
    config: StandingObjectConfig,
) -> StandingObjects:
    if not len(boxes):
        none = np.zeros(0, np.int64)
        return StandingObjects(
            boxes_odom=boxes, weights=scores, heading_known=none > 0, first=none, last=none
        )
    pairs = cKDTree(boxes[:, :2]).query_pairs(_NEIGHBOUR_M, output_type="ndarray")
    shared = bev_intersection_pairs(boxes[pairs[:, 0]], boxes[pairs[:, 1]])
    area = boxes[:, 3] * boxes[:, 4]
    whole = area[pairs[:, 0]] + area[pairs[:, 1]] - shared
    same = shared >= config.min_iou * whole
    group = component_labels(len(boxes), pairs[same, 0], pairs[same, 1]) - 1
    num = int(group.max(initial=-1)) + 1
    total = np.bincount(group, weights=scores, minlength=num)
    sightings = _distinct(group, frames, num)
    mean = np.stack(
        [np.bincount(group, weights=scores * column, minlength=num) for column in boxes[:, :6].T],
        axis=1,
    ) / np.maximum(total, 1e-9)[:, None]  # fmt: skip
    away = np.sum((boxes[:, :2] - mean[group, :2]) ** 2, axis=1)
    count = np.bincount(group, minlength=num)
    spread_m = np.sqrt(np.bincount(group, weights=away, minlength=num) / np.maximum(count, 1))
    yaw, agreed = _mean_heading(boxes[:, 6], scores, group, num)
    trust = total / np.maximum(count, 1)
    kept = (
        (sightings >= config.min_sightings)
        & (trust >= config.min_mean_share)
        & (spread_m <= config.max_spread_m)
    )
    weight = trust * np.minimum(sightings / config.sure_sightings, 1.0)
    first, last = np.full(num, len(frames) + frames.max(initial=0)), np.full(num, -1)
    np.minimum.at(first, group, frames)
    np.maximum.at(last, group, frames)
    return StandingObjects(
        boxes_odom=np.column_stack([mean, yaw])[kept],
        weights=np.minimum(weight, config.max_weight)[kept],
        heading_known=agreed[kept],
        first=first[kept],
        last=last[kept],
    )


def _distinct(
    group: Int64[np.ndarray, " D"], frames: Int64[np.ndarray, " D"], num: int
) -> Int64[np.ndarray, " N"]:
    """Return in how many frames each group occurs."""
    pairs = np.unique(np.stack([group, frames], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=num).astype(np.int64)


def _mean_heading(
    yaw: Float64[np.ndarray, " D"],
    scores: Float64[np.ndarray, " D"],
    group: Int64[np.ndarray, " D"],
    num: int,
) -> tuple[Float64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Return the mean axis of each group turned to its majority's heading, and if they agree."""

    def total(values: Float64[np.ndarray, " D"]) -> Float64[np.ndarray, " N"]:
        return np.bincount(group, weights=scores * values, minlength=num)

    axis = np.arctan2(total(np.sin(2 * yaw)), total(np.cos(2 * yaw))) / 2
    vote = total(np.sign(np.cos(yaw - axis[group])))
    share = np.abs(vote) / np.maximum(np.bincount(group, weights=scores, minlength=num), 1e-9)
    return se3.wrap_angle_rad(np.where(vote < 0, axis + np.pi, axis)), share > 0.8
