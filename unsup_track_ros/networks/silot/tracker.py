# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trained SILOT network as a tracker, as in the paper: frame in, objects with identities out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.networks.silot.model import Noise, Silot
from unsup_track_ros.networks.silot.objects import Objects, unpacked
from unsup_track_ros.shapes import Float, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedObjects:
    """K objects in each of B scenes, sure or not; most slots hold next to nothing.

    Attributes:
        ids: Identities, from 0 up in each scene; an identity stays with its object.
        boxes_px: Top, left, bottom, right; pixel (0, 0) spans 0 to 1.
        presence: 0 absent to 1 present.
        reconstruction: The frame as the network explains it.
    """

    ids: Int64[Tensor, "B K"]
    boxes_px: Float[Tensor, "B K 4"]
    presence: Float[Tensor, "B K"]
    reconstruction: Float[Tensor, "B C H W"]


class SilotTracker:
    """Follows the objects of B scenes at once; nothing in it is random."""

    def __init__(self, network: Silot, max_objects: int | None = None) -> None:
        """Take a network in evaluation.

        Args:
            network: The network, on its device.
            max_objects: Objects kept per frame; None keeps as many as in training. A scene larger
                than those of the training needs more.
        """
        self._network = network.eval()
        self._max_objects = max_objects or network.config.max_objects
        self.reset()

    def reset(self) -> None:
        """Forget all objects; identities start anew."""
        self._objects: Objects | None = None
        self._ids: Tensor | None = None
        self._next_id: Tensor | None = None

    @torch.inference_mode()
    def step(self, image: Float[Tensor, "B C H W"]) -> TrackedObjects:
        """Process the next frame of each scene, 0 to 1 on black."""
        noise = Noise.none(image[:, None], self._max_objects, self._network.config)
        outcome = self._network.step(image, self._objects, noise)
        self._objects = outcome.objects
        return self._named(outcome.objects, outcome.is_new, outcome.reconstruction)

    @torch.inference_mode()
    def imagine(self, like: Float[Tensor, "B C H W"]) -> TrackedObjects:
        """Move on without a frame, as the learned prior expects; `like` gives the size."""
        assert self._objects is not None, "there is nothing to imagine before the first frame"
        noise = Noise.none(like[:, None], self._max_objects, self._network.config)
        self._objects = self._network.imagine(self._objects, noise)
        seen = self._network.render(self._objects, torch.zeros_like(like))
        return self._named(
            self._objects, torch.zeros_like(self._known_ids(), dtype=torch.bool), seen
        )

    def move_window(self, rows_px: float, columns_px: float) -> None:
        """Take note that the window of the image has moved over the scene, down and right."""
        if self._objects is None:
            return
        shift = self._objects.centre.new_tensor([rows_px, columns_px])
        shift = shift / self._network.config.anchor_px
        self._objects = dataclasses.replace(self._objects, centre=self._objects.centre - shift)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on; empty arrays before the first frame."""
        if self._objects is None or self._ids is None or self._next_id is None:
            return {name: np.zeros(0) for name in ("objects", "ids", "next_id")}
        return {
            "objects": self._objects.packed().cpu().numpy(),
            "ids": self._ids.cpu().numpy(),
            "next_id": self._next_id.cpu().numpy(),
        }

    def restore(self, state: Mapping[str, np.ndarray], device: torch.device) -> None:
        """Continue from `state()`."""
        self.reset()
        if "objects" in state and state["objects"].ndim == 3:
            packed = torch.from_numpy(state["objects"].copy()).to(device)
            self._objects = unpacked(packed, self._network.config)
            self._ids = torch.from_numpy(state["ids"].copy()).to(device)
            self._next_id = torch.from_numpy(state["next_id"].copy()).to(device)

    def _known_ids(self) -> Tensor:
        assert self._ids is not None
        return self._ids

    def _named(self, objects: Objects, is_new: Tensor, reconstruction: Tensor) -> TrackedObjects:
        """Give new objects the next identities of their scene."""
        if self._ids is None or self._next_id is None:
            self._ids = torch.full_like(is_new, -1, dtype=torch.int64)
            self._next_id = torch.zeros_like(self._ids[:, :1])
        turn = torch.cumsum(is_new, dim=1)
        self._ids = torch.where(is_new, self._next_id + turn - 1, self._ids)
        self._next_id = self._next_id + turn[:, -1:]
        return TrackedObjects(
            ids=self._ids,
            boxes_px=objects.boxes_px(self._network.config.anchor_px),
            presence=objects.presence[..., 0],
            reconstruction=reconstruction,
        )
