# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trained SILOT network as a tracker whose objects last.

In the paper an object is there only as long as propagation says so: presence can fall and never
rise, and where digits lie on one another it falls. Here the network's parts are asked differently,
and its weights stay what they are:

- discovery looks at every frame as if it were the first, and so confirms what is known or finds it
  again; what neither propagation nor discovery sees moves on as before for a few frames;
- a discovery is a new object only where no known one lies;
- objects are fitted to the frame by gradient (`refinement`);
- the box of an object is what is visible of it (`extent`), its size a mean over the frames.

    image, objects -> propagation, discovery -> association -> refinement -> boxes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.networks.silot.association import Known, associate
from unsup_track_ros.networks.silot.config import SilotInferenceConfig
from unsup_track_ros.networks.silot.extent import visible_boxes_px
from unsup_track_ros.networks.silot.latents import Draw, num_gaussian
from unsup_track_ros.networks.silot.model import Silot
from unsup_track_ros.networks.silot.objects import Objects, no_objects, unpacked
from unsup_track_ros.networks.silot.refinement import refined
from unsup_track_ros.networks.silot.tracker import TrackedObjects
from unsup_track_ros.shapes import Bool, Float, Int64

_LEAST_VELOCITY_GAIN: Final = 0.5  # the last step counts at least so much


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tracks:
    """K slots in each of B scenes.

    Attributes:
        packed: The objects (`Objects.packed`); an empty slot has presence 0, a full one 1.
        ids: Identities, -1 before the slot's first object.
        num_seen: Frames in which something confirmed the object.
        num_hidden: Frames since.
        velocity: Motion per frame, in anchors.
        half_size_px: Half the height and width of the box.
        next_id: Next identity of each scene.
    """

    packed: Float[Tensor, "B K P"]
    ids: Int64[Tensor, "B K"]
    num_seen: Int64[Tensor, "B K"]
    num_hidden: Int64[Tensor, "B K"]
    velocity: Float[Tensor, "B K 2"]
    half_size_px: Float[Tensor, "B K 2"]
    next_id: Int64[Tensor, "B 1"]

    def is_there(self, config_memory: int) -> Bool[Tensor, "B K"]:
        """Return which slots hold an object."""
        return self.packed[..., -2 * config_memory - 1] > 0.5


