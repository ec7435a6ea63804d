# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ask every witness about every object of a frame, by the points that lie on it."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.shapes import Bool, Float, Float64, Int, Int64
from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import MotionSegmentation
from unsup_track_ros.structures.result import PerceptionResult

_SAME_IOU = 0.5  # from here on a box in the image and the object's are of one thing


def detection_cues(result: PerceptionResult, *, network_found: bool) -> ObjectCues:
    """Return the cues of a result's detections.

    Args:
        result: What the pipeline says of a frame.
        network_found: Whether the detections come from a network, so that their score is its word.
    """
    detections, regions = result.detections, result.regions
    point_object = regions.point_region
    if len(regions.scores) != len(detections):  # only what moves has a region: take the boxes
        points_velo = result.frame.cloud.points_velo
        point_object = box_of_points(points_velo, detections.boxes_velo, 0.0) + 1
    appearance = np.full(len(detections), np.nan)
    if network_found:
        appearance = detections.scores
    elif result.image_objects is not None:
        appearance = _scores_in_image(detections.boxes_pix, result.image_objects)
    return object_cues(point_object, result.motion, appearance)


def object_cues(
    point_object: Int[np.ndarray, " P"],
    motion: MotionSegmentation,
    appearance: Float64[np.ndarray, " N"],
) -> ObjectCues:
    """Return the cues of N objects.

    Args:
        point_object: (P,) object 1..N of each point of the scan, 0 for none.
        motion: What moves in the frame.
        appearance: (N,) what networks say.
    """
    num = len(appearance)
    row = np.flatnonzero(point_object)
    of = (point_object[row] - 1).astype(np.int64)
    free_space = np.full(num, np.nan)
    if motion.free_space is not None:
        free_space = _shares(motion.free_space[row], np.ones(len(row), bool), of, num)
    return ObjectCues(
        motion=_shares(motion.moving_points[row], np.ones(len(row), bool), of, num),
        free_space=free_space,
        flow=flow_cue(point_object, motion, num),
        appearance=np.asarray(appearance, np.float64),
    )


def flow_cue(
    point_object: Int[np.ndarray, " P"], motion: MotionSegmentation, num: int
) -> Float64[np.ndarray, " N"]:
    """Return the share of each object's points that move in the image, as far as it was judged."""
    if motion.flow_moving_points is None or motion.flow_judged_points is None:
        return np.full(num, np.nan)
    row = np.flatnonzero(point_object)
    of = (point_object[row] - 1).astype(np.int64)
    return _shares(motion.flow_moving_points[row], motion.flow_judged_points[row], of, num)


def _shares(
    values: Float[np.ndarray, " M"] | Bool[np.ndarray, " M"],
    counts: Bool[np.ndarray, " M"],
    of: Int64[np.ndarray, " M"],
    num: int,
) -> Float64[np.ndarray, " N"]:
    """Return the mean of each object over the points that count, nan without any."""
    size = np.bincount(of[counts], minlength=num)
    total = np.bincount(of[counts], weights=values[counts], minlength=num)
    return np.where(size > 0, total / np.maximum(size, 1), np.nan)


def _scores_in_image(
    boxes_pix: Float64[np.ndarray, "N 4"], seen: ImageObjects
) -> Float64[np.ndarray, " N"]:
    """Return the score of what is followed in the image at each object's place, nan for nothing."""
    if not len(seen) or not len(boxes_pix):
        return np.full(len(boxes_pix), np.nan)
    iou = rectangle_iou(boxes_pix, seen.boxes_pix)
    best = np.argmax(iou, axis=1)
    return np.where(iou[np.arange(len(best)), best] >= _SAME_IOU, seen.scores[best], np.nan)
