# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scans and images of recordings as training wants them: level, cropped, small, one file each.

Decoding a recording again for every step would cost more than the step. The cache is made once and
holds no labels: these change from round to round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import height_above_ground
from unsup_track_ros.labeling.array_file import pack_arrays, read_arrays
from unsup_track_ros.labeling.atomic_file import remove_partial_files, write_atomically
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.read_ahead import read_ahead
from unsup_track_ros.networks.bev_input import bev_T_velo
from unsup_track_ros.shapes import Float32, Float64, UInt8
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import SensorFrame

_DIGITS = 6


class ScanCacheConfig(Config):
    """What is kept of a frame for training."""

    max_range_m: float = parameter(
        55.0, "Farther points are left out; a scan scaled down must still fill the grid.",
        unit="m", gt=0,
    )  # fmt: skip
    image_width_px: int = parameter(
        416, "Width of the kept image, as the segmentor sees it.", unit="px", ge=32
    )
    image_height_px: int = parameter(128, "Height of the same.", unit="px", ge=32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CachedScan:
    """One frame for training.

    Attributes:
        index: Running number of the frame in its recording.
        stamp_ns: Stamp of the scan.
        points_bev: (P, 3) level scan within range.
        heights_m: (P,) above the ground.
        bev_T_velo: (4, 4) levels the scan.
        intensity: (P,) as recorded, or None.
        image_rgb: (H, W, 3) resized, or None without a camera.
        camera: Pinhole model of that image, or None.
        cam_T_velo: (4, 4) of the camera, or None.
    """

    index: int
    stamp_ns: int
    points_bev: Float32[np.ndarray, "P 3"]
    heights_m: Float32[np.ndarray, " P"]
    bev_T_velo: Float64[np.ndarray, "4 4"]
    intensity: Float32[np.ndarray, " P"] | None = None
    image_rgb: UInt8[np.ndarray, "H W 3"] | None = None
    camera: PinholeCamera | None = None
    cam_T_velo: Float64[np.ndarray, "4 4"] | None = None


def cached_scan(frame: SensorFrame, config: ScanCacheConfig) -> CachedScan:
    """Prepare one frame."""
    level = bev_T_velo(frame.base_T_velo)
    points_bev = se3.transform(level, frame.cloud.points_velo)
    near = np.hypot(points_bev[:, 0], points_bev[:, 1]) <= config.max_range_m
    heights_m = height_above_ground(points_bev)
    image, camera = None, None
    if frame.camera is not None:
        side = (config.image_width_px, config.image_height_px)
        image = cv2.resize(frame.camera.image_rgb, side, interpolation=cv2.INTER_AREA)
        camera = frame.camera.camera.resized(*side)
    return CachedScan(
        index=frame.index,
        stamp_ns=frame.stamp_ns,
        points_bev=points_bev[near],
        heights_m=np.where(np.isfinite(heights_m), heights_m, np.float32(0))[near],
        bev_T_velo=level,
        intensity=None if frame.cloud.intensity is None else frame.cloud.intensity[near],
        image_rgb=image,
        camera=camera,
        cam_T_velo=None if frame.camera is None else frame.camera.cam_T_velo,
    )


class ScanCache:
    """The cached scans of one recording."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, recording: Recording, config: ScanCacheConfig, progress: Progress) -> None:
        """Add the frames that are missing; a killed run goes on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_partial_files(self._folder)
        done, total = set(self.indices), len(recording)
        missing = [index for index in range(total) if index not in done]
        if not missing:
            return
        for frame in read_ahead(recording.frames(missing[0])):
            if frame.index not in done:
                arrays = to_arrays(cached_scan(frame, config))
                write_atomically(self._path(frame.index), pack_arrays(arrays, compression=0))
            progress("preparing scans", frame.index + 1, total)

    @property
    def indices(self) -> Sequence[int]:
        """Running numbers of the cached frames, ascending."""
        return sorted(int(path.stem) for path in self._folder.glob("*.npz"))

    def read(self, index: int) -> CachedScan:
        """Read one frame."""
        return from_arrays(CachedScan, read_arrays(self._path(index)))

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:0{_DIGITS}d}.npz"
