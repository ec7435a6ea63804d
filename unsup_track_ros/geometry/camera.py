# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pinhole projection: `cam` (x right, y down, z forward) to pixels (centres at integers)."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float, Float32, Int
from unsup_track_ros.structures.calibration import PinholeCamera

MIN_DEPTH_M = 1e-3


def project(
    points_cam: Float[np.ndarray, "P 3"], pix_T_cam: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "P 2"]:
    """Project points to pixels; points behind the camera get nan."""
    depth = points_cam[:, 2:]
    safe = np.where(depth > MIN_DEPTH_M, depth, np.nan)
    focal = np.array([pix_T_cam[0, 0], pix_T_cam[1, 1]], points_cam.dtype)
    centre = np.array([pix_T_cam[0, 2], pix_T_cam[1, 2]], points_cam.dtype)
    return np.asarray(points_cam[:, :2] / safe * focal + centre)


def backproject(
    points_pix: Float[np.ndarray, "P 2"],
    depth_m: Float[np.ndarray, " P"],
    pix_T_cam: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "P 3"]:
    """Lift pixels with a depth (z, not range) to points in cam."""
    focal = np.array([pix_T_cam[0, 0], pix_T_cam[1, 1]], depth_m.dtype)
    centre = np.array([pix_T_cam[0, 2], pix_T_cam[1, 2]], depth_m.dtype)
    rays = (points_pix - centre) / focal
    return np.concatenate([rays * depth_m[:, None], depth_m[:, None]], axis=1)


def inside(
    points_pix: Float[np.ndarray, "P 2"], width_px: int, height_px: int
) -> Bool[np.ndarray, " P"]:
    """Tell which pixels lie in the image, half a pixel around its centres; nan lies outside."""
    x, y = points_pix[:, 0], points_pix[:, 1]
    return (x >= -0.5) & (x < width_px - 0.5) & (y >= -0.5) & (y < height_px - 0.5)


def depth_image(
    points_pix: Float[np.ndarray, "P 2"],
    depth_m: Float[np.ndarray, " P"],
    width_px: int,
    height_px: int,
) -> Float32[np.ndarray, "H W"]:
    """Splat depths to their nearest pixel, the nearest surface winning; empty pixels are 0."""
    seen = inside(points_pix, width_px, height_px) & (depth_m > MIN_DEPTH_M)
    pixel = np.rint(points_pix[seen]).astype(np.int64)
    flat = pixel[:, 1] * width_px + pixel[:, 0]
    image = np.full(height_px * width_px, np.inf, np.float32)
    np.minimum.at(image, flat, depth_m[seen].astype(np.float32))
    image[~np.isfinite(image)] = 0.0
    return image.reshape(height_px, width_px)


def seen_points(
    points_velo: Float[np.ndarray, "P 3"],
    cam_T_velo: Float[np.ndarray, "4 4"],
    camera: PinholeCamera,
    min_depth_m: float = MIN_DEPTH_M,
) -> tuple[Int[np.ndarray, " V"], Float[np.ndarray, "V 3"], Float[np.ndarray, "V 2"]]:
    """Return which points fall into the image, and they in cam and in pixels.

    Occlusion is not looked at. The depth is worked out first: most of a scan lies behind.
    """
    row = cam_T_velo[2].astype(points_velo.dtype)
    index, ahead_velo = _ahead(np.ascontiguousarray(points_velo), row, min_depth_m)
    points_cam = np.ascontiguousarray(se3.transform(cam_T_velo, ahead_velo))
    pix_T_cam = camera.pix_T_cam.astype(points_velo.dtype)
    seen: tuple[np.ndarray, np.ndarray, np.ndarray] = _seen(
        index, points_cam, np.ascontiguousarray(pix_T_cam), camera.width_px, camera.height_px
    )
    return seen


def _for_both_precisions(signature: str) -> tuple[str, str]:
    return signature, signature.replace("float32", "float64")


@compiled_for(
    *_for_both_precisions(
        f"Tuple((int64[::1], float32[:, ::1]))({read_only('float32', 2)}, float32[::1], float32)"
    )
)
def _ahead(
    points: np.ndarray, row: np.ndarray, min_depth_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return which points lie deeper by the third row of `cam_T_velo`, and these points."""
    index, ahead = np.empty(len(points), np.int64), np.empty(points.shape, points.dtype)
    num = 0
    for p in range(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        if row[0] * x + row[1] * y + row[2] * z + row[3] > min_depth_m:
            index[num] = p
            ahead[num, 0], ahead[num, 1], ahead[num, 2] = x, y, z
            num += 1
    return index[:num].copy(), ahead[:num].copy()


@compiled_for(
    *_for_both_precisions(
        "Tuple((int64[::1], float32[:, ::1], float32[:, ::1]))"
        "(int64[::1], float32[:, ::1], float32[:, ::1], int64, int64)"
    )
)
def _seen(
    index: np.ndarray,
    points_cam: np.ndarray,
    pix_T_cam: np.ndarray,
    width_px: int,
    height_px: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep what is inside the image, see `project` and `inside`."""
    seen, seen_cam = np.empty_like(index), np.empty_like(points_cam)
    seen_pix = np.empty((len(index), 2), points_cam.dtype)
    num = 0
    for p in range(len(index)):
        x, y, z = points_cam[p, 0], points_cam[p, 1], points_cam[p, 2]
        if not z > MIN_DEPTH_M:
            continue
        u = x / z * pix_T_cam[0, 0] + pix_T_cam[0, 2]
        v = y / z * pix_T_cam[1, 1] + pix_T_cam[1, 2]
        if u >= -0.5 and u < width_px - 0.5 and v >= -0.5 and v < height_px - 0.5:
            seen[num] = index[p]
            seen_cam[num, 0], seen_cam[num, 1], seen_cam[num, 2] = x, y, z
            seen_pix[num, 0], seen_pix[num, 1] = u, v
            num += 1
    return seen[:num].copy(), seen_cam[:num].copy(), seen_pix[:num].copy()
