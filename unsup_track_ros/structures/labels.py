# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of one labelled frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.consistency import EgomotionConsistency
from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.motion import MotionSegmentation
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.structures.voxel_scene import CameraScene

CAUSAL_PASS = "causal"  # what the vehicle would have published
COMPLETED_PASS = "completed"  # with what came after


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameLabel:
    """The pseudo-labels of one frame and what is needed to place them.

    Attributes:
        stamp_ns: Stamp of the reference scan.
        index: Running number of the frame in its recording.
        label_pass: `CAUSAL_PASS` or `COMPLETED_PASS`.
        base_T_velo: (4, 4) mounting of the LiDAR.
        camera: Pinhole model of the first camera at native size, None without a camera.
        cam_T_velo: (4, 4) of that camera, None without a camera.
        egomotion: Motion and pose of the sensor.
        motion: Point and pixel masks.
        detections: Boxes in velo.
        cues: What each witness says of the detections, None in labels of another origin.
        tracks: Tracks in odom.
        grids: Occupancy, or None while there was no pose.
        track_weights: (N,) of the tracks in training: 1 for what moved, less for what is only like
            something that moved; None in the causal pass.
        missing_inputs: One sentence per input that was missing.
        consistency: Whether TF, LiDAR and camera agreed so far, None where nobody checked.
        panoptic: Voxels around the vehicle of the detector `trackocc`, None with another detector,
            without an image or a pose, and in the completed pass.
    """

    stamp_ns: int
    index: int
    label_pass: str = CAUSAL_PASS
    base_T_velo: Float64[np.ndarray, "4 4"]
    camera: PinholeCamera | None
    cam_T_velo: Float64[np.ndarray, "4 4"] | None
    egomotion: Egomotion
    motion: MotionSegmentation
    detections: Detections
    tracks: Tracks
    grids: OccupancyGrids | None
    track_weights: Float64[np.ndarray, " N"] | None = None
    cues: ObjectCues | None = None
    missing_inputs: tuple[str, ...] = ()
    consistency: EgomotionConsistency | None = None
    panoptic: CameraScene | None = None
