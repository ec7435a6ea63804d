# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Discovery: one object per cell of the frame, where nothing propagated explains it (SPECS 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.silot.config import CELL_PX, RECEPTIVE_FIELD_PX, SilotConfig
from unsup_track_ros.networks.silot.latents import Draw, Latents, Variable
from unsup_track_ros.networks.silot.layers import (
    Convolution,
    Perceptron,
    SpatialAttention,
    clipped_logit,
    deviation,
    glimpses,
    scale_gradient,
)
from unsup_track_ros.networks.silot.objects import NUM_WHERE, Objects, num_features
from unsup_track_ros.shapes import Float

_WIDTH = 128
_FEATURES = 64
_PASSED = 64  # features that each head hands to the next beside its own answer
_GLIMPSE = 64
# A centre lies at most half a cell beyond its cell: offset = 2 sigmoid(logit) - 1/2, in cells.
_REACH_CELLS = 2.0
_FIRST_OFFSET_CELLS = -0.5


def num_cells(side_px: int) -> int:
    """Return how many cells cover a side of an image."""
    return -(-side_px // CELL_PX)


class Discovery(nn.Module):
    """A grid of identical local detectors."""

    def __init__(self, config: SilotConfig) -> None:
        super().__init__()
        self._config = config
        self.backbone = nn.Sequential(
            Convolution(config.image_channels, _WIDTH, 4, stride=3), nn.ReLU(),
            Convolution(_WIDTH, _WIDTH, 4, stride=2), nn.ReLU(),
            Convolution(_WIDTH, _WIDTH, 4, stride=2), nn.ReLU(),
            Convolution(_WIDTH, _WIDTH, 1), nn.ReLU(),
            Convolution(_WIDTH, _WIDTH, 1), nn.ReLU(),
            Convolution(_WIDTH, _FEATURES, 1),
        )  # fmt: skip
        self.accounted = SpatialAttention(num_features(config), 0, _FEATURES, config.attention_std)
        self.fusion = nn.Sequential(
            Convolution(2 * _FEATURES, _FEATURES, 3, padding=1), nn.ReLU(),
            Convolution(_FEATURES, _FEATURES, 3, padding=1),
        )  # fmt: skip
        glimpse = config.image_channels * config.sprite_px**2
        self.glimpse_encoder = Perceptron(glimpse, (256, 128), _GLIMPSE)
        what = config.what_size
        self.where_head = _head(_FEATURES, 2 * NUM_WHERE)
        self.what_head = _head(_PASSED + _GLIMPSE + NUM_WHERE, 2 * what)
        self.depth_head = _head(_PASSED + NUM_WHERE + what, 2)
        self.presence_head = _head(_PASSED + NUM_WHERE + what + 1, 1)

    def forward(
        self,
        image: Float[Tensor, "B C H W"],
        propagated: Objects,
        draw: Draw,
    ) -> tuple[Objects, Latents]:
        """Return one object per cell, in the order of the cells, and its latent variables.

        Args:
            image: The frame, 0 to 1.
            propagated: Objects that are already accounted for.
            draw: How latent variables get their values.
        """
        config = self._config
        features, cells = self._features(image, propagated)
        where, passed = _drawn(self.where_head, features, draw, 0, draw.head_gradient)
        offset = _REACH_CELLS * torch.sigmoid(where.drawn[..., :2]) + _FIRST_OFFSET_CELLS
        centre = (cells + offset) * (CELL_PX / config.anchor_px)
        size_logit = clipped_logit(where.drawn[..., 2:])
        # What later heads are told of the place is relative to the cell.
        place = torch.cat([offset, torch.sigmoid(size_logit)], dim=-1)
        box = torch.cat([centre, place[..., 2:]], dim=-1)
        seen = self.glimpse_encoder(glimpses(image, box, config.anchor_px, config.sprite_px))
        told = torch.cat([passed, seen, place], dim=-1)
        what, passed = _drawn(self.what_head, told, draw, NUM_WHERE)
        told = torch.cat([passed, place, what.drawn], dim=-1)
        first = NUM_WHERE + config.what_size
        depth, passed = _drawn(self.depth_head, told, draw, first, draw.head_gradient)
        told = torch.cat([passed, place, what.drawn, torch.sigmoid(depth.drawn)], dim=-1)
        answer = self.presence_head(told)[..., :1]
        log_odds = clipped_logit(scale_gradient(answer, draw.head_gradient))
        latents = Latents.of([where, what, depth], log_odds, draw.presence(log_odds))
        memory = features.new_zeros(*features.shape[:2], config.memory_size)
        objects = Objects(
            centre=centre,
            size_logit=size_logit,
            what=what.drawn,
            depth_logit=depth.drawn,
            presence=torch.sigmoid(latents.presence_drawn),
            memory=memory,
            prior_memory=memory,
        )
        return objects, latents

    def _features(
        self, image: Tensor, propagated: Objects
    ) -> tuple[Float[Tensor, "B N F"], Float[Tensor, "N 2"]]:
        """Return what each cell sees and is told, and the row and column of each cell."""
        rows, columns = (num_cells(side) for side in image.shape[2:])
        seen = self.backbone(functional.pad(image, _padding(*image.shape[2:])))
        row = torch.arange(rows, device=image.device, dtype=image.dtype)
        column = torch.arange(columns, device=image.device, dtype=image.dtype)
        cells = torch.stack(torch.meshgrid(row, column, indexing="ij"), dim=-1).reshape(-1, 2)
        centre = ((cells + 0.5) * (CELL_PX / self._config.anchor_px))[None]
        told = self.accounted(
            centre.expand(len(image), -1, -1),
            None,
            propagated.centre,
            propagated.features_with(propagated.memory),
            self._config.max_neighbours,
        )
        told = told.transpose(1, 2).reshape(len(image), -1, rows, columns)
        fused = self.fusion(torch.cat([seen, told], dim=1))
        return fused.flatten(2).transpose(1, 2), cells


def _padding(height_px: int, width_px: int) -> tuple[int, int, int, int]:
    """Return padding left, right, top, bottom: receptive fields are centred on their cells."""
    before = (RECEPTIVE_FIELD_PX - CELL_PX) // 2
    after_y, after_x = (
        CELL_PX * (num_cells(side) - 1) + RECEPTIVE_FIELD_PX - before - side
        for side in (height_px, width_px)
    )
    return before, after_x, before, after_y


def _head(num_in: int, num_answer: int) -> nn.Module:
    width = num_answer + _PASSED
    return Perceptron(num_in, (width,), width)


def _drawn(
    head: nn.Module, told: Tensor, draw: Draw, first: int, gradient: Tensor | None = None
) -> tuple[Variable, Tensor]:
    """Ask a head for Gaussian variables, draw them, and return what the head passes on."""
    output = head(told)
    answer, passed = output.split([output.shape[-1] - _PASSED, _PASSED], dim=-1)
    if gradient is not None:
        answer = scale_gradient(answer, gradient)
    mean, std_logit = answer.chunk(2, dim=-1)
    return draw.gaussian(mean, deviation(std_logit), first), passed
