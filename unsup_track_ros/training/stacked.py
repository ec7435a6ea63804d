# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Several copies of a network, trained side by side as one.

Training a small network is bound by the number of operations, not by their size. Copies that differ
in their seed alone have the same operations: with their weights stacked, all take one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.shapes import Float


class StackedNetwork:
    """M copies of a network, their weights in one tensor of a row per copy."""

    def __init__(
        self, build: Callable[[], nn.Module], seeds: list[int], device: torch.device
    ) -> None:
        """Initialise copy i with seed i; the caller's random state is left alone."""
        copies = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                copies.append(build())
        self._network = copies[0].to(device)
        named = dict(copies[0].named_parameters())
        self.shapes = {name: tuple(value.shape) for name, value in named.items()}
        self._sizes = [value.numel() for value in named.values()]
        rows = [_flat(dict(copy.named_parameters()), self.shapes) for copy in copies]
        self.weights = nn.Parameter(torch.stack([row.detach().to(device) for row in rows]))

    @property
    def num_copies(self) -> int:
        """The number of copies."""
        return len(self.weights)

    def apply(
        self,
        function: Callable[..., Any],
        weights: Float[Tensor, "M P"],
        *stacked: Tensor,
        shared: tuple[Tensor, ...] = (),
    ) -> Any:  # noqa: ANN401
        """Call `function(network, *inputs, *shared)` for each copy at once, with given weights."""

        def of_one(parameters: dict[str, Tensor], *inputs: Tensor) -> Any:  # noqa: ANN401
            applied = _Applied(self._network, function)
            return functional_call(applied, parameters, (*inputs, *shared))

        named = {f"network.{name}": value for name, value in self._named(weights).items()}
        return vmap(of_one)(named, *stacked)

    def state_dict_of(self, copy: int) -> dict[str, Tensor]:
        """Return the weights of one copy by name, as the network's own `state_dict`."""
        return {
            name: value[copy].detach().clone() for name, value in self._named(self.weights).items()
        }

    def load(self, copy: int, weights: Mapping[str, Tensor]) -> None:
        """Put weights into one copy.

        Raises:
            ConfigError: They are those of another network.
        """
        found = {name: tuple(value.shape) for name, value in weights.items()}
        if found != self.shapes:
            differing = sorted(found.items() ^ self.shapes.items())[:3]
            raise ConfigError(
                f"The weights do not fit the network: they differ in {differing}. "
                "Use the configuration that the weights were trained with."
            )
        with torch.no_grad():
            self.weights[copy] = _flat(weights, self.shapes)

    def _named(self, weights: Float[Tensor, "M P"]) -> dict[str, Tensor]:
        parts: tuple[Tensor, ...] = torch.split(weights, self._sizes, dim=1)
        rows = len(weights)
        return {
            name: part.reshape(rows, *shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }


class _Applied(nn.Module):
    """A function of a network as a module, so that `functional_call` can give it weights."""

    def __init__(self, network: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.network = network
        self._function = function

    def forward(self, *inputs: Tensor) -> Any:  # noqa: ANN401
        return self._function(self.network, *inputs)


def _flat(
    weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> Float[Tensor, " P"]:
    return torch.cat([weights[name].reshape(-1) for name in shapes])
