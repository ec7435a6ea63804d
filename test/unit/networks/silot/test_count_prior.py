# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the count prior (two objects, p = 1/2)."""

from __future__ import annotations

import math

import pytest
import torch

from unsup_track_ros.networks.silot.count_prior import presence_expectations, presence_prior_kl


def test_two_objects_at_even_odds() -> None:
    table = presence_expectations(2, torch.tensor(0.0))
    assert table[0, 0].item() == pytest.approx(2 / 7, abs=1e-4)  # P(c) = .571, .286, .143
    assert table[1, 1].item() == pytest.approx(0.5, abs=1e-4)  # the first is present
    assert table[1, 0].item() == pytest.approx(0.2, abs=1e-4)  # the first is absent


def test_small_odds_expect_few_objects() -> None:
    table = presence_expectations(32, torch.tensor(math.log(0.0125)))
    assert table[0, 0].item() < 0.001
    assert torch.isfinite(table).all()


def test_the_divergence_is_zero_where_the_network_expects_what_the_prior_does() -> None:
    table = presence_expectations(2, torch.tensor(0.0))
    probability = torch.tensor([[2 / 7, 0.2]])
    kl = presence_prior_kl(probability, torch.tensor([[0.1, 0.1]]), table)
    assert kl.abs().max().item() < 1e-5


def test_what_was_drawn_before_changes_what_is_expected() -> None:
    table = presence_expectations(2, torch.tensor(0.0))
    probability = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    kl = presence_prior_kl(probability, torch.tensor([[0.9, 0.9], [0.1, 0.9]]), table)
    assert kl[0, 1].item() == pytest.approx(0.0, abs=1e-5)
    assert kl[1, 1].item() > 0.1


def test_no_gradient_flows_through_the_prior() -> None:
    presence = torch.tensor([[0.9, 0.4]], requires_grad=True)
    probability = torch.tensor([[0.9, 0.4]], requires_grad=True)
    table = presence_expectations(2, torch.tensor(0.0))
    torch.autograd.backward(presence_prior_kl(probability, presence, table).sum())
    assert presence.grad is None
    assert probability.grad is not None
