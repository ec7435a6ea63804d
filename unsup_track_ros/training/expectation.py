# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The improved E step from round 2 on: what the networks add to the labels of motion.

Motion remains the anchor: what was seen moving keeps its label and full weight. What never moved is
judged by networks that learned from what did: a standing object that they see in frame after frame
at one place becomes a label, and one that they do not see loses its weight. How sure networks are
depends on how long they were trained, so their scores are taken relative to those that they give
what was seen moving. The boxes of all frames are fused in odom; trust in a label is what the
networks said on average. What is left over is unlabelled, not negative. (Divergence from SPECS 0.7,
which keeps only what moves.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import (
    bev_intersection_pairs,
    bev_iou,
    box_of_points,
    points_in_boxes,
)
from unsup_track_ros.geometry.components import component_labels
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.bev_inference import BevPredictor, SegmentorPredictor
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.training.box_search import BoxSearchConfig, searched_boxes
from unsup_track_ros.training.label_additions import joined_detections, joined_tracks
from unsup_track_ros.training.network_opinion import FrameOpinion, network_opinion
from unsup_track_ros.training.scan_cache import ScanCache

_NEIGHBOUR_M = 2.0  # boxes farther apart are not the same standing object
_ABOVE_GROUND_M = 0.2  # lower returns say nothing of an object's sides


class ExpectationConfig(Config):
    """Standing objects by the networks' word."""

    num_views: int = parameter(
        4, "Views of a scan (mirrored, scaled) whose boxes are fused.", ge=1, le=4
    )
    min_share: float = parameter(
        0.4, "Boxes are looked at from this share of the mean score of what was seen moving.", ge=0
    )
    image_weight: float = parameter(0.5, "Weight of the image's log-odds in the score.", ge=0)
    min_iou: float = parameter(
        0.3, "Boxes of two frames that overlap so much in odom are one object.", gt=0, le=1
    )
    min_sightings: int = parameter(4, "Frames in which an object must be found.", ge=1)
    min_mean_share: float = parameter(
        0.6, "It is labelled if its mean score has this share of that.", ge=0
    )
    max_spread_m: float = parameter(
        0.8, "Deviation of its places from which it does not stand.", unit="m", gt=0
    )
    max_weight: float = parameter(0.9, "Largest weight of what never moved.", gt=0, le=1)
    sure_sightings: int = parameter(8, "Sightings from which the mean score counts fully.", ge=1)
    drop_share: float = parameter(
        0.15, "Standing labels whose mean score has less of that share are dropped.", ge=0
    )
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


def expected_labels(
    labels: Sequence[FrameLabel],
    scans: ScanCache,
    networks: tuple[BevPredictor, SegmentorPredictor | None],
    config: ExpectationConfig,
    progress: Progress,
) -> Iterator[FrameLabel]:
    """Return the labels of a recording, refined by networks that were trained on labels.

    Args:
        labels: Completed labels of motion, one per frame in order.
        scans: The recording's cached scans.
        networks: The bird's-eye-view network, and the segmentor where there are images.
        config: Parameters.
        progress: Told after every frame.
    """
    opinions = []
    for number, label in enumerate(labels):
        scan = scans.read(label.index)
        opinion = network_opinion(label, scan, networks, config.num_views, config.image_weight)
        opinions.append(opinion)
        progress("asking the networks", number + 1, len(labels))
    support = _support(labels, opinions)
    sure = sureness(labels, support)
    standing = find_standing(labels, opinions, sure, config)
    if config.search.enabled:
        standing = fitted_to_returns(standing, labels, opinions, config.search)
    first_id = 1 + max((int(label.tracks.ids.max(initial=0)) for label in labels), default=0)
    for place, label in enumerate(labels):
        judged = _reweighted(label, support, sure, config)
        odom_T_velo = label.egomotion.odom_T_velo1
        if odom_T_velo is None:
            yield judged
            continue
        shown = np.flatnonzero((standing.first <= place) & (place <= standing.last))
        boxes_velo = se3.transform_boxes(se3.inverse(odom_T_velo), standing.boxes_odom[shown])
        points_velo = opinions[place].points_velo
        num_points = points_in_boxes(points_velo, boxes_velo).sum(axis=0)
        seen = num_points > 0
        rows = shown[seen]
        yield with_standing(
            judged, standing, (rows, first_id + rows), (boxes_velo[seen], num_points[seen])
        )


def _support(
    labels: Sequence[FrameLabel], opinions: Sequence[FrameOpinion]
) -> dict[int, tuple[float, int]]:
    """Return per track the mean score of the networks' boxes on it, and the frames it was asked."""
    totals: dict[int, list[float]] = {}
    for label, opinion in zip(labels, opinions, strict=True):
        owned = label.tracks.detection_index >= 0
        boxes = label.detections.boxes_velo[label.tracks.detection_index[owned]]
        overlap = bev_iou(boxes, opinion.boxes_velo)
        best = np.max(np.where(overlap >= 0.2, opinion.scores, 0.0), axis=1, initial=0.0)
        for track, score, asked in zip(
            label.tracks.ids[owned], best, opinion.covers(boxes), strict=True
        ):
            if asked:
                totals.setdefault(int(track), []).append(float(score))
    return {track: (float(np.mean(scores)), len(scores)) for track, scores in totals.items()}


def sureness(labels: Sequence[FrameLabel], support: Mapping[int, tuple[float, int]]) -> float:
    """Return the mean score that the networks give what was seen moving; 1 where nothing was."""
    anchors: set[int] = set()
    for label in labels:
        trusted = np.ones(len(label.tracks), bool)
        if label.track_weights is not None:
            trusted = label.track_weights >= 1.0
        anchors.update(label.tracks.ids[trusted].tolist())
    scores = np.array([support[track] for track in sorted(anchors & support.keys())])
    if not len(scores) or not (total := float(scores.prod(axis=1).sum())):
        return 1.0
    return total / float(scores[:, 1].sum())


def _reweighted(
    label: FrameLabel,
    support: Mapping[int, tuple[float, int]],
    sure: float,
    config: ExpectationConfig,
) -> FrameLabel:
    """Weigh labels of standing objects by the networks' support; drop those without any."""
    weights = label.track_weights
    if weights is None:
        return label
    judged = weights.copy()
    for row in np.flatnonzero(weights < 1.0):
        mean, asked = support.get(int(label.tracks.ids[row]), (np.nan, 0))
        share = mean / sure
        if asked >= config.min_sightings:
            judged[row] = (weights[row] + share) / 2 if share >= config.drop_share else 0.0
    most = np.where(weights < 1.0, config.max_weight, 1.0)
    return replace(label, track_weights=np.minimum(judged, most))


def find_standing(
    labels: Sequence[FrameLabel],
    opinions: Sequence[FrameOpinion],
    sure: float,
    config: ExpectationConfig,
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
    config: ExpectationConfig,
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


def with_standing(
    label: FrameLabel,
    standing: StandingObjects,
    objects: tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]],
    here: tuple[Float64[np.ndarray, "K 7"], Int64[np.ndarray, " K"]],
) -> FrameLabel:
    """Add standing objects to the detections and tracks of a label."""
    rows, ids = objects
    boxes_velo, num_points = here
    weights = standing.weights[rows]
    before = np.ones(len(label.tracks)) if label.track_weights is None else label.track_weights
    return replace(
        label,
        detections=joined_detections(
            label, boxes_velo, weights, standing.heading_known[rows], num_points
        ),
        tracks=joined_tracks(
            label, ids, standing.boxes_odom[rows], weights, standing.heading_known[rows]
        ),
        track_weights=np.concatenate([before, weights]),
    )
