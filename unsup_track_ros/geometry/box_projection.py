# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera sees upright boxes."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_iou import corners
from unsup_track_ros.shapes import Float, Float64
from unsup_track_ros.structures.calibration import PinholeCamera

NEAR_PLANE_M = 0.1  # edges are cut here, so that a box beside the camera still has a finite outline

# Edges of `corners`: around the bottom, around the top, and the uprights.
_EDGE_START = np.array([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3])
_EDGE_END = np.array([1, 2, 3, 0, 5, 6, 7, 4, 4, 5, 6, 7])


def boxes_in_image(
    boxes_velo: Float[np.ndarray, "N 7"],
    cam_T_velo: Float[np.ndarray, "4 4"],
    pinhole: PinholeCamera,
) -> Float64[np.ndarray, "N 4"]:
    """Return left, top, right, bottom of each box clipped to the image, nan where it is not seen.

    Boxes that reach behind the camera are cut at `NEAR_PLANE_M` first.
    """
    num = len(boxes_velo)
    corners_velo = corners(boxes_velo).reshape(-1, 3)
    corners_cam = se3.transform(cam_T_velo, corners_velo).reshape(num, 8, 3)
    start, end = corners_cam[:, _EDGE_START], corners_cam[:, _EDGE_END]
    depth0, depth1 = start[..., 2:], end[..., 2:]
    crosses = (depth0 < NEAR_PLANE_M) != (depth1 < NEAR_PLANE_M)
    ratio = (NEAR_PLANE_M - depth0) / np.where(crosses, depth1 - depth0, 1.0)
    cuts = np.where(crosses, start + ratio * (end - start), np.nan)
    front = np.where(corners_cam[..., 2:] >= NEAR_PLANE_M, corners_cam, np.nan)
    outline_cam = np.concatenate([front, cuts], axis=1).reshape(-1, 3)
    outline_pix = camera.project(outline_cam, pinhole.pix_T_cam).reshape(
        num, 8 + len(_EDGE_START), 2
    )
    lowest = np.where(np.isnan(outline_pix), np.inf, outline_pix).min(axis=1)
    highest = np.where(np.isnan(outline_pix), -np.inf, outline_pix).max(axis=1)
    last_pix = np.array([pinhole.width_px - 1, pinhole.height_px - 1])
    bounds = np.concatenate([np.clip(lowest, 0, last_pix), np.clip(highest, 0, last_pix)], axis=1)
    seen = (lowest <= last_pix).all(axis=1) & (highest >= 0).all(axis=1)
    return np.where(seen[:, None], bounds, np.nan)
