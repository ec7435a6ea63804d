# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bird's-eye view of one labelled frame: scan, motion, grid, tracks, beliefs and trails.

The picture is fixed to the vehicle: forward is to the right, left is up. Input are the frame and
its label, output is an RGB image. It computes nothing that a label does not already say.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float, Float64
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.visualization import boxes, colors, drawing
from unsup_track_ros.visualization.birds_eye_axes import RING_STEP_M, BirdsEyeAxes
from unsup_track_ros.visualization.drawing import Image
from unsup_track_ros.visualization.trails import TrackTrails

_UNKNOWN: Final = 255  # nav_msgs' -1 seen as an unsigned byte
_DYNAMIC: Final = 101  # one above the largest occupancy value of nav_msgs
_OCCUPIED_FROM: Final = 50
_HEIGHT_LEVELS: Final = 64
_GROUND_SAMPLE: Final = 4096
_GROUND_PERCENTILE: Final = 20  # below cars and walls, above stray returns under the road
_TRAIL_STRENGTH: Final = 0.75
_BELIEF_STD_M: Final = 0.4
_BELIEF_OPACITY: Final = 0.7


class BirdsEyeViewConfig(Config):
    """Size and content of the bird's-eye view."""

    width_px: int = parameter(1280, "Columns of the picture.", unit="px", gt=0)
    height_px: int = parameter(540, "Rows of the picture.", unit="px", gt=0)
    ahead_m: float = parameter(72.0, "Ground shown ahead of the vehicle.", unit="m", gt=0)
    behind_m: float = parameter(24.0, "Ground shown behind the vehicle.", unit="m", ge=0)
    trail_s: float = parameter(3.0, "Length of the trails behind tracks.", unit="s", ge=0)
    arrow_s: float = parameter(
        1.0, "A velocity arrow reaches where the object will be after this time.", unit="s", gt=0
    )
    low_m: float = parameter(
        0.3, "Returns up to this height above ground are drawn dark.", unit="m"
    )
    high_m: float = parameter(
        2.0, "Returns from this height above ground are drawn bright.", unit="m"
    )

    @property
    def axes(self) -> BirdsEyeAxes:
        """What of the ground is shown where."""
        return BirdsEyeAxes(
            width_px=self.width_px,
            height_px=self.height_px,
            ahead_m=self.ahead_m,
            behind_m=self.behind_m,
        )


