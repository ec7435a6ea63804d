# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What RetinaTrack is trained on: crossing videos, or the pseudo-tracks of labelled recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.crossing.videos import CrossingConfig, crossing_videos
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import corners
from unsup_track_ros.geometry.camera import project
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.shapes import Bool, Float64, Int64, UInt8
from unsup_track_ros.structures.frame import CameraImage
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.training.retinatrack_clips import TrackedFrames, crossing_frames


class RetinaTrackDataConfig(Config):
    """Training data of RetinaTrack."""

    source: Literal["crossing", "labels"] = parameter(
        "crossing", "Made-up videos with exact truth, or the tracks of labelled recordings."
    )
    clip_s: float = parameter(
        0.8, "Time between the two frames of a clip (paper: 8 frames at 10 Hz).", unit="s", gt=0
    )
    num_videos: int = parameter(200, "Crossing videos.", ge=1)
    seed: int = parameter(0, "Seed of the crossing videos.", ge=0)
    crossing: CrossingConfig = CrossingConfig()
    width_px: int = parameter(
        640, "Labels: width that images are scaled to, the height follows.", unit="px", ge=64
    )
    min_side_px: float = parameter(
        6.0, "Labels: objects that are smaller in the scaled image are left out.", unit="px", gt=0
    )
    min_weight: float = parameter(
        0.5, "Labels: completed tracks of less weight in training are left out.", ge=0, le=1
    )
    recording: RecordingConfig = RecordingConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImage:
    """A scaled image and the tracks in it; boxes are left, top, right, bottom."""

    stamp_ns: int
    image: UInt8[np.ndarray, "3 H W"]
    ids: Int64[np.ndarray, " N"]
    boxes_px: Float64[np.ndarray, "N 4"]


def training_frames(
    config: RetinaTrackDataConfig, labels: Sequence[Path], progress: Progress
) -> TrackedFrames:
    """Make or read the frames to train on.

    Raises:
        DataError: Labels are asked for and there are none, or no track is seen in two frames that
            could form a clip.
    """
    if config.source == "crossing":
        generator = torch.Generator().manual_seed(config.seed)
        videos = crossing_videos(config.crossing, config.num_videos, generator)
        return crossing_frames(videos, round(config.clip_s * config.crossing.traffic.rate_hz))
    if not labels:
        raise DataError(
            "Training on labels needs at least one label directory. Name them on the command line, "
            "or set `data.source` to 'crossing'."
        )
    return stacked([_labelled_images(path, config, progress) for path in labels], config.clip_s)


def stacked(recordings: Sequence[Sequence[LabelledImage]], clip_s: float) -> TrackedFrames:
    """Lay labelled images of recordings out as frames; clips pair frames about `clip_s` apart.

    Raises:
        DataError: Images differ in size, or there is no clip with a track in it.
    """
    images = [image for recording in recordings for image in recording]
    sizes = {image.image.shape for image in images}
    if len(sizes) > 1:
        raise DataError(
            f"The images of one training must be of one size, got {sorted(sizes)} after scaling. "
            "Train on recordings of one camera model."
        )
    pairs, first_row = [np.zeros((0, 2), np.int64)], 0
    first_ids, next_id = [], 0  # of each image: identities of different recordings are unrelated
    for recording in recordings:
        stamps_ns = np.array([image.stamp_ns for image in recording], np.int64)
        pairs.append(first_row + clip_pairs(stamps_ns, clip_s))
        first_row += len(recording)
        first_ids += [next_id] * len(recording)
        next_id += 1 + max((int(image.ids.max(initial=0)) for image in recording), default=0)
    seen = np.array([len(image.ids) > 0 for image in images], bool)
    together = np.concatenate(pairs)
    together = together[seen[together].any(axis=1)]
    if not len(together):
        raise DataError(
            f"No track is seen by the camera in {len(images)} labelled frames that could form "
            "clips. Use recordings in which something moves before the camera."
        )
    most = max(len(image.ids) for image in images)
    ids = np.full((len(images), most), -1, np.int64)
    boxes = np.zeros((len(images), most, 4), np.float32)
    for row, image in enumerate(images):
        ids[row, : len(image.ids)] = first_ids[row] + image.ids
        boxes[row, : len(image.ids)] = image.boxes_px
    return TrackedFrames(
        frames=torch.from_numpy(np.stack([image.image for image in images])),
        boxes_px=torch.from_numpy(boxes),
        ids=torch.from_numpy(ids),
        pairs=torch.from_numpy(together),
    )


