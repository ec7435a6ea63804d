# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny exact world: a wall, a road and a slanted board that may move; closed-form flow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.ground import height_above_ground
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

PINHOLE = PinholeCamera(
    width_px=240,
    height_px=80,
    pix_T_cam=np.array([[180.0, 0, 119.5], [0, 180.0, 30.0], [0, 0, 1]]),
)
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
WALL_M = 25.0
ROAD_M = 1.65  # below the camera
BOARD_M = 10.0  # depth of the board at the optical axis
BOARD_SLANT = 0.5
STAMP_NS = 10_000_000_000


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Inputs of `MotionSegmenter.step` and the truth."""

    frame: SensorFrame
    history: tuple[PastFrame, ...]
    flow: OpticalFlow
    egomotion: Egomotion
    on_board: np.ndarray  # (P,)

    @property
    def flow10_px(self) -> np.ndarray:
        """Flow from the current to the past image."""
        assert self.flow.flow10_px is not None
        return self.flow.flow10_px

    def with_flow(self, flow10_px: np.ndarray, reliable1: np.ndarray | None = None) -> Scene:
        """Return the scene with another flow."""
        flow = dataclasses.replace(
            self.flow,
            flow10_px=flow10_px.astype(np.float32),
            reliable1=self.flow.reliable1 if reliable1 is None else reliable1,
        )
        return dataclasses.replace(self, flow=flow)


def heights_m(frame: SensorFrame) -> np.ndarray:
    """Return the (P,) heights of a scan's points over the local ground."""
    return height_above_ground(se3.transform(frame.base_T_velo, frame.cloud.points_velo))


def make_scene(
    *,
    forward_m: float = 0.4,
    board_shift_cam: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seconds: float = 0.1,
    board_half_width_m: float = 1.5,
) -> Scene:
    """Build one pair of frames: the sensor drives forward, the board moves by `board_shift_cam`."""
    velo0_T_velo1 = se3.rigid(np.eye(3), np.array([forward_m, 0, 0]))
    cam0_T_cam1 = CAM_T_VELO @ velo0_T_velo1 @ se3.inverse(CAM_T_VELO)
    shift = np.array(board_shift_cam)
    # Current camera: world axes are those of cam1.
    points1, board1 = _cast(np.zeros(3), np.zeros(3), board_half_width_m)
    sensor0 = -cam0_T_cam1[:3, 3]
    points0, _ = _cast(sensor0, -shift, board_half_width_m)
    past_place = se3.transform(cam0_T_cam1, points1 - np.where(board1[:, None], shift, 0.0))
    shape = (PINHOLE.height_px, PINHOLE.width_px)
    flow10 = camera.project(past_place, PINHOLE.pix_T_cam) - _pixels()
    flow10 = flow10.T.reshape(2, *shape).astype(np.float32)
    reliable = np.ones(shape, bool)
    stamp0_ns = STAMP_NS - round(seconds * 1e9)
    frame1, frame0 = _frame(points1, STAMP_NS, 1), _frame(points0, stamp0_ns, 0)
    odom_T_velo0 = np.eye(4)
    return Scene(
        frame=frame1,
        history=(PastFrame(frame=frame0, egomotion=_egomotion(stamp0_ns, None, odom_T_velo0)),),
        flow=OpticalFlow(
            status=FlowStatus.OK,
            stamp0_ns=stamp0_ns,
            stamp1_ns=STAMP_NS,
            flow01_px=-flow10,
            flow10_px=flow10,
            reliable0=reliable,
            reliable1=reliable,
        ),
        egomotion=_egomotion(STAMP_NS, se3.inverse(velo0_T_velo1), velo0_T_velo1, stamp0_ns),
        on_board=board1,
    )


def _pixels() -> np.ndarray:
    column, row = np.meshgrid(np.arange(PINHOLE.width_px), np.arange(PINHOLE.height_px))
    return np.stack([column, row], axis=-1).reshape(-1, 2).astype(np.float64)


def _cast(
    sensor: np.ndarray, board_offset: np.ndarray, half_width_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each pixel of a camera at `sensor` sees, in its axes, and which see the board."""
    rays = camera.backproject(_pixels(), np.ones(len(_pixels())), PINHOLE.pix_T_cam)
    with np.errstate(divide="ignore"):
        road = np.where(rays[:, 1] > 0, (ROAD_M - sensor[1]) / rays[:, 1], np.inf)
    depth = np.minimum(WALL_M - sensor[2], road)
    origin = sensor - board_offset  # the board's own place: z = BOARD_M + BOARD_SLANT * x
    board = (BOARD_M + BOARD_SLANT * origin[0] - origin[2]) / (1 - BOARD_SLANT * rays[:, 0])
    places = origin + rays * board[:, None]
    hit = (np.abs(places[:, 0]) < half_width_m) & (places[:, 1] > 0.0) & (places[:, 1] < 1.6)
    hit &= board < depth
    return rays * np.where(hit, board, depth)[:, None], hit


def _frame(points_cam: np.ndarray, stamp_ns: int, index: int) -> SensorFrame:
    velo_T_cam = se3.inverse(CAM_T_VELO)
    base_T_velo = se3.rigid(np.eye(3), np.array([0, 0, ROAD_M]))
    image = CameraImage(
        name="cam",
        stamp_ns=stamp_ns,
        image_rgb=np.zeros((PINHOLE.height_px, PINHOLE.width_px, 3), np.uint8),
        camera=PINHOLE,
        cam_T_velo=CAM_T_VELO,
    )
    cloud = PointCloud(points_velo=se3.transform(velo_T_cam, points_cam).astype(np.float32))
    return SensorFrame(
        stamp_ns=stamp_ns, index=index, cloud=cloud, cameras=(image,), base_T_velo=base_T_velo
    )


def _egomotion(
    stamp1_ns: int,
    velo1_T_velo0: np.ndarray | None,
    odom_T_velo1: np.ndarray,
    stamp0_ns: int = 0,
) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.OK if velo1_T_velo0 is not None else EgomotionStatus.INITIAL,
        source=EgomotionSource.TF,
        stamp0_ns=stamp0_ns,
        stamp1_ns=stamp1_ns,
        velo1_T_velo0=velo1_T_velo0,
        odom_T_velo1=odom_T_velo1,
    )
