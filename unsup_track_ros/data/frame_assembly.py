# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Synchronised messages and transforms to one SensorFrame: the same online and offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.camera_rectification import CameraModel
from unsup_track_ros.data.deskew import DeskewConfig, deskew
from unsup_track_ros.data.point_cloud_decoding import DecodedCloud
from unsup_track_ros.data.transforms import TransformTree
from unsup_track_ros.errors import TransformError
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about, transform
from unsup_track_ros.shapes import Float32, Float64, UInt8
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame

# A frame of the tree and a stamp in nanoseconds.
Moment: TypeAlias = tuple[str, int]

_NS_PER_S = 1_000_000_000
_ODOM_NAMES = ("odom", "map", "world")
_BASE_NAMES = ("base_link", "base_footprint")


class FrameConfig(Config):
    """Which coordinate frames the vehicle and its surroundings are expressed in."""

    odom_frame: str = parameter(
        "", "Frame fixed in the world; empty: odom, else map, else world, if there is such a frame."
    )
    base_frame: str = parameter(
        "", "Frame of the vehicle; empty: base_link or base_footprint, else that of the LiDAR."
    )
    camera_yaw_correction_rad: float = parameter(
        0.0, "Turn of the cameras to the left that TF lacks, where they are.", unit="rad"
    )
    lidar_yaw_correction_rad: float = parameter(
        0.0, "Turn of the reference LiDAR to the left that TF lacks, where it is.", unit="rad"
    )
    deskew: DeskewConfig = DeskewConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedImage:
    """A raw image with its camera.

    Attributes:
        name: Camera name.
        stamp_ns: Header stamp, on the clock of the scans.
        image_rgb: Image as recorded.
        model: How to make it a pinhole image.
    """

    name: str
    stamp_ns: int
    image_rgb: UInt8[np.ndarray, "H W 3"]
    model: CameraModel


