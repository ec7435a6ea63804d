# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage: optical flow between a past image (0) and the current one (1), both ways.

Comes in: the first camera's images of two frames. Goes out: `OpticalFlow` with its reliability, at
the working resolution. Which past frame to compare with is the pipeline's choice.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.flow_reliability import CycleCheck, reliability
from unsup_track_ros.networks.raft import Raft, RaftConfig
from unsup_track_ros.shapes import Float32, UInt8
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import CameraImage, SensorFrame
from unsup_track_ros.structures.history import PastFrame

_DIS_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "balanced": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


class OpticalFlowConfig(Config):
    """Optical flow and its forward-backward check (SPECS 0.3)."""

    backend: Literal["dis", "raft"] = parameter(
        "dis", "Method: OpenCV's DIS (no weights, CPU) or RAFT."
    )
    width_px: int = parameter(832, "Working width; images are resized to it.", unit="px", ge=128)
    height_px: int = parameter(256, "Working height; images are resized to it.", unit="px", ge=128)
    dis_preset: Literal["ultrafast", "fast", "balanced", "medium"] = parameter(
        "balanced",
        "DIS preset of OpenCV, or balanced: as fine as medium, at nearly the cost of fast.",
    )
    raft: RaftConfig = parameter(RaftConfig(), "RAFT network, used by backend 'raft'.")
    cycle_relative: float = parameter(0.05, "Cycle error allowed per pixel of flow.", ge=0)
    cycle_absolute_px: float = parameter(0.5, "Cycle error allowed at zero flow.", unit="px", ge=0)
    check_stride_px: int = parameter(
        2,
        "Pixels per axis that share one forward-backward check; DIS estimates no finer. TCR: 1.",
        unit="px",
        ge=1,
        le=8,
    )
    quirk_half_pixel_warp: bool = parameter(
        False, "Warp with the released TCR code's shift of up to half a pixel at the borders."
    )


class OpticalFlowEstimator:
    """Flow of the first camera between two frames."""

    def __init__(self, config: OpticalFlowConfig, device: torch.device) -> None:
        """Prepare the backend.

        Raises:
            ConfigError: Backend 'raft' lacks torchvision or its weights.
        """
        self._config = config
        self._check = CycleCheck(
            relative=config.cycle_relative,
            absolute_px=config.cycle_absolute_px,
            stride_px=config.check_stride_px,
            half_pixel_quirk=config.quirk_half_pixel_warp,
        )
        self._raft = Raft(config.raft, device) if config.backend == "raft" else None
        # The next frame is compared with this one as a rule: its grey image is there already.
        self._last_grey: tuple[CameraImage, UInt8[np.ndarray, "Y X"]] | None = None

    def step(self, frame: SensorFrame, past: PastFrame | None) -> OpticalFlow:
        """Estimate the flow from the past image to the current one and back.

        Returns:
            Flow with status OK; without a current or a past image a status and no arrays.
        """
        image1 = frame.camera
        if image1 is None:
            return OpticalFlow(status=FlowStatus.NO_CAMERA)
        image0 = past.frame.camera if past is not None else None
        if image0 is None:
            return OpticalFlow(status=FlowStatus.NO_PAST_IMAGE, stamp1_ns=image1.stamp_ns)
        flow01_px, flow10_px = self._both_ways(image0, image1)
        reliable0, reliable1 = reliability(flow01_px, flow10_px, self._check)
        return OpticalFlow(
            status=FlowStatus.OK,
            stamp0_ns=image0.stamp_ns,
            stamp1_ns=image1.stamp_ns,
            flow01_px=flow01_px,
            flow10_px=flow10_px,
            reliable0=reliable0,
            reliable1=reliable1,
        )

    def _both_ways(
        self, image0: CameraImage, image1: CameraImage
    ) -> tuple[Float32[np.ndarray, "2 H W"], Float32[np.ndarray, "2 H W"]]:
        if self._raft is not None:
            rgb0, rgb1 = self._resized(image0.image_rgb), self._resized(image1.image_rgb)
            forward, backward = self._raft.flow_both_ways(rgb0, rgb1)
            return forward.float().cpu().numpy(), backward.float().cpu().numpy()
        grey0, grey1 = self._grey(image0), self._grey(image1)
        self._last_grey = (image1, grey1)
        return self._dis(grey0, grey1), self._dis(grey1, grey0)

    def _grey(self, image: CameraImage) -> UInt8[np.ndarray, "Y X"]:
        if self._last_grey is not None and self._last_grey[0] is image:
            return self._last_grey[1]
        # Grey before resizing: a third of the work.
        return self._resized(cv2.cvtColor(image.image_rgb, cv2.COLOR_RGB2GRAY))

    def _resized(self, image: UInt8[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*resized"]:
        size = (self._config.width_px, self._config.height_px)
        if image.shape[1::-1] == size:
            return image
        resized: UInt8[np.ndarray, "*resized"] = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA
        )
        return resized

    def _dis(self, grey0: np.ndarray, grey1: np.ndarray) -> Float32[np.ndarray, "2 H W"]:
        # A new object each time: what DIS keeps from a pair must not reach the next one.
        dis = _dis_solver(self._config.dis_preset)
        # OpenCV's stubs lack the None that stands for "no flow to start from".
        flow_px = np.asarray(dis.calc(grey0, grey1, None), np.float32)  # type: ignore[call-overload]
        return np.ascontiguousarray(flow_px.transpose(2, 0, 1))


def _dis_solver(preset: str) -> cv2.DISOpticalFlow:
    """Return a DIS solver.

    Egomotion needs the finest scale that fast leaves out (on KITTI 0052 fast fails in a fifth of
    the frames, medium in none), but not medium's dense patches and iterations: a sixth of its time
    gives the same motion.
    """
    solver = cv2.DISOpticalFlow.create(_DIS_PRESETS[preset])
    if preset == "balanced":
        solver.setFinestScale(1)
        solver.setPatchStride(6)
        solver.setGradientDescentIterations(8)
        solver.setVariationalRefinementIterations(0)
    return solver
