# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bird's-eye-view network: its input, its shapes, and boxes from its output."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.bev_centernet import BevCenternet, BevCenternetConfig, BevOutput
from unsup_track_ros.networks.bev_decoding import BevBoxes, BevDecodingConfig, decode, fuse
from unsup_track_ros.networks.bev_input import BevGridConfig, bev_image, bev_images

RELEASED = BevCenternetConfig(mode="tcr")
IMPROVED = BevCenternetConfig(mode="improved")


def test_the_released_network_has_28_channels_in_352_features() -> None:
    network = BevCenternet(RELEASED)
    assert network.head.weight.shape == (28, 352, 1, 1)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(1.6e6, rel=0.1)


@pytest.mark.parametrize("config", [RELEASED, IMPROVED], ids=["tcr", "improved"])
def test_the_output_has_a_quarter_of_the_resolution(config: BevCenternetConfig) -> None:
    image = torch.rand(2, config.num_inputs, 64, 64)
    small = config.model_copy(update={"grid": BevGridConfig(num_x=64, num_y=64)})
    output = BevCenternet(small)(image)
    assert output.centre.shape == (2, 16, 16)
    assert output.size.shape == (2, 3, 16, 16)
    assert output.segmentation.shape == (2, 4, 16, 16)
    assert (output.size > 0).all()
    assert (output.velocity is None) == (config.mode == "tcr")


def test_a_grid_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiples of 4, 16 and 16"):
        BevCenternet(BevCenternetConfig(grid=BevGridConfig(num_x=100)))


def test_points_fall_into_the_voxel_around_them() -> None:
    grid = BevGridConfig().grid()
    points = torch.tensor([[2.01, -15.99, -2.49], [18.06, 0.06, 0.1], [1.99, 0, 0], [5, 5, 1.6]])
    volume = bev_image(points, None, grid, with_features=False)
    assert volume.sum() == 2
    assert volume[0, 0, 0] == 1
    assert volume[10, 128, 128] == 1


def test_features_tell_height_and_density() -> None:
    grid = BevGridConfig().grid()
    points = torch.tensor([[18.06, 0.06, -0.5], [18.06, 0.06, 0.5]])
    image = bev_image(points, None, grid, with_features=True)
    assert image.shape == (19, 256, 256)
    top, density, bright = image[16:, 128, 128].tolist()
    assert top == pytest.approx(0.75)
    assert density == pytest.approx(math.log(3) / math.log(33))
    assert bright == 0.0


def test_scans_of_a_batch_look_as_each_does_alone_and_points_of_nobody_are_left_out() -> None:
    grid = BevGridConfig().grid()
    rng = torch.Generator().manual_seed(0)
    points = torch.rand((300, 3), generator=rng) * torch.tensor([40.0, 40.0, 5.0])
    points -= torch.tensor([0.0, 20.0, 3.0])
    intensity = torch.rand(300, generator=rng)
    sample = torch.arange(300) % 3 - 1
    both = bev_images(points, intensity, (sample, 2), grid, with_features=True)
    for i in range(2):
        rows = sample == i
        alone = bev_image(points[rows], intensity[rows], grid, with_features=True)
        torch.testing.assert_close(both[i], alone)


def planted(config: BevCenternetConfig) -> BevOutput:
    """One sure peak at cell (y 20, x 40): a car of 4.2 x 1.7 x 1.5 m in the third yaw bin."""
    side = 64
    maps: dict[str, Tensor] = {
        "centre": torch.full((1, side, side), -9.0),
        "size": torch.tensor([4.2, 1.7, 1.5]).view(1, 3, 1, 1).expand(1, 3, side, side).clone(),
        "offset": torch.zeros(1, 3, side, side),
        "height": torch.full((1, side, side), -0.9),
        "yaw_bins": torch.zeros(1, 16, side, side),
        "segmentation": torch.zeros(1, 4, side, side),
    }
    maps["centre"][0, 20, 40] = 3.0
    maps["centre"][0, 20, 41] = 2.0
    maps["offset"][0, :2, 20, 40] = torch.tensor([0.4, -0.2])
    maps["yaw_bins"][0, 3, 20, 40] = 5.0
    if config.mode == "improved":
        maps |= {
            "yaw_residual": torch.full((1, 16, side, side), 0.25),
            "heading": torch.tensor([-1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, side, side),
            "overlap": torch.zeros(1, side, side),
            "velocity": torch.ones(1, 2, side, side),
        }
    return BevOutput(**maps)


def test_the_released_decoder_answers_at_the_cell_centre_with_the_bin_angle() -> None:
    (found,) = decode(planted(RELEASED), RELEASED, BevDecodingConfig.released())
    assert found.boxes_bev.tolist() == [
        pytest.approx([2 + 40.5 * 0.5, -16 + 20.5 * 0.5, -0.9, 4.2, 1.7, 1.5, 3 * math.pi / 16])
    ]
    assert found.scores.tolist() == pytest.approx([1 / (1 + math.exp(-3))])
    assert not found.heading_known.any()


def test_the_improved_decoder_adds_offset_residual_and_heading() -> None:
    (found,) = decode(planted(IMPROVED), IMPROVED, BevDecodingConfig(overlap_share=0.5))
    x, y, _, length, _, _, yaw = found.boxes_bev[0]
    assert (x, y) == pytest.approx((2 + 40.9 * 0.5, -16 + 20.3 * 0.5))
    assert length == pytest.approx(4.2)
    # The heading says -x, so the axis at 3.25 bins is turned around.
    assert yaw == pytest.approx(3.25 * math.pi / 16 - math.pi)
    assert found.scores[0] == pytest.approx(math.sqrt(0.5 / (1 + math.exp(-3))))
    assert found.velocities_bev[0].tolist() == [1.0, 1.0]
    assert found.heading_known[0]


def test_a_score_below_the_least_gives_no_box() -> None:
    quiet = dataclasses.replace(planted(RELEASED), centre=torch.full((1, 64, 64), -9.0))
    (found,) = decode(quiet, RELEASED, BevDecodingConfig.released())
    assert found.boxes_bev.shape == (0, 7)


def view(boxes: list[list[float]], scores: list[float]) -> BevBoxes:
    array = np.array(boxes, np.float64).reshape(-1, 7)
    return BevBoxes(
        boxes_bev=array,
        scores=np.array(scores, np.float64),
        velocities_bev=np.zeros((len(array), 2)),
        heading_known=np.ones(len(array), bool),
    )


def test_fusion_takes_the_weighted_mean_and_a_box_of_one_view_loses() -> None:
    first = view([[10, 0, 0, 4, 2, 1.5, 0.0], [20, 5, 0, 4, 2, 1.5, 0.0]], [0.9, 0.8])
    second = view([[10.4, 0, 0, 4.4, 2, 1.5, math.pi - 0.1]], [0.3])
    fused = fuse([first, second], 0.5)
    assert fused.scores.tolist() == pytest.approx([0.6, 0.4])
    assert fused.boxes_bev[0, 0] == pytest.approx(10.1)
    assert fused.boxes_bev[0, 3] == pytest.approx(4.1)
    assert fused.boxes_bev[0, 6] == pytest.approx(-0.025)  # the axes differ by a tenth, not by pi
    assert fused.boxes_bev[1, 0] == 20.0


def test_fusion_of_nothing_is_nothing() -> None:
    assert len(fuse([view([], []), view([], [])], 0.5).scores) == 0
