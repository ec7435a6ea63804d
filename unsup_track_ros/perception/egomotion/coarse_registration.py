# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""KISS-ICP (Vizzo et al. 2023) as the coarse, wide-basin registration of the LiDAR odometry.

Its C++ map cannot be read back in its inner order, so a snapshot could not go on with the same
bytes. Therefore the map is rebuilt from its own points every few scans, and what came after is
kept: the points at the last rebuild plus the updates since then restore it exactly, at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from kiss_icp.config import KISSConfig
from kiss_icp.mapping import VoxelHashMap, get_voxel_hash_map
from kiss_icp.registration import Registration
from kiss_icp.voxelization import voxel_down_sample

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.se3 import inverse, rotation_angle_rad
from unsup_track_ros.perception.egomotion.scan_thinning import ScanInRange
from unsup_track_ros.shapes import Float64


class CoarseRegistrationConfig(Config):
    """KISS-ICP's parameters, set for speed: its answer is refined afterwards."""

    voxel_m: float = parameter(1.0, "Side of a map voxel.", unit="m", gt=0)
    max_points_per_voxel: int = parameter(20, "Points that a map voxel keeps.", ge=1)
    max_points: int = parameter(15000, "Scan points used; more are thinned evenly.", ge=100)
    max_iterations: int = parameter(50, "Most iterations of one registration.", ge=1)
    converged: float = parameter(
        0.01, "Change of the pose (m and rad together) that ends the iterations.", gt=0
    )
    initial_threshold_m: float = parameter(
        2.0, "Deviation from the predicted motion expected at first.", unit="m", gt=0
    )
    min_motion_m: float = parameter(
        0.1, "Deviation below which the expectation is not adapted.", unit="m", ge=0
    )
    rebuild_every_scans: int = parameter(
        10, "The map is rebuilt after so many scans, which bounds what a snapshot must hold.", ge=1
    )


# KISS-ICP searches correspondences up to three times the expected deviation (its section III-C).
_SIGMAS = 3.0


class CoarseRegistration:
    """Point-to-point registration of scans against a voxel map of single points."""

    def __init__(self, config: CoarseRegistrationConfig, max_range_m: float) -> None:
        self._config = config
        self._max_range_m = max_range_m
        # One thread: the order in which threads add up residuals would change the last digits.
        self._registration = Registration(
            config.max_iterations, config.converged, max_num_threads=1
        )
        self.reset()

    def reset(self) -> None:
        """Forget the map."""
        self._map = self._empty_map()
        self._rebuilt_from = np.zeros((0, 3))
        self._updates: list[tuple[np.ndarray, np.ndarray]] = []
        # Sum of squares and number of the deviations from the prediction (the paper's equation 7).
        self._deviation_sum = self._config.initial_threshold_m**2
        self._deviation_count = 1

    def align(
        self,
        scan: ScanInRange,
        predicted_odom_T_velo: Float64[np.ndarray, "4 4"],
    ) -> Float64[np.ndarray, "4 4"]:
        """Return the pose of a scan near the predicted one; the map must not be empty."""
        source = voxel_down_sample(
            scan.thinned(self._config.max_points), 1.5 * self._config.voxel_m
        )
        sigma_m = float(np.sqrt(self._deviation_sum / self._deviation_count))
        pose: Float64[np.ndarray, "4 4"] = self._registration.align_points_to_map(
            points=source,
            voxel_map=self._map,
            initial_guess=predicted_odom_T_velo,
            max_correspondance_distance=_SIGMAS * sigma_m,
            kernel=sigma_m,
        )
        return pose

    def add(
        self,
        scan: ScanInRange,
        odom_T_velo: Float64[np.ndarray, "4 4"],
        predicted_odom_T_velo: Float64[np.ndarray, "4 4"],
    ) -> None:
        """Add a scan at its final pose and learn how far the prediction was off."""
        self._learn_deviation(inverse(predicted_odom_T_velo) @ odom_T_velo)
        if len(self._updates) >= self._config.rebuild_every_scans:
            self._rebuild(np.array(self._map.point_cloud(), np.float64))
        thinned = voxel_down_sample(
            scan.thinned(self._config.max_points), 0.5 * self._config.voxel_m
        )
        self._updates.append((np.array(thinned, np.float64), odom_T_velo))
        self._map.update(*self._updates[-1])

    def state(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs."""
        points = [update[0] for update in self._updates]
        poses = [update[1] for update in self._updates]
        return {
            "rebuilt_from": self._rebuilt_from,
            "update_points": np.concatenate([np.zeros((0, 3)), *points]),
            "update_sizes": np.array([len(p) for p in points], np.int64),
            "update_poses": np.array(poses, np.float64).reshape(-1, 4, 4),
            "deviation": np.array([self._deviation_sum, self._deviation_count]),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `state` was taken."""
        self._rebuild(np.array(state["rebuilt_from"], np.float64))
        ends = np.cumsum(state["update_sizes"])
        scans = np.split(state["update_points"], ends[:-1]) if len(ends) else []
        for scan, odom_T_velo in zip(scans, state["update_poses"], strict=True):
            self._updates.append((np.array(scan), np.array(odom_T_velo)))
            self._map.update(*self._updates[-1])
        self._deviation_sum = float(state["deviation"][0])
        self._deviation_count = int(state["deviation"][1])

    def _rebuild(self, points_odom: np.ndarray) -> None:
        self._rebuilt_from = points_odom
        self._updates = []
        self._map = self._empty_map()
        if len(points_odom):
            self._map.add_points(points_odom)

    def _empty_map(self) -> VoxelHashMap:
        settings = KISSConfig()
        settings.data.max_range = self._max_range_m
        settings.mapping.voxel_size = self._config.voxel_m
        settings.mapping.max_points_per_voxel = self._config.max_points_per_voxel
        return get_voxel_hash_map(settings)

    def _learn_deviation(self, deviation: np.ndarray) -> None:
        """Count how far a wrong prediction moves a point at most (equations 5 and 6)."""
        chord_m = 2.0 * self._max_range_m * np.sin(0.5 * rotation_angle_rad(deviation))
        error_m = chord_m + float(np.linalg.norm(deviation[:3, 3]))
        if error_m > self._config.min_motion_m:
            self._deviation_sum += error_m**2
            self._deviation_count += 1
