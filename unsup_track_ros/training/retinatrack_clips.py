# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clips for RetinaTrack: pairs of frames of one video, cropped and mirrored at random."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.crossing.videos import CrossingVideos
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float, Int64, Shaped, UInt8

_FINGERPRINT_LENGTH = 16


class AugmentationConfig(Config):
    """Random changes of training images: the paper's crop and horizontal flip."""

    flip_share: float = parameter(0.5, "Share of clips that are mirrored.", ge=0, le=1)
    min_zoom: float = parameter(0.8, "Smallest magnification.", gt=0)
    max_zoom: float = parameter(1.25, "Largest magnification.", gt=0)
    max_shift: float = parameter(0.1, "Largest shift, as a share of the image.", ge=0, lt=1)
    min_kept: float = parameter(
        0.4, "Objects of which less is left within the crop are dropped.", gt=0, le=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedFrames:
    """F frames with up to M tracked objects each, and the pairs of them that are clips.

    Attributes:
        frames: 0 to 255.
        boxes_px: Left, top, right, bottom; whatever where there is no object.
        ids: Tracks, unique over all videos, -1 where there is no object.
        pairs: Rows of the first and the second frame of each clip.
    """

    frames: UInt8[Tensor, "F 3 H W"]
    boxes_px: Float[Tensor, "F M 4"]
    ids: Int64[Tensor, "F M"]
    pairs: Int64[Tensor, "P 2"]

    def fingerprint(self) -> str:
        """Return a hash of all of it."""
        digest = hashlib.sha256(str(tuple(self.frames.shape)).encode())
        for part in (self.boxes_px, self.ids, self.pairs):
            digest.update(part.contiguous().cpu().numpy().tobytes())
        for frame in self.frames:  # piece by piece: the whole may be larger than what is free
            digest.update(frame.contiguous().cpu().numpy().tobytes())
        return digest.hexdigest()[:_FINGERPRINT_LENGTH]

    def to(self, device: torch.device) -> TrackedFrames:
        """Return the same on a device."""
        return TrackedFrames(
            frames=self.frames.to(device),
            boxes_px=self.boxes_px.to(device),
            ids=self.ids.to(device),
            pairs=self.pairs.to(device),
        )


def crossing_frames(videos: CrossingVideos, clip_frames: int) -> TrackedFrames:
    """Lay videos out as frames; a clip is any two frames so far apart."""
    num_videos, num_frames, num_objects = videos.is_truth.shape
    if clip_frames >= num_frames:
        raise DataError(
            f"Clips of two frames {clip_frames} frames apart need longer videos than {num_frames} "
            "frames. Let `data.crossing.num_frames` be larger, or `data.clip_s` smaller."
        )
    device = videos.is_truth.device
    index = torch.arange(num_videos * num_objects, device=device).reshape(num_videos, 1, -1)
    rows = torch.arange(num_videos * num_frames, device=device)
    rows = rows.reshape(num_videos, num_frames)
    first, second = rows[:, : num_frames - clip_frames], rows[:, clip_frames:]
    return TrackedFrames(
        frames=videos.frames.flatten(0, 1),
        boxes_px=videos.boxes_px.flatten(0, 1),
        ids=torch.where(videos.is_truth, index, -1).flatten(0, 1),
        pairs=torch.stack([first.reshape(-1), second.reshape(-1)], dim=1),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipBatch:
    """What one training step sees: C clips of two frames, all first frames before all second ones.

    Attributes:
        images: 0 to 255.
        boxes_px: Left, top, right, bottom.
        ids: Tracks, -1 where there is no object.
        zoom: Magnification of each clip.
        shift: Shift of each image, as a share of its size.
        mirrored: Which clips are mirrored.
        triplet_order: Random numbers that choose the triplets of each clip, per anchor.
    """

    images: UInt8[Tensor, "I 3 H W"]
    boxes_px: Float[Tensor, "I M 4"]
    ids: Int64[Tensor, "I M"]
    zoom: Float[Tensor, " C"]
    shift: Float[Tensor, "I 2"]
    mirrored: Bool[Tensor, " C"]
    triplet_order: Float[Tensor, "C T"]

    def copy_(self, other: ClipBatch) -> None:
        """Take over the values of another batch of the same shapes."""
        for name in self.__slots__:
            getattr(self, name).copy_(getattr(other, name))


def draw_clips(
    data: TrackedFrames,
    num_clips: int,
    num_anchors: int,
    config: AugmentationConfig,
    generator: torch.Generator,
) -> ClipBatch:
    """Choose clips at random, and how they will be changed."""
    device = data.frames.device
    pair = torch.randint(len(data.pairs), (num_clips,), generator=generator, device=device)
    frame = data.pairs[pair].T.reshape(-1)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    return ClipBatch(
        images=data.frames[frame],
        boxes_px=data.boxes_px[frame],
        ids=data.ids[frame],
        zoom=config.min_zoom + (config.max_zoom - config.min_zoom) * uniform(num_clips),
        shift=config.max_shift * (2.0 * uniform(2 * num_clips, 2) - 1.0),
        mirrored=uniform(num_clips) < config.flip_share,
        triplet_order=uniform(num_clips, 2 * num_anchors),
    )


def augmented(
    batch: ClipBatch, config: AugmentationConfig
) -> tuple[Float[Tensor, "I 3 H W"], Float[Tensor, "I M 4"], Bool[Tensor, "I M"]]:
    """Return the changed images, their boxes, and which objects are there.

    Both frames of a clip have one zoom and one direction, so that a track keeps its looks; each
    has its own shift, as if the camera had moved.
    """
    height_px, width_px = batch.images.shape[2:]
    zoom = batch.zoom.repeat(2)
    sign = torch.where(batch.mirrored, -1.0, 1.0).repeat(2)
    # In the coordinates of grid_sample (align_corners=False) an image spans -1..1.
    zero = torch.zeros_like(zoom)
    shift = 2.0 * batch.shift
    across = torch.stack([sign / zoom, zero, shift[:, 0]], dim=1)
    down = torch.stack([zero, 1.0 / zoom, shift[:, 1]], dim=1)
    grid = functional.affine_grid(
        torch.stack([across, down], dim=1), list(batch.images.shape), align_corners=False
    )
    images = functional.grid_sample(
        batch.images.float(), grid, padding_mode="border", align_corners=False
    )
    # No tensor is made of numbers here: a CUDA graph cannot copy from the host.
    half_px = (0.5 * width_px, 0.5 * height_px) * 2
    turns = torch.stack([sign * zoom, zoom], dim=1)
    sides = [
        ((edge / half - 1.0 - shift[:, axis, None]) * turns[:, axis, None] + 1.0) * half
        for edge, half, axis in zip(batch.boxes_px.unbind(-1), half_px, (0, 1, 0, 1), strict=True)
    ]
    left, right = torch.minimum(sides[0], sides[2]), torch.maximum(sides[0], sides[2])
    whole = torch.stack([left, sides[1], right, sides[3]], dim=-1)
    cut = torch.stack(
        [side.clamp(0.0, 2.0 * half) for side, half in zip(whole.unbind(-1), half_px, strict=True)],
        dim=-1,
    )
    kept = _area(cut) >= config.min_kept * _area(whole).clamp_min(1e-6)
    return images, cut, kept & (batch.ids >= 0)


def _area(boxes: Shaped[Tensor, "*S 4"]) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0.0).prod(-1)
