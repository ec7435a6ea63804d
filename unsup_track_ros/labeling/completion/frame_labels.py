# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The label of one frame, completed: whole boxes of the objects there, and the points on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.labeling.completion.objects import Objects
from unsup_track_ros.labeling.completion.second_look import SecondLook
from unsup_track_ros.labeling.cues import flow_cue
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.labels import COMPLETED_PASS, FrameLabel
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState, MotionStatus
from unsup_track_ros.structures.tracks import Tracks, TrackState

_HALF_SCORE_POINTS = 12  # so many points on an object make its box half sure, as in detection
_SURE_SIGHTINGS = 10  # so many moving sightings make an object sure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameObjects:
    """The objects of a segment as one of its frames shows them.

    Attributes:
        objects: All objects of the segment.
        shown: (K,) those that are labelled in the frame.
        place: (K,) the frame's place in each one's trajectory.
        owner: (D,) object of each detection of the second look, -1 for none.
        ids: (K,) identities.
        ages_s: (K,) time since each was first seen.
    """

    objects: Objects
    shown: Int64[np.ndarray, " K"]
    place: Int64[np.ndarray, " K"]
    owner: Int64[np.ndarray, " D"]
    ids: Int64[np.ndarray, " K"]
    ages_s: Float64[np.ndarray, " K"]


def uncompleted_label(label: FrameLabel, look: SecondLook) -> FrameLabel:
    """Return the completed label of a frame of a segment without any object."""
    return replace(
        label,
        label_pass=COMPLETED_PASS,
        detections=Detections.none(label.stamp_ns),
        tracks=Tracks.none(label.stamp_ns),
        motion=_motion(label, look, look.moving_points),
        cues=None,
        track_weights=np.zeros(0),
        grids=None,
        panoptic=None,
    )


def completed_label(
    label: FrameLabel, look: SecondLook, here: FrameObjects, moving_speed_mps: float
) -> FrameLabel:
    """Return the completed label of a frame; without a pose it has no objects."""
    odom_T_velo = label.egomotion.odom_T_velo1
    if odom_T_velo is None:
        return uncompleted_label(label, look)
    detections = _detections(label, odom_T_velo, look, here, moving_speed_mps)
    return replace(
        label,
        label_pass=COMPLETED_PASS,
        detections=detections,
        tracks=_tracks(label.stamp_ns, here),
        motion=_motion(label, look, _moving_points(look, here, moving_speed_mps)),
        track_weights=here.objects.weights[here.shown],
        cues=_cues(label, look, here),
        grids=None,
        panoptic=None,
    )


def _detections(
    label: FrameLabel,
    odom_T_velo: Float64[np.ndarray, "4 4"],
    look: SecondLook,
    here: FrameObjects,
    moving_speed_mps: float,
) -> Detections:
    whole, row = here.objects.trajectories, (here.shown, here.place)
    velocities_odom = _velocities_odom(here)
    moves = np.hypot(velocities_odom[:, 0], velocities_odom[:, 1]) >= moving_speed_mps
    boxes_velo = se3.transform_boxes(se3.inverse(odom_T_velo), whole.boxes_odom[row])
    boxes_pix = np.full((len(boxes_velo), 4), np.nan)
    if label.camera is not None and label.cam_T_velo is not None:
        boxes_pix = boxes_in_image(boxes_velo, label.cam_T_velo, label.camera)
    num_points = _points_on(look, here)
    return Detections(
        stamp_ns=label.stamp_ns,
        boxes_velo=boxes_velo,
        scores=_scores(here, num_points),
        velocities_velo=velocities_odom @ odom_T_velo[:3, :3],
        heading_known=whole.heading_known[here.shown],
        motion=np.where(moves, MotionState.MOVING, MotionState.STANDING).astype(np.int64),
        num_points=num_points,
        boxes_pix=boxes_pix,
    )


