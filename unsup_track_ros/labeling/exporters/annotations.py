# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stored labels as other tools want them: one row per object and frame, in odom, velo, image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.geometry.se3 import inverse, transform_boxes
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.labels import CAUSAL_PASS, COMPLETED_PASS, FrameLabel
from unsup_track_ros.structures.tracks import TrackState

# The speed from which truths say that something moves (`FrameTruth.moving`).
_MOVING_SPEED_MPS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnnotatedFrame:
    """The N tracked objects of one frame and what is needed to place them.

    Attributes:
        stamp_ns: Stamp of the reference scan.
        index: Running number of the frame in its recording.
        ids: (N,) identities over the recording.
        boxes_odom: (N, 7) geometric centre, length, width, height, yaw.
        boxes_velo: (N, 7) the same boxes in velo.
        boxes_pix: (N, 4) left, top, right, bottom in the first camera, nan where it is not seen.
        velocities_odom: (N, 3) m/s.
        scores: (N,) in [0, 1], to rank boxes by.
        existence: (N,) in [0, 1], belief in the object as a whole.
        position_std_m: (N,) standard deviation of the centre along its most uncertain direction.
        moving: (N,) over 0.5 m/s in this frame.
        seen: (N,) sighted in this frame, not only expected there.
        num_points: (N,) LiDAR points on the object, 0 where it was not seen.
        base_T_velo: (4, 4) mounting of the LiDAR.
        odom_T_velo: (4, 4) pose of the LiDAR; None where there is none, and then no object.
        camera: First camera, None without one.
        cam_T_velo: (4, 4) of that camera, None without one.
    """

    stamp_ns: int
    index: int
    ids: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N 7"]
    boxes_velo: Float64[np.ndarray, "N 7"]
    boxes_pix: Float64[np.ndarray, "N 4"]
    velocities_odom: Float64[np.ndarray, "N 3"]
    scores: Float64[np.ndarray, " N"]
    existence: Float64[np.ndarray, " N"]
    position_std_m: Float64[np.ndarray, " N"]
    moving: Bool[np.ndarray, " N"]
    seen: Bool[np.ndarray, " N"]
    num_points: Int64[np.ndarray, " N"]
    base_T_velo: Float64[np.ndarray, "4 4"]
    odom_T_velo: Float64[np.ndarray, "4 4"] | None
    camera: PinholeCamera | None
    cam_T_velo: Float64[np.ndarray, "4 4"] | None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def in_image(self) -> Bool[np.ndarray, " N"]:
        """Which objects the first camera sees."""
        return np.asarray(np.isfinite(self.boxes_pix).all(axis=1))


def annotated_frames(
    store: LabelStore, label_pass: str, min_score: float = 0.0
) -> Iterator[AnnotatedFrame]:
    """Return the objects of every labelled frame: tracks that were confirmed.

    Args:
        store: The labels.
        label_pass: `CAUSAL_PASS`, `COMPLETED_PASS`.
        min_score: Objects with a lower score in a frame are left out of it.

    Raises:
        LabelStoreError: There are no labels of this pass.
    """
    labels = store.completed() if label_pass == COMPLETED_PASS else iter(store)
    return (_annotated(label, min_score) for label in labels)


def best_pass(store: LabelStore) -> str:
    """Return the completed pass where it is there, else the causal one.

    Raises:
        LabelStoreError: There is no label at all, or the completion was interrupted.
    """
    if not len(store):
        raise LabelStoreError(f"{store.folder} holds no labelled frame. Let the labeler finish.")
    if store.completed_indices and not store.is_completed:
        raise LabelStoreError(
            f"The labels in {store.folder} are only partly completed. Run `unsup-track label` "
            "again until it has finished, or choose --label-pass causal."
        )
    return COMPLETED_PASS if store.completed_indices else CAUSAL_PASS


def _annotated(label: FrameLabel, min_score: float) -> AnnotatedFrame:
    tracks, odom_T_velo = label.tracks, label.egomotion.odom_T_velo1
    row_of = tracks.detection_index
    scores = tracks.existence.copy()
    num_points = np.zeros(len(tracks), np.int64)
    matched = row_of >= 0
    if label.label_pass == COMPLETED_PASS:
        scores[matched] = label.detections.scores[row_of[matched]]
    num_points[matched] = label.detections.num_points[row_of[matched]]
    believed = (tracks.states != TrackState.TENTATIVE) & (scores >= min_score)
    kept = np.flatnonzero(believed if odom_T_velo is not None else np.zeros(len(tracks), bool))
    pose = np.eye(4) if odom_T_velo is None else odom_T_velo
    boxes_velo = transform_boxes(inverse(pose), tracks.boxes_odom[kept])
    velocities_odom = tracks.velocities_odom[kept]
    spread = np.linalg.eigvalsh(tracks.position_covariances_odom[kept])[:, -1]
    return AnnotatedFrame(
        stamp_ns=label.stamp_ns,
        index=label.index,
        ids=tracks.ids[kept],
        boxes_odom=tracks.boxes_odom[kept],
        boxes_velo=boxes_velo,
        boxes_pix=_boxes_pix(label, boxes_velo),
        velocities_odom=velocities_odom,
        scores=scores[kept],
        existence=tracks.existence[kept],
        position_std_m=np.sqrt(np.maximum(spread, 0.0)),
        moving=np.hypot(velocities_odom[:, 0], velocities_odom[:, 1]) > _MOVING_SPEED_MPS,
        seen=tracks.states[kept] == TrackState.CONFIRMED,
        num_points=num_points[kept],
        base_T_velo=label.base_T_velo,
        odom_T_velo=odom_T_velo,
        camera=label.camera,
        cam_T_velo=label.cam_T_velo,
    )


def _boxes_pix(
    label: FrameLabel, boxes_velo: Float64[np.ndarray, "N 7"]
) -> Float64[np.ndarray, "N 4"]:
    if label.camera is None or label.cam_T_velo is None:
        return np.full((len(boxes_velo), 4), np.nan)
    return boxes_in_image(boxes_velo, label.cam_T_velo, label.camera)
