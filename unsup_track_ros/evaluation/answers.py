# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The boxes that a label claims, as detections or as tracks, in one form for every referee."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.geometry.se3 import inverse, transform_boxes
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import Tracks, TrackState


class Answer(enum.Enum):
    """Whose boxes are scored; the value is the section of the report."""

    DETECTIONS = "detection"
    TRACKS = "track_boxes"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnsweredBoxes:
    """The boxes of one frame.

    Attributes:
        ids: (N,) identity of the track, or row of the detection.
        boxes_velo: (N, 7) in the LiDAR frame of the stamp.
        scores: (N,) score of the detection, or probability that the track's object exists.
        velocities_velo: (N, 3) over ground in axes of velo, m/s, nan where not observed.
        heading_known: (N,) False where yaw is only known up to half a turn.
    """

    ids: Int64[np.ndarray, " N"]
    boxes_velo: Float64[np.ndarray, "N 7"]
    scores: Float64[np.ndarray, " N"]
    velocities_velo: Float64[np.ndarray, "N 3"]
    heading_known: Bool[np.ndarray, " N"]


def answered_boxes(
    label: FrameLabel,
    answer: Answer,
    *,
    movers_only: bool = False,
    include_tentative: bool = False,
) -> AnsweredBoxes:
    """Return what a label claims.

    Tracks live in odom and are moved to velo with the pose of their own frame, so a drifting
    odometry does not count against the tracker, but a frame without a pose is a frame without
    tracks.

    Args:
        label: One labelled frame.
        answer: Detections or tracks.
        movers_only: Leave out what the label says it never saw moving (a weight below 1: it is only
            like something that moved). Such a box is no claim about moving objects, neither right
            nor wrong.
        include_tentative: Take unconfirmed tracks too; a vehicle would not act on them.
    """
    weights = label.track_weights
    moved = np.ones(len(label.tracks), bool) if weights is None else weights >= 1.0
    if answer is Answer.TRACKS:
        live = label.tracks.states != TrackState.TENTATIVE
        return _tracked(label, (live | include_tentative) & (moved | (not movers_only)))
    detections = label.detections
    kept = np.ones(len(detections), bool)
    if movers_only:
        kept[label.tracks.detection_index[~moved & (label.tracks.detection_index >= 0)]] = False
    return AnsweredBoxes(
        ids=np.flatnonzero(kept),
        boxes_velo=detections.boxes_velo[kept],
        scores=detections.scores[kept],
        velocities_velo=detections.velocities_velo[kept],
        heading_known=detections.heading_known[kept],
    )


def _tracked(label: FrameLabel, kept: Bool[np.ndarray, " K"]) -> AnsweredBoxes:
    tracks, odom_T_velo = label.tracks, label.egomotion.odom_T_velo1
    if odom_T_velo is None:
        tracks, odom_T_velo, kept = Tracks.none(label.stamp_ns), np.eye(4), np.zeros(0, bool)
    velo_T_odom = inverse(odom_T_velo)
    return AnsweredBoxes(
        ids=tracks.ids[kept],
        boxes_velo=transform_boxes(velo_T_odom, tracks.boxes_odom[kept]),
        scores=tracks.existence[kept],
        velocities_velo=tracks.velocities_odom[kept] @ velo_T_odom[:3, :3].T,
        heading_known=tracks.heading_known[kept],
    )
