# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What motion, image and returns say of the boxes of a network, and their fusion in log-odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.networks.bev_decoding import BevBoxes
from unsup_track_ros.networks.bev_input import bev_T_velo
from unsup_track_ros.shapes import Float32, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState

_MARGIN_M = 0.1  # around a box, within which points belong to it
_LEAST = 0.02  # no single witness may decide alone


class LogOddsConfig(Config):
    """Fusion of independent witnesses (the improved ensemble)."""

    image_weight: float = parameter(0.5, "Weight of the image's log-odds.", ge=0)
    motion_weight: float = parameter(0.5, "Weight of the motion's log-odds.", ge=0)
    min_score: float = parameter(0.5, "Boxes of a lower joint probability are dropped.", ge=0, le=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxEvidence:
    """What is known of N boxes beside the network's score.

    Attributes:
        point_box: (P,) box of each point of the scan, -1 for none.
        num_points: (N,) points in each.
        moving_share: (N,) share of the judged points that move, nan without a judged point.
        image: (N,) mean probability of an object over the points' pixels, nan where not seen.
    """

    point_box: Int64[np.ndarray, " P"]
    num_points: Int64[np.ndarray, " N"]
    moving_share: Float64[np.ndarray, " N"]
    image: Float64[np.ndarray, " N"]


def box_evidence(
    frame: SensorFrame,
    boxes_velo: Float64[np.ndarray, "N 7"],
    motion: MotionSegmentation | None,
    probability: Float32[np.ndarray, "H W"] | None,
) -> BoxEvidence:
    """Gather what a frame says of boxes.

    Args:
        frame: The frame.
        boxes_velo: The boxes.
        motion: What moves in the frame, None where nobody asked.
        probability: Of an object per pixel of the first camera, at any resolution, or None.
    """
    num = len(boxes_velo)
    points_velo = frame.cloud.points_velo
    owner = box_of_points(points_velo, boxes_velo, _MARGIN_M)
    inside = owner >= 0
    moving_share = np.full(num, np.nan)
    if motion is not None:
        judged = inside & motion.judged_points
        moving_share = _mean(motion.moving_points[judged].astype(np.float64), owner[judged], num)
    image = np.full(num, np.nan)
    if probability is not None and frame.camera is not None:
        member = np.flatnonzero(inside)
        height_px, width_px = probability.shape
        pinhole = frame.camera.camera.resized(width_px, height_px)
        seen, _, points_pix = camera.seen_points(
            points_velo[member], frame.camera.cam_T_velo, pinhole
        )
        column, row = np.rint(points_pix).astype(np.int64).T
        image = _mean(probability[row, column].astype(np.float64), owner[member[seen]], num)
    return BoxEvidence(
        point_box=owner,
        num_points=np.bincount(owner[inside], minlength=num).astype(np.int64),
        moving_share=moving_share,
        image=image,
    )


def joint_scores(
    scores: Float64[np.ndarray, " N"], evidence: BoxEvidence, config: LogOddsConfig
) -> Float64[np.ndarray, " N"]:
    """Add the log-odds of network, image and motion; 0 for a box without a return.

    A witness that did not see the box (nan) says nothing: its log-odds are 0.
    """
    total = _log_odds(scores)
    total = total + config.image_weight * np.nan_to_num(_log_odds(evidence.image))
    total = total + config.motion_weight * np.nan_to_num(_log_odds(evidence.moving_share))
    return np.asarray(np.where(evidence.num_points > 0, 1 / (1 + np.exp(-total)), 0.0))


def detections_of(
    frame: SensorFrame,
    boxes: BevBoxes,
    boxes_velo: Float64[np.ndarray, "N 7"],
    evidence: BoxEvidence,
    motion: MotionSegmentation,
    min_moving_share: float,
) -> Detections:
    """Turn boxes of a network into detections of a frame.

    A box moves if enough of its judged points do, stands if fewer do, and is unsure where nothing
    was judged. Its velocity is that of its moving points where motion measured it, else the
    network's.
    """
    share = evidence.moving_share
    state = np.where(share >= min_moving_share, MotionState.MOVING, MotionState.STANDING)
    state = np.where(np.isnan(share), MotionState.UNSURE, state)
    velocities = np.full((len(boxes_velo), 3), np.nan)
    level = bev_T_velo(frame.base_T_velo)
    said = np.concatenate([boxes.velocities_bev, np.zeros((len(boxes_velo), 1))], axis=1)
    moves = state == MotionState.MOVING
    velocities[moves] = (said @ level[:3, :3])[moves]
    if motion.velocity_velo is not None:
        known = (evidence.point_box >= 0) & np.isfinite(motion.velocity_velo).all(axis=1)
        owner = evidence.point_box[known]
        measured = np.stack(
            [
                _mean(column.astype(np.float64), owner, len(boxes_velo))
                for column in motion.velocity_velo[known].T
            ],
            axis=1,
        )
        better = moves & np.isfinite(measured).all(axis=1)
        velocities[better] = measured[better]
    boxes_pix = np.full((len(boxes_velo), 4), np.nan)
    if frame.camera is not None:
        boxes_pix = boxes_in_image(boxes_velo, frame.camera.cam_T_velo, frame.camera.camera)
    return Detections(
        stamp_ns=frame.stamp_ns,
        boxes_velo=boxes_velo,
        scores=boxes.scores,
        velocities_velo=velocities,
        heading_known=boxes.heading_known,
        motion=state.astype(np.int64),
        num_points=evidence.num_points,
        boxes_pix=boxes_pix,
    )


def boxes_in_velo(frame: SensorFrame, boxes: BevBoxes) -> Float64[np.ndarray, "N 7"]:
    """Move boxes of a network to velo."""
    return se3.transform_boxes(se3.inverse(bev_T_velo(frame.base_T_velo)), boxes.boxes_bev)


def _mean(
    values: Float64[np.ndarray, " M"], group: Int64[np.ndarray, " M"], num: int
) -> Float64[np.ndarray, " N"]:
    count = np.bincount(group, minlength=num)
    total = np.bincount(group, weights=values, minlength=num)
    return np.asarray(np.divide(total, count, out=np.full(num, np.nan), where=count > 0))


def _log_odds(probability: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    bounded = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(bounded / (1 - bounded)))
