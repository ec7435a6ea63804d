# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Propagation: carry objects from the last frame to this one (SPECS 4.3 steps 2 and 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unsup_track_ros.networks.silot.config import SilotConfig
from unsup_track_ros.networks.silot.latents import Draw, Latents, Variable
from unsup_track_ros.networks.silot.layers import (
    Linear,
    Perceptron,
    SpatialAttention,
    clipped_logit,
    deviation,
    glimpses,
    scale_gradient,
)
from unsup_track_ros.networks.silot.objects import NUM_WHERE, Objects, num_features
from unsup_track_ros.shapes import Float

_FEATURES = 64
_PASSED = 64  # features that each head hands to the next beside its own answer
_GLIMPSE = 64
_ENCODER = (256, 128)
_LATERAL = (100, 100)
_RELATION = (64, 64)
_SEARCH_ANCHORS = 0.1  # how far the network may move its first glimpse, per unit of its answer
_LARGEST_GATE = 0.9999
_GATE_OFFSET = 1.0
_MASK_OFFSET = 1.0


class Propagation(nn.Module):
    """Updates every object by what it looks like now, or, as the learned prior, by its past alone.

    Divergence: as the prior, later variables are conditioned on the values that were drawn from the
    posterior, as the divergence between the two demands.
    """

    def __init__(self, config: SilotConfig, *, sees: bool) -> None:
        super().__init__()
        self._config = config
        features, what = num_features(config), config.what_size
        pixels = config.sprite_px**2 if sees else 0
        self.own = Perceptron(features, _RELATION, _FEATURES)
        self.others = (
            SpatialAttention(features, _FEATURES, _FEATURES, config.attention_std)
            if config.interacting
            else None
        )
        if sees:
            self.search = Perceptron(_FEATURES, _LATERAL, NUM_WHERE + pixels)
            self.search_encoder = Perceptron(config.image_channels * pixels, _ENCODER, _GLIMPSE)
            self.glimpse_encoder = Perceptron(config.image_channels * pixels, _ENCODER, _GLIMPSE)
        self.where_head = Perceptron(
            _FEATURES + _GLIMPSE, _LATERAL, 2 * NUM_WHERE + _PASSED + pixels
        )
        self.what_seen = Linear(_GLIMPSE, 2 * what)
        self.what_head = Perceptron(_PASSED + _GLIMPSE + NUM_WHERE, _LATERAL, 5 * what + _PASSED)
        self.depth_head = Perceptron(_PASSED + NUM_WHERE + what, _LATERAL, 2 + _PASSED)
        self.presence_head = Perceptron(_PASSED + NUM_WHERE + what + 1, _LATERAL, 1)
        self.memory = RecurrentUnit(NUM_WHERE + what + 2, config.memory_size)

    def forward(
        self,
        image: Float[Tensor, "B C H W"] | None,
        objects: Objects,
        memory: Float[Tensor, "B N M"],
        draw: Draw,
    ) -> tuple[Objects, Float[Tensor, "B N M"], Latents]:
        """Return the objects now, the new recurrent state, and the latent variables.

        Args:
            image: The frame, 0 to 1; without one, as the learned prior, nothing is seen.
            objects: Objects of the last frame.
            memory: This network's recurrent state of each.
            draw: How latent variables get their values.
        """
        where, mask, passed = self._where(image, objects, self._told(objects, memory), draw)
        shift = torch.tanh(where.drawn[..., :2])
        centre = objects.centre + shift
        size_logit = clipped_logit(where.drawn[..., 2:])
        place = torch.cat([shift, torch.sigmoid(size_logit)], dim=-1)
        box = torch.cat([centre, place[..., 2:]], dim=-1)
        seen = place.new_zeros(*place.shape[:2], _GLIMPSE)
        if image is not None:
            seen = self._look(image, box, mask, self.glimpse_encoder)
        what, passed = self._what(objects, torch.cat([passed, seen, place], dim=-1), seen, draw)
        told = torch.cat([place, objects.what + what.drawn], dim=-1)
        depth, passed = self._depth(torch.cat([passed, told], dim=-1), draw)
        depth_logit = clipped_logit(objects.depth_logit + depth.drawn)
        told = torch.cat([told, torch.sigmoid(depth_logit)], dim=-1)
        answer = self.presence_head(torch.cat([passed, told], dim=-1))
        log_odds = clipped_logit(scale_gradient(answer, draw.head_gradient))
        latents = Latents.of([where, what, depth], log_odds, draw.presence(log_odds))
        presence = objects.presence * torch.sigmoid(latents.presence_drawn)
        now = Objects(
            centre=centre,
            size_logit=size_logit,
            what=objects.what + what.drawn,
            depth_logit=depth_logit,
            presence=presence,
            memory=objects.memory,
            prior_memory=objects.prior_memory,
        )
        new_memory: Tensor = self.memory(torch.cat([told, presence], dim=-1), memory)
        return now, new_memory, latents

    def _told(self, objects: Objects, memory: Tensor) -> Float[Tensor, "B N F"]:
        """Return what is known of each object, and of its neighbours where they matter."""
        features = objects.features_with(memory)
        own: Tensor = self.own(features)
        if self.others is None:
            return own
        centre = objects.centre
        around: Tensor = self.others(centre, own, centre, features, self._config.max_neighbours)
        return own + around

    def _where(
        self, image: Tensor | None, objects: Objects, told: Tensor, draw: Draw
    ) -> tuple[Variable, Tensor, Tensor]:
        """Return move and size, the mask of the second glimpse, and what is passed on."""
        seen = told.new_zeros(*told.shape[:2], _GLIMPSE)
        if image is not None:
            shift, mask = self.search(told).split([NUM_WHERE, self._config.sprite_px**2], dim=-1)
            box = objects.where + _SEARCH_ANCHORS * shift
            seen = self._look(image, box, mask, self.search_encoder)
        answer = self.where_head(torch.cat([told, seen], dim=-1))
        num_mask = answer.shape[-1] - 2 * NUM_WHERE - _PASSED
        answer, passed, mask = answer.split([2 * NUM_WHERE, _PASSED, num_mask], dim=-1)
        change, std_logit = scale_gradient(answer, draw.head_gradient).chunk(2, dim=-1)
        move, growth = change.chunk(2, dim=-1)
        mean = torch.cat([move, objects.size_logit + growth], dim=-1)
        return draw.gaussian(mean, deviation(std_logit), 0), mask, passed

    def _look(
        self, image: Tensor, where: Tensor, mask: Tensor, encoder: nn.Module
    ) -> Float[Tensor, "B N G"]:
        """Encode a masked glimpse."""
        config = self._config
        cut = glimpses(image, where, config.anchor_px, config.sprite_px)
        opening = torch.sigmoid(mask + _MASK_OFFSET)
        cut = cut * opening.repeat(1, 1, config.image_channels)
        encoded: Tensor = encoder(cut)
        return encoded

    def _what(
        self, objects: Objects, told: Tensor, seen: Tensor, draw: Draw
    ) -> tuple[Variable, Tensor]:
        """Return the change of appearance; gates mix what was, is seen and is expected."""
        size = self._config.what_size
        answer = self.what_head(told)
        gates, expected, passed = answer.split([3 * size, 2 * size, _PASSED], dim=-1)
        gates = _LARGEST_GATE * torch.sigmoid(gates + _GATE_OFFSET)
        keep, seen_gate, expected_gate = gates.chunk(3, dim=-1)
        seen_mean, seen_std_logit = self.what_seen(seen).chunk(2, dim=-1)
        expected_mean, expected_std_logit = expected.chunk(2, dim=-1)
        seen_share, expected_share = 1.0 - seen_gate, 1.0 - expected_gate
        mean = (keep - 1.0) * objects.what + seen_share * seen_mean + expected_share * expected_mean
        std = seen_share * deviation(seen_std_logit) + expected_share * deviation(
            expected_std_logit
        )
        return draw.gaussian(mean, std, NUM_WHERE), passed

    def _depth(self, told: Tensor, draw: Draw) -> tuple[Variable, Tensor]:
        """Return the change of the logit of depth."""
        answer, passed = self.depth_head(told).split([2, _PASSED], dim=-1)
        mean, std_logit = scale_gradient(answer, draw.head_gradient).chunk(2, dim=-1)
        first = NUM_WHERE + self._config.what_size
        return draw.gaussian(mean, deviation(std_logit), first), passed


class RecurrentUnit(nn.Module):
    """A gated recurrent unit in plain operations, which can be batched over networks."""

    def __init__(self, num_in: int, num_state: int) -> None:
        super().__init__()
        self.of_input = Linear(num_in, 3 * num_state)
        self.of_state = Linear(num_state, 3 * num_state)

    def forward(
        self, told: Float[Tensor, "B N F"], state: Float[Tensor, "B N M"]
    ) -> Float[Tensor, "B N M"]:
        """Return the new state."""
        reset_in, update_in, new_in = self.of_input(told).chunk(3, dim=-1)
        reset_state, update_state, new_state = self.of_state(state).chunk(3, dim=-1)
        reset = torch.sigmoid(reset_in + reset_state)
        update = torch.sigmoid(update_in + update_state)
        candidate = torch.tanh(new_in + reset * new_state)
        return candidate + update * (state - candidate)