def clip_pairs(stamps_ns: Int64[np.ndarray, " F"], clip_s: float) -> Int64[np.ndarray, "P 2"]:
    """Pair each frame with the one nearest to `clip_s` later, if it is within a quarter of that."""
    wanted = stamps_ns + round(clip_s * 1e9)
    if not len(stamps_ns):
        return np.zeros((0, 2), np.int64)
    after = np.searchsorted(stamps_ns, wanted).clip(1, max(len(stamps_ns) - 1, 1))
    after = np.minimum(after, len(stamps_ns) - 1)
    before = np.maximum(after - 1, 0)
    is_before = wanted - stamps_ns[before] <= np.abs(stamps_ns[after] - wanted)
    second = np.where(is_before, before, after)
    off_ns = np.abs(stamps_ns[second] - wanted)
    first = np.arange(len(stamps_ns))
    good = (off_ns <= 0.25e9 * clip_s) & (second != first)
    return np.stack([first[good], second[good]], axis=1)


def boxes_in_image(
    boxes_odom: Float64[np.ndarray, "N 7"],
    odom_T_velo: Float64[np.ndarray, "4 4"],
    camera: CameraImage,
) -> Float64[np.ndarray, "N 4"]:
    """Return the rectangles around boxes in an image, cut at its border.

    A box that reaches behind the camera or lies outside the image gets nan.
    """
    points_odom = corners(boxes_odom).reshape(-1, 3)
    points_cam = se3.transform(camera.cam_T_velo @ se3.inverse(odom_T_velo), points_odom)
    points_pix = project(points_cam, camera.camera.pix_T_cam).reshape(-1, 8, 2) + 0.5
    low, high = points_pix.min(axis=1), points_pix.max(axis=1)  # nan where a corner is behind
    size = np.array([camera.camera.width_px, camera.camera.height_px], np.float64)
    rectangles = np.concatenate([np.clip(low, 0.0, size), np.clip(high, 0.0, size)], axis=1)
    empty = ~(rectangles[:, 2:] > rectangles[:, :2]).all(axis=1)
    rectangles[empty] = np.nan
    return rectangles


def _labelled_images(
    folder: Path, config: RetinaTrackDataConfig, progress: Progress
) -> list[LabelledImage]:
    """Read images of a recording and the tracks of its labels, completed ones where there are."""
    store = LabelStore.open(folder)
    labels = iter(store.completed() if store.is_completed else store)
    by_index = {label.index: label for label in labels}
    found = []
    with Recording(Path(store.manifest.recording_path), config.recording) as recording:
        for frame in recording.frames(0):
            label = by_index.pop(frame.index, None)
            if label is not None and frame.camera is not None:
                image = _labelled(frame.camera, label, config)
                found += [] if image is None else [image]
            progress(f"reading {folder.name}", frame.index + 1, len(recording))
            if not by_index:
                break
    return found


def _labelled(
    camera: CameraImage, label: FrameLabel, config: RetinaTrackDataConfig
) -> LabelledImage | None:
    """Scale an image and place the tracks in it; None where the frame has no pose."""
    odom_T_velo = label.egomotion.odom_T_velo1
    if odom_T_velo is None:
        return None
    height_px, width_px = camera.image_rgb.shape[:2]
    scale = config.width_px / width_px
    size = (config.width_px, round(height_px * scale))
    image = cv2.resize(camera.image_rgb, size, interpolation=cv2.INTER_AREA)
    rectangles = boxes_in_image(label.tracks.boxes_odom, odom_T_velo, camera)
    rectangles *= np.tile([scale, size[1] / height_px], 2)
    sides = rectangles[:, 2:] - rectangles[:, :2]
    used: Bool[np.ndarray, " N"] = np.all(sides >= config.min_side_px, axis=1)
    used &= label.tracks.states != TrackState.TENTATIVE
    if label.track_weights is not None:
        used &= label.track_weights >= config.min_weight
    return LabelledImage(
        stamp_ns=label.stamp_ns,
        image=np.ascontiguousarray(image.transpose(2, 0, 1)),
        ids=label.tracks.ids[used],
        boxes_px=rectangles[used],
    )