class LastingTracker:
    """Follows the objects of B scenes at once; nothing in it is random."""

    def __init__(
        self, network: Silot, config: SilotInferenceConfig, max_objects: int | None = None
    ) -> None:
        """Take a network in evaluation.

        Args:
            network: The network, on its device.
            config: How it is asked.
            max_objects: Most objects followed at once; None takes as many as in training.
        """
        self._network = network.eval()
        self._config = config
        self._max_objects = max_objects or network.config.max_objects
        self.reset()

    def reset(self) -> None:
        """Forget all objects; identities start anew."""
        self._tracks: _Tracks | None = None

    @torch.inference_mode()
    def step(self, image: Float[Tensor, "B C H W"]) -> TrackedObjects:
        """Process the next frame of each scene, 0 to 1 on black.

        An object that is followed has a presence above a half: a half and half of what the network
        says of it in this frame.
        """
        network = self._network
        before = self._tracks or self._no_tracks(image)
        is_there = before.is_there(network.config.memory_size)
        carried, staying = self._carried(image, unpacked(before.packed, network.config))
        nothing = no_objects(image, 1, network.config)
        found, _ = network.discovery(image, nothing, self._certain(image, None))
        chosen, is_new, is_seen, belief = self._chosen(before, is_there, carried, staying, found)
        objects = unpacked(chosen, network.config)
        there = objects.presence[..., 0] > 0.5
        objects = refined(network, image, objects, there, self._config.num_refinements)
        self._tracks, boxes_px = self._moved(before, objects, is_new, is_seen)
        presence = torch.where(there, 0.5 + 0.5 * belief.clamp_min(1e-3), 0.0)
        return TrackedObjects(
            ids=self._tracks.ids,
            boxes_px=boxes_px,
            presence=presence,
            reconstruction=network.render(objects, torch.zeros_like(image)),
        )

    def move_window(self, rows_px: float, columns_px: float) -> None:
        """Take note that the window of the image has moved over the scene, down and right."""
        if self._tracks is None:
            return
        packed = self._tracks.packed.clone()
        shift = packed.new_tensor([rows_px, columns_px]) / self._network.config.anchor_px
        packed[..., :2] -= shift
        self._tracks = dataclasses.replace(self._tracks, packed=packed)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on; empty arrays before the first frame."""
        names = [field.name for field in dataclasses.fields(_Tracks)]
        if self._tracks is None:
            return {name: np.zeros(0) for name in names}
        return {name: getattr(self._tracks, name).cpu().numpy() for name in names}

    def restore(self, state: Mapping[str, np.ndarray], device: torch.device) -> None:
        """Continue from `state()`."""
        self.reset()
        if state["packed"].ndim == 3:
            names = [field.name for field in dataclasses.fields(_Tracks)]
            self._tracks = _Tracks(
                **{name: torch.from_numpy(state[name].copy()).to(device) for name in names}
            )

    def _no_tracks(self, image: Tensor) -> _Tracks:
        shape = (len(image), self._max_objects)
        zeros = torch.zeros(shape, dtype=torch.int64, device=image.device)
        return _Tracks(
            packed=no_objects(image, self._max_objects, self._network.config).packed(),
            ids=zeros - 1,
            num_seen=zeros,
            num_hidden=zeros,
            velocity=image.new_zeros(*shape, 2),
            half_size_px=image.new_zeros(*shape, 2),
            next_id=zeros[:, :1],
        )

    def _certain(self, image: Tensor, num: int | None) -> Draw:
        """Return a draw of means, for so many objects or, by broadcasting, for any number."""
        size = (len(image), num or 1)
        return Draw(
            gaussian_noise=image.new_zeros(*size, num_gaussian(self._network.config)),
            logistic_noise=image.new_zeros(*size, 1),
        )

    def _carried(self, image: Tensor, objects: Objects) -> tuple[Objects, Float[Tensor, "B K"]]:
        """Propagate the objects; return them, present, and their probability of staying."""
        draw = self._certain(image, None)
        now, memory, latents = self._network.propagation(image, objects, objects.memory, draw)
        now = now.with_memories(memory, objects.prior_memory).with_presence(objects.presence)
        return now, torch.sigmoid(latents.presence_log_odds)[..., 0] * objects.presence[..., 0]

    def _chosen(
        self, before: _Tracks, is_there: Tensor, carried: Objects, staying: Tensor, found: Objects
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Decide for each slot: carried on, found again, hidden, gone, or a new object.

        Returns:
            The objects, which are new, which were seen, and how sure the network is of each.
        """
        config, network = self._config, self._network
        hidden = before.packed.clone()
        hidden[..., :2] += before.velocity
        places = (carried, unpacked(hidden, network.config), found)
        carried_px, expected_px, found_px = (
            visible_boxes_px(network, part, config.visible_from).cpu().double().numpy()
            for part in places
        )
        is_sure = staying >= config.min_staying
        sure, there = is_sure.cpu().numpy(), is_there.cpu().numpy()
        presence = found.presence[..., 0].cpu().double().numpy()
        source = np.full(there.shape, -1)
        new = np.zeros_like(there)
        stays = there & (sure | (before.num_hidden.cpu().numpy() < config.hidden_frames))
        for scene, slots in enumerate(map(np.flatnonzero, there)):
            known = Known(
                carried_px=carried_px[scene, slots],
                expected_px=expected_px[scene, slots],
                is_sure=sure[scene, slots],
            )
            confirming, born = associate(known, found_px[scene], presence[scene], config)
            source[scene, slots] = confirming
            stays[scene, slots] |= confirming >= 0
            free = np.flatnonzero(~stays[scene])[: len(born)]
            source[scene, free], new[scene, free] = born[: len(free)], True
        return self._assembled(before, (carried, hidden, found), staying, (source, new, stays))

    def _assembled(
        self,
        before: _Tracks,
        parts: tuple[Objects, Tensor, Objects],
        staying: Tensor,
        decided: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        carried, hidden, found = parts
        device = staying.device
        source, is_new, stays = (torch.from_numpy(part).to(device) for part in decided)
        is_sure = (staying >= self._config.min_staying) & ~is_new
        is_found = source >= 0
        rows = found.packed()
        index = source.clamp_min(0)[..., None].expand(-1, -1, rows.shape[-1])
        again = rows.gather(1, index)
        packed = torch.where(is_found[..., None], again, hidden)
        packed = torch.where(is_sure[..., None], carried.packed(), packed)
        here = (stays | is_new)[..., None].to(packed.dtype)
        objects = unpacked(packed, self._network.config).with_presence(here)
        told = found.presence[..., 0].gather(1, source.clamp_min(0)) * is_found
        belief = torch.maximum(told, torch.where(is_new, 0.0, staying))
        return objects.packed(), is_new, is_found | is_sure, belief

    def _moved(
        self, before: _Tracks, objects: Objects, is_new: Tensor, is_seen: Tensor
    ) -> tuple[_Tracks, Tensor]:
        """Return the tracks after this frame, and their boxes."""
        config = self._config
        num_seen = torch.where(is_new, 0, before.num_seen) + is_seen
        moved = objects.centre - before.packed[..., :2]
        gain = 1.0 / (num_seen - 1).clamp_min(1)[..., None]
        gain = gain.clamp_min(_LEAST_VELOCITY_GAIN) * is_seen[..., None]
        velocity = before.velocity + gain * (moved - before.velocity)
        boxes_px = visible_boxes_px(self._network, objects, config.visible_from)
        top_left, bottom_right = boxes_px.split(2, dim=-1)
        centre_px, half_px = (top_left + bottom_right) / 2, (bottom_right - top_left) / 2
        gain = 1.0 / num_seen.clamp_min(1)[..., None]
        gain = gain.clamp_min(config.size_gain) * is_seen[..., None]
        half_px = torch.where(
            is_new[..., None], half_px, before.half_size_px + gain * (half_px - before.half_size_px)
        )
        turn = torch.cumsum(is_new, dim=1)
        tracks = _Tracks(
            packed=objects.packed(),
            ids=torch.where(is_new, before.next_id + turn - 1, before.ids),
            num_seen=num_seen,
            num_hidden=torch.where(is_seen, 0, before.num_hidden + 1),
            velocity=torch.where(is_new[..., None], 0.0, velocity),
            half_size_px=half_px,
            next_id=before.next_id + turn[:, -1:],
        )
        return tracks, torch.cat([centre_px - half_px, centre_px + half_px], dim=-1)
