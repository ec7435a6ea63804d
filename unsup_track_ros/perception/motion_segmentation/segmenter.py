# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The motion segmentation stage: two modes, one answer.

`tcr` is the two-frame test of Track, Check, Repeat (SPECS §0.5): camera flow against ego flow, in
voxels. `improved` joins two independent witnesses:

1. *LiDAR* compares clusters with a scan about half a second older. Its verdict stands, moving or
   not, unless
2. *the camera, per cluster*, contradicts it and has an answer of its own (`cluster_fusion`).
3. *The camera, per point*, decides only where LiDAR could not judge (no scan old enough, background
   clusters, sparse returns, beyond its range), and only where neighbouring points agree.

So LiDAR alone works, and a camera alone works where a depth falls on the pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.ground import LevelScan
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.perception.motion_segmentation.camera_clusters import (
    CameraClusterConfig,
)
from unsup_track_ros.perception.motion_segmentation.camera_evidence import (
    CameraEvidence,
    CameraEvidenceConfig,
    camera_evidence,
)
from unsup_track_ros.perception.motion_segmentation.cluster_fusion import fuse_clusters
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
    PointEvidence,
)
from unsup_track_ros.perception.motion_segmentation.projected_scan import (
    FlowView,
    flow_view,
    scatter_to_image,
)
from unsup_track_ros.perception.motion_segmentation.tcr_evidence import (
    TcrEvidenceConfig,
    tcr_evidence,
)
from unsup_track_ros.shapes import Float32, Float64
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus


class MotionSegmentationConfig(Config):
    """Parameters of motion segmentation."""

    mode: Literal["tcr", "improved"] = parameter(
        "improved", "Two-frame test of Track, Check, Repeat, or LiDAR and camera evidence."
    )
    tcr: TcrEvidenceConfig = TcrEvidenceConfig()
    camera: CameraEvidenceConfig = CameraEvidenceConfig()
    camera_clusters: CameraClusterConfig = CameraClusterConfig()
    lidar: LidarEvidenceConfig = LidarEvidenceConfig()


