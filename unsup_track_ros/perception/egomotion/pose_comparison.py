# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same motion twice: as TF tells it and as the LiDAR's scans show it.

Where LiDAR odometry runs anyway, its poses are taken. Elsewhere two scans are registered on planes,
starting from both TF and the motion of before, which costs a tenth of odometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.camera import project
from unsup_track_ros.geometry.se3 import inverse, scaled, transform
from unsup_track_ros.perception.egomotion.flow_pairs import reprojection_pairs, view_of
from unsup_track_ros.perception.egomotion.plane_map import (
    PlaneLevels,
    PlaneMapConfig,
    plane_levels,
)
from unsup_track_ros.perception.egomotion.plane_registration import register, support
from unsup_track_ros.perception.egomotion.voxel_moments import moments_of
from unsup_track_ros.shapes import Float32, Float64
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

# Correspondences of the flow: as flow egomotion takes them.
_FLOW_CELL_PX: Final = 8
_FLOW_TEXTURE: Final = 1.0
_MIN_FLOW_PAIRS: Final = 30


class PoseComparisonConfig(Config):
    """Registration of two scans beside TF."""

    min_range_m: float = parameter(
        3.0, "Nearer points (the vehicle itself) are ignored.", unit="m", ge=0
    )
    max_range_m: float = parameter(60.0, "Farther points are ignored.", unit="m", gt=0)
    map_points: int = parameter(15000, "Points of the older scan that form the planes.", ge=1000)
    scan_points: int = parameter(3000, "Points of the newer scan that are laid on them.", ge=100)
    max_refinement_m: float = parameter(
        0.8, "A registration that moves farther is not believed.", unit="m", gt=0
    )
    min_gain: float = parameter(
        0.03,
        "By which share more of the scan must lie on upright planes where the LiDAR puts it for TF "
        "to be doubted.",
        ge=0,
    )
    agreement_m: float = parameter(
        0.1,
        "Registrations from TF and from the motion of before that end this near are believed too.",
        unit="m",
        gt=0,
    )
    planes: PlaneMapConfig = PlaneMapConfig(voxel_m=1.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionPair:
    """One motion of the LiDAR, from the past frame (0) to the current one (1), from two sources.

    Attributes:
        elapsed_s: Time it took.
        tf_velo0_T_velo1: (4, 4) as TF tells it.
        lidar_velo0_T_velo1: (4, 4) as the scans show it.
        lidar_is_better: Whether the latter is to be believed where the two differ: the scans fix
            it, or fit better with it.
    """

    elapsed_s: float
    tf_velo0_T_velo1: Float64[np.ndarray, "4 4"]
    lidar_velo0_T_velo1: Float64[np.ndarray, "4 4"]
    lidar_is_better: bool


class PoseComparison:
    """Finds the LiDAR's answer to a motion that TF tells."""

    def __init__(self, config: PoseComparisonConfig) -> None:
        self._config = config

    def compare(
        self,
        past: PastFrame,
        frame: SensorFrame,
        egomotion: Egomotion,
        expected_velo0_T_velo1: Float64[np.ndarray, "4 4"] | None,
    ) -> MotionPair | None:
        """Return both motions, or None where one of them is not known.

        Args:
            past: Older frame.
            frame: Newer frame.
            egomotion: Answer of the egomotion stage for it.
            expected_velo0_T_velo1: Where the motion of before leads, None if it is not known.
        """
        if past.frame.odom_T_velo is None or frame.odom_T_velo is None:
            return None
        tf_velo0_T_velo1 = inverse(past.frame.odom_T_velo) @ frame.odom_T_velo
        elapsed_s = (frame.stamp_ns - past.frame.stamp_ns) * 1e-9
        odometry = _odometry(past.egomotion, egomotion)
        if odometry is not None:
            return MotionPair(
                elapsed_s=elapsed_s,
                tf_velo0_T_velo1=tf_velo0_T_velo1,
                lidar_velo0_T_velo1=odometry,
                lidar_is_better=True,  # odometry has judged its fit itself
            )
        starts = [tf_velo0_T_velo1]
        if expected_velo0_T_velo1 is not None:
            starts.append(expected_velo0_T_velo1)
        found = self._registered(past.frame, frame, starts)
        if found is None:
            return None
        lidar_velo0_T_velo1, is_better = found
        return MotionPair(
            elapsed_s=elapsed_s,
            tf_velo0_T_velo1=tf_velo0_T_velo1,
            lidar_velo0_T_velo1=lidar_velo0_T_velo1,
            lidar_is_better=is_better,
        )

    def _registered(
        self, frame0: SensorFrame, frame1: SensorFrame, starts: list[np.ndarray]
    ) -> tuple[Float64[np.ndarray, "4 4"], bool] | None:
        """Register the scans from each start; the best fit counts, and TF itself is the first."""
        config = self._config
        map_velo0 = self._thinned(frame0.cloud.points_velo, config.map_points)
        scan_velo1 = self._thinned(frame1.cloud.points_velo, config.scan_points)
        if len(scan_velo1) < config.planes.min_matches:
            return None
        levels = plane_levels(moments_of(map_velo0, config.planes.voxel_m), config.planes)
        refined = [self._refined(start, scan_velo1, levels) for start in starts]
        found = [pose for pose in refined if pose is not None]
        if not found:
            return None
        fits = [self._fit(pose, scan_velo1, levels) for pose in found]
        best = int(np.argmax(fits))
        tf_fit = self._fit(starts[0], scan_velo1, levels)
        is_better = fits[best] > (1.0 + config.min_gain) * tf_fit
        return found[best], is_better or self._agree(found)

    def _refined(
        self, start: np.ndarray, scan: np.ndarray, levels: PlaneLevels
    ) -> Float64[np.ndarray, "4 4"] | None:
        """Register from a start; what slides far away has found nothing to hold on to."""
        pose = register(start, scan, levels, self._config.planes)
        if pose is None:
            return None
        moved_m = float(np.linalg.norm(pose[:3, 3] - start[:3, 3]))
        return pose if moved_m <= self._config.max_refinement_m else None

    def _fit(self, pose: np.ndarray, scan: np.ndarray, levels: PlaneLevels) -> float:
        return support(pose, scan, levels, self._config.planes, upright_only=True)

    def _agree(self, poses: list[np.ndarray]) -> bool:
        """Tell whether registrations from different starts end at the same place.

        Where nothing but the road is seen they stay apart, and the fit cannot tell them apart.
        """
        apart_m = float(np.linalg.norm(poses[0][:3, 3] - poses[-1][:3, 3]))
        return len(poses) > 1 and apart_m < self._config.agreement_m

    def _thinned(
        self, points_velo: Float32[np.ndarray, "P 3"], most: int
    ) -> Float64[np.ndarray, "Q 3"]:
        squared = np.einsum("pi,pi->p", points_velo, points_velo)
        near, far = self._config.min_range_m**2, self._config.max_range_m**2
        in_range = np.flatnonzero((squared > near) & (squared < far))
        stride = max(-(-len(in_range) // most), 1)
        return np.asarray(points_velo[in_range[::stride]], np.float64)


def expected_motion(pair: MotionPair | None, elapsed_s: float) -> Float64[np.ndarray, "4 4"] | None:
    """Return the LiDAR's motion over some time if the vehicle goes on as in an earlier pair."""
    if pair is None:
        return None
    return scaled(pair.lidar_velo0_T_velo1, elapsed_s / pair.elapsed_s)


def flow_contradicts(
    pair: MotionPair, past: PastFrame, frame: SensorFrame, flow: OpticalFlow
) -> bool:
    """Tell whether the optical flow sides with TF against the LiDAR.

    False where it has no say: no flow, or a flow between other frames.
    """
    image0, image1 = past.frame.camera, frame.camera
    if image0 is None or image1 is None or flow.status is not FlowStatus.OK:
        return False
    if flow.flow01_px is None or flow.reliable0 is None or flow.stamp0_ns != image0.stamp_ns:
        return False
    view0 = view_of(past.frame, image0, flow.flow01_px, flow.reliable0)
    pairs = reprojection_pairs(view0, _FLOW_CELL_PX, _FLOW_TEXTURE)
    if len(pairs.points_cama) < _MIN_FLOW_PAIRS:
        return False
    velo0_T_cam0 = inverse(image0.cam_T_velo)
    errors_px = []
    for velo0_T_velo1 in (pair.tf_velo0_T_velo1, pair.lidar_velo0_T_velo1):
        velo1_T_velo0 = inverse(velo0_T_velo1)
        cam1_T_cam0 = image1.cam_T_velo @ velo1_T_velo0 @ velo0_T_cam0
        expected_pix1 = project(transform(cam1_T_cam0, pairs.points_cama), view0.camera.pix_T_cam)
        error_px = np.linalg.norm(expected_pix1 - pairs.points_pixb, axis=1)
        errors_px.append(float(np.nanmedian(error_px)))
    return errors_px[0] < errors_px[1]


def _odometry(past: Egomotion, now: Egomotion) -> Float64[np.ndarray, "4 4"] | None:
    """Return the motion between two poses of LiDAR odometry, None where there are none."""
    if past.odom_T_velo1 is None or now.odom_T_velo1 is None:
        return None
    if {past.source, now.source} != {EgomotionSource.LIDAR}:
        return None
    odom_T_velo0 = past.odom_T_velo1
    odom_T_velo1 = now.odom_T_velo1
    velo0_T_velo1: Float64[np.ndarray, "4 4"] = inverse(odom_T_velo0) @ odom_T_velo1
    return velo0_T_velo1
