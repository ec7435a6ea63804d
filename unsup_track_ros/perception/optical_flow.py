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
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.warp import sample_grid, splat_coverage, targets
from unsup_track_ros.networks.raft import Raft, RaftConfig
from unsup_track_ros.shapes import Bool, Float, Float32, UInt8
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
        self._device = device
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
        reliable0, reliable1 = blockwise_reliability(flow01_px, flow10_px, self._config)
        return OpticalFlow(
            status=FlowStatus.OK,
            stamp0_ns=image0.stamp_ns,
            stamp1_ns=image1.stamp_ns,
            flow01_px=flow01_px.cpu().numpy(),
            flow10_px=flow10_px.cpu().numpy(),
            reliable0=reliable0.cpu().numpy(),
            reliable1=reliable1.cpu().numpy(),
        )

    def _both_ways(
        self, image0: CameraImage, image1: CameraImage
    ) -> tuple[Float[Tensor, "2 H W"], Float[Tensor, "2 H W"]]:
        if self._raft is not None:
            rgb0, rgb1 = self._resized(image0.image_rgb), self._resized(image1.image_rgb)
            forward, backward = self._raft.flow_both_ways(rgb0, rgb1)
            return forward, backward
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

    def _dis(self, grey0: np.ndarray, grey1: np.ndarray) -> Float32[Tensor, "2 H W"]:
        # A new object each time: what DIS keeps from a pair must not reach the next one.
        dis = _dis_solver(self._config.dis_preset)
        # OpenCV's stubs lack the None that stands for "no flow to start from".
        flow_px = np.asarray(dis.calc(grey0, grey1, None), np.float32)  # type: ignore[call-overload]
        return torch.from_numpy(np.ascontiguousarray(flow_px.transpose(2, 0, 1))).to(self._device)


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


def blockwise_reliability(
    flow01_px: Float[Tensor, "2 H W"], flow10_px: Float[Tensor, "2 H W"], config: OpticalFlowConfig
) -> tuple[Tensor, Tensor]:
    """Judge one pixel of every block of `check_stride_px` squared and let it answer for the block.

    The judged pixels form an image of their own, in which the flow is as much shorter, so that it
    is covered and returns as `reliability` asks. A divergence from SPECS 0.3, which judges every
    pixel: the finest scale of DIS is half the working resolution, and judging every pixel took
    longer than finding the flow.

    Returns:
        (H, W) bool masks of image 0 and of image 1.
    """
    stride = config.check_stride_px
    if stride == 1:
        return reliability(flow01_px, flow10_px, config)
    coarse = config.model_copy(update={"cycle_absolute_px": config.cycle_absolute_px / stride})
    sparse01, sparse10 = (
        flow_px[:, ::stride, ::stride].contiguous() / stride for flow_px in (flow01_px, flow10_px)
    )
    masks = reliability(sparse01, sparse10, coarse)
    height, width = flow01_px.shape[-2:]
    full0, full1 = (
        mask.repeat_interleave(stride, 0).repeat_interleave(stride, 1)[:height, :width].contiguous()
        for mask in masks
    )
    return full0, full1


def reliability(
    flow01_px: Float[Tensor, "2 H W"], flow10_px: Float[Tensor, "2 H W"], config: OpticalFlowConfig
) -> tuple[Tensor, Tensor]:
    """Judge which pixels of image 0 and of image 1 have a flow to rely on (SPECS 0.3, items 1-4).

    A pixel is reliable iff something flows onto it and onto its target (one-to-one), the flow there
    and back returns to it (cycle), and its target is reliable in the same sense.

    Returns:
        (H, W) bool masks of image 0 and of image 1.
    """
    covered0, covered1 = splat_coverage(flow10_px), splat_coverage(flow01_px)
    forward = _Warped(flow01_px, config)
    backward = _Warped(flow10_px, config)
    passed0 = covered0 & forward.passes_alone(flow10_px, covered1)
    passed1 = covered1 & backward.passes_alone(flow01_px, covered0)
    return passed0 & forward.lands_on(passed1), passed1 & backward.lands_on(passed0)


def is_cycle_consistent(
    forward_px: Float[Tensor, "2 ..."],
    backward_px: Float[Tensor, "2 ..."],
    config: OpticalFlowConfig,
) -> Tensor:
    """Compare flow with the backward flow found at its target (SPECS 0.3, item 3).

    ||f + b|| < relative * ||(f, b)|| + absolute, with the norm of the 4-vector on the right.
    """
    residual_px = _squared_length(forward_px + backward_px).sqrt_()
    length_px = _squared_length(forward_px).add_(_squared_length(backward_px)).sqrt_()
    return residual_px < length_px.mul_(config.cycle_relative).add_(config.cycle_absolute_px)


def _squared_length(flow_px: Tensor) -> Tensor:
    # torch.linalg.vector_norm over a leading axis of size 2 takes 20 times as long on a CPU.
    return flow_px[0] * flow_px[0] + flow_px[1] * flow_px[1]


class _Warped:
    """One direction of the flow, and what is read where it leads."""

    def __init__(self, flow_px: Float[Tensor, "2 H W"], config: OpticalFlowConfig) -> None:
        self._flow_px = flow_px
        self._config = config
        self._targets = targets(flow_px)

    def passes_alone(
        self, back_px: Float[Tensor, "2 H W"], covered_target: Bool[Tensor, "H W"]
    ) -> Bool[Tensor, "H W"]:
        """Cycle check and coverage of the target, before asking whether the target passes them."""
        there = self._read(torch.cat([back_px, covered_target[None].to(back_px.dtype)]))
        return is_cycle_consistent(self._flow_px, there[:2], self._config) & (there[2] > 0.5)

    def lands_on(self, mask: Bool[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
        """Tell which pixels' target is in a mask of the other image."""
        return self._read(mask[None].to(self._flow_px.dtype))[0] > 0.5

    def _read(self, image: Float[Tensor, "C H W"]) -> Float[Tensor, "C H W"]:
        quirk = self._config.quirk_half_pixel_warp
        return sample_grid(image, self._targets, half_pixel_quirk=quirk)