class MotionSegmenter:
    """Tells what moves by itself in the current frame; keeps no state."""

    def __init__(self, config: MotionSegmentationConfig) -> None:
        self._config = config
        self._lidar = LidarEvidence(config.lidar)
        # A second core looks at the image while the first compares scans.
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="camera")

    def prepare(self, frame: SensorFrame, level: LevelScan) -> None:
        """Work out what needs no pose; may run beside optical flow and egomotion."""
        if self._config.mode == "improved":
            self._lidar.prepare(frame, level)

    def prepare_as_past(self, frame: SensorFrame) -> None:
        """Work out what a frame that was segmented must offer to those after it."""
        if self._config.mode == "improved":
            self._lidar.prepare_as_past(frame)

    def ranges(self, frame: SensorFrame) -> RangeImage:
        """Return what the frame's scan saw through."""
        return self._lidar.ranges(frame)

    def step(
        self,
        frame: SensorFrame,
        history: tuple[PastFrame, ...],
        flow: Callable[[], OpticalFlow],
        egomotion: Egomotion,
    ) -> MotionSegmentation:
        """Segment one frame.

        Args:
            frame: Current frame.
            history: Past frames with a pose, oldest first.
            flow: Gives the flow between the current image and that of one of them; it may take its
                time, for LiDAR does not wait for it.
            egomotion: Motion of the sensor to the current frame.
        """
        if not len(frame.cloud.points_velo):
            return _unanswered(frame, MotionStatus.NO_EVIDENCE_SOURCE, "The scan has no points.")
        if egomotion.status is EgomotionStatus.INITIAL:
            return _unanswered(
                frame, MotionStatus.NO_PAST_FRAME, "This is the first frame of its stream."
            )
        if egomotion.status is not EgomotionStatus.OK:
            reason = f"The egomotion is unknown ({egomotion.status.value}). {egomotion.reason}"
            return _unanswered(frame, MotionStatus.NO_EGOMOTION, reason.strip())
        if self._config.mode == "tcr":
            return self._step_tcr(frame, history, flow(), egomotion)
        return self._step_improved(frame, history, flow, egomotion)

    def look_back(
        self,
        frame: SensorFrame,
        before: tuple[PastFrame, ...],
        after: tuple[PastFrame, ...],
        egomotion: Egomotion,
    ) -> MotionSegmentation:
        """Segment a frame of a recording with what came after it too, by LiDAR alone."""
        lidar = self._lidar.judge(frame, (before, after), egomotion)
        if lidar is None:
            return _unanswered(
                frame, MotionStatus.NO_EVIDENCE_SOURCE, "No other scan with a pose is near."
            )
        return _lidar_alone(lidar)

    def _step_tcr(
        self,
        frame: SensorFrame,
        history: tuple[PastFrame, ...],
        flow: OpticalFlow,
        egomotion: Egomotion,
    ) -> MotionSegmentation:
        if flow.status is not FlowStatus.OK:
            return _without_flow(frame, flow)
        past = _past_of_flow(history, flow)
        view = None
        if past is not None:
            view = flow_view(frame, past, flow, egomotion, self._config.tcr.min_depth_m)
        if view is None:
            return _without_past(frame, flow)
        evidence = tcr_evidence(self._config.tcr, view)
        return MotionSegmentation(
            status=MotionStatus.OK,
            moving_points=_of_scan(frame, view, evidence.moving),
            judged_points=_of_scan(frame, view, evidence.judged),
            moving_pixels=evidence.moving_pixels,
            judged_pixels=evidence.judged_pixels,
            residual_px=evidence.residual_px,
            flow_moving_points=_of_scan(frame, view, evidence.moving),
            flow_judged_points=_of_scan(frame, view, evidence.judged),
            voxels=evidence.voxels,
        )

    def _step_improved(
        self,
        frame: SensorFrame,
        history: tuple[PastFrame, ...],
        flow: Callable[[], OpticalFlow],
        egomotion: Egomotion,
    ) -> MotionSegmentation:
        job = self._beside.submit(self._see, frame, history, flow, egomotion)
        lidar = self._lidar.judge(frame, (history,), egomotion)
        seen = job.result()
        if seen is not None:
            view, image = seen
            if lidar is not None:
                lidar = self._corrected(lidar, image, view, (frame, history, egomotion))
            return _fuse(frame, lidar, view, image)
        if lidar is not None:
            return _lidar_alone(lidar)
        if not history:
            return _unanswered(
                frame, MotionStatus.NO_PAST_FRAME, "No past frame with a pose is remembered."
            )
        return _unanswered(
            frame,
            MotionStatus.NO_EVIDENCE_SOURCE,
            "The scan has no pose in odom for the LiDAR test and there is no optical flow "
            f"({flow().status.value}).",
        )

    def _corrected(
        self,
        lidar: PointEvidence,
        image: CameraEvidence,
        view: FlowView,
        frames: tuple[SensorFrame, tuple[PastFrame, ...], Egomotion],
    ) -> PointEvidence:
        """Let the camera correct LiDAR's verdicts on whole clusters."""
        frame, history, egomotion = frames
        past = self._old_past(frame, history)

        def explained_shares(
            velocities_velo: Float32[np.ndarray, "C1 3"],
        ) -> Float64[np.ndarray, " C1"]:
            clusters = (lidar.cluster, velocities_velo)
            return self._lidar.explained_shares(frame, past, egomotion, clusters)

        config = self._config.camera_clusters
        return fuse_clusters(config, lidar, image, view, frame, explained_shares)

    def _see(
        self,
        frame: SensorFrame,
        history: tuple[PastFrame, ...],
        flow: Callable[[], OpticalFlow],
        egomotion: Egomotion,
    ) -> tuple[FlowView, CameraEvidence] | None:
        """Return what the camera says, or None where it has nothing to compare."""
        found = flow()
        past = _past_of_flow(history, found) if found.status is FlowStatus.OK else None
        if past is None:
            return None
        view = flow_view(frame, past, found, egomotion, self._config.camera.min_depth_m)
        if view is None:
            return None
        view = replace(view, scan1=view.scan1.far_first())
        height_m = self._lidar.facts(frame).height_m
        return view, camera_evidence(self._config.camera, view, height_m)

    def _old_past(self, frame: SensorFrame, history: tuple[PastFrame, ...]) -> PastFrame:
        """Return the remembered frame whose age is nearest to LiDAR's baseline."""
        wanted_ns = frame.stamp_ns - round(self._config.lidar.search_ages_s[-1] * 1e9)
        return min(history, key=lambda past: abs(past.frame.stamp_ns - wanted_ns))