class FrameAssembler:
    """Put frames together; the poses come from a transform tree that may still grow."""

    def __init__(self, config: FrameConfig, tree: TransformTree) -> None:
        self._config = config
        self._tree = tree

    def assemble(
        self,
        index: int,
        clouds: Sequence[DecodedCloud],
        images: Sequence[DecodedImage],
        missing: Sequence[str] = (),
    ) -> SensorFrame:
        """Build the frame of one moment.

        What a transform would be needed for and is not there is left out, with a sentence in
        `missing_inputs`: other LiDARs, cameras, motion compensation. No pose is a reason, no error.

        Args:
            index: Running number.
            clouds: The reference scan first, then those of other LiDARs.
            images: Images of this moment.
            missing: Sentences on inputs that are known to be absent.
        """
        reference = clouds[0]
        velo, stamp_ns = reference.frame_id, reference.stamp_ns
        notes = [*missing]
        if reference.reason:
            notes.append(f"The scan: {reference.reason}.")
        odom = self.odom_name
        base_T_velo, base_note = self._base_T_velo(velo, stamp_ns)
        odom_T_velo, odom_reason = self._odom_T_velo(odom, velo, stamp_ns)
        notes.extend(base_note)
        velo_T_velo1 = rotation_about(base_T_velo[2, :3], self._config.lidar_yaw_correction_rad)
        cloud = self._merge(clouds, odom, velo_T_velo1, notes)
        cameras = [self._camera(image, (velo, stamp_ns), odom, notes) for image in images]
        frame = SensorFrame(
            stamp_ns=stamp_ns,
            index=index,
            cloud=cloud,
            cameras=tuple(camera for camera in cameras if camera is not None),
            base_T_velo=base_T_velo,
            odom_T_velo=odom_T_velo,
            odom_reason=odom_reason,
            missing_inputs=tuple(notes),
        )
        return self._corrected(frame, velo_T_velo1)

    def lacking(self, moments: Sequence[Moment]) -> TransformError | None:
        """Return the first reason why sensors cannot be placed in odom, None when all can be.

        Args:
            moments: Frame and stamp of each sensor.
        """
        odom = self.odom_name
        if not odom:
            return TransformError(f"There is no frame {' or '.join(_ODOM_NAMES)}.")
        if moments and not moments[0][0]:
            return TransformError(
                f"There is no frame {' or '.join(_BASE_NAMES)} to place cameras in; "
                "name the vehicle's in `recording.frames.base_frame`."
            )
        try:
            for frame, stamp_ns in moments:
                self._tree.lookup(odom, frame, stamp_ns)
        except TransformError as error:
            return error
        return None

    def odom_reason(self, velo: str, stamp_ns: int) -> str:
        """Return why there is no pose of the LiDAR's frame at a stamp, empty when there is one."""
        return self._odom_T_velo(self.odom_name, velo, stamp_ns)[1]

    def _corrected(
        self, frame: SensorFrame, velo_T_velo1: Float64[np.ndarray, "4 4"]
    ) -> SensorFrame:
        """Turn the mountings by what TF is known to lack, about the vehicle's up.

        Args:
            frame: Frame as TF tells it.
            velo_T_velo1: (4, 4) the true reference LiDAR (1) in the frame that TF takes for it.
        """
        camera_rad = self._config.camera_yaw_correction_rad
        if camera_rad == 0.0 and self._config.lidar_yaw_correction_rad == 0.0:
            return frame
        up_velo = frame.base_T_velo[2, :3]
        cameras = [
            replace(image, cam_T_velo=_turned(image.cam_T_velo @ velo_T_velo1, up_velo, camera_rad))
            for image in frame.cameras
        ]
        odom_T_velo = frame.odom_T_velo
        return replace(
            frame,
            cameras=tuple(cameras),
            base_T_velo=frame.base_T_velo @ velo_T_velo1,
            odom_T_velo=None if odom_T_velo is None else odom_T_velo @ velo_T_velo1,
        )

    @property
    def odom_name(self) -> str:
        """Name of the frame fixed in the world, empty while the tree has none."""
        if self._config.odom_frame:
            return self._config.odom_frame
        return next((name for name in _ODOM_NAMES if name in self._tree), "")

    def base_name(self, velo: str) -> str:
        """Name of the vehicle's level frame, that of the LiDAR where no other is known."""
        if self._config.base_frame:
            return self._config.base_frame
        return next((name for name in _BASE_NAMES if name in self._tree), velo)

    def _odom_T_velo(
        self, odom: str, velo: str, stamp_ns: int
    ) -> tuple[Float64[np.ndarray, "4 4"] | None, str]:
        if not odom:
            return None, f"There is no frame {' or '.join(_ODOM_NAMES)} in the transforms."
        try:
            return self._tree.lookup(odom, velo, stamp_ns), ""
        except TransformError as error:
            return None, str(error)

    def _base_T_velo(
        self, velo: str, stamp_ns: int
    ) -> tuple[Float64[np.ndarray, "4 4"], tuple[str, ...]]:
        """Return the mounting; the LiDAR's own frame is the base where no other is known."""
        base = self.base_name(velo)
        if base == velo:
            return np.eye(4), ()
        try:
            return self._tree.lookup(base, velo, stamp_ns), ()
        except TransformError as error:
            return np.eye(4), (f"The mounting of the LiDAR, taken as identity: {error}",)

    def _merge(
        self,
        clouds: Sequence[DecodedCloud],
        odom: str,
        velo_T_velo1: Float64[np.ndarray, "4 4"],
        notes: list[str],
    ) -> PointCloud:
        """Compensate the motion of every scan and bring all points to the true reference LiDAR."""
        velo1_T_velo = inverse(velo_T_velo1)
        reference = clouds[0]
        merged = [self._deskewed(reference, odom, notes)]
        for other in clouds[1:]:
            try:
                velo_T_other = self._between(
                    (reference.frame_id, reference.stamp_ns),
                    (other.frame_id, other.stamp_ns),
                    odom,
                )
            except TransformError as error:
                notes.append(f"The points of '{other.frame_id}': {error}")
                continue
            cloud = self._deskewed(other, odom, notes)
            points_other = cloud.points_velo
            moved = transform(velo1_T_velo @ velo_T_other, points_other)
            delay_s = (other.stamp_ns - reference.stamp_ns) / _NS_PER_S
            times = (
                None if cloud.time_offset_s is None else cloud.time_offset_s + np.float32(delay_s)
            )
            merged.append(replace(cloud, points_velo=moved, time_offset_s=times))
        return merged[0] if len(merged) == 1 else _concatenate(merged)

    def _deskewed(self, scan: DecodedCloud, odom: str, notes: list[str]) -> PointCloud:
        config = self._config.deskew
        if not (config.enabled and odom) or scan.cloud.time_offset_s is None:
            return scan.cloud
        try:
            return deskew(
                scan.cloud, scan.stamp_ns, (scan.frame_id, odom), self._tree, config.bin_s
            )
        except TransformError as error:
            notes.append(f"Motion compensation of '{scan.frame_id}': {error}")
            return scan.cloud

    def _camera(
        self, image: DecodedImage, velo: Moment, odom: str, notes: list[str]
    ) -> CameraImage | None:
        try:
            cam_T_velo = self._between((image.model.frame_id, image.stamp_ns), velo, odom)
        except TransformError as error:
            notes.append(f"Camera '{image.name}': {error}")
            return None
        return CameraImage(
            name=image.name,
            stamp_ns=image.stamp_ns,
            image_rgb=image.model.rectify(image.image_rgb),
            camera=image.model.camera,
            cam_T_velo=cam_T_velo,
        )

    def _between(self, target: Moment, source: Moment, odom: str) -> Float64[np.ndarray, "4 4"]:
        """Return target_T_source across their stamps through odom, else by the mounting alone."""
        if odom and target[1] != source[1]:
            try:
                return self._tree.lookup_between(target, source, odom)
            except TransformError:
                pass  # no pose at one of the stamps: the mounting is the best that is known
        return self._tree.lookup(target[0], source[0], source[1])


def _turned(
    cam_T_velo: Float64[np.ndarray, "4 4"], up_velo: Float64[np.ndarray, " 3"], angle_rad: float
) -> Float64[np.ndarray, "4 4"]:
    """Turn a camera to the left where it is: what it sees turns to the right."""
    place_velo = inverse(cam_T_velo)[:3, 3]
    cam_T_velo1 = cam_T_velo @ rotation_about(up_velo, -angle_rad)
    rotation = cam_T_velo1[:3, :3]
    return rigid(rotation, -rotation @ place_velo)


def _concatenate(clouds: Sequence[PointCloud]) -> PointCloud:
    """Join clouds; a column that one of them lacks is left out."""

    def column(name: str) -> Float32[np.ndarray, " P"] | None:
        parts = [getattr(cloud, name) for cloud in clouds]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return PointCloud(
        points_velo=np.concatenate([cloud.points_velo for cloud in clouds]),
        intensity=column("intensity"),
        time_offset_s=column("time_offset_s"),
        ring=column("ring"),
    )
