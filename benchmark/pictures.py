# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Draws what was found and what is true over each other, to look at failures.

    python -m benchmark.pictures LABELS --out DIR [--truth DRIVE.truth | DRIVE_DIR] \
        [--frames 10 20 30] [--label-pass completed]

Bird's-eye views of label frames. Found: tracks filled in colours with ID and speed, detections
without a track outlined. True: moving boxes yellow with their number of points, standing ones
dull, both with a tick at the front. Points where the truth knows them: green marked rightly as
moving, red marked wrongly, blue moving but missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmark.kitti_drives import truths_of
from benchmark.runs import CAUSAL, COMPLETED, labels_of
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.truth import TruthFolder, truth_folder
from unsup_track_ros.geometry import se3
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.visualization import boxes, drawing
from unsup_track_ros.visualization.birds_eye_view import BirdsEyeView, BirdsEyeViewConfig
from unsup_track_ros.visualization.drawing import Image

RIGHT, WRONG, MISSED = (0, 220, 80), (255, 60, 60), (70, 130, 255)
MOVING, STANDING = (255, 225, 0), (150, 135, 60)


def main() -> None:
    """Write one picture per chosen frame."""
    options = _options()
    store = LabelStore.open(options.labels)
    truths = {truth.stamp_ns: truth for truth in _truths(store, options.truth)}
    wanted = set(options.frames or range(10**9))
    config = BirdsEyeViewConfig(
        width_px=1600, height_px=900, ahead_m=options.ahead_m, behind_m=options.ahead_m / 2
    )
    view = BirdsEyeView(config)
    options.out.mkdir(parents=True, exist_ok=True)
    with Recording(Path(store.manifest.recording_path)) as recording:
        # Every frame is drawn, for the trails; only the chosen ones are written.
        for frame, label in zip(recording, labels_of(store, options.label_pass), strict=False):
            image = view.draw(frame, label)
            truth = truths.get(frame.stamp_ns)
            if truth is not None:
                _draw_points(image, view, frame, label, truth)
                _draw_boxes(image, view, label, truth)
            if frame.index in wanted and (truth is not None or not truths):
                path = options.out / f"{frame.index:06d}.png"
                cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                sys.stdout.write(f"{path}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path, help="label directory")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--truth", type=Path, help="truth folder or KITTI drive; default: beside")
    parser.add_argument("--frames", type=int, nargs="+", help="running numbers; default: all")
    parser.add_argument("--label-pass", choices=[CAUSAL, COMPLETED], default=CAUSAL)
    parser.add_argument("--ahead-m", type=float, default=50.0, help="ground shown ahead")
    return parser.parse_args()


def _truths(store: LabelStore, given: Path | None) -> list[FrameTruth]:
    beside = truth_folder(Path(store.manifest.recording_path))
    folder = beside if given is None else given
    if (folder / "label_2").is_dir():
        return truths_of(folder)
    return list(TruthFolder(folder)) if folder.is_dir() else []


def _draw_points(
    image: Image, view: BirdsEyeView, frame: SensorFrame, label: FrameLabel, truth: FrameTruth
) -> None:
    if truth.moving_points is None or not len(label.motion.moving_points):
        return
    points_base = se3.transform(frame.base_T_velo, frame.cloud.points_velo)
    pixel = np.floor(view.to_pix(points_base)).astype(np.int64)
    height, width = image.shape[:2]
    shown = ((pixel >= 0) & (pixel < (width, height))).all(axis=1)
    marked, moving = label.motion.moving_points, truth.moving_points
    for color, chosen in (
        (MISSED, moving & ~marked),
        (WRONG, marked & ~moving),
        (RIGHT, marked & moving),
    ):
        column, row = pixel[shown & chosen].T
        image[row, column] = color


def _draw_boxes(image: Image, view: BirdsEyeView, label: FrameLabel, truth: FrameTruth) -> None:
    boxes_base = se3.transform_boxes(label.base_T_velo, truth.boxes_velo)
    moving = np.zeros(len(boxes_base), bool) if truth.moving is None else truth.moving
    for row, corners_base in enumerate(boxes.corners(boxes_base)):
        color = MOVING if moving[row] else STANDING
        outline_pix = view.to_pix(corners_base[boxes.FLOOR])
        drawing.polyline(image, outline_pix, color, 1, closed=True)
        yaw = boxes_base[row, 6]
        front = boxes_base[row, :2] + np.array([np.cos(yaw), np.sin(yaw)]) * (
            boxes_base[row, 3] / 2 + 0.6
        )
        tick = view.to_pix(np.stack([boxes_base[row, :2], front]))
        drawing.polyline(image, tick, color, 1)
        if moving[row] and truth.num_points is not None:
            text = f"{truth.num_points[row]}"
            drawing.write(image, text, (tick[1, 0] + 3, tick[1, 1]), height_px=8, color=color)


if __name__ == "__main__":
    main()
