# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion from optical flow and LiDAR depth, estimated in both directions and compared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import interpolate, inverse, transform
from unsup_track_ros.perception.egomotion.flow_pairs import View, reprojection_pairs, view_of
from unsup_track_ros.perception.egomotion.reprojection import ReprojectionConfig, fit_motion
from unsup_track_ros.perception.egomotion.rigid_pairs import (
    RigidPairsConfig,
    fit_rigid_motion,
    point_pairs,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame


class FlowEgomotionConfig(Config):
    """Egomotion from optical flow and LiDAR depth."""

    method: Literal["reprojection", "rigid"] = parameter(
        "reprojection", "Residual in the image (accurate), or TCR's 3-D to 3-D rigid fit."
    )
    reprojection: ReprojectionConfig = ReprojectionConfig()
    rigid: RigidPairsConfig = RigidPairsConfig()
    min_pairs: int = parameter(30, "Fewer correspondences give no answer.", ge=3)
    min_inlier_ratio: float = parameter(
        0.1, "A motion that explains less of them is not believed.", ge=0, le=1
    )
    max_translation_sigma_m: float = parameter(
        0.1,
        "Uncertainty of the translation above which the correspondences are ill-placed.",
        unit="m",
        gt=0,
    )
    max_cycle_error_m: float = parameter(
        0.1,
        "Largest distance by which forward and backward motion may fail to cancel.",
        unit="m",
        gt=0,
    )
    cycle_range_m: float = parameter(
        30.0,
        "Points nearer than this take part in that comparison (TCR's grid ends at 36 m).",
        unit="m",
        gt=0,
    )
    seed: int = parameter(0, "Seed of the random samples, together with the frame's stamp.", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowMotion:
    """Answer of flow egomotion.

    Attributes:
        status: OK, DEGENERATE or INCONSISTENT.
        velo1_T_velo0: (4, 4) motion, None unless OK.
        inlier_ratio: Smaller share of explained correspondences of the two directions.
        cycle_error_m: Largest disagreement of the two directions on the scan.
        reason: One sentence unless OK.
    """

    status: EgomotionStatus
    velo1_T_velo0: Float64[np.ndarray, "4 4"] | None = None
    inlier_ratio: float = float("nan")
    cycle_error_m: float = float("nan")
    reason: str = ""


class FlowEgomotion:
    """Motion between two frames; keeps nothing from step to step."""

    def __init__(self, config: FlowEgomotionConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        # A second core takes the way back.
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="way_back")

    def estimate(
        self,
        frame0: SensorFrame,
        frame1: SensorFrame,
        flow: OpticalFlow,
        expected_velo1_T_velo0: Float64[np.ndarray, "4 4"],
    ) -> FlowMotion:
        """Estimate the motion from the past frame (0) to the current one (1).

        Args:
            frame0: Past frame, with the image that the flow starts from.
            frame1: Current frame.
            flow: Flow between their first cameras.
            expected_velo1_T_velo0: Motion if the vehicle goes on as before: one
                hypothesis among others.

        Raises:
            DataError: The flow belongs to other images.
        """
        image0, image1 = frame0.camera, frame1.camera
        if flow.status is FlowStatus.NO_CAMERA or image1 is None:
            return _degenerate("Egomotion from flow needs a camera image, and this frame has none.")
        if flow.status is FlowStatus.NO_PAST_IMAGE or image0 is None:
            return _degenerate(
                "Egomotion from flow needs a camera image of the past frame, which has none."
            )
        view0, view1 = _views(frame0, frame1, flow)
        expected_cam1_T_cam0 = (
            image1.cam_T_velo @ expected_velo1_T_velo0 @ inverse(image0.cam_T_velo)
        )
        expected_cam0_T_cam1 = inverse(expected_cam1_T_cam0)
        job = self._beside.submit(
            self._one_way, view1, view0, expected_cam0_T_cam1, frame1.stamp_ns
        )
        forward = self._one_way(view0, view1, expected_cam1_T_cam0, frame1.stamp_ns)
        backward = job.result()
        if isinstance(forward, str) or isinstance(backward, str):
            return _degenerate(forward if isinstance(forward, str) else str(backward))
        return self._combined(forward, backward, view0, view1)

    def _one_way(
        self, view_a: View, view_b: View, expected_camb_T_cama: np.ndarray, stamp_ns: int
    ) -> _OneWay | str:
        """Return the motion from camera a to camera b, or why there is none."""
        if self._config.method == "rigid":
            fit = self._rigid(view_a, view_b, stamp_ns)
        else:
            fit = self._reprojection(view_a, expected_camb_T_cama, stamp_ns)
        if not isinstance(fit, str) and fit.inlier_ratio < self._config.min_inlier_ratio:
            return (
                f"The best motion explains {fit.inlier_ratio:.0%} of the flow correspondences; "
                f"{self._config.min_inlier_ratio:.0%} are needed."
            )
        return fit

    def _reprojection(
        self, view_a: View, expected_camb_T_cama: np.ndarray, stamp_ns: int
    ) -> _OneWay | str:
        config = self._config.reprojection
        pairs = reprojection_pairs(view_a, config.cell_px, config.min_texture)
        if len(pairs.points_cama) < self._config.min_pairs:
            return self._too_few(len(pairs.points_cama))
        rng = np.random.default_rng([self._config.seed, stamp_ns])
        priors = np.stack([expected_camb_T_cama, np.eye(4)])
        fit = fit_motion(pairs, view_a.camera.pix_T_cam, priors, rng, config)
        if not fit.translation_sigma_m <= self._config.max_translation_sigma_m:
            return (
                "The flow correspondences fix the translation to "
                f"{fit.translation_sigma_m:.2f} m only; "
                f"{self._config.max_translation_sigma_m:.2f} m are needed."
            )
        return _OneWay(motion=fit.camb_T_cama, inlier_ratio=fit.inlier_ratio)

    def _rigid(self, view_a: View, view_b: View, stamp_ns: int) -> _OneWay | str:
        config = self._config.rigid
        pairs = point_pairs(view_a, view_b, config)
        if len(pairs.points_cama) < self._config.min_pairs:
            return self._too_few(len(pairs.points_cama))
        generator = torch.Generator().manual_seed(self._config.seed + stamp_ns)
        focal_px = float(view_b.camera.pix_T_cam[0, 0])
        fit = fit_rigid_motion(pairs, focal_px, generator, config, self._device)
        return _OneWay(motion=fit.camb_T_cama, inlier_ratio=fit.inlier_ratio)

    def _too_few(self, count: int) -> str:
        return (
            f"Only {count} LiDAR points have a reliable flow on textured pixels; "
            f"{self._config.min_pairs} are needed."
        )

    def _combined(
        self, forward: _OneWay, backward: _OneWay, view0: View, view1: View
    ) -> FlowMotion:
        """Compare both directions and, where they agree, take the motion half-way between them."""
        cam1_T_cam0, cam0_T_cam1 = forward.motion, backward.motion
        near = np.linalg.norm(view0.points_cam, axis=1) < self._config.cycle_range_m
        points_cam0 = view0.points_cam[near]
        returned_cam0 = transform(cam0_T_cam1 @ cam1_T_cam0, points_cam0)
        error_m = float(np.linalg.norm(returned_cam0 - points_cam0, axis=1).max(initial=0.0))
        inlier_ratio = min(forward.inlier_ratio, backward.inlier_ratio)
        if error_m > self._config.max_cycle_error_m:
            return FlowMotion(
                status=EgomotionStatus.INCONSISTENT,
                inlier_ratio=inlier_ratio,
                cycle_error_m=error_m,
                reason=f"Forward and backward motion disagree by {error_m:.2f} m on the scan; "
                f"{self._config.max_cycle_error_m:.2f} m are allowed.",
            )
        if self._config.method == "reprojection":  # TCR keeps the forward motion
            cam1_T_cam0 = interpolate(cam1_T_cam0, inverse(cam0_T_cam1), 0.5)
        velo1_T_cam1 = inverse(view1.image.cam_T_velo)
        cam0_T_velo0 = view0.image.cam_T_velo
        return FlowMotion(
            status=EgomotionStatus.OK,
            velo1_T_velo0=velo1_T_cam1 @ cam1_T_cam0 @ cam0_T_velo0,
            inlier_ratio=inlier_ratio,
            cycle_error_m=error_m,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OneWay:
    """Motion of points from the camera of the first view to that of the second, (4, 4)."""

    motion: np.ndarray
    inlier_ratio: float


def _degenerate(reason: str) -> FlowMotion:
    return FlowMotion(status=EgomotionStatus.DEGENERATE, reason=reason)


def _views(frame0: SensorFrame, frame1: SensorFrame, flow: OpticalFlow) -> tuple[View, View]:
    image0, image1 = frame0.camera, frame1.camera
    if image0 is None or image1 is None or flow.flow01_px is None or flow.flow10_px is None:
        raise DataError("A flow with status OK must carry both images' flow, got none.")
    if flow.reliable0 is None or flow.reliable1 is None:
        raise DataError("A flow with status OK must carry both reliability masks, got none.")
    if (flow.stamp0_ns, flow.stamp1_ns) != (image0.stamp_ns, image1.stamp_ns):
        raise DataError(
            f"The flow goes from {flow.stamp0_ns} to {flow.stamp1_ns} ns, but the images are of "
            f"{image0.stamp_ns} and {image1.stamp_ns} ns. Compute it between the same two frames."
        )
    view0 = view_of(frame0, image0, flow.flow01_px, flow.reliable0)
    view1 = view_of(frame1, image1, flow.flow10_px, flow.reliable1)
    return view0, view1