class BirdsEyeView:
    """Draws bird's-eye views; remembers only the trails."""

    def __init__(self, config: BirdsEyeViewConfig) -> None:
        self._config = config
        self._axes = config.axes
        self._trails = TrackTrails(config.trail_s)
        self._occupancy_colors = _occupancy_colors()
        self._point_colors = _point_colors()

    def draw(self, frame: SensorFrame, label: FrameLabel) -> Image:
        """Return the picture of one frame; frames must come in order for the trails to be right."""
        self._trails.update(label.tracks)
        image = self._ground(label)
        self._axes.draw_rings(image)
        self._draw_points(image, frame, label)
        base_T_odom = _base_T_odom(label)
        if base_T_odom is not None:
            self._draw_beliefs(image, base_T_odom, label.tracks)
            self._draw_trails(image, base_T_odom)
            self._draw_tracks(image, base_T_odom, label.tracks)
        self._draw_detections(image, label)
        self._axes.draw_ego(image)
        self._axes.draw_scale(image)
        return image

    def to_pix(self, points_base: Float[np.ndarray, "P C"]) -> Float[np.ndarray, "P 2"]:
        """Return the pixels of points in base (only x and y are looked at)."""
        return self._axes.to_pix(points_base)

    def _ground(self, label: FrameLabel) -> Image:
        size = (self._config.width_px, self._config.height_px)
        base_T_odom = _base_T_odom(label)
        if label.grids is None or base_T_odom is None:
            return np.full((size[1], size[0], 3), colors.BACKGROUND, np.uint8)
        odom_T_base = se3.inverse(base_T_odom)
        cell_T_pix = self._cell_T_pix(odom_T_base, label.grids)
        seen = cv2.warpAffine(
            _grid_codes(label.grids),
            cell_T_pix,
            size,
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_UNKNOWN,
        )
        return np.asarray(cv2.LUT(cv2.merge([seen, seen, seen]), self._occupancy_colors), np.uint8)

    def _cell_T_pix(
        self, odom_T_base: Float64[np.ndarray, "4 4"], grids: OccupancyGrids
    ) -> Float64[np.ndarray, "2 3"]:
        """Return the affine map from picture pixels to grid cells (centres at integers)."""
        flat_odom_T_base = np.eye(3)
        flat_odom_T_base[:2, :2] = se3.rotation_about_z(se3.yaw_rad(odom_T_base))[:2, :2]
        flat_odom_T_base[:2, 2] = odom_T_base[:2, 3]
        cell_T_odom = np.eye(3) / grids.resolution_m
        cell_T_odom[:2, 2] = -grids.origin_odom / grids.resolution_m - 0.5
        cell_T_pix = cell_T_odom @ flat_odom_T_base @ self._axes.base_T_pix
        return np.asarray(cell_T_pix[:2])

    def _draw_points(self, image: Image, frame: SensorFrame, label: FrameLabel) -> None:
        """Draw the scan: each pixel as bright as its highest return above ground, motion on top."""
        points_base = se3.transform(frame.base_T_velo, frame.cloud.points_velo)
        pixel = np.floor(self.to_pix(points_base)).astype(np.int32)
        height, width = image.shape[:2]
        shown = (
            (pixel[:, 0] >= 0) & (pixel[:, 0] < width) & (pixel[:, 1] >= 0) & (pixel[:, 1] < height)
        )
        low_m = _ground_height_m(points_base) + self._config.low_m
        share = (points_base[shown, 2] - low_m) / (self._config.high_m - self._config.low_m)
        # Level 0 is left for "no return here".
        level = (1 + np.clip(share, 0.0, 1.0) * (_HEIGHT_LEVELS - 1)).astype(np.uint8)
        levels = np.zeros(height * width, np.uint8)
        np.maximum.at(levels, pixel[shown, 1] * width + pixel[shown, 0], level)
        seen = levels.reshape(height, width)
        drawn = cv2.LUT(cv2.merge([seen, seen, seen]), self._point_colors)
        cv2.max(image, drawn, dst=image)
        if len(label.motion.moving_points):  # empty where nothing was judged
            self._draw_moving(image, pixel[shown & label.motion.moving_points])

    def _draw_moving(self, image: Image, pixel: np.ndarray) -> None:
        spots = np.zeros(image.shape[:2], np.uint8)
        spots[pixel[:, 1], pixel[:, 0]] = 1
        image[cv2.dilate(spots, np.ones((2, 2), np.uint8)) > 0] = colors.MOVING

    def _draw_trails(self, image: Image, base_T_odom: Float64[np.ndarray, "4 4"]) -> None:
        for track_id, trail_odom in self._trails.trails_odom().items():
            trail_pix = self.to_pix(se3.transform(base_T_odom, trail_odom))
            drawing.polyline(
                image, trail_pix, colors.dimmed(colors.track_color(track_id), _TRAIL_STRENGTH), 1
            )

    def _draw_beliefs(
        self, image: Image, base_T_odom: Float64[np.ndarray, "4 4"], tracks: Tracks
    ) -> None:
        """Tint where each hidden object may be, most where it is most likely."""
        if tracks.beliefs is None:
            return
        size = (self._config.width_px, self._config.height_px)
        for row, track_id in enumerate(tracks.beliefs.ids.tolist()):
            flat = tracks.beliefs.places_odom[row].astype(np.float64)
            height_m = tracks.boxes_odom[tracks.ids == track_id, 2].mean()
            places = np.append(flat, np.full((len(flat), 1), height_m), axis=1)
            pixel = np.floor(self.to_pix(se3.transform(base_T_odom, places))).astype(np.int64)
            inside = ((pixel >= 0) & (pixel < size)).all(axis=1)
            if not inside.any():
                continue
            heat = np.zeros(size[::-1], np.float32)
            at = (pixel[inside, 1], pixel[inside, 0])
            np.add.at(heat, at, tracks.beliefs.weights[row, inside])
            heat = cv2.GaussianBlur(heat, (0, 0), _BELIEF_STD_M * self._axes.pixels_per_m)
            share = (_BELIEF_OPACITY * heat / heat.max())[..., None]
            color = np.array(colors.track_color(track_id), np.float32)
            image[:] = np.rint(image * (1.0 - share) + color * share).astype(np.uint8)

    def _draw_tracks(
        self, image: Image, base_T_odom: Float64[np.ndarray, "4 4"], tracks: Tracks
    ) -> None:
        boxes_base = se3.transform_boxes(base_T_odom, tracks.boxes_odom)
        velocities_base = tracks.velocities_odom @ base_T_odom[:3, :3].T
        corners_base = boxes.corners(boxes_base)
        for row in range(len(tracks)):
            outline = self.to_pix(corners_base[row, boxes.FLOOR])
            centre = self.to_pix(boxes_base[row : row + 1, :3])[0]
            if not self._axes.shows(outline):
                continue
            color = colors.track_color(int(tracks.ids[row]))
            if tracks.states[row] == TrackState.TENTATIVE:
                drawing.polyline(image, outline, colors.dimmed(color, 0.5), 1, closed=True)
                continue
            self._draw_box(
                image, outline, color, coasting=bool(tracks.states[row] != TrackState.CONFIRMED)
            )
            tip = self.to_pix(
                boxes_base[row : row + 1, :3] + velocities_base[row] * self._config.arrow_s
            )[0]
            drawing.arrow(image, centre, tip, color)
            speed_mps = float(np.linalg.norm(velocities_base[row, :2]))
            text = f"#{tracks.ids[row]}  {speed_mps:.1f} m/s"
            drawing.plate(
                image, text, (centre[0], outline[:, 1].min() - 4), color=color, height_px=10
            )

    def _draw_box(
        self,
        image: Image,
        outline: Float64[np.ndarray, "4 2"],
        color: colors.Color,
        *,
        coasting: bool,
    ) -> None:
        if coasting:
            drawing.dashed(image, outline, color, 2, closed=True)
            return
        drawing.filled(image, outline, color, 0.25)
        drawing.polyline(image, outline, color, 2, closed=True)
        drawing.polyline(image, outline[[0, 3]], color, 4)

    def _draw_detections(self, image: Image, label: FrameLabel) -> None:
        """Outline the detections that no track explains."""
        boxes_base = se3.transform_boxes(label.base_T_velo, label.detections.boxes_velo)
        explained = set(label.tracks.detection_index.tolist())
        for row, box_corners in enumerate(boxes.corners(boxes_base)):
            if row not in explained:
                drawing.polyline(
                    image, self.to_pix(box_corners[boxes.FLOOR]), colors.DETECTION, 1, closed=True
                )


