# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The prior over presence: how many objects are there, and then which (SPECS 4.5, SPAIR).

A count c of n objects is drawn from P(c) ∝ p^c, then which c of them are present, all choices
alike. Object after object is held against what the earlier ones leave to expect.

The published code updates P(c) object by object. Given that s of the first i objects are present,
that posterior is P(c | i, s) ∝ p^c C(n - i, c - s) / C(n, c), whichever they are: all expectations
form one table over (i, s), and no loop over objects is left.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.shapes import Float

_SMALLEST = 1e-6


def presence_expectations(num_objects: int, log_odds: Float[Tensor, ""]) -> Float[Tensor, "N S"]:
    """Return the prior probability of presence of object i if s of those before it are present.

    Args:
        num_objects: N.
        log_odds: Logit of p, the factor by which each further object is less likely.

    Returns:
        Table over i = 0..N-1 and s = 0..N; entries with s > i mean nothing.
    """
    number = torch.arange(num_objects + 1, device=log_odds.device).to(log_odds.dtype)
    index = number[:num_objects, None, None]
    present, count = number[:, None], number
    left = num_objects - index
    ways = _log_binomial(left, count - present) - _log_binomial(
        torch.full_like(count, num_objects), count
    )
    log_weight = count * functional.logsigmoid(log_odds) + ways
    # A finite floor keeps the softmax of impossible (i, s) free of nan.
    weight = torch.softmax(log_weight.clamp_min(-1e4), dim=-1)
    share = ((count - present) / left).clamp(0.0, 1.0)
    return (weight * share).sum(-1)


def presence_prior_kl(
    probability: Float[Tensor, "B N"],
    presence: Float[Tensor, "B N"],
    expectations: Float[Tensor, "N S"],
) -> Float[Tensor, "B N"]:
    """Return KL(Bernoulli(probability) || prior) of each object, given those before it.

    Args:
        probability: The network's probability of presence.
        presence: What it drew; above a half counts as present for the objects that follow.
        expectations: The table of `presence_expectations`.
    """
    is_present = (presence.detach() > 0.5).to(torch.int64)
    before = torch.cumsum(is_present, dim=1) - is_present
    rows = torch.arange(presence.shape[1], device=presence.device) * expectations.shape[1]
    expected = expectations.flatten()[rows + before]
    expected = expected.clamp(_SMALLEST, 1.0 - _SMALLEST)
    posterior = functional.hardtanh(probability, _SMALLEST, 1.0 - _SMALLEST)
    return posterior * (torch.log(posterior) - torch.log(expected)) + (1.0 - posterior) * (
        torch.log1p(-posterior) - torch.log1p(-expected)
    )


def _log_binomial(total: Tensor, chosen: Tensor) -> Tensor:
    """Return log C(total, chosen), -inf where there is no such choice."""
    possible = (chosen >= 0) & (chosen <= total)
    inside = torch.where(possible, chosen, torch.zeros_like(chosen))
    rest = torch.where(possible, total - chosen, total)
    value = torch.lgamma(total + 1.0) - torch.lgamma(inside + 1.0) - torch.lgamma(rest + 1.0)
    return torch.where(possible, value, torch.full_like(value, -torch.inf))
