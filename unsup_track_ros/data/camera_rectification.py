# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to a pinhole camera, and the map that makes an image one.

Images are undistorted here, at the door, so that every stage sees a pinhole.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Float64, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera

# Number of coefficients OpenCV's rational/Brown model takes.
_BROWN_MODELS = ("plumb_bob", "rational_polynomial", "")
_BROWN_COUNTS = (4, 5, 8, 12, 14)
_FISHEYE_MODELS = ("equidistant", "fisheye")
_FISHEYE_COUNT = 4
_ROTATION_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraModel:
    """A camera after rectification and the way there.

    Attributes:
        camera: Pinhole model of the rectified image.
        frame_id: Optical frame; the optical centre is its origin, as CameraInfo demands.
        map_x: (H, W) column of the raw image to look up per rectified pixel, None where the image
            is a pinhole image already.
        map_y: (H, W) row, likewise.
    """

    camera: PinholeCamera
    frame_id: str
    map_x: Float32[np.ndarray, "H W"] | None
    map_y: Float32[np.ndarray, "H W"] | None

    def rectify(self, image_rgb: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """Return the pinhole image; an image that is one already comes back as it is.

        Raises:
            DataError: The image is not of the calibrated size.
        """
        expected = (self.camera.height_px, self.camera.width_px)
        if image_rgb.shape[:2] != expected:
            raise DataError(
                f"The image of frame '{self.frame_id}' is of size {image_rgb.shape[1]} x "
                f"{image_rgb.shape[0]} px, but its camera_info is for {expected[1]} x "
                f"{expected[0]} px. Check that image and camera_info belong together."
            )
        if self.map_x is None or self.map_y is None:
            return image_rgb
        rectified = cv2.remap(image_rgb, self.map_x, self.map_y, cv2.INTER_LINEAR)
        return np.asarray(rectified, np.uint8)


def decode_camera_info(
    message: RosMessage, image_size: tuple[int, int], *, is_rectified: bool
) -> CameraModel:
    """Build the pinhole model that a camera_info describes.

    A rectified image (of `image_proc` and its like) has the intrinsics P[:, :3]; the fourth column
    of P refers to the other camera of a stereo pair and not to the camera's own frame. A raw image
    is undistorted to P[:, :3] where P belongs to this camera alone (R is the identity), else to K.

    Args:
        message: sensor_msgs/CameraInfo of ROS 1 or ROS 2.
        image_size: Width and height of the image, for drivers that leave them 0.
        is_rectified: Whether the image is rectified, so that K, D and R no longer apply.

    Raises:
        DataError: The camera is not calibrated, or its distortion model is unknown.
    """
    width_px = int(message.width) or image_size[0]
    height_px = int(message.height) or image_size[1]
    frame_id = str(message.header.frame_id)
    pix_T_cam = _matrix(message, "k", (3, 3))
    projection = _matrix(message, "p", (3, 4))[:, :3]
    has_projection = projection[0, 0] > 0
    if is_rectified and has_projection:
        pix_T_cam = projection
    camera = PinholeCamera(width_px=width_px, height_px=height_px, pix_T_cam=pix_T_cam)
    coefficients = np.asarray(_member(message, "d"), np.float64).reshape(-1)
    if is_rectified or not np.any(coefficients):
        return CameraModel(camera=camera, frame_id=frame_id, map_x=None, map_y=None)
    rotation = _matrix(message, "r", (3, 3))
    is_alone = np.allclose(rotation, np.eye(3), atol=_ROTATION_TOLERANCE)
    target = projection if has_projection and is_alone else pix_T_cam
    rectified = PinholeCamera(width_px=width_px, height_px=height_px, pix_T_cam=target)
    map_x, map_y = _undistortion(str(message.distortion_model), coefficients, camera, rectified)
    return CameraModel(camera=rectified, frame_id=frame_id, map_x=map_x, map_y=map_y)


def _member(message: RosMessage, name: str) -> Float64[np.ndarray, " N"]:
    """Return K, D, R or P: lower case in ROS 2, upper case in ROS 1."""
    values: Float64[np.ndarray, " N"]
    values = getattr(message, name) if hasattr(message, name) else getattr(message, name.upper())
    return values


def _matrix(message: RosMessage, name: str, shape: tuple[int, int]) -> Float64[np.ndarray, "R C"]:
    return np.array(_member(message, name), np.float64).reshape(shape)


def _undistortion(
    model: str,
    coefficients: Float64[np.ndarray, " N"],
    raw: PinholeCamera,
    rectified: PinholeCamera,
) -> tuple[Float32[np.ndarray, "H W"], Float32[np.ndarray, "H W"]]:
    size = (rectified.width_px, rectified.height_px)
    rotation = np.eye(3)
    if model in _BROWN_MODELS and len(coefficients) in _BROWN_COUNTS:
        maps = cv2.initUndistortRectifyMap(
            raw.pix_T_cam, coefficients, rotation, rectified.pix_T_cam, size, cv2.CV_32FC1
        )
    elif model in _FISHEYE_MODELS and len(coefficients) >= _FISHEYE_COUNT:
        maps = cv2.fisheye.initUndistortRectifyMap(
            raw.pix_T_cam,
            coefficients[:_FISHEYE_COUNT],
            rotation,
            rectified.pix_T_cam,
            size,
            cv2.CV_32FC1,
        )
    else:
        raise DataError(
            f"Distortion model '{model}' with {len(coefficients)} coefficients is not supported; "
            "plumb_bob (4 or 5), rational_polynomial (8, 12 or 14) and equidistant (4) are."
        )
    return np.asarray(maps[0], np.float32), np.asarray(maps[1], np.float32)