def _tracks(stamp_ns: int, here: FrameObjects) -> Tracks:
    whole, row = here.objects.trajectories, (here.shown, here.place)
    states = np.where(whole.seen[row], TrackState.CONFIRMED, TrackState.COASTING)
    return Tracks(
        stamp_ns=stamp_ns,
        ids=here.ids,
        boxes_odom=whole.boxes_odom[row],
        velocities_odom=_velocities_odom(here),
        position_covariances_odom=whole.position_covariances_odom[row],
        velocity_covariances_odom=whole.velocity_covariances_odom[row],
        existence=here.objects.weights[here.shown],
        states=states.astype(np.int64),
        heading_known=whole.heading_known[here.shown],
        ages_s=here.ages_s,
        detection_index=np.arange(len(here.shown)),
    )


def _cues(label: FrameLabel, look: SecondLook, here: FrameObjects) -> ObjectCues:
    """Return the cues of the objects from those of their parts, by the points on them."""
    num = len(here.objects.weights)
    object_of = np.append(here.owner, -1)  # the last answers for points on nothing, region 0
    flow = flow_cue(object_of[look.point_region.astype(np.int64) - 1] + 1, label.motion, num)

    def joined(values: Float64[np.ndarray, " D"]) -> Float64[np.ndarray, " K"]:
        told = (here.owner >= 0) & np.isfinite(values)
        of, points = here.owner[told], look.detections.num_points[told]
        size = np.bincount(of, weights=points, minlength=num)
        total = np.bincount(of, weights=points * values[told], minlength=num)
        mean = np.where(size > 0, total / np.maximum(size, 1), np.nan)
        return np.asarray(mean[here.shown])

    cues = look.cues
    return ObjectCues(
        motion=joined(cues.motion),
        free_space=joined(cues.free_space),
        flow=flow[here.shown],
        appearance=joined(cues.appearance),
    )


def _velocities_odom(here: FrameObjects) -> Float64[np.ndarray, "K 3"]:
    """Return the velocities; of what never moved they are but the change of what is seen of it."""
    velocities_odom = here.objects.trajectories.velocities_odom[here.shown, here.place]
    return np.where(here.objects.mover[here.shown, None], velocities_odom, 0.0)


def _points_on(look: SecondLook, here: FrameObjects) -> Int64[np.ndarray, " K"]:
    num = np.bincount(
        here.owner[here.owner >= 0],
        weights=look.detections.num_points[here.owner >= 0],
        minlength=len(here.objects.weights),
    )
    return np.asarray(num[here.shown], np.int64)


def _scores(here: FrameObjects, num_points: Int64[np.ndarray, " K"]) -> Float64[np.ndarray, " K"]:
    """Rank boxes: by the object's weight and evidence, then by what this frame shows of it."""
    moving = here.objects.moving_sightings[here.shown]
    evidence = np.where(
        here.objects.mover[here.shown], np.minimum(moving / _SURE_SIGHTINGS, 1.0), 1.0
    )
    shown = 0.5 + 0.5 * num_points / (num_points + _HALF_SCORE_POINTS)
    return np.asarray(here.objects.weights[here.shown] * evidence * shown)


def _moving_points(
    look: SecondLook, here: FrameObjects, moving_speed_mps: float
) -> Bool[np.ndarray, " P"]:
    """Let objects decide about their points, and the evidence about all others."""
    objects = here.objects
    speed = np.zeros(len(objects.weights))
    velocities = _velocities_odom(here)
    speed[here.shown] = np.hypot(velocities[:, 0], velocities[:, 1])
    moves = np.append((speed >= moving_speed_mps) & (objects.weights > 0), False)
    owned = here.owner >= 0
    decided = np.concatenate([[False], owned])[look.point_region]
    answer = np.concatenate([[False], moves[here.owner] & owned])[look.point_region]
    return np.asarray(np.where(decided, answer, look.moving_points))


def _motion(
    label: FrameLabel, look: SecondLook, moving_points: Bool[np.ndarray, " P"]
) -> MotionSegmentation:
    """Return the mask of the points; that of the pixels stays the causal one."""
    return MotionSegmentation(
        status=MotionStatus.OK if look.judged_points.any() else label.motion.status,
        moving_points=moving_points,
        judged_points=look.judged_points,
        flow_moving_points=label.motion.flow_moving_points,
        flow_judged_points=label.motion.flow_judged_points,
        moving_pixels=label.motion.moving_pixels,
        judged_pixels=label.motion.judged_pixels,
        reason="" if look.judged_points.any() else label.motion.reason,
    )
