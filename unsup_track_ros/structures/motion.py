# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What moves by itself in the current frame, per pixel, per point and per object."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float32, Int, Int64
from unsup_track_ros.structures.voxels import VoxelRegions


class MotionStatus(enum.Enum):
    """Whether motion could be judged, and why not."""

    OK = "ok"
    NO_EGOMOTION = "no_egomotion"
    NO_PAST_FRAME = "no_past_frame"
    NO_EVIDENCE_SOURCE = "no_evidence_source"  # the configured cues all lack their sensor


class MotionState(enum.IntEnum):
    """What is known of the motion of one object in one frame."""

    STANDING = 0  # standing still explains all that was seen of it
    UNSURE = 1
    MOVING = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionSegmentation:
    """Independent-motion evidence of the current frame.

    Attributes:
        status: OK, or why nothing was judged (then no point is moving or judged, images are None).
        moving_points: (P,) points of the scan judged to move by themselves.
        judged_points: (P,) points for which there was evidence either way.
        moving_pixels: (H, W) the same on the image at working resolution, None without a camera.
        judged_pixels: (H, W) pixels with evidence either way, None without a camera.
        residual_px: (H, W) flow left after ego flow, 0 where not judged, None without a camera.
        velocity_velo: (P, 3) over ground in axes of the current velo, m/s, nan where not moving or
            unknown; None where no evidence measures it.
        confidence: (P,) share of the point's cluster that testifies to its motion, 0 where it does
            not move or nothing judges clusters; None where no evidence gives one.
        standing_points: (P,) on the ground or on a cluster that standing still explains: what lacks
            this and does not move is unsure. None where no evidence tells.
        free_space: (P,) share of the point's cluster that entered or left space which a scan saw
            through, 0 where LiDAR does not see it move; None where no evidence asks.
        flow_moving_points: (P,) points whose optical flow is not that of a standing thing, whatever
            other evidence says; None without flow.
        flow_judged_points: (P,) points whose optical flow could be judged; None without flow.
        point_cluster: (P,) 0 for none, else 1..C: clusters that were judged as a whole, or None.
        voxels: What a voxel test found, or None; the detector then takes its regions.
        reason: One sentence when status is not OK.
    """

    status: MotionStatus
    moving_points: Bool[np.ndarray, " P"]
    judged_points: Bool[np.ndarray, " P"]
    moving_pixels: Bool[np.ndarray, "H W"] | None = None
    judged_pixels: Bool[np.ndarray, "H W"] | None = None
    residual_px: Float32[np.ndarray, "H W"] | None = None
    velocity_velo: Float32[np.ndarray, "P 3"] | None = None
    confidence: Float32[np.ndarray, " P"] | None = None
    standing_points: Bool[np.ndarray, " P"] | None = None
    free_space: Float32[np.ndarray, " P"] | None = None
    flow_moving_points: Bool[np.ndarray, " P"] | None = None
    flow_judged_points: Bool[np.ndarray, " P"] | None = None
    point_cluster: Int[np.ndarray, " P"] | None = None
    voxels: VoxelRegions | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionRegions:
    """Connected regions of the scan: the detector's proposals before a box is fitted.

    Attributes:
        point_region: (P,) 0 for no region, else 1..R: the region of each point of the scan.
        scores: (R,) evidence of each region in [0, 1].
        motion: (R,) values of `MotionState`; what does not move is there because a known object is
            expected at its place.
        flow_velo: (R, 3) mean displacement per second in the current velo frame, nan where unknown.
        voxels: Voxels of the regions where they were found in voxels, else None.
    """

    point_region: Int[np.ndarray, " P"]
    scores: Float32[np.ndarray, " R"]
    motion: Int64[np.ndarray, " R"]
    flow_velo: Float32[np.ndarray, "R 3"]
    voxels: VoxelRegions | None = None
