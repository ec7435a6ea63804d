# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A street of boxes, one of which may move: exact scans, depths and optical flow by ray casting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.camera import project
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

BASE_T_VELO = se3.rigid(np.eye(3), np.array([0.0, 0.0, 1.8]))
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, -0.1], [1, 0, 0, -0.3], [0, 0, 0, 1]])
CAMERA = PinholeCamera(
    width_px=416,
    height_px=128,
    pix_T_cam=np.array([[240.0, 0, 207.5], [0, 240.0, 58.0], [0, 0, 1]]),
)
PERIOD_NS = 100_000_000

# x0, y0, z0, x1, y1, z1 of houses, cars and posts along the road.
STANDING = np.array(
    [
        [-40, 9, 0, -12, 20, 8],
        [-8, 8, 0, 14, 20, 7],
        [18, 10, 0, 45, 20, 9],
        [50, 7, 0, 90, 20, 6],
        [-40, -22, 0, -5, -9, 7],
        [0, -20, 0, 25, -8, 9],
        [30, -20, 0, 60, -10, 8],
        [8, 4.5, 0, 12.4, 6.3, 1.5],
        [15, 4.5, 0, 19.2, 6.3, 1.6],
        [6, -6.5, 0, 10.5, -4.7, 1.5],
        [24, -6.5, 0, 29, -4.6, 2.2],
        [33, 4.5, 0, 37.2, 6.3, 1.5],
        [95, -30, 0, 100, 30, 12],
    ],
    np.float64,
)


def _scan_rays(beams: int = 40, azimuths: int = 500) -> np.ndarray:
    elevation = np.radians(np.linspace(-24.0, 3.0, beams))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, azimuths, endpoint=False)[None]
    rays = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)]
    up = np.sin(elevation) * np.ones_like(azimuth)
    return np.stack([*rays, up], -1).reshape(-1, 3)


SCAN_RAYS = _scan_rays()


