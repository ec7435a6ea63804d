# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The current scan in the current image, with the flow and the egomotion to the past image.

"1" is the current frame and "0" the past one. Track, Check, Repeat labels the first frame of a pair
and looks forward; this package is causal and labels the second and looks back, so their frame 0 and
f01 are our frame 1 and flow10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64, Shaped
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import CameraImage, SensorFrame
from unsup_track_ros.structures.history import PastFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProjectedScan:
    """Points of a scan that lie in the image at the resolution of the flow.

    Attributes:
        camera: Pinhole model at that resolution.
        point_index: (V,) row of each point in the scan.
        points_cam: (V, 3) the points.
        points_pix: (V, 2) their sub-pixel places.
    """

    camera: PinholeCamera
    point_index: Int64[np.ndarray, " V"]
    points_cam: Float32[np.ndarray, "V 3"]
    points_pix: Float32[np.ndarray, "V 2"]

    @property
    def flat_pix(self) -> Int64[np.ndarray, " V"]:
        """Row-major index of the nearest pixel of each point."""
        return flat_pixels(self.points_pix, self.camera)

    def far_first(self) -> ProjectedScan:
        """Return the points in the order in which the nearest of a pixel is written last."""
        # Bits of positive numbers sort like the numbers. With the row behind them, any quick sort
        # keeps the order of equals, in a third of the time of a stable one.
        far_first = ~np.ascontiguousarray(self.points_cam[:, 2]).view(np.uint32)
        key = far_first.astype(np.int64) << 32 | np.arange(len(far_first))
        order = np.sort(key) & 0xFFFFFFFF
        return ProjectedScan(
            camera=self.camera,
            point_index=self.point_index[order],
            points_cam=self.points_cam.take(order, axis=0),
            points_pix=self.points_pix.take(order, axis=0),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowView:
    """All that a camera test of independent motion looks at.

    Attributes:
        scan1: Current scan in the current image.
        past: The frame the flow leads to.
        cam0_T_cam1: (4, 4) moves static points from the current to the past camera.
        flow10_px: (2, H, W) flow from the current to the past image.
        reliable1: (H, W) pixels of the current image whose flow passed the checks.
        min_depth_m: Nearer points are not looked at.
    """

    scan1: ProjectedScan
    past: PastFrame
    cam0_T_cam1: Float64[np.ndarray, "4 4"]
    flow10_px: Float32[np.ndarray, "2 H W"]
    reliable1: Bool[np.ndarray, "H W"]
    min_depth_m: float


def flow_view(
    frame: SensorFrame, past: PastFrame, flow: OpticalFlow, egomotion: Egomotion, min_depth_m: float
) -> FlowView | None:
    """Assemble the view, or return None where the motion between the two frames is unknown."""
    velo0_T_velo1 = motion_to_past(past, egomotion)
    camera0, camera1 = past.frame.camera, frame.camera
    if velo0_T_velo1 is None or camera0 is None or camera1 is None:
        return None
    assert flow.flow10_px is not None  # the caller looked at flow.status
    assert flow.reliable1 is not None
    cam0_T_velo1 = camera0.cam_T_velo @ velo0_T_velo1
    return FlowView(
        scan1=project_scan(frame, camera1, flow.reliable1.shape, min_depth_m),
        past=past,
        cam0_T_cam1=cam0_T_velo1 @ se3.inverse(camera1.cam_T_velo),
        flow10_px=flow.flow10_px,
        reliable1=flow.reliable1,
        min_depth_m=min_depth_m,
    )


def motion_to_past(past: PastFrame, egomotion: Egomotion) -> Float64[np.ndarray, "4 4"] | None:
    """Return velo0_T_velo1 to a past frame of any age.

    The measured motion is preferred where it spans just this pair; otherwise both poses in odom
    answer.
    """
    if egomotion.velo1_T_velo0 is not None and egomotion.stamp0_ns == past.frame.stamp_ns:
        return se3.inverse(egomotion.velo1_T_velo0)
    odom_T_velo0, odom_T_velo1 = past.egomotion.odom_T_velo1, egomotion.odom_T_velo1
    if odom_T_velo0 is None or odom_T_velo1 is None:
        return None
    velo0_T_velo1: Float64[np.ndarray, "4 4"] = se3.inverse(odom_T_velo0) @ odom_T_velo1
    return velo0_T_velo1


def project_scan(
    frame: SensorFrame, image: CameraImage, shape_px: tuple[int, ...], min_depth_m: float
) -> ProjectedScan:
    """Project a scan into its image at (rows, columns) `shape_px`."""
    height_px, width_px = shape_px
    resized = image.camera.resized(width_px, height_px)
    point_index, points_cam, points_pix = camera.seen_points(
        frame.cloud.points_velo, image.cam_T_velo, resized, min_depth_m
    )
    return ProjectedScan(
        camera=resized,
        point_index=point_index,
        points_cam=points_cam,
        points_pix=points_pix,
    )


def flat_pixels(
    points_pix: Float32[np.ndarray, "V 2"], pinhole: PinholeCamera
) -> Int64[np.ndarray, " V"]:
    """Return the row-major index of the nearest pixel of places inside the image."""
    column, row = np.rint(points_pix).astype(np.int64).T
    return np.asarray(row * pinhole.width_px + column)


def sample_bilinear(
    image: Float32[np.ndarray, "C H W"], points_pix: Float32[np.ndarray, "V 2"]
) -> Float32[np.ndarray, "V C"]:
    """Sample an image between its pixels; beyond its border the border's value holds."""
    sampled = np.empty((len(points_pix), len(image)), np.float32)
    _sample(np.ascontiguousarray(image), points_pix, sampled)
    return sampled


@compiled_for(f"void({read_only('float32', 3)}, {read_only('float32', 2)}, float32[:, ::1])")
def _sample(image: np.ndarray, points_pix: np.ndarray, sampled: np.ndarray) -> None:
    last_row, last_column = image.shape[1] - 1, image.shape[2] - 1
    zero, one = np.float32(0), np.float32(1)
    for k in range(len(points_pix)):
        x = min(max(points_pix[k, 0], zero), np.float32(last_column))
        y = min(max(points_pix[k, 1], zero), np.float32(last_row))
        column, row = int(x), int(y)
        right, below = min(column + 1, last_column), min(row + 1, last_row)
        wx, wy = x - np.float32(column), y - np.float32(row)
        for channel in range(len(image)):
            corners = image[channel]
            sampled[k, channel] = (
                corners[row, column] * ((one - wx) * (one - wy))
                + corners[row, right] * (wx * (one - wy))
                + corners[below, column] * ((one - wx) * wy)
                + corners[below, right] * (wx * wy)
            )


def scatter_to_image(
    values: Shaped[np.ndarray, " V"], flat_pix: Int64[np.ndarray, " V"], pinhole: PinholeCamera
) -> Shaped[np.ndarray, "H W"]:
    """Write values to their pixels in an image of zeros; the last of a pixel stays."""
    image = np.zeros(pinhole.height_px * pinhole.width_px, values.dtype)
    image[flat_pix] = values
    return image.reshape(pinhole.height_px, pinhole.width_px)
