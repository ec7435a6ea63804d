# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well scan and image lie on each other, if the camera were turned or its stamps were shifted.

Where the LiDAR sees a jump in depth between neighbouring directions, the image mostly has an edge
(Levinson and Thrun, "Automatic Online Calibration of Cameras and Lasers", RSS 2013, section III).
The edges are projected for a grid of hypotheses and the image gradients found there are added up;
the grids of many frames are added too, and the truth is where the sum peaks.

Divergences: the grid is over yaw and time instead of small steps in six degrees of freedom, because
these are the faults that happen: a yaw shifts all edges alike, a late stamp shifts each as the
vehicle's own motion does, which is how the two are told apart. The whole grid is kept, so that no
start near the truth is needed. Gradients count by their square root and against their surroundings,
so that a texture counts for nothing on average.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner
from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.camera import MIN_DEPTH_M, seen_points
from unsup_track_ros.geometry.se3 import scaled, transform
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage, SensorFrame

# Nearer points are the vehicle itself, and their parallax between LiDAR and camera is large.
_MIN_DEPTH_M: Final = 2.0
# Cells of the depth image in working pixels (2 mrad): azimuth step and ring of a 64-beam LiDAR.
_CELL_WIDTH_PX, _CELL_HEIGHT_PX = 2, 4
# Neighbours are looked for this far: a LiDAR with 0.8 degrees between its columns has some.
_REACH_CELLS: Final = 4
# Gradients are cut off here (grey levels per pixel): one bright edge is no better than a clear one.
_STRONGEST_GRADIENT: Final = 30.0
_SOBEL_GAIN: Final = 8.0
# Window of the local mean that gradients count against, in working pixels.
_SURROUNDINGS_PX: Final = 41


class ImageAlignmentConfig(Config):
    """Search for the yaw and the time offset of the camera."""

    pixel_rad: float = parameter(
        0.002, "The image is reduced until a pixel is at least this wide.", unit="rad", gt=0
    )
    blur_px: float = parameter(
        1.5, "Gradients are blurred by this, in reduced pixels.", unit="px", gt=0
    )
    max_range_m: float = parameter(50.0, "Farther edges are left out.", unit="m", gt=0)
    min_jump_m: float = parameter(
        0.7, "Least step in depth between neighbours that is an edge.", unit="m", gt=0
    )
    min_jump_ratio: float = parameter(0.1, "The same as a share of the depth.", ge=0)
    max_edges: int = parameter(400, "More edges are thinned evenly.", ge=10)
    min_edges: int = parameter(15, "A frame with fewer edges is no evidence.", ge=1)
    time_range_s: float = parameter(
        0.1, "Largest offset of the image stamps that is looked for.", unit="s", gt=0
    )
    time_step_s: float = parameter(0.01, "Step of that search.", unit="s", gt=0)
    yaw_range_rad: float = parameter(
        0.0616, "Largest yaw error of the camera that is looked for.", unit="rad", gt=0
    )
    yaw_step_rad: float = parameter(0.0044, "Step of that search.", unit="rad", gt=0)


