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
from dataclasses import replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_contents import points_in_boxes
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.bev_inference import BevPredictor, SegmentorPredictor
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.training.label_additions import joined_detections, joined_tracks
from unsup_track_ros.training.network_opinion import FrameOpinion, network_opinion
from unsup_track_ros.training.scan_cache import ScanCache
from unsup_track_ros.training.standing_objects import (
    StandingObjectConfig,
    StandingObjects,
    find_standing,
    fitted_to_returns,
)


class ExpectationConfig(Config):
    """Standing objects by the networks' word."""

    enabled: bool = parameter(
        True, "Off: every round keeps the labels of round 1; shows what training alone brings."
    )
    num_views: int = parameter(
        4, "Views of a scan (mirrored, scaled) whose boxes are fused.", ge=1, le=4
    )
    image_weight: float = parameter(0.5, "Weight of the image's log-odds in the score.", ge=0)
    drop_share: float = parameter(
        0.15,
        "Labels of what never moved are dropped if their mean score has less of that of what did.",
        ge=0,
    )
    standing: StandingObjectConfig = StandingObjectConfig()


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
    if not config.enabled:
        yield from labels
        return
    opinions = []
    for number, label in enumerate(labels):
        scan = scans.read(label.index)
        opinion = network_opinion(label, scan, networks, config.num_views, config.image_weight)
        opinions.append(opinion)
        progress("asking the networks", number + 1, len(labels))
    support = _support(labels, opinions)
    sure = sureness(labels, support)
    standing = find_standing(labels, opinions, sure, config.standing)
    if config.standing.search.enabled:
        standing = fitted_to_returns(standing, labels, opinions, config.standing.search)
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
        if asked >= config.standing.min_sightings:
            judged[row] = (weights[row] + share) / 2 if share >= config.drop_share else 0.0
    most = np.where(weights < 1.0, config.standing.max_weight, 1.0)
    return replace(label, track_weights=np.minimum(judged, most))


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
