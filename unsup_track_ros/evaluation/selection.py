# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which detections and truth objects of a frame take part, and how much they overlap."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.answers import AnsweredBoxes
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.geometry.box_iou import bev_iou, corners, iou_3d, rectangle_iou
from unsup_track_ros.geometry.camera import inside, project
from unsup_track_ros.geometry.se3 import transform
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.structures.calibration import PinholeCamera

# Train and evaluation grid of TCR in frame cam (SPECS 0.2): x right, y down, z forward.
GRID_MIN_CAM = np.array([-16.0, 0.0, 2.0])
GRID_MAX_CAM = np.array([16.0, 4.0, 34.0])
# Boxes this thin are padding rows of TCR's files (SPECS 0.11 step 1).
MIN_SIZE_M = 0.01
# Depth of corners behind the camera when a box is drawn (SPECS 0.11 step 2).
CORNER_MIN_DEPTH_M = 1e-4
# Stands in for the camera where there is none: same axes, seated at the LiDAR.
VIRTUAL_CAM_T_VELO = np.array(
    [[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


class Protocol(enum.Enum):
    """Where a box must lie to be scored."""

    TCR = "tcr"
    RANGE = "range"


class View(enum.Enum):
    """What overlap is measured on."""

    BEV = "bev"
    PERSPECTIVE = "perspective"
    VOLUME = "volume"


class SelectionConfig(Config):
    """Which boxes are scored."""

    max_range_m: float = parameter(
        50.0,
        "Horizontal distance up to which the all-around protocol scores boxes.",
        unit="m",
        gt=0,
    )
    front_half_fov_rad: float = parameter(
        0.71,
        "Half of the horizontal field of view that replaces the image border where no camera is "
        "calibrated (the default is KITTI's camera 2).",
        unit="rad",
        gt=0,
        lt=np.pi / 2,
    )
    min_score: float = parameter(
        0.0,
        "Detections scored lower are not scored at all; TCR's decoder keeps those above 0.5.",
        ge=0,
        le=1,
    )
    min_truth_points: int = parameter(
        1, "Truth objects with fewer LiDAR points are ignored: neither missed nor found.", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredBoxes:
    """The boxes of one frame that take part.

    Attributes:
        pair: The frame.
        detection_boxes_velo: (N, 7) claimed boxes inside the protocol's region.
        scores: (N,) their scores.
        heading_known: (N,) False where their yaw is only known up to half a turn.
        truth_boxes_velo: (M, 7) truth objects that take part.
        truth_rows: (K,) over all truth objects of the frame, True for these.
        counts: (M,) False for those that are only there to be ignored (too few points, too far).
    """

    pair: LabelledTruth
    detection_boxes_velo: Float64[np.ndarray, "N 7"]
    scores: Float64[np.ndarray, " N"]
    heading_known: Bool[np.ndarray, " N"]
    truth_boxes_velo: Float64[np.ndarray, "M 7"]
    truth_rows: Bool[np.ndarray, " K"]
    counts: Bool[np.ndarray, " M"]


def select_boxes(
    pair: LabelledTruth, answers: AnsweredBoxes, protocol: Protocol, config: SelectionConfig
) -> ScoredBoxes:
    """Filter claimed boxes of a frame and its truth objects by the protocol's region.

    TCR (SPECS 0.11 step 1): detections whose centre projects outside the image or lies behind it
    and truth objects whose centre is outside the train grid are dropped. Divergences: detections
    outside the grid are dropped too (TCR's network cannot answer there, so its own numbers are
    unchanged); truth objects of which the camera sees nothing are dropped (KITTI, its source, only
    annotates what the camera sees); without a camera the LiDAR's pose and a front field of view
    take its place. All around, truth objects out of range stay, but only to be ignored.
    """
    truth = pair.truth
    kept = _in_region(pair, answers.boxes_velo, protocol, config, whole_box=False)
    kept = kept & (answers.scores >= config.min_score)
    in_region = _in_region(pair, truth.boxes_velo, protocol, config, whole_box=True)
    truth_rows = _is_solid(truth.boxes_velo) if protocol is Protocol.RANGE else in_region
    counts = in_region[truth_rows]
    if truth.num_points is not None:
        counts = counts & (truth.num_points[truth_rows] >= config.min_truth_points)
    return ScoredBoxes(
        pair=pair,
        detection_boxes_velo=answers.boxes_velo[kept],
        scores=answers.scores[kept],
        heading_known=answers.heading_known[kept],
        truth_boxes_velo=truth.boxes_velo[truth_rows],
        truth_rows=truth_rows,
        counts=counts,
    )


def overlap(boxes: ScoredBoxes, view: View) -> Float64[np.ndarray, "N M"]:
    """Return the IoU of detections and truth objects in one view.

    BEV is the overlap of the rotated rectangles in velo's ground plane. Divergence: TCR takes the
    camera's xz plane; the two differ by the camera's tilt, which must not matter for a box on the
    road. Perspective needs a camera; the caller drops frames without one.
    """
    if view is View.BEV:
        return bev_iou(boxes.detection_boxes_velo, boxes.truth_boxes_velo)
    if view is View.VOLUME:
        return iou_3d(boxes.detection_boxes_velo, boxes.truth_boxes_velo)
    label = boxes.pair.label
    assert label.camera is not None
    assert label.cam_T_velo is not None
    return rectangle_iou(
        perspective_boxes_pix(boxes.detection_boxes_velo, label.cam_T_velo, label.camera),
        perspective_boxes_pix(boxes.truth_boxes_velo, label.cam_T_velo, label.camera),
    )


def perspective_boxes_pix(
    boxes_velo: Float64[np.ndarray, "N 7"],
    cam_T_velo: Float64[np.ndarray, "4 4"],
    camera: PinholeCamera,
) -> Float64[np.ndarray, "N 4"]:
    """Return left, top, right, bottom of the 8 projected corners, unclamped (SPECS 0.11 step 2).

    Corners behind the camera get depth 1e-4 m, as in TCR. Its division by the image size is left
    out: an IoU does not change when an axis is scaled.
    """
    corners_cam = transform(cam_T_velo, corners(boxes_velo).reshape(-1, 3))
    depth = np.maximum(corners_cam[:, 2:], CORNER_MIN_DEPTH_M)
    focal_px = np.array([camera.pix_T_cam[0, 0], camera.pix_T_cam[1, 1]])
    corners_pix = (corners_cam[:, :2] / depth * focal_px + camera.pix_T_cam[:2, 2]).reshape(
        -1, 8, 2
    )
    return np.concatenate([corners_pix.min(axis=1), corners_pix.max(axis=1)], axis=1)


def within_range(
    boxes_velo: Float64[np.ndarray, "N 7"], max_range_m: float
) -> Bool[np.ndarray, " N"]:
    """Tell which box centres lie within a horizontal distance of the sensor."""
    return np.asarray(np.hypot(boxes_velo[:, 0], boxes_velo[:, 1]) <= max_range_m)


def _in_region(
    pair: LabelledTruth,
    boxes_velo: Float64[np.ndarray, "N 7"],
    protocol: Protocol,
    config: SelectionConfig,
    *,
    whole_box: bool,
) -> Bool[np.ndarray, " N"]:
    solid = _is_solid(boxes_velo)
    if protocol is Protocol.RANGE:
        return np.asarray(solid & within_range(boxes_velo, config.max_range_m))
    label = pair.label
    if label.camera is None or label.cam_T_velo is None:
        centres_cam = transform(VIRTUAL_CAM_T_VELO, boxes_velo[:, :3])
        bearing_rad = np.abs(np.arctan2(centres_cam[:, 0], centres_cam[:, 2]))
        seen = bearing_rad <= config.front_half_fov_rad
    else:
        centres_cam = transform(label.cam_T_velo, boxes_velo[:, :3])
        seen = _in_image(boxes_velo, label.cam_T_velo, label.camera, whole_box=whole_box)
    in_grid = ((centres_cam >= GRID_MIN_CAM) & (centres_cam <= GRID_MAX_CAM)).all(axis=1)
    return np.asarray(solid & in_grid & seen)


def _is_solid(boxes_velo: Float64[np.ndarray, "N 7"]) -> Bool[np.ndarray, " N"]:
    return np.asarray((boxes_velo[:, 3:6] > MIN_SIZE_M).all(axis=1))


def _in_image(
    boxes_velo: Float64[np.ndarray, "N 7"],
    cam_T_velo: Float64[np.ndarray, "4 4"],
    camera: PinholeCamera,
    *,
    whole_box: bool,
) -> Bool[np.ndarray, " N"]:
    """Tell which boxes have their centre (or, for `whole_box`, any part) in the image."""
    if not whole_box:
        centres_cam = transform(cam_T_velo, boxes_velo[:, :3])
        return inside(project(centres_cam, camera.pix_T_cam), camera.width_px, camera.height_px)
    left, top, right, bottom = perspective_boxes_pix(boxes_velo, cam_T_velo, camera).T
    # Pixel centres are at integers, so the image reaches half a pixel beyond the outer ones.
    across = (right >= -0.5) & (left < camera.width_px - 0.5)
    down = (bottom >= -0.5) & (top < camera.height_px - 0.5)
    return np.asarray(across & down)
