# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Crossing videos: exact boxes, visibility, motion, seeds."""

from __future__ import annotations

import pytest
import torch

from unsup_track_ros.data.crossing.painting import painted, random_paint
from unsup_track_ros.data.crossing.traffic import (
    CrossingScene,
    CrossingTrafficConfig,
    PinholeView,
    crossing_scene,
    projected_boxes,
)
from unsup_track_ros.data.crossing.videos import CrossingConfig, CrossingVideos, crossing_videos
from unsup_track_ros.errors import ConfigError

SMALL = CrossingConfig(width_px=128, height_px=80, num_frames=6)
VIEW = PinholeView(width_px=100, height_px=60, focal_px=100.0, horizon_px=25.0)


@pytest.fixture(scope="module")
def videos() -> CrossingVideos:
    """A few small videos."""
    return crossing_videos(SMALL, 5, torch.Generator().manual_seed(0))


def test_equal_seeds_give_equal_videos(videos: CrossingVideos) -> None:
    again = crossing_videos(SMALL, 5, torch.Generator().manual_seed(0))
    assert torch.equal(videos.frames, again.frames)
    assert torch.equal(videos.boxes_px, again.boxes_px)
    other = crossing_videos(SMALL, 5, torch.Generator().manual_seed(1))
    assert not torch.equal(videos.frames, other.frames)


def test_shapes_and_limits(videos: CrossingVideos) -> None:
    most = SMALL.traffic.max_vehicles
    assert videos.frames.shape == (5, 6, 3, 80, 128)
    assert videos.boxes_px.shape == (5, 6, most, 4)
    boxes = videos.boxes_px[videos.is_truth]
    assert len(boxes)
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= 128).all()
    assert (boxes[:, 3] <= 80).all()
    assert (videos.visibility <= 1).all()
    assert (videos.visibility[videos.is_truth] >= SMALL.min_visible).all()


def test_vehicles_hide_one_another(videos: CrossingVideos) -> None:
    hidden = (videos.visibility > 0) & (videos.visibility < 0.9)
    assert hidden.sum() > 0.1 * (videos.visibility > 0).sum()


def scene(*boxes_depths: tuple[list[float], float], kind: int = 1) -> CrossingScene:
    """A still scene of vehicles without windows cut out of them."""
    num = len(boxes_depths)
    return CrossingScene(
        boxes_px=torch.tensor([[[box for box, _ in boxes_depths]]]),
        depth_m=torch.tensor([[[depth for _, depth in boxes_depths]]]),
        is_seen=torch.ones(1, 1, num, dtype=torch.bool),
        side_share=torch.ones(1, 1, num),
        kind=torch.full((1, num), float(kind)),
        heads_right=torch.ones(1, 1, num, dtype=torch.bool),
        camera_xz_m=torch.zeros(1, 1, 2),
        camera_yaw_rad=torch.zeros(1, 1),
    )


def test_the_near_one_hides_its_share_of_the_far_one() -> None:
    still = scene(([20.0, 10.0, 60.0, 40.0], 10.0), ([50.0, 10.0, 90.0, 40.0], 20.0))
    paint = random_paint(1, 2, torch.Generator().manual_seed(0))
    _, visibility = painted(still, paint, VIEW)
    assert visibility[0, 0].tolist() == [1.0, 0.75]


def test_a_car_fills_its_box_to_every_side() -> None:
    still = scene(([20.0, 10.0, 60.0, 40.0], 10.0), kind=0)
    plain = scene(([20.0, 10.0, 60.0, 40.0], 10.0), kind=0)
    unseen = CrossingScene(
        **{name: getattr(plain, name) for name in plain.__slots__ if name != "is_seen"},
        is_seen=torch.zeros(1, 1, 1, dtype=torch.bool),
    )
    paint = random_paint(1, 1, torch.Generator().manual_seed(1))
    with_car, empty = (painted(which, paint, VIEW)[0] for which in (still, unseen))
    rows, columns = torch.nonzero((with_car != empty).any(dim=2)[0, 0], as_tuple=True)
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == [20, 10, 59, 39]


def test_a_vehicle_is_projected_by_hand() -> None:
    """4 m long, 2 m wide and high, 11 m ahead, seen from the side: its near face is 10 m away."""
    boxes, nearest_m = projected_boxes(
        torch.tensor([[[[0.0, 11.0]]]]),
        torch.zeros(1, 1, 1),
        torch.tensor([[[[4.0, 2.0, 2.0]]]]),
        VIEW,
    )
    # f = 100 px, horizon at 25: half its length is 20 px; 1.6 m below the camera is 16 px.
    assert boxes[0, 0, 0].tolist() == pytest.approx([30.0, 21.0, 70.0, 41.0])
    assert nearest_m.item() == pytest.approx(10.0)


def test_vehicles_drive_at_a_constant_speed() -> None:
    config = CrossingTrafficConfig(
        num_poles=0, max_camera_speed_mps=0, max_yaw_rad=0, oblique_share=0
    )
    made = crossing_scene(config, VIEW, 2, 5, torch.Generator().manual_seed(3))
    steps = made.depth_m.diff(dim=1)[:, :, : config.min_vehicles]
    assert torch.allclose(steps, steps[:, :1].expand_as(steps), atol=1e-4)


def test_more_at_least_than_at_most_is_refused() -> None:
    traffic = CrossingTrafficConfig(min_vehicles=5, max_vehicles=4)
    with pytest.raises(ConfigError, match="at least 5"):
        crossing_videos(CrossingConfig(traffic=traffic), 1, torch.Generator())
