# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The objects that SILOT carries from frame to frame, and the choice of those to keep."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from unsup_track_ros.networks.silot.config import SilotConfig
from unsup_track_ros.shapes import Bool, Float

NUM_WHERE = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """N objects in each of B scenes; positions and sizes in anchors, y before x.

    Attributes:
        centre: Centre y, x from the image's upper left corner.
        size_logit: Logits of height and width.
        what: Appearance.
        depth_logit: Logit of depth; greater is nearer.
        presence: 0 absent to 1 present.
        memory: Recurrent state of the propagation.
        prior_memory: Recurrent state of the learned prior.
    """

    centre: Float[Tensor, "B N 2"]
    size_logit: Float[Tensor, "B N 2"]
    what: Float[Tensor, "B N A"]
    depth_logit: Float[Tensor, "B N 1"]
    presence: Float[Tensor, "B N 1"]
    memory: Float[Tensor, "B N M"]
    prior_memory: Float[Tensor, "B N M"]

    @property
    def size(self) -> Float[Tensor, "B N 2"]:
        """Height and width, 0 to 1 anchor."""
        return torch.sigmoid(self.size_logit)

    @property
    def where(self) -> Float[Tensor, "B N 4"]:
        """Centre y, x, height, width."""
        return torch.cat([self.centre, self.size], dim=-1)

    @property
    def depth(self) -> Float[Tensor, "B N 1"]:
        """Depth, 0 to 1."""
        return torch.sigmoid(self.depth_logit)

    def features_with(self, memory: Float[Tensor, "B N M"]) -> Float[Tensor, "B N F"]:
        """Return what other parts are told of each object: all but its place in the image.

        Divergence: the paper's features hold the absolute position too. Without it everything the
        network knows is relative, and an image larger than those of the training changes nothing.
        """
        parts = [self.size, self.what, self.depth, self.presence, memory]
        return torch.cat(parts, dim=-1)

    def with_presence(self, presence: Float[Tensor, "B N 1"]) -> Objects:
        """Return the objects with another presence."""
        return dataclasses.replace(self, presence=presence)

    def with_memories(
        self, memory: Float[Tensor, "B N M"], prior_memory: Float[Tensor, "B N M"]
    ) -> Objects:
        """Return the objects with other recurrent states."""
        return dataclasses.replace(self, memory=memory, prior_memory=prior_memory)

    def boxes_px(self, anchor_px: int) -> Float[Tensor, "B N 4"]:
        """Return top, left, bottom, right in pixels; pixel (0, 0) spans 0 to 1."""
        half = 0.5 * self.size
        return torch.cat([self.centre - half, self.centre + half], dim=-1) * anchor_px

    def packed(self) -> Float[Tensor, "B N P"]:
        """Lay all members side by side."""
        return torch.cat(
            [
                self.centre,
                self.size_logit,
                self.what,
                self.depth_logit,
                self.presence,
                self.memory,
                self.prior_memory,
            ],
            dim=-1,
        )


def num_features(config: SilotConfig) -> int:
    """Return the length of `Objects.features_with`."""
    return 2 + config.what_size + 2 + config.memory_size


def unpacked(packed: Float[Tensor, "B N P"], config: SilotConfig) -> Objects:
    """Undo `Objects.packed`."""
    sizes = [2, 2, config.what_size, 1, 1, config.memory_size, config.memory_size]
    centre, size_logit, what, depth_logit, presence, memory, prior_memory = torch.split(
        packed, sizes, dim=-1
    )
    return Objects(
        centre=centre,
        size_logit=size_logit,
        what=what,
        depth_logit=depth_logit,
        presence=presence,
        memory=memory,
        prior_memory=prior_memory,
    )


def no_objects(image: Float[Tensor, "B C H W"], num: int, config: SilotConfig) -> Objects:
    """Return objects that are not there, for the first frame."""
    length = 2 + 2 + config.what_size + 2 + 2 * config.memory_size
    return unpacked(image.new_zeros(image.shape[0], num, length), config)


def select(
    propagated: Objects, discovered: Objects, config: SilotConfig
) -> tuple[Objects, Bool[Tensor, "B K"]]:
    """Keep the K surest of K propagated and any number of discovered objects (SPECS 4.3 step 5).

    A propagated object that stays keeps its slot; discovered ones fill the slots of those that go,
    in the order of their cells.

    Returns:
        The objects, and which slots hold newly discovered ones.
    """
    num_kept = propagated.presence.shape[1]
    packed = torch.cat([propagated.packed(), discovered.packed()], dim=1)
    presence = torch.cat([propagated.presence, discovered.presence], dim=1)[..., 0].detach()
    # Ties go to the propagated: they come first, and an identity is not to change for nothing.
    order = torch.sort(presence, dim=1, descending=True, stable=True).indices
    rank = torch.sort(order, dim=1).indices
    kept = rank < num_kept
    is_new = ~kept[:, :num_kept]
    newcomers = torch.sort((~kept[:, num_kept:]).to(torch.uint8), dim=1, stable=True).indices
    turn = (torch.cumsum(is_new, dim=1) - 1).clamp(0, newcomers.shape[1] - 1)
    slots = torch.arange(num_kept, device=packed.device).expand_as(turn)
    source = torch.where(is_new, num_kept + newcomers.gather(1, turn), slots)
    chosen = packed.gather(1, source[..., None].expand(-1, -1, packed.shape[-1]))
    return unpacked(chosen, config), is_new
