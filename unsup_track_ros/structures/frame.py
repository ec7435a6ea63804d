# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One synchronised moment of the sensors: the only input of `Pipeline.step`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Float64, Int, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointCloud:
    """Finite LiDAR returns in the sensor frame `velo` (x forward, y left, z up), metres.

    Attributes:
        points_velo: (P, 3) coordinates; NaN and infinite returns are removed at the door.
        intensity: (P,) reflectance as recorded, or None.
        time_offset_s: (P,) capture time relative to the frame's stamp, or None.
        ring: (P,) laser index, or None.
    """

    points_velo: Float32[np.ndarray, "P 3"]
    intensity: Float32[np.ndarray, " P"] | None = None
    time_offset_s: Float32[np.ndarray, " P"] | None = None
    ring: Int[np.ndarray, " P"] | None = None

    def __post_init__(self) -> None:
        if self.points_velo.ndim != 2 or self.points_velo.shape[1] != 3:
            raise DataError(f"A point cloud must be of shape (P, 3), got {self.points_velo.shape}.")
        for name in ("intensity", "time_offset_s", "ring"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.points_velo):
                raise DataError(
                    f"The cloud has {len(self.points_velo)} points but {len(values)} values of "
                    f"{name}."
                )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraImage:
    """One rectified colour image.

    Attributes:
        name: Camera name, unique in its frame (for example the image topic).
        stamp_ns: Exposure time.
        image_rgb: (H, W, 3) uint8.
        camera: Pinhole model of `image_rgb`.
        cam_T_velo: (4, 4) moves LiDAR points at the frame's stamp to this camera at `stamp_ns`.
    """

    name: str
    stamp_ns: int
    image_rgb: UInt8[np.ndarray, "H W 3"]
    camera: PinholeCamera
    cam_T_velo: Float64[np.ndarray, "4 4"]

    def __post_init__(self) -> None:
        expected = (self.camera.height_px, self.camera.width_px, 3)
        if self.image_rgb.shape != expected:
            raise DataError(
                f"The image of camera '{self.name}' must be of shape {expected} as its calibration "
                f"says, got {self.image_rgb.shape}. Check that image and camera_info belong "
                "together."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SensorFrame:
    """Everything known at one stamp; LiDAR is the reference sensor.

    Attributes:
        stamp_ns: Stamp of the reference scan.
        index: Running number of the frame in its stream, from 0.
        cloud: The scan (several LiDARs are merged into the reference one).
        cameras: Images that fit the stamp; empty when the cameras are silent or absent.
        base_T_velo: (4, 4) mounting of the LiDAR in the z-up level frame of the vehicle. Identity
            is stated by the data source, never assumed here.
        odom_T_velo: (4, 4) pose from TF at the stamp, or None.
        odom_reason: Why `odom_T_velo` is None, in one sentence; empty otherwise.
        missing_inputs: One sentence per configured input that is not in this frame.
    """

    stamp_ns: int
    index: int
    cloud: PointCloud
    cameras: tuple[CameraImage, ...] = ()
    base_T_velo: Float64[np.ndarray, "4 4"]
    odom_T_velo: Float64[np.ndarray, "4 4"] | None = None
    odom_reason: str = ""
    missing_inputs: tuple[str, ...] = ()

    @property
    def camera(self) -> CameraImage | None:
        """The first camera: the one the motion stages use."""
        return self.cameras[0] if self.cameras else None
