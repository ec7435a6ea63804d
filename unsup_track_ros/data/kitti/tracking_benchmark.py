# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sequences of the KITTI tracking benchmark as frames of detections, and tracks as its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit

from unsup_track_ros.data.kitti.calibration import (
    KittiCalibration,
    nominal_calibration,
    read_benchmark_calibration,
)
from unsup_track_ros.data.kitti.labels import boxes_from_rect, boxes_to_rect
from unsup_track_ros.data.kitti.tracking_files import (
    KittiDetections,
    read_detections,
    read_sequence_poses,
)
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.geometry.se3 import inverse, transform_boxes
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

_PERIOD_NS: Final = 100_000_000  # the benchmark runs at 10 Hz and has no times of its own
_START_NS: Final = 1_000_000_000  # ROS reads stamp 0 as "not set"
# The images differ by a few pixels between the days of recording; the files do not say.
_WIDTH_PX, _HEIGHT_PX = 1242, 375
_EDGE_PX: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KittiSequence:
    """Detections of one sequence and where the vehicle was.

    Attributes:
        name: Such as "0002".
        detections: By class name.
        calibration: Of the sequence, or nominal.
        poses: (F, 4, 4) pose of the LiDAR in odom, by frame; one pose for all without GPS/IMU.
    """

    name: str
    detections: Mapping[str, KittiDetections]
    calibration: KittiCalibration
    poses: Float64[np.ndarray, "F 4 4"]

    def frames(self, class_name: str) -> list[tuple[Detections, Egomotion]]:
        """Return the detections of a class in velo and the pose, for every frame.

        Scores outside of [0, 1] are logits and become probabilities; which they are is judged by
        all scores of the sequence together. Every detection counts as one that may start a track.
        """
        found = self.detections[class_name]
        boxes_velo = boxes_from_rect(found.boxes_rect, self.calibration)
        scores = _probabilities(found.scores)
        edges = np.searchsorted(found.frames, np.arange(len(self.poses) + 1))
        frames = []
        for number, odom_T_velo in enumerate(self.poses):
            rows = slice(edges[number], edges[number + 1])
            num = len(scores[rows])
            detections = Detections(
                stamp_ns=_START_NS + number * _PERIOD_NS,
                boxes_velo=boxes_velo[rows],
                scores=scores[rows],
                velocities_velo=np.full((num, 3), np.nan),
                heading_known=np.ones(num, bool),
                motion=np.full(num, int(MotionState.MOVING)),
                num_points=np.zeros(num, np.int64),
                boxes_pix=found.boxes_pix[rows],
            )
            frames.append((detections, _egomotion(detections.stamp_ns, odom_T_velo)))
        return frames

    def results(
        self,
        class_name: str,
        frames: Int64[np.ndarray, " K"],
        ids: Int64[np.ndarray, " K"],
        boxes_odom: Float64[np.ndarray, "K 7"],
        scores: Float64[np.ndarray, " K"],
        *,
        is_detected: np.ndarray,
    ) -> TrackedBoxes:
        """Return tracks as results, boxes in velo: those that the image shows.

        The benchmark judges what the image shows. A box that is not in it is left out, and so is
        one at its edge that was not detected: it has probably left.

        Args:
            class_name: Of all of them.
            frames: Numbers of the frames, ascending.
            ids: Identities.
            boxes_odom: Boxes of the tracks.
            scores: How sure each is.
            is_detected: (K,) whether the box goes with a detection of its frame.
        """
        velo_T_odom = inverse(self.poses)
        boxes_velo = np.zeros((len(frames), 7))
        for number in np.unique(frames):
            rows = frames == number
            boxes_velo[rows] = transform_boxes(velo_T_odom[number], boxes_odom[rows])
        pinhole = PinholeCamera(
            width_px=_WIDTH_PX, height_px=_HEIGHT_PX, pix_T_cam=self.calibration.pix_T_cam
        )
        boxes_pix = boxes_in_image(boxes_velo, self.calibration.cam_T_velo, pinhole)
        inside = (boxes_pix[:, 0] > _EDGE_PX) & (boxes_pix[:, 2] < _WIDTH_PX - 1 - _EDGE_PX)
        kept = np.isfinite(boxes_pix).all(axis=1) & (is_detected | inside)
        return TrackedBoxes(
            frames=frames[kept],
            ids=ids[kept],
            classes=np.full(int(kept.sum()), class_name),
            boxes=boxes_velo[kept],
            boxes_pix=boxes_pix[kept],
            scores=scores[kept],
            truncation=np.full(int(kept.sum()), -1.0),
            occlusion=np.full(int(kept.sum()), -1, np.int64),
        )

    def in_shared_frame(self, results: TrackedBoxes) -> TrackedBoxes:
        """Return results with their boxes where reading a file of them puts them."""
        rows = boxes_to_rect(results.boxes, self.calibration)
        return replace(results, boxes=boxes_from_rect(rows, nominal_calibration()))


def open_sequence(
    name: str, files: list[Path], calib: Path | None, oxts: Path | None
) -> KittiSequence:
    """Read detections, calibration and poses of a sequence.

    Args:
        name: Of the sequence.
        files: Its detections.
        calib: Folder of `NAME.txt`, or one file; None takes the nominal calibration.
        oxts: Folder of `NAME.txt`, or one file; None takes the vehicle to stand.

    Raises:
        DataError: A file is missing or malformed, or there are detections after the last pose.
    """
    detections = read_detections(files)
    calibration = nominal_calibration()
    if calib is not None:
        calibration = read_benchmark_calibration(_file(calib, name))
    num = 1 + max((int(part.frames[-1]) for part in detections.values()), default=-1)
    if oxts is None:
        poses = np.tile(np.eye(4), (num, 1, 1))
    else:
        by_frame = read_sequence_poses(_file(oxts, name), calibration)
        poses = np.stack([by_frame[number] for number in sorted(by_frame)])
    if num > len(poses):
        raise DataError(
            f"Sequence {name} has detections up to frame {num - 1}, but only {len(poses)} poses in "
            f"'{oxts}'. Check that both are of the same sequence."
        )
    return KittiSequence(name=name, detections=detections, calibration=calibration, poses=poses)


def merged(results: list[TrackedBoxes]) -> TrackedBoxes:
    """Return the results of several classes as one, with identities that differ between them.

    Raises:
        ValueError: There are none.
    """
    offset, parts = 0, []
    for boxes in results:
        parts.append(boxes.ids + offset)
        offset += int(boxes.ids.max(initial=0))
    frames = np.concatenate([boxes.frames for boxes in results])
    order = np.argsort(frames, kind="stable")
    columns = {
        name: np.concatenate([getattr(boxes, name) for boxes in results])[order]
        for name in TrackedBoxes.__slots__
        if name != "ids"
    }
    return TrackedBoxes(ids=np.concatenate(parts)[order], **columns)


def _file(place: Path, name: str) -> Path:
    return place / f"{name}.txt" if place.is_dir() else place


def _probabilities(scores: Float64[np.ndarray, " K"]) -> Float64[np.ndarray, " K"]:
    is_probability = bool(((scores >= 0) & (scores <= 1)).all())
    return scores if is_probability else np.asarray(expit(scores))


def _egomotion(stamp_ns: int, odom_T_velo: Float64[np.ndarray, "4 4"]) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.INITIAL,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=stamp_ns,
        odom_T_velo1=odom_T_velo,
    )
