# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scattered videos: truth that fits the pictures, splits, motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.data.scattered.sprites import digit_bank, shape_sprites, tight_edges_px
from unsup_track_ros.data.scattered.videos import (
    MIN_VISIBLE,
    ScatteredConfig,
    ScatteredVideos,
    scattered_videos,
)
from unsup_track_ros.errors import ConfigError, DataError

SHAPES = ScatteredConfig(kind="shapes", side_px=96, speed_px=5.0, min_objects=1, max_objects=4)


def made(config: ScatteredConfig, num: int = 6, seed: int = 0) -> ScatteredVideos:
    """Some videos."""
    return scattered_videos(config, num, torch.Generator().manual_seed(seed))


def test_a_lone_shape_fills_its_box_exactly() -> None:
    videos = made(SHAPES.model_copy(update={"max_objects": 1}))
    for video, boxes in zip(videos.frames, videos.boxes_px[:, :, 0], strict=True):
        for image, box in zip(video, boxes, strict=True):
            rows, columns = np.nonzero(image.numpy().max(axis=0) >= 255 * MIN_VISIBLE)
            seen = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            assert seen == box.int().tolist()


def test_objects_move_at_their_speed_and_stay_inside() -> None:
    videos = made(SHAPES, 20)
    boxes = videos.boxes_px[videos.is_object[:, None].expand(-1, 8, -1)]
    assert boxes.min() >= 0
    assert boxes.max() <= 96
    centre = (videos.boxes_px[..., :2] + videos.boxes_px[..., 2:]) / 2
    moved = (centre[:, 1:] - centre[:, :-1]).norm(dim=-1)
    assert moved.max().item() <= 5.0 + 2**0.5  # rounding to whole pixels, twice
    assert moved.median().item() == pytest.approx(5.0, abs=1.0)


def test_the_number_of_objects_is_within_its_bounds() -> None:
    videos = made(SHAPES.model_copy(update={"min_objects": 2, "max_objects": 5}), 60)
    number = videos.is_object.sum(1)
    assert set(number.tolist()) == {2, 3, 4, 5}


def test_equal_seeds_make_equal_videos_and_others_do_not() -> None:
    first, again, other = (made(SHAPES, seed=seed).frames for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fewer_than_no_objects_is_an_error() -> None:
    with pytest.raises(ConfigError, match="min_objects"):
        made(SHAPES.model_copy(update={"min_objects": 5}))


def test_every_shape_is_as_wide_as_its_side() -> None:
    drawn = shape_sprites(torch.arange(5.0), torch.full((5,), 14.0))
    edges = tight_edges_px(drawn, 0.5)
    sides = edges[:, 2:] - edges[:, :2]
    assert (sides - 14).abs().max().item() <= 2
    assert len({tuple(sprite.flatten().tolist()) for sprite in drawn}) == 5


def test_tight_edges_of_one_visible_pixel() -> None:
    opacity = torch.zeros(1, 5, 5)
    opacity[0, 1, 3] = 1.0
    assert tight_edges_px(opacity, 0.5).tolist() == [[1.0, 3.0, 2.0, 4.0]]


def test_scikit_learn_gives_digits_where_mnist_is_not() -> None:
    bank = digit_bank(None)
    assert bank.shape[1:] == (14, 14)
    assert bank.max() == 255


def test_mnist_digits_are_read_and_split(shared_data: Path) -> None:
    folder = shared_data / "mnist_t10k"
    bank = digit_bank(folder)
    assert bank.shape == (10000, 14, 14)
    config = ScatteredConfig(mnist_folder=str(folder), max_objects=3)
    train, test = (
        scattered_videos(config, 8, torch.Generator().manual_seed(0), split).frames
        for split in ("train", "test")
    )
    assert not torch.equal(train, test)


def test_a_missing_file_of_digits_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="t10k-images"):
        digit_bank(tmp_path)
