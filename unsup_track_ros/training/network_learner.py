# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One training step, whatever the network: optimiser, rate, clipping, mixed precision, resume.

Chance is drawn from (seed, step) alone, so the state of a run is its weights, its moments and its
number of steps. With several processes (`torchrun`) each takes its share of every batch and the
gradients are averaged: n processes train as one does, but for rounding.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.training.processes import average_gradients, num_processes, process_rank

_NETWORK, _MOMENTS, _STEPS = "network/", "optimizer/", "num_steps_done"
_FIRST_SHARE = 1 / 25  # of the highest rate, at the first step (OneCycle)
_LAST_SHARE = 1e-4  # of the first rate, at the last step


class OptimizerConfig(Config):
    """Optimisation (SPECS 0.9): AdamW, one cycle of the learning rate, clipped gradients."""

    seed: int = parameter(0, "Seed of weights and of all chance.", ge=0)
    num_steps: int = parameter(10_000, "Steps in all.", ge=1)
    batch_size: int = parameter(4, "Scans or images per step, over all processes.", ge=1)
    learning_rate: float = parameter(1e-3, "Highest learning rate.", gt=0)
    weight_decay: float = parameter(1e-4, "Decay of weights.", ge=0)
    warm_up_share: float = parameter(0.05, "Share of the steps with a rising rate.", gt=0, lt=1)
    extra_steps: int = parameter(100, "The cycle is longer than the training by this.", ge=0)
    max_gradient_norm: float = parameter(1.0, "Longer gradients are cut to it.", gt=0)
    mixed_precision: bool = parameter(True, "Half precision on a GPU.")

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of a step: linear up, linear down (OneCycle, linear)."""
        total = self.num_steps + self.extra_steps
        first = self.learning_rate * _FIRST_SHARE
        peak = self.warm_up_share * total - 1
        if step <= peak:
            return first + (self.learning_rate - first) * step / peak
        share = min((step - peak) / (total - 1 - peak), 1.0)
        return self.learning_rate + (first * _LAST_SHARE - self.learning_rate) * share


class NetworkLearner(ABC):
    """Trains a network step by step; a `training.loop.Learner`."""

    def __init__(self, network: nn.Module, config: OptimizerConfig, device: torch.device) -> None:
        self.network = network.to(device).train()
        self.config = config
        self.device = device
        self.num_steps_done = 0
        self._terms: dict[str, float] = {}
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half)
        if config.batch_size % num_processes():
            raise ConfigError(
                f"A batch of {config.batch_size} cannot be shared by {num_processes()} processes. "
                "Make batch_size a multiple of their number."
            )

    @property
    def _half(self) -> bool:
        return self.config.mixed_precision and self.device.type == "cuda"

    @abstractmethod
    def losses(self, rngs: list[np.random.Generator]) -> dict[str, Tensor]:
        """Return the terms of the loss of the next step.

        Args:
            rngs: One source of chance per sample of this process's share of the batch.
        """

    def advance(self, learning_rate: float | None = None) -> None:
        """Train one step, at the rate of the schedule or at another."""
        if learning_rate is None:
            learning_rate = self.config.learning_rate_at(self.num_steps_done)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision():
            terms = self.losses(chances(self.config, self.num_steps_done, own_share(self.config)))
        total = torch.stack(list(terms.values())).sum()
        # One copy from the device, not one per term: each would wait for it.
        values = torch.stack(list(terms.values())).detach().float().tolist()
        said = dict(zip(terms, values, strict=True))
        if not math.isfinite(sum(values)):
            raise DataError(
                f"The loss of step {self.num_steps_done} is not finite: {said}. Lower "
                "learning_rate, or look for broken labels."
            )
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimizer)
        average_gradients(self.network)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_gradient_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._terms = said
        self.num_steps_done += 1

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda") if self._half else nullcontext()

    def report(self) -> dict[str, Any]:
        """Return the terms of the last loss."""
        rate = self.config.learning_rate_at(self.num_steps_done - 1)
        return {"learning_rate": rate, **self._terms}

    def state(self) -> dict[str, Tensor]:
        """Return weights, moments and the number of steps."""
        state = {f"{_NETWORK}{name}": value for name, value in self.network.state_dict().items()}
        for number, moments in self._optimizer.state_dict()["state"].items():
            state |= {f"{_MOMENTS}{number}/{name}": value for name, value in moments.items()}
        scale = self._scaler.state_dict()
        state |= {f"scaler/{name}": torch.tensor(value) for name, value in scale.items()}
        return {**state, _STEPS: torch.tensor(self.num_steps_done)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state()`."""
        weights = _under(state, _NETWORK)
        self.network.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(state, _MOMENTS).items():
            number, _, member = name.partition("/")
            moments.setdefault(int(number), {})[member] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})
        scale = {name: value.item() for name, value in _under(state, "scaler/").items()}
        if scale:
            self._scaler.load_state_dict(scale)
        self.num_steps_done = int(state[_STEPS])


def own_share(config: OptimizerConfig) -> range:
    """Return which samples of a batch are this process's."""
    share = config.batch_size // num_processes()
    return range(share * process_rank(), share * (process_rank() + 1))


def chances(config: OptimizerConfig, step: int, samples: range) -> list[np.random.Generator]:
    """Return the chance of some samples of a step's batch."""
    return [np.random.default_rng([config.seed, step, i]) for i in samples]


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """Return a generator of torch (on the CPU) that follows from one of numpy."""
    return torch.Generator().manual_seed(int(rng.integers(2**63)))


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
