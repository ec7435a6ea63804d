# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Correspondences of flow egomotion: LiDAR points of one frame, and where the flow takes them.

"a" is the frame whose points are used and "b" the other one; both directions, past to current and
current to past, go through the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from unsup_track_ros.geometry.camera import depth_image, seen_points
from unsup_track_ros.geometry.image_sampling import sample_bilinear
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage, SensorFrame

# Nearer points are the vehicle itself (SPECS 0.4, item 1).
MIN_DEPTH_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What one frame gives to flow egomotion.

    Attributes:
        camera: Camera model at the resolution of the flow.
        image: Image at its own resolution.
        points_cam: (P, 3) scan in the camera's frame, all in front of it.
        points_pix: (P, 2) their pixels at the resolution of the flow.
        flow_px: (2, H, W) flow from this image to the other one.
        reliable: (H, W) pixels of this image whose flow can be relied on.
    """

    camera: PinholeCamera
    image: CameraImage
    points_cam: Float32[np.ndarray, "P 3"]
    points_pix: Float32[np.ndarray, "P 2"]
    flow_px: Float32[np.ndarray, "2 H W"]
    reliable: Bool[np.ndarray, "H W"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowPairs:
    """Points of frame a and the pixels of frame b where they are seen.

    Attributes:
        points_cama: (P, 3) points in camera a, or several such sets.
        points_pixb: (P, 2) pixels of b, likewise.
    """

    points_cama: Float64[np.ndarray, "*sets P 3"]
    points_pixb: Float64[np.ndarray, "*sets P 2"]


def view_of(
    frame: SensorFrame, image: CameraImage, flow_px: np.ndarray, reliable: np.ndarray
) -> View:
    """Project a frame's scan into its image at the resolution of the flow."""
    camera = image.camera.resized(flow_px.shape[2], flow_px.shape[1])
    _, points_cam, points_pix = seen_points(
        frame.cloud.points_velo, image.cam_T_velo, camera, MIN_DEPTH_M
    )
    return View(
        camera=camera,
        image=image,
        points_cam=points_cam,
        points_pix=points_pix,
        flow_px=flow_px,
        reliable=reliable,
    )


def reprojection_pairs(view: View, cell_px: int, min_texture: float) -> FlowPairs:
    """Take the nearest point of each image cell, where flow is reliable and the image textured.

    One point per cell spreads the pairs evenly over the image, and the nearest one is what the
    camera sees where it looks past an edge that the LiDAR, mounted elsewhere, looks over.
    """
    chosen = _nearest_per_cell(view, cell_px)
    pixel = np.rint(view.points_pix[chosen]).astype(np.int64)
    chosen = chosen[view.reliable[pixel[:, 1], pixel[:, 0]]]
    chosen = chosen[_texture(view, view.points_pix[chosen]) >= min_texture]
    points_pix = view.points_pix[chosen]
    moved = sample_bilinear(torch.from_numpy(view.flow_px), torch.from_numpy(points_pix)).numpy().T
    return FlowPairs(
        points_cama=view.points_cam[chosen].astype(np.float64),
        points_pixb=points_pix.astype(np.float64) + moved,
    )


def depth_lookup(view: View, *, last_write: bool) -> Float32[np.ndarray, "H W"]:
    """Return the sparse depth image of a view, 0 where no point falls.

    Args:
        view: Frame to look at.
        last_write: Let the last point of the scan win a pixel, as TCR does, instead of the nearest.
    """
    width_px, height_px = view.camera.width_px, view.camera.height_px
    depth_m = view.points_cam[:, 2]
    if not last_write:
        return depth_image(view.points_pix, depth_m, width_px, height_px)
    image = np.zeros((height_px, width_px), np.float32)
    pixel = np.rint(view.points_pix).astype(np.int64)
    image[pixel[:, 1], pixel[:, 0]] = depth_m
    return image


def _nearest_per_cell(view: View, cell_px: int) -> Int64[np.ndarray, " Q"]:
    columns = view.camera.width_px // cell_px + 1
    rows = view.camera.height_px // cell_px + 1
    farthest_first = np.argsort(-view.points_cam[:, 2], kind="stable")
    cell = (np.rint(view.points_pix[farthest_first]) // cell_px).astype(np.int64)
    winner = np.full(rows * columns, -1, np.int64)
    winner[cell[:, 1] * columns + cell[:, 0]] = farthest_first
    return winner[winner >= 0]


def _texture(view: View, points_pix: Float32[np.ndarray, "Q 2"]) -> Float64[np.ndarray, " Q"]:
    """Return the mean gradient of the green channel around each point, grey levels per pixel.

    A blank wall has a flow too: DIS and RAFT fill it from its surroundings, and both ways agree.
    """
    green: UInt8[np.ndarray, "H W"] = view.image.image_rgb[:, :, 1]
    size = (view.camera.width_px, view.camera.height_px)
    grey = cv2.resize(green, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    slope = np.zeros_like(grey)
    slope[:, 1:-1] = np.abs(grey[:, 2:] - grey[:, :-2])
    slope[1:-1] += np.abs(grey[2:] - grey[:-2])
    mean = cv2.boxFilter(slope, -1, (_TEXTURE_WINDOW_PX, _TEXTURE_WINDOW_PX))
    pixel = np.rint(points_pix).astype(np.int64)
    at_points: Float64[np.ndarray, " Q"] = mean[pixel[:, 1], pixel[:, 0]].astype(np.float64)
    return at_points / 4.0  # two directions, and each difference spans two pixels


# Side of the window over which texture is averaged: the patch size of DIS.
_TEXTURE_WINDOW_PX = 9
