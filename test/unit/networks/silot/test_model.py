# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network as a whole: any size, finite gradients, gates, priors, identities."""

from __future__ import annotations

import math

import pytest
import torch

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.silot import Noise, Schedule, Silot, SilotConfig
from unsup_track_ros.networks.silot.count_prior import presence_expectations
from unsup_track_ros.networks.silot.discovery import num_cells
from unsup_track_ros.networks.silot.latents import Draw, Latents, learned_prior_kl
from unsup_track_ros.networks.silot.layers import Convolution, SpatialAttention, gaussian_kl
from unsup_track_ros.networks.silot.objects import no_objects
from unsup_track_ros.networks.silot.propagation import Propagation
from unsup_track_ros.networks.silot.tracker import SilotTracker

SMALL = SilotConfig(what_size=8, memory_size=8, max_objects=4)


def network(config: SilotConfig = SMALL) -> Silot:
    """A network with the weights of seed 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Silot(config)


def noise_of(video: torch.Tensor, config: SilotConfig = SMALL, dropout: float = 0.5) -> Noise:
    """Noise of seed 0."""
    return Noise.drawn(video, config, dropout, torch.Generator().manual_seed(0))


def schedule(num: int) -> Schedule:
    """The middle of a training."""
    return Schedule(expectations=presence_expectations(num, torch.tensor(0.0)))


@pytest.mark.parametrize("size", [(48, 48), (30, 50), (12, 12), (61, 24)])
def test_a_frame_of_any_size_is_covered_by_cells(size: tuple[int, int]) -> None:
    video = torch.rand(1, 1, 1, *size)
    outcome = network().step(video[:, 0], None, noise_of(video))
    assert outcome.reconstruction.shape == (1, 1, *size)
    assert outcome.objects.presence.shape == (1, 4, 1)
    cells = num_cells(size[0]) * num_cells(size[1])
    assert outcome.is_new.sum().item() == min(cells, 4) or cells < 4


def test_all_gradients_are_finite_and_all_weights_learn() -> None:
    net = network()
    video = torch.rand(2, 3, 1, 24, 24)
    noise = noise_of(video, dropout=0.0)
    objects, total = None, torch.zeros(())
    for index in range(3):
        table = schedule(4 if objects is None else 8)
        outcome = net.step(video[:, index], objects, noise.frame(index), table)
        objects = outcome.objects
        total = total + torch.stack([v.sum() for v in outcome.losses.values()]).sum()
    torch.autograd.backward(total)
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_waiting_heads_get_no_gradient_and_their_answers_stay() -> None:
    net = network()
    video = torch.rand(1, 1, 1, 24, 24)
    noise = noise_of(video)
    table = schedule(4).expectations
    free = net.step(video[:, 0], None, noise, Schedule(expectations=table))
    held = net.step(
        video[:, 0], None, noise, Schedule(expectations=table, head_gradient=torch.tensor(0.0))
    )
    assert torch.allclose(free.reconstruction, held.reconstruction, atol=1e-6)
    torch.autograd.backward(torch.stack([loss.sum() for loss in held.losses.values()]).sum())
    gradient = {name: weight.grad for name, weight in net.named_parameters()}
    waiting, learning = (gradient[f"discovery.{head}_head.0.weight"] for head in ("depth", "what"))
    assert waiting is not None
    assert learning is not None
    # The hidden layer is shared with what the head passes on; its own answer learns nothing.
    last = gradient["discovery.presence_head.2.weight"]
    assert last is None or last[:1].abs().max().item() == 0.0
    assert learning.abs().max().item() > 0.0


def test_presence_can_only_fall_in_propagation() -> None:
    net = network()
    video = torch.rand(1, 2, 1, 24, 24)
    noise = noise_of(video)
    first = net.step(video[:, 0], None, noise.frame(0))
    draw_noise = noise.frame(1)
    draw = Draw(
        gaussian_noise=draw_noise.gaussian[:, 0, :4], logistic_noise=draw_noise.logistic[:, 0, :4]
    )
    now, _, _ = net.propagation(video[:, 1], first.objects, first.objects.memory, draw)
    assert (now.presence <= first.objects.presence).all()


def test_closed_gates_replace_the_appearance_by_what_is_seen() -> None:
    torch.manual_seed(0)
    part = Propagation(SMALL, sees=True)
    with torch.no_grad():
        weights = dict(part.what_head.named_parameters())
        weights["4.weight"].zero_()
        weights["4.bias"].zero_()
        weights["4.bias"][:24] = -1e4  # gates keep, ignore seen, ignore expected: all shut
    before = no_objects(torch.zeros(1, 1, 24, 24), 2, SMALL)
    told = torch.rand(1, 2, weights["0.weight"].shape[1])
    seen = torch.rand(1, 2, 64)
    draw = Draw(gaussian_noise=torch.zeros(1, 2, 13), logistic_noise=torch.zeros(1, 2, 1))
    what, _ = part._what(before, told, seen, draw)
    assert torch.allclose(before.what + what.drawn, part.what_seen(seen)[..., :8], atol=1e-6)


def test_dropped_discoveries_are_absent_and_cost_nothing() -> None:
    net = network()
    video = torch.rand(1, 1, 1, 24, 24)
    noise = noise_of(video)
    dropped = Noise(
        gaussian=noise.gaussian, logistic=noise.logistic, discovery_kept=torch.zeros(1, 1)
    )
    outcome = net.step(video[:, 0], None, dropped, schedule(4))
    assert outcome.objects.presence.abs().max().item() == 0.0
    assert outcome.losses["discovery_kl"].item() == 0.0


def test_the_divergence_of_equal_gaussians_is_zero() -> None:
    mean, std = torch.randn(5), torch.rand(5) + 0.1
    assert gaussian_kl(mean, std, mean, std).abs().max().item() < 1e-6
    one = gaussian_kl(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(0.0), torch.tensor(1.0))
    assert one.item() == pytest.approx(0.5)


def test_a_prior_that_knows_the_posterior_costs_nothing() -> None:
    draw = {"mean": torch.randn(1, 3, 5), "std": torch.rand(1, 3, 5) + 0.1}
    posterior = Latents(
        **draw,
        drawn=torch.randn(1, 3, 5),
        presence_log_odds=torch.randn(1, 3, 1),
        presence_drawn=torch.randn(1, 3, 1),
    )
    assert learned_prior_kl(posterior, posterior).abs().max().item() < 1e-6


def test_attention_to_the_nearest_equals_attention_to_all_that_are_near() -> None:
    torch.manual_seed(0)
    attention = SpatialAttention(5, 0, 6, 0.05)
    centre = torch.cat([torch.rand(1, 4, 2) * 0.1, 5 + torch.rand(1, 8, 2)], dim=1)
    features = torch.rand(1, 12, 5)
    query = torch.rand(1, 3, 2) * 0.1
    all_of_them, near = (attention(query, None, centre, features, k) for k in (12, 4))
    assert torch.allclose(all_of_them, near, atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "padding"), [(4, 3, 0), (3, 1, 1), (1, 1, 0)])
def test_the_convolution_equals_that_of_torch(size: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    layer = Convolution(3, 5, size, stride=stride, padding=padding)
    image = torch.rand(2, 3, 20, 17)
    expected = torch.nn.functional.conv2d(
        image, layer.weight, layer.bias, stride=stride, padding=padding
    )
    assert torch.allclose(layer(image), expected, atol=1e-5)


def test_a_cell_sees_the_image_around_its_own_centre() -> None:
    """The receptive field of a cell is centred on it, up to the half pixel of an odd field."""
    net = network()
    image = torch.rand(1, 1, 48, 48, requires_grad=True)
    features, _ = net.discovery._features(image, no_objects(image, 4, SMALL))
    net.discovery.backbone(torch.nn.functional.pad(image, (9, 10, 9, 10)))[
        0, :, 1, 2
    ].sum().backward()
    assert image.grad is not None
    rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
    centre = (rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2
    assert centre[0].item() == pytest.approx(1.5 * 12, abs=0.6)
    assert centre[1].item() == pytest.approx(2.5 * 12, abs=0.6)
    assert features.shape == (1, 16, 64)


def test_the_tracker_names_new_objects_and_forgets_on_reset() -> None:
    tracker = SilotTracker(network())
    frames = torch.rand(2, 1, 24, 24)
    first = tracker.step(frames)
    second = tracker.step(frames)
    assert first.ids.min().item() == 0
    stayed = second.ids == first.ids
    assert (second.ids[~stayed] > first.ids.max()).all()
    tracker.reset()
    assert torch.equal(tracker.step(frames).ids, first.ids)


def test_a_moving_window_leaves_objects_where_they_are_in_the_scene() -> None:
    tracker = SilotTracker(network())
    tracker.step(torch.rand(1, 1, 48, 48))
    assert tracker._objects is not None
    before = tracker._objects.centre.clone()
    tracker.move_window(6.0, -12.0)
    shift = (before - tracker._objects.centre) * SMALL.anchor_px
    assert torch.allclose(shift, torch.tensor([6.0, -12.0]).expand_as(shift), atol=1e-4)


def test_the_learned_prior_moves_objects_without_a_frame() -> None:
    tracker = SilotTracker(network())
    frame = torch.rand(1, 1, 24, 24)
    tracker.step(frame)
    imagined = tracker.imagine(frame)
    assert torch.isfinite(imagined.reconstruction).all()


def test_a_network_without_a_prior_says_that_it_cannot_imagine() -> None:
    tracker = SilotTracker(network(SMALL.model_copy(update={"learned_prior": False})))
    frame = torch.rand(1, 1, 24, 24)
    tracker.step(frame)
    with pytest.raises(ConfigError, match="learned_prior"):
        tracker.imagine(frame)


def test_the_cost_is_linear_in_the_area_of_the_frame() -> None:
    """Counted in multiplications of the parts that grow: no part is quadratic in the area."""
    from torch.utils.flop_counter import FlopCounterMode

    def cost(side_px: int, kept: int) -> int:
        frame = torch.zeros(1, 1, side_px, side_px)
        tracker = SilotTracker(network(), kept)
        tracker.step(frame)
        with FlopCounterMode(display=False) as counter:
            tracker.step(frame)
        return int(counter.get_total_flops())

    small, large = cost(96, 64), cost(192, 256)
    assert large / small == pytest.approx(4.0, rel=0.1)
    assert math.isfinite(small)