class ImageAlignment:
    """Scores hypotheses of time offset and yaw error of the first camera on single frames.

    Attributes:
        times_s: (T,) hypotheses: by how much the image stamps are late.
        yaws_rad: (Y,) hypotheses: by how much the yaw of the camera in TF is too large.
    """

    def __init__(self, config: ImageAlignmentConfig) -> None:
        self._config = config
        self.times_s = _symmetric(config.time_range_s, config.time_step_s)
        self.yaws_rad = _symmetric(config.yaw_range_rad, config.yaw_step_rad)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of time and of yaw hypotheses."""
        return len(self.times_s), len(self.yaws_rad)

    def score(
        self,
        frame: SensorFrame,
        image: CameraImage,
        velo1_T_velo0: Float64[np.ndarray, "4 4"],
        elapsed_s: float,
    ) -> Float64[np.ndarray, "T Y"] | None:
        """Add up the image gradients at the depth edges for every hypothesis.

        Args:
            frame: Frame with the scan and the mounting of the LiDAR.
            image: Its image.
            velo1_T_velo0: Latest motion of the LiDAR, going on unchanged.
            elapsed_s: Time that motion took.

        Returns:
            Scores, or None if the scan has too few edges in the image.
        """
        camera = self._reduced(image.camera)
        edges_velo = self._depth_edges(frame.cloud.points_velo, image, camera)
        if len(edges_velo) < self._config.min_edges:
            return None
        gradients = self._gradients(image, camera)
        times = self._moved_back(edges_velo, frame, image, (velo1_T_velo0, elapsed_s))
        parts = self._turning(times, image.cam_T_velo, frame.base_T_velo[2, :3])
        return _scores(
            np.pad(gradients, 1),
            camera.pix_T_cam.astype(np.float32),
            parts.reshape(3, 3, len(self.times_s), -1),
            np.cos(self.yaws_rad).astype(np.float32),
            np.sin(self.yaws_rad).astype(np.float32),
        )

    def peak(self, scores: Float64[np.ndarray, "T Y"]) -> Float64[np.ndarray, " 2"]:
        """Return the time offset and the yaw error where the scores peak, between the steps too."""
        time, yaw = np.unravel_index(int(np.argmax(scores)), scores.shape)
        return np.array(
            [
                _vertex(self.times_s, scores[:, yaw], int(time)),
                _vertex(self.yaws_rad, scores[time], int(yaw)),
            ]
        )

    def limits(self, peak: Float64[np.ndarray, " 2"]) -> Bool[np.ndarray, " 2"]:
        """Tell whether time offset and yaw error of a peak are the largest looked for, or more."""
        ends = np.array([self.times_s[-1], self.yaws_rad[-1]])
        at_limit: Bool[np.ndarray, " 2"] = np.abs(peak) >= ends
        return at_limit

    def _reduced(self, camera: PinholeCamera) -> PinholeCamera:
        ratio = min(1.0, 1.0 / (self._config.pixel_rad * float(camera.pix_T_cam[0, 0])))
        return camera.resized(round(camera.width_px * ratio), round(camera.height_px * ratio))

    def _depth_edges(
        self, points_velo: np.ndarray, image: CameraImage, camera: PinholeCamera
    ) -> Float32[np.ndarray, "E 3"]:
        """Return the points in front of a jump in depth to the left or to the right."""
        index, points_cam, points_pix = seen_points(
            points_velo, image.cam_T_velo, camera, _MIN_DEPTH_M
        )
        if len(index) == 0:
            return points_velo[:0]
        columns = -(-camera.width_px // _CELL_WIDTH_PX)
        rows = -(-camera.height_px // _CELL_HEIGHT_PX)
        cell = _cells(points_pix, columns)
        depth_m = points_cam[:, 2]
        nearest = np.full(rows * columns, -1, np.int64)
        order = np.argsort(-depth_m, kind="stable")
        nearest[cell[order]] = order  # the nearest is written last
        filled = nearest >= 0
        grid_m = np.where(filled, depth_m[nearest], 0.0).astype(np.float32).reshape(rows, columns)
        step_m = np.maximum(self._config.min_jump_m, self._config.min_jump_ratio * grid_m)
        edge = (grid_m > 0) & (grid_m < self._config.max_range_m)
        edge &= (_beside(grid_m, 1) > grid_m + step_m) | (_beside(grid_m, -1) > grid_m + step_m)
        chosen = index[nearest[edge.reshape(-1)]]
        stride = -(-len(chosen) // self._config.max_edges)
        edges_velo: Float32[np.ndarray, "E 3"] = points_velo[chosen[:: max(stride, 1)]]
        return edges_velo

    def _gradients(self, image: CameraImage, camera: PinholeCamera) -> Float32[np.ndarray, "H W"]:
        """Return how much brighter or darker the image gets sideways, against the surroundings."""
        grey = cv2.cvtColor(image.image_rgb, cv2.COLOR_RGB2GRAY)
        size = (camera.width_px, camera.height_px)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        slope = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)) / _SOBEL_GAIN
        strength = np.sqrt(np.minimum(slope, _STRONGEST_GRADIENT))
        reach = 2 * round(2.0 * self._config.blur_px) + 1
        strength = cv2.GaussianBlur(strength, (reach, reach), self._config.blur_px)
        around = cv2.blur(strength, (_SURROUNDINGS_PX, _SURROUNDINGS_PX))
        return np.asarray(strength - around, np.float32)

    def _moved_back(
        self,
        edges_velo: np.ndarray,
        frame: SensorFrame,
        image: CameraImage,
        motion: tuple[np.ndarray, float],
    ) -> Float32[np.ndarray, "N 3"]:
        """Return the edges where they were when the image was taken, for every time offset.

        An image that is late by t shows the world of t ago. Without poses `cam_T_velo` leaves out
        what the stamps themselves are apart.
        """
        velo1_T_velo0, elapsed_s = motion
        apart_s = 0.0
        if frame.odom_T_velo is None:
            apart_s = (frame.stamp_ns - image.stamp_ns) * 1e-9
        motions = scaled(velo1_T_velo0, -(self.times_s + apart_s) / elapsed_s)
        return np.concatenate([transform(motion, edges_velo) for motion in motions])

    def _turning(
        self,
        points_velo: Float32[np.ndarray, "N 3"],
        cam_T_velo: Float64[np.ndarray, "4 4"],
        up_velo: Float64[np.ndarray, " 3"],
    ) -> Float32[np.ndarray, "3 3 N"]:
        """Return in cam what a turn of the LiDAR about its upward axis does to points.

        Rodrigues' formula: what it keeps, what it takes by the cosine of the yaw, and what by the
        sine, coordinate by coordinate.
        """
        up = up_velo.astype(np.float32)
        along = np.outer(points_velo @ up, up)
        across, beside = points_velo - along, np.cross(up, points_velo)
        cam_R_velo = cam_T_velo[:3, :3].astype(np.float32)
        parts = np.stack([cam_R_velo @ part.T for part in (along, across, beside)])
        parts[0] += cam_T_velo[:3, 3:].astype(np.float32)
        return parts


def _symmetric(reach: float, step: float) -> Float64[np.ndarray, " N"]:
    count = round(reach / step)
    return np.arange(-count, count + 1) * step


def _cells(points_pix: np.ndarray, columns: int) -> Int64[np.ndarray, " P"]:
    column = (points_pix[:, 0] + 0.5) // _CELL_WIDTH_PX
    row = (points_pix[:, 1] + 0.5) // _CELL_HEIGHT_PX
    return np.asarray(row * columns + column, np.int64)


def _beside(grid_m: Float32[np.ndarray, "R C"], side: int) -> Float32[np.ndarray, "R C"]:
    """Return the depth of the next filled cell on one side, 0 where none is within reach."""
    beside = np.zeros_like(grid_m)
    for away in range(_REACH_CELLS, 0, -1):  # nearer cells overwrite farther ones
        shifted = np.zeros_like(grid_m)
        if side > 0:
            shifted[:, :-away] = grid_m[:, away:]
        else:
            shifted[:, away:] = grid_m[:, :-away]
        beside = np.where(shifted > 0, shifted, beside)
    return beside


def _vertex(grid: np.ndarray, scores: np.ndarray, best: int) -> float:
    """Refine the best step by the parabola through it and its neighbours."""
    if best in (0, len(grid) - 1):
        return float(grid[best])
    below, top, above = scores[best - 1 : best + 2]
    curvature = below - 2.0 * top + above
    shift = 0.5 * (below - above) / curvature if curvature < 0 else 0.0
    return float(grid[best] + shift * (grid[1] - grid[0]))


@compiled_inner
def _framed(place_pix: np.float32, size: int) -> int:
    """Return the pixel of a place in an image with a frame, which takes what is outside."""
    inside = min(max(place_pix, np.float32(-1.0)), np.float32(size))
    return int(inside + np.float32(1.5))  # rounded, and one more for the frame


# An image that is late by t shows the world of t ago; a camera whose yaw in TF is too large sees
# everything farther to the left than TF says.
@compiled_for(
    "float64[:, ::1](float32[:, ::1], float32[:, ::1], float32[:, :, :, ::1], float32[::1],"
    "float32[::1])"
)
def _scores(
    gradients: np.ndarray,
    pix_T_cam: np.ndarray,
    parts: np.ndarray,
    cosines: np.ndarray,
    sines: np.ndarray,
) -> np.ndarray:
    """Add up the gradients where each time offset and yaw sees the edges, (T, Y).

    Args:
        gradients: (H + 2, W + 2) in a frame of zeros, for what is outside the image.
        pix_T_cam: (3, 3) camera of the gradients.
        parts: (3, 3, T, E) what each turn keeps, and what goes with its cosine and its sine, in
            x, y and z, of each edge at each time.
        cosines: (Y,) of each yaw.
        sines: (Y,) of each yaw.
    """
    height, width = gradients.shape[0] - 2, gradients.shape[1] - 2
    focal_x, focal_y = pix_T_cam[0, 0], pix_T_cam[1, 1]
    centre_x, centre_y = pix_T_cam[0, 2], pix_T_cam[1, 2]
    _, _, num_times, num_edges = parts.shape
    scores = np.zeros((num_times, len(cosines)))
    for time in range(num_times):
        for yaw in range(len(cosines)):
            cosine, sine = cosines[yaw], sines[yaw]
            score = 0.0
            for e in range(num_edges):
                z = parts[1, 2, time, e] * cosine + parts[2, 2, time, e] * sine
                z += parts[0, 2, time, e]
                if z < np.float32(MIN_DEPTH_M):
                    continue  # behind the camera
                x = parts[1, 0, time, e] * cosine + parts[2, 0, time, e] * sine
                x += parts[0, 0, time, e]
                y = parts[1, 1, time, e] * cosine + parts[2, 1, time, e] * sine
                y += parts[0, 1, time, e]
                column = _framed(focal_x * (x / z) + centre_x, width)
                row = _framed(focal_y * (y / z) + centre_y, height)
                score += gradients[row, column]
            scores[time, yaw] = score
    return scores
