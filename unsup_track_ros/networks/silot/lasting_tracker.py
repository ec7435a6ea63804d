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
from unsup_track_ros.networks.silot.evidence import explained_nats
from unsup_track_ros.networks.silot.extent import visible_boxes_px
from unsup_track_ros.networks.silot.latents import Draw, num_gaussian
from unsup_track_ros.networks.silot.model import Silot
from unsup_track_ros.networks.silot.objects import Objects, no_objects, unpacked
from unsup_track_ros.networks.silot.refinement import refined
from unsup_track_ros.networks.silot.tracker import SilotTracker, TrackedObjects
from unsup_track_ros.shapes import Bool, Float, Int64

_LEAST_VELOCITY_GAIN: Final = 0.5  # the last step counts at least so much
_LEAST_BELIEF: Final = 1e-3  # an object that is followed is more likely there than not


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Choice:
    """What is in each slot in a frame.

    Attributes:
        objects: The objects; presence 1 where there is one, else 0.
        is_new: Whether the object was not there before.
        is_seen: Whether the frame shows it; else it is hidden and moves on as before.
        belief: How sure the network is of it.
    """

    objects: Objects
    is_new: Bool[Tensor, "B K"]
    is_seen: Bool[Tensor, "B K"]
    belief: Float[Tensor, "B K"]


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
        carried, staying = self._carried(image, self._objects(before))
        nothing = no_objects(image, 1, network.config)
        found, _ = network.discovery(image, nothing, self._means(image))
        chosen = self._chosen(before, carried, staying, found)
        objects = refined(network, image, chosen.objects, self._config.num_refinements)
        chosen = self._needed(image, before, dataclasses.replace(chosen, objects=objects))
        self._tracks, boxes_px = self._moved(before, chosen)
        there = chosen.objects.presence[..., 0]
        return TrackedObjects(
            ids=self._tracks.ids,
            boxes_px=boxes_px,
            presence=there * (0.5 + 0.5 * chosen.belief.clamp_min(_LEAST_BELIEF)),
            reconstruction=network.render(chosen.objects, torch.zeros_like(image)),
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
        if "packed" in state and state["packed"].ndim == 3:
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

    def _objects(self, tracks: _Tracks) -> Objects:
        return unpacked(tracks.packed, self._network.config)

    def _means(self, image: Tensor) -> Draw:
        """Return a draw without noise, for any number of objects."""
        return Draw(
            gaussian_noise=image.new_zeros(len(image), 1, num_gaussian(self._network.config)),
            logistic_noise=image.new_zeros(len(image), 1, 1),
        )

    def _carried(self, image: Tensor, objects: Objects) -> tuple[Objects, Float[Tensor, "B K"]]:
        """Propagate the objects; return them, present, and their probability of staying."""
        draw = self._means(image)
        now, memory, latents = self._network.propagation(image, objects, objects.memory, draw)
        now = now.with_memories(memory, objects.prior_memory).with_presence(objects.presence)
        return now, torch.sigmoid(latents.presence_log_odds)[..., 0] * objects.presence[..., 0]

    def _chosen(
        self, before: _Tracks, carried: Objects, staying: Float[Tensor, "B K"], found: Objects
    ) -> _Choice:
        """Decide for each slot: carried on, found again, hidden, gone, or a new object."""
        network = self._network
        moved = before.packed.clone()
        moved[..., :2] += before.velocity
        expected = unpacked(moved, network.config)
        is_sure = staying >= self._config.min_staying
        source, is_new, stays = self._sources(before, (carried, expected, found), is_sure)
        is_sure = is_sure & ~is_new
        is_found = source >= 0
        index = source.clamp_min(0)
        rows = found.packed()
        again = rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))
        packed = torch.where(is_found[..., None], again, moved)
        packed = torch.where(is_sure[..., None], carried.packed(), packed)
        here = (stays | is_new)[..., None].to(packed.dtype)
        told = found.presence[..., 0].gather(1, index) * is_found
        return _Choice(
            objects=unpacked(packed, network.config).with_presence(here),
            is_new=is_new,
            is_seen=is_found | is_sure,
            belief=torch.maximum(told, torch.where(is_new, 0.0, staying)),
        )

    def _sources(
        self, before: _Tracks, parts: tuple[Objects, Objects, Objects], is_sure: Tensor
    ) -> tuple[Int64[Tensor, "B K"], Bool[Tensor, "B K"], Bool[Tensor, "B K"]]:
        """Return which discovery each slot takes (-1: none), where it is new, and who stays."""
        config = self._config
        carried_px, expected_px, found_px = (
            visible_boxes_px(self._network, part, config.visible_from).cpu().double().numpy()
            for part in parts
        )
        presence = parts[2].presence[..., 0].cpu().double().numpy()
        sure = is_sure.cpu().numpy()
        there = self._objects(before).presence[..., 0].cpu().numpy() > 0
        stays = there & (sure | (before.num_hidden.cpu().numpy() < config.hidden_frames))
        source = np.full(there.shape, -1)
        is_new = np.zeros_like(there)
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
            source[scene, free], is_new[scene, free] = born[: len(free)], True
        device = is_sure.device
        return (
            torch.from_numpy(source).to(device),
            torch.from_numpy(is_new).to(device),
            torch.from_numpy(stays).to(device),
        )

    def _needed(self, image: Tensor, before: _Tracks, choice: _Choice) -> _Choice:
        """Take back what explains nothing that the others do not explain as well.

        Of several in one place each could go for the sake of the others: the one that was seen in
        the fewest frames does. A known object that is not needed counts as hidden, a new one is
        none; what was hidden for too long is gone.
        """
        config = self._config
        objects, is_new = choice.objects, choice.is_new
        there = objects.presence[..., 0] > 0
        nats = explained_nats(self._network, image, objects)
        spare = there & (nats < config.min_explained_nats)
        boxes_px = visible_boxes_px(self._network, objects, config.visible_from)
        # Among those seen alike often, the one that explains least.
        num_seen = torch.where(is_new, 0, before.num_seen)
        order = torch.argsort(nats, dim=1, stable=True)
        order = order.gather(1, torch.argsort(num_seen.gather(1, order), dim=1, stable=True))
        turn = torch.argsort(order, dim=1)
        goes_first = turn[:, None] < turn[:, :, None]
        rivals = spare[:, None] & _overlapping(boxes_px) & goes_first
        spare = spare & ~rivals.any(dim=2)
        is_seen = choice.is_seen & ~spare
        lasts = ~is_new & (before.num_hidden < config.hidden_frames)
        is_there = there & (is_seen | lasts)
        return _Choice(
            objects=objects.with_presence(is_there[..., None].to(nats.dtype)),
            is_new=is_new & is_there,
            is_seen=is_seen & is_there,
            belief=choice.belief,
        )

    def _moved(self, before: _Tracks, choice: _Choice) -> tuple[_Tracks, Float[Tensor, "B K 4"]]:
        """Return the tracks after this frame, and their boxes."""
        objects, is_new, is_seen = choice.objects, choice.is_new, choice.is_seen
        config = self._config
        num_seen = torch.where(is_new, 0, before.num_seen) + is_seen
        moved = objects.centre - before.packed[..., :2]
        gain = 1.0 / (num_seen - 1).clamp_min(1)[..., None]
        gain = gain.clamp_min(_LEAST_VELOCITY_GAIN) * is_seen[..., None]
        velocity = before.velocity + gain * (moved - before.velocity)
        boxes_px = visible_boxes_px(self._network, objects, config.visible_from)
        top_left, bottom_right = torch.split(boxes_px, 2, dim=-1)
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


def tracker_of(
    network: Silot, config: SilotInferenceConfig, max_objects: int | None = None
) -> SilotTracker | LastingTracker:
    """Return the tracker of the configured method; see there for the arguments."""
    if config.method == "paper":
        return SilotTracker(network, max_objects)
    return LastingTracker(network, config, max_objects)


def _overlapping(boxes_px: Float[Tensor, "B K 4"]) -> Bool[Tensor, "B K K"]:
    """Return which boxes of a scene overlap."""
    top_left, bottom_right = torch.split(boxes_px, 2, dim=-1)
    high = torch.minimum(bottom_right[:, :, None], bottom_right[:, None])
    low = torch.maximum(top_left[:, :, None], top_left[:, None])
    return (high > low).all(dim=-1)