@dataclass(frozen=True, kw_only=True)
class Street:
    """The boxes, with one more that moves along x.

    Attributes:
        truck: Box at the time of frame 0.
        truck_mps: Its speed.
        noise_m: Standard deviation of the LiDAR's ranges.
    """

    truck: tuple[float, ...] = (12.0, -3.2, 0.3, 20.0, -0.8, 3.5)
    truck_mps: float = 0.0
    noise_m: float = 0.01
    rays: np.ndarray = field(default_factory=SCAN_RAYS.copy)

    def cast(
        self, origin: np.ndarray, rays: np.ndarray, index: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance along each ray (inf for the sky), and whether it hits the truck."""
        shift = self.truck_mps * PERIOD_NS * 1e-9 * index * np.array([1.0, 0, 0, 1, 0, 0])
        boxes = np.concatenate([STANDING, (np.array(self.truck) + shift)[None]])
        with np.errstate(divide="ignore", invalid="ignore"):
            low = (boxes[None, :, :3] - origin) / rays[:, None]
            high = (boxes[None, :, 3:] - origin) / rays[:, None]
            enter = np.minimum(low, high).max(-1)
            leave = np.maximum(low, high).min(-1)
            hit = np.where((enter < leave) & (enter > 0), enter, np.inf)
            ground = np.where(rays[:, 2] < 0, -origin[2] / rays[:, 2], np.inf)
        nearest = np.minimum(hit.min(-1), ground)
        return nearest, (hit[:, -1] <= nearest) & np.isfinite(nearest)

    def frame(self, index: int, odom_T_velo: np.ndarray, *, tf: bool = False) -> SensorFrame:
        """Return the frame of a moment: a noisy scan and an image of random texture."""
        rng = np.random.default_rng(index)
        distance_m, _ = self.cast(odom_T_velo[:3, 3], self.rays @ odom_T_velo[:3, :3].T, index)
        distance_m += rng.normal(0.0, self.noise_m, len(distance_m))
        seen = distance_m < 80.0
        points_velo = (self.rays[seen] * distance_m[seen, None]).astype(np.float32)
        size = (CAMERA.height_px, CAMERA.width_px, 3)
        image = CameraImage(
            name="front",
            stamp_ns=index * PERIOD_NS,
            image_rgb=rng.integers(0, 256, size).astype(np.uint8),
            camera=CAMERA,
            cam_T_velo=CAM_T_VELO,
        )
        return SensorFrame(
            stamp_ns=index * PERIOD_NS,
            index=index,
            cloud=PointCloud(points_velo=points_velo),
            cameras=(image,),
            base_T_velo=BASE_T_VELO,
            odom_T_velo=odom_T_velo if tf else None,
        )

    def flow_one_way(
        self, index_a: int, odom_T_velo_a: np.ndarray, index_b: int, odom_T_velo_b: np.ndarray
    ) -> np.ndarray:
        """Return the exact flow (2, H, W) from the image of one moment to that of another."""
        y, x = np.mgrid[: CAMERA.height_px, : CAMERA.width_px]
        pixels = np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)
        focal, centre = np.diag(CAMERA.pix_T_cam)[:2], CAMERA.pix_T_cam[:2, 2]
        rays_cam = np.concatenate([(pixels - centre) / focal, np.ones((len(pixels), 1))], 1)
        odom_T_cam_a = odom_T_velo_a @ se3.inverse(CAM_T_VELO)
        rays_odom = rays_cam @ odom_T_cam_a[:3, :3].T
        depth_m, on_truck = self.cast(odom_T_cam_a[:3, 3], rays_odom, index_a)
        points_odom = odom_T_cam_a[:3, 3] + rays_odom * np.minimum(depth_m, 1000.0)[:, None]
        points_odom[on_truck, 0] += self.truck_mps * PERIOD_NS * 1e-9 * (index_b - index_a)
        cam_T_odom_b = CAM_T_VELO @ se3.inverse(odom_T_velo_b)
        moved = project(se3.transform(cam_T_odom_b, points_odom), CAMERA.pix_T_cam)
        flow_px: np.ndarray = (moved - pixels).T.reshape(2, *y.shape)
        return flow_px

    def flow(self, pose0: np.ndarray, pose1: np.ndarray, noise_px: float = 0.0) -> OpticalFlow:
        """Return the flow between frames 0 and 1, reliable everywhere."""
        rng = np.random.default_rng(7)
        both = [self.flow_one_way(0, pose0, 1, pose1), self.flow_one_way(1, pose1, 0, pose0)]
        both = [np.nan_to_num(f + rng.normal(0.0, noise_px, f.shape)) for f in both]
        reliable = np.ones(both[0].shape[1:], bool)
        return OpticalFlow(
            status=FlowStatus.OK,
            stamp0_ns=0,
            stamp1_ns=PERIOD_NS,
            flow01_px=both[0].astype(np.float32),
            flow10_px=both[1].astype(np.float32),
            reliable0=reliable,
            reliable1=reliable,
        )


def pose(x_m: float = 0.0, y_m: float = 0.0, yaw_rad: float = 0.0) -> np.ndarray:
    """Return odom_T_velo of a vehicle standing level on the road."""
    odom_T_base = se3.rigid(se3.rotation_about_z(yaw_rad), np.array([x_m, y_m, 0.0]))
    odom_T_velo: np.ndarray = odom_T_base @ BASE_T_VELO
    return odom_T_velo


def past(frame: SensorFrame, odom_T_velo: np.ndarray | None) -> PastFrame:
    """Return the frame as the pipeline remembers it."""
    egomotion = Egomotion(
        status=EgomotionStatus.INITIAL,
        source=EgomotionSource.FLOW,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=odom_T_velo,
    )
    return PastFrame(frame=frame, egomotion=egomotion)


NO_FLOW = OpticalFlow(status=FlowStatus.NO_CAMERA)


def error_m_and_rad(estimate: np.ndarray | None, truth: np.ndarray) -> tuple[float, float]:
    """Return how far a motion is off the true one."""
    assert estimate is not None
    off = se3.inverse(truth) @ estimate
    return float(np.linalg.norm(off[:3, 3])), se3.rotation_angle_rad(off)