def _base_T_odom(label: FrameLabel) -> Float64[np.ndarray, "4 4"] | None:
    """Return the pose of the label as odom in base, None where it has none."""
    odom_T_velo1 = label.egomotion.odom_T_velo1
    if odom_T_velo1 is None:
        return None
    velo1_T_odom = se3.inverse(odom_T_velo1)
    base_T_velo1 = label.base_T_velo  # the mounting does not change between frames
    base_T_odom: Float64[np.ndarray, "4 4"] = base_T_velo1 @ velo1_T_odom
    return base_T_odom


def _ground_height_m(points_base: Float[np.ndarray, "P 3"]) -> float:
    """Return a height that much of the road around the vehicle lies at, for shading only."""
    sample = points_base[:: max(len(points_base) // _GROUND_SAMPLE, 1)]
    near = sample[(np.abs(sample[:, 0]) < RING_STEP_M) & (np.abs(sample[:, 1]) < RING_STEP_M), 2]
    return float(np.percentile(near, _GROUND_PERCENTILE)) if len(near) else 0.0


def _grid_codes(grids: OccupancyGrids) -> np.ndarray:
    codes = grids.static.view(np.uint8).copy()
    codes[grids.dynamic > _OCCUPIED_FROM] = _DYNAMIC
    return codes


def _occupancy_colors() -> Image:
    """Return the (1, 256, 3) table from occupancy code to colour."""
    table = np.full((1, 256, 3), colors.BACKGROUND, np.uint8)
    table[0, :101] = colors.ramp(colors.FREE, colors.OCCUPIED, 101)
    table[0, _DYNAMIC] = colors.DYNAMIC
    return table


def _point_colors() -> Image:
    """Return the (1, 256, 3) table from height level to colour; level 0 is black, it never wins."""
    table = np.zeros((1, 256, 3), np.uint8)
    table[0, 1 : _HEIGHT_LEVELS + 1] = colors.ramp(
        colors.POINT_LOW, colors.POINT_HIGH, _HEIGHT_LEVELS
    )
    return table
