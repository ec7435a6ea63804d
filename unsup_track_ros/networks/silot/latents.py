# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Distributions over the latent variables of a set of objects, with what was drawn from them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.networks.silot.config import SilotConfig
from unsup_track_ros.networks.silot.layers import gaussian_kl
from unsup_track_ros.networks.silot.objects import NUM_WHERE
from unsup_track_ros.shapes import Float

# SPECS 4.5. Sizes are pulled to a tenth of the anchor: boxes shrink around what they explain.
SIZE_PRIOR = (math.log(0.1 / 0.9), 0.5)
_DISCOVERED_PRIOR = {"place": (0.0, 1.0), "what": (0.0, 1.0), "depth": (0.0, 1.0)}
_PROPAGATED_PRIOR = {"place": (0.0, 0.3), "what": (0.0, 0.4), "depth": (0.0, 1.0)}


class Variable(NamedTuple):
    """Gaussian variables of one kind: means, standard deviations, drawn values (each B, N, D)."""

    mean: Tensor
    std: Tensor
    drawn: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """Gaussians of place (2), size (2), what (A) and depth (1) in this order, and of presence.

    For discovered objects the variables are logits and the appearance itself; for propagated ones
    changes of place, appearance and depth, and the new logits of size.

    Attributes:
        mean: Means of the D = 5 + A Gaussian variables.
        std: Their standard deviations.
        drawn: Their values.
        presence_log_odds: Log-odds of presence; of staying, for propagated objects.
        presence_drawn: Log-odds with logistic noise; its sigmoid is the BinConcrete sample (τ = 1).
    """

    mean: Float[Tensor, "B N D"]
    std: Float[Tensor, "B N D"]
    drawn: Float[Tensor, "B N D"]
    presence_log_odds: Float[Tensor, "B N 1"]
    presence_drawn: Float[Tensor, "B N 1"]

    @classmethod
    def of(cls, variables: Sequence[Variable], log_odds: Tensor, presence_drawn: Tensor) -> Latents:
        """Join the variables, given in their order."""
        mean, std, drawn = (torch.cat(part, dim=-1) for part in zip(*variables, strict=True))
        return cls(
            mean=mean,
            std=std,
            drawn=drawn,
            presence_log_odds=log_odds,
            presence_drawn=presence_drawn,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """Where latent variables get their values from: noise, or, for the prior, the posterior.

    Attributes:
        gaussian_noise: Standard normal; zeros give the means.
        logistic_noise: Standard logistic; zeros give the probability itself.
        head_gradient: 0 keeps the heads of place, depth and presence from learning; None or 1
            lets them.
        given: The posterior's latent variables, to be used as they are.
    """

    gaussian_noise: Float[Tensor, "B N D"]
    logistic_noise: Float[Tensor, "B N 1"]
    head_gradient: Float[Tensor, ""] | None = None
    given: Latents | None = None

    def gaussian(self, mean: Tensor, std: Tensor, first: int) -> Variable:
        """Draw the variables that start at place `first` among all."""
        here = slice(first, first + mean.shape[-1])
        if self.given is not None:
            return Variable(mean, std, self.given.drawn[..., here])
        return Variable(mean, std, mean + std * self.gaussian_noise[..., here])

    def with_values_of(self, given: Latents) -> Draw:
        """Return a draw that takes the values of other latent variables."""
        return dataclasses.replace(self, given=given)

    def presence(self, log_odds: Tensor) -> Tensor:
        """Draw the noisy log-odds of presence."""
        return log_odds + self.logistic_noise if self.given is None else self.given.presence_drawn


def num_gaussian(config: SilotConfig) -> int:
    """Return D, the number of Gaussian variables of an object."""
    return NUM_WHERE + config.what_size + 1


def discovered_prior(config: SilotConfig) -> Float[Tensor, "2 D"]:
    """Return means and deviations of the fixed prior of discovered variables."""
    return _fixed_prior(_DISCOVERED_PRIOR, config)


def propagated_prior(config: SilotConfig) -> Float[Tensor, "2 D"]:
    """Return means and deviations of the fixed prior of propagated variables."""
    return _fixed_prior(_PROPAGATED_PRIOR, config)


def fixed_prior_kl(latents: Latents, prior: Float[Tensor, "2 D"]) -> Float[Tensor, "B N 1"]:
    """Return the divergence from a fixed prior, per object."""
    return gaussian_kl(latents.mean, latents.std, prior[0], prior[1]).sum(-1, keepdim=True)


def learned_prior_kl(latents: Latents, prior: Latents) -> Float[Tensor, "B N 1"]:
    """Return the divergence from a learned prior, per object.

    The divergence between two BinConcrete distributions has no closed form: it is estimated at the
    value that was drawn, in log-odds, where the density is the logistic one.
    """
    gaussian = gaussian_kl(latents.mean, latents.std, prior.mean, prior.std).sum(-1, keepdim=True)
    return gaussian + _log_logistic(latents) - _log_logistic(prior)


def _log_logistic(latents: Latents) -> Tensor:
    centred = latents.presence_drawn - latents.presence_log_odds
    return -centred - 2.0 * functional.softplus(-centred)


def _fixed_prior(prior: dict[str, tuple[float, float]], config: SilotConfig) -> Tensor:
    rows = [prior["place"]] * 2 + [SIZE_PRIOR] * 2 + [prior["what"]] * config.what_size
    return torch.tensor([*rows, prior["depth"]]).T.contiguous()