def _past_of_flow(history: tuple[PastFrame, ...], flow: OpticalFlow) -> PastFrame | None:
    """Return the remembered frame whose image the flow leads to."""
    for past in reversed(history):
        if past.frame.camera is not None and past.frame.camera.stamp_ns == flow.stamp0_ns:
            return past
    return None


def _fuse(
    frame: SensorFrame, lidar: PointEvidence | None, view: FlowView, image: CameraEvidence
) -> MotionSegmentation:
    """Let the clusters' verdict stand where there is one, and the camera's points elsewhere."""
    flow_moving = _of_scan(frame, view, image.moving)
    flow_judged = _of_scan(frame, view, image.judged)
    moving, judged = flow_moving, flow_judged
    if lidar is not None:
        moving = np.where(lidar.judged, lidar.moving, moving)
        judged = judged | lidar.judged
    scan = view.scan1
    seen, pixel = scan.point_index, scan.flat_pix
    return MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=moving,
        judged_points=judged,
        moving_pixels=scatter_to_image(moving[seen], pixel, scan.camera),
        judged_pixels=scatter_to_image(judged[seen], pixel, scan.camera),
        residual_px=scatter_to_image(image.residual_px, pixel, scan.camera),
        velocity_velo=None if lidar is None else lidar.velocity_velo,
        confidence=None if lidar is None else lidar.confidence,
        standing_points=None if lidar is None else lidar.standing,
        free_space=None if lidar is None else lidar.free_space,
        flow_moving_points=flow_moving,
        flow_judged_points=flow_judged,
        point_cluster=None if lidar is None else lidar.cluster,
    )


def _lidar_alone(lidar: PointEvidence) -> MotionSegmentation:
    return MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=lidar.moving,
        judged_points=lidar.judged,
        velocity_velo=lidar.velocity_velo,
        confidence=lidar.confidence,
        standing_points=lidar.standing,
        free_space=lidar.free_space,
        point_cluster=lidar.cluster,
    )


def _of_scan(frame: SensorFrame, view: FlowView, of_view: np.ndarray) -> np.ndarray:
    """Spread a mask over the projected points to all points of the scan."""
    mask = np.zeros(len(frame.cloud.points_velo), bool)
    mask[view.scan1.point_index] = of_view
    return mask


def _without_flow(frame: SensorFrame, flow: OpticalFlow) -> MotionSegmentation:
    if flow.status is FlowStatus.NO_CAMERA:
        return _unanswered(
            frame,
            MotionStatus.NO_EVIDENCE_SOURCE,
            "Mode tcr needs a camera and this frame has none.",
        )
    return _unanswered(frame, MotionStatus.NO_PAST_FRAME, "There is no past image to compare with.")


def _without_past(frame: SensorFrame, flow: OpticalFlow) -> MotionSegmentation:
    return _unanswered(
        frame,
        MotionStatus.NO_PAST_FRAME,
        f"The frame whose image has the stamp {flow.stamp0_ns} ns, to which the optical flow "
        "leads, is not remembered with a pose.",
    )


def _unanswered(frame: SensorFrame, status: MotionStatus, reason: str) -> MotionSegmentation:
    nothing = np.zeros(len(frame.cloud.points_velo), bool)
    return MotionSegmentation(
        status=status, moving_points=nothing, judged_points=nothing.copy(), reason=reason
    )
