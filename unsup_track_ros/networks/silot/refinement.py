# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fit the objects of a frame to it by the gradient of the objective.

The network guesses all objects of a frame in one pass. A few gradient steps from its guess find
objects that explain the frame better: semi-amortized inference (Kim et al., Semi-Amortized
Variational Autoencoders, ICML 2018). The objective is that of the training at the means of the
variables: the error of the picture, the prior of sizes, and the priors of change from the guess.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import torch
from torch import Tensor

from unsup_track_ros.networks.silot.latents import SIZE_PRIOR, propagated_prior
from unsup_track_ros.networks.silot.model import Silot, cross_entropy
from unsup_track_ros.networks.silot.objects import NUM_WHERE, Objects, unpacked
from unsup_track_ros.networks.silot.renderer import window_for_px, window_side_px
from unsup_track_ros.shapes import Float

# Steps of Adam per variable: a quarter of a pixel of an anchor of 48, and alike for the rest.
# Found on validation videos, as were the betas: so few steps need short memories.
_STEP: Final = {"centre": 0.006, "size_logit": 0.06, "what": 0.05, "depth_logit": 0.1}
_BETAS: Final = (0.6, 0.9)
_GROWTH: Final = 1.5  # the windows that objects are painted in leave them room to grow
_SMALLEST: Final = 1e-3  # no pixel is surer: one that an object cannot reach must not pull at it


def refined(
    network: Silot, image: Float[Tensor, "B C H W"], objects: Objects, num_steps: int
) -> Objects:
    """Return the objects, those that are there moved and reshaped to explain the frame better.

    Args:
        network: Renders objects; its weights are not touched.
        image: The frame, 0 to 1 on black.
        objects: The network's guess, of presence 1 where there is one; the others stay as they are.
        num_steps: Gradient steps.
    """
    is_there = objects.presence[..., 0] > 0
    num_there = int(is_there.sum(dim=1).max())
    if num_steps == 0 or num_there == 0:
        return objects
    # Empty slots cost as much as full ones: those that are there come first, the rest is cut.
    order = torch.sort(is_there.to(torch.uint8), dim=1, descending=True, stable=True).indices
    order = order[:, :num_there, None]
    packed = objects.packed()
    index = order.expand(-1, -1, packed.shape[-1])
    guess = unpacked(packed.gather(1, index), network.config)
    there = is_there.gather(1, order[..., 0])[..., None]
    with torch.inference_mode(False), torch.enable_grad():
        fitted = _fitted(network, image.clone(), _cloned(guess), there.clone(), num_steps)
    changed = torch.where(there, fitted.packed(), guess.packed())
    return unpacked(packed.scatter(1, index, changed), network.config)


def _fitted(
    network: Silot, image: Tensor, guess: Objects, there: Tensor, num_steps: int
) -> Objects:
    config = network.config
    presence = there.to(image.dtype)
    largest_px = window_side_px(config)
    boxes_px = guess.boxes_px(config.anchor_px) * presence * _GROWTH
    window_px = window_for_px(boxes_px, config.sprite_px, largest_px)
    variables = {name: getattr(guess, name).clone().requires_grad_() for name in _STEP}
    optimizer = torch.optim.Adam(
        [{"params": [variables[name]], "lr": rate} for name, rate in _STEP.items()], betas=_BETAS
    )
    size_mean, size_std = SIZE_PRIOR
    prior_std = propagated_prior(config)[1].to(image)
    std = {
        "centre": prior_std[0],
        "what": prior_std[NUM_WHERE],
        "depth_logit": prior_std[-1],
    }
    for _ in range(num_steps):
        now = dataclasses.replace(guess, presence=presence, **variables)
        seen = network.render(now, torch.zeros_like(image), window_px).clamp(
            _SMALLEST, 1.0 - _SMALLEST
        )
        loss = cross_entropy(seen, image).sum()
        away = ((now.size_logit - size_mean) / size_std).square()
        change = [((variables[n] - getattr(guess, n)) / std[n]).square() for n in std]
        prior = 0.5 * torch.cat([away, *change], dim=-1) * presence
        optimizer.zero_grad()
        torch.autograd.backward(loss + prior.sum(), inputs=list(variables.values()))
        optimizer.step()
    return dataclasses.replace(guess, **{name: value.detach() for name, value in variables.items()})


def _cloned(objects: Objects) -> Objects:
    """Return tensors that autograd may save: those of inference mode may not be."""
    return Objects(
        **{
            field.name: getattr(objects, field.name).clone()
            for field in dataclasses.fields(objects)
        }
    )
