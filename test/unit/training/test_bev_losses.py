# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Losses of the bird's-eye-view network, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from unit.training.bev_scenes import car, objects, small_network

from unsup_track_ros.networks.bev_centernet import BevCenternet, BevOutput
from unsup_track_ros.training.bev import padded
from unsup_track_ros.training.bev_losses import balanced_bce, bev_losses, yaw_bin_of
from unsup_track_ros.training.bev_targets import centre_targets

CPU = torch.device("cpu")


def test_balanced_bce_weighs_one_positive_like_many_negatives() -> None:
    logits = torch.tensor([[0.0, 2.0, 2.0, 2.0, 9.0]])
    positive = torch.tensor([[True, False, False, False, False]])
    negative = torch.tensor([[False, True, True, True, False]])
    expected = math.log(2) + math.log(1 + math.exp(2.0))
    assert float(balanced_bce(logits, positive, negative)) == pytest.approx(expected, rel=1e-6)


def test_balanced_bce_without_any_label_is_zero() -> None:
    nothing = torch.zeros(2, 4, dtype=torch.bool)
    assert float(balanced_bce(torch.randn(2, 4), nothing, nothing)) == 0.0


@pytest.mark.parametrize(
    ("degrees", "bin_number", "rest"),
    [(0, 0, 0), (11.25, 1, 0), (180, 0, 0), (191.25, 1, 0), (-11.25, 15, 0), (16.875, 2, -0.5),
     (177, 0, -3 / 11.25)],
)  # fmt: skip
def test_yaw_falls_into_the_nearest_bin_of_half_a_turn(
    degrees: float, bin_number: int, rest: float
) -> None:
    found, left = yaw_bin_of(torch.tensor([math.radians(degrees)], dtype=torch.float64), 16)
    assert int(found) == bin_number
    assert float(left) == pytest.approx(rest, abs=1e-6)


def losses_of(mode: str, output: BevOutput, weights: list[float]) -> dict[str, float]:
    network = small_network(mode)
    boxes = [car(8.25, 0.25), car(4.25, 5.25, 0.4)][: len(weights)]
    labels = padded([objects(boxes, weights)], network, CPU)
    centres = centre_targets(labels, network, torch.zeros(1, 32, 32, dtype=torch.bool))
    segments = (torch.zeros(1, 4, 32, 32, dtype=torch.bool),) * 2
    terms = bev_losses(output, labels, centres, segments, network)
    return {name: float(term.detach()) for name, term in terms.items()}


def output_of(mode: str) -> BevOutput:
    network = small_network(mode)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = BevCenternet(network)
        output = built(torch.rand(1, network.num_inputs, 64, 64))
    assert isinstance(output, BevOutput)
    return output


@pytest.mark.parametrize("mode", ["tcr", "improved"])
def test_without_labels_no_box_term_counts(mode: str) -> None:
    terms = losses_of(mode, output_of(mode), [0.0])
    assert all(value == pytest.approx(0.0, abs=1e-7) for value in terms.values())


def test_a_label_that_is_trusted_less_counts_less() -> None:
    output = output_of("improved")
    sure = losses_of("improved", output, [1.0, 1.0])
    doubtful = losses_of("improved", output, [1.0, 1e-6])
    alone = losses_of("improved", output, [1.0])
    for name in ("size", "offset", "yaw", "heading", "overlap", "velocity"):
        assert doubtful[name] == pytest.approx(alone[name], rel=1e-4)
        assert sure[name] != pytest.approx(alone[name], rel=1e-4)


def test_the_released_size_term_is_smooth_l1_at_the_centre() -> None:
    output = output_of("tcr")
    flat = torch.ones_like(output.size) * torch.tensor([3.0, 1.8, 1.0]).view(1, 3, 1, 1)
    planted = BevOutput(
        centre=output.centre, size=flat, offset=output.offset, height=output.height,
        yaw_bins=output.yaw_bins, segmentation=output.segmentation,
    )  # fmt: skip
    # 4.0 against 3.0 m: 1 - 0.5; 1.5 against 1.0 m: 0.5^2 / 2.
    assert losses_of("tcr", planted, [1.0])["size"] == pytest.approx(0.5 + 0.125, rel=1e-5)
