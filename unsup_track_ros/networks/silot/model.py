# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SILOT: spatially invariant, label-free object tracking (Crawford and Pineau, AAAI 2020).

A variational autoencoder of videos whose latent variables are objects. Per frame: propagate the
objects of the last frame, discover new ones, keep the surest, render them. Nothing but the error
of the rendered video and priors on simplicity teaches it what an object is.

    image, objects -> propagation -> discovery -> selection -> renderer -> reconstruction
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.silot import latents as distributions
from unsup_track_ros.networks.silot.config import SilotConfig
from unsup_track_ros.networks.silot.count_prior import presence_prior_kl
from unsup_track_ros.networks.silot.discovery import Discovery, num_cells
from unsup_track_ros.networks.silot.latents import Draw, num_gaussian
from unsup_track_ros.networks.silot.objects import Objects, no_objects, select
from unsup_track_ros.networks.silot.propagation import Propagation
from unsup_track_ros.networks.silot.renderer import SpriteDecoder, render, window_side_px
from unsup_track_ros.shapes import Bool, Float

_SMALLEST = 1e-6  # a pixel is never surer than this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Everything random about T frames of B videos; the network itself is deterministic.

    Attributes:
        gaussian: Standard normal, for K propagated and then for the discovered objects.
        logistic: Standard logistic, likewise.
        discovery_kept: 0 where the discoveries of a whole frame are dropped, else 1.
    """

    gaussian: Float[Tensor, "B T N D"]
    logistic: Float[Tensor, "B T N 1"]
    discovery_kept: Float[Tensor, "B T"]

    @classmethod
    def none(cls, video: Float[Tensor, "B T C H W"], num_kept: int, config: SilotConfig) -> Noise:
        """Return no noise: every variable takes its mean, every discovery counts."""
        num_batch, num_frames, _, height_px, width_px = video.shape
        num = num_kept + num_cells(height_px) * num_cells(width_px)
        return cls(
            gaussian=video.new_zeros(num_batch, num_frames, num, num_gaussian(config)),
            logistic=video.new_zeros(num_batch, num_frames, num, 1),
            discovery_kept=video.new_ones(num_batch, num_frames),
        )

    @classmethod
    def drawn(
        cls,
        video: Float[Tensor, "B T C H W"],
        config: SilotConfig,
        discovery_dropout: float,
        generator: torch.Generator,
    ) -> Noise:
        """Draw the noise of one training step; the first frame's discoveries always count."""
        like = cls.none(video, config.max_objects, config)
        device = video.device
        uniform = torch.rand(like.logistic.shape, generator=generator, device=device)
        uniform = uniform.clamp(_SMALLEST, 1.0 - _SMALLEST)
        kept = torch.rand(like.discovery_kept.shape, generator=generator, device=device)
        kept = (kept >= discovery_dropout).float()
        kept[:, 0] = 1.0
        return cls(
            gaussian=torch.randn(like.gaussian.shape, generator=generator, device=device),
            logistic=torch.logit(uniform),
            discovery_kept=kept,
        )

    def frame(self, index: int) -> Noise:
        """Return the noise of one frame, as a video of length one."""
        here = slice(index, index + 1)
        return Noise(
            gaussian=self.gaussian[:, here],
            logistic=self.logistic[:, here],
            discovery_kept=self.discovery_kept[:, here],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """What changes in the course of training, on the network's device.

    Attributes:
        expectations: The count prior (`presence_expectations`) for as many objects as a frame has.
        head_gradient: 0 keeps the heads of place, depth and presence from learning; None or 1
            lets them.
    """

    expectations: Float[Tensor, "N S"]
    head_gradient: Float[Tensor, ""] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameOutcome:
    """What the network makes of one frame.

    Attributes:
        objects: The objects kept.
        is_new: Which of them were discovered in this frame.
        reconstruction: The frame as rendered from them.
        losses: Terms of the objective by name, each (B,).
    """

    objects: Objects
    is_new: Bool[Tensor, "B K"]
    reconstruction: Float[Tensor, "B C H W"]
    losses: dict[str, Float[Tensor, " B"]]


class Silot(nn.Module):
    """The network; `config.max_objects` and the size of the image may differ at test time."""

    def __init__(self, config: SilotConfig) -> None:
        super().__init__()
        self.config = config
        self.discovery = Discovery(config)
        self.propagation = Propagation(config, sees=True)
        self.prior_propagation = Propagation(config, sees=False) if config.learned_prior else None
        self.decoder = SpriteDecoder(config)
        # Constants on the network's device; no part of a checkpoint.
        self.discovered_prior: Tensor
        self.propagated_prior: Tensor
        self.register_buffer(
            "discovered_prior", distributions.discovered_prior(config), persistent=False
        )
        self.register_buffer(
            "propagated_prior", distributions.propagated_prior(config), persistent=False
        )

    def step(
        self,
        image: Float[Tensor, "B C H W"],
        objects: Objects | None,
        noise: Noise,
        schedule: Schedule | None = None,
    ) -> FrameOutcome:
        """Process one frame.

        Args:
            image: The frame, 0 to 1, on a black background.
            objects: Objects of the last frame; None for the first.
            noise: Noise of this frame; its length says how many objects are kept.
            schedule: State of the training; without it there are no losses.
        """
        num_found = num_cells(image.shape[2]) * num_cells(image.shape[3])
        num_kept = noise.gaussian.shape[2] - num_found
        draws = _draws(noise, schedule, num_kept)
        losses: dict[str, Tensor] = {}
        if objects is None:
            propagated = no_objects(image, num_kept, self.config)
            believed = []
        else:
            propagated, staying = self._propagate(image, objects, draws[0], losses)
            believed = [(objects.presence * torch.sigmoid(staying), propagated.presence)]
        kept = noise.discovery_kept[..., None]
        discovered, found = self.discovery(image, propagated, draws[1])
        discovered = discovered.with_presence(discovered.presence * kept)
        selected, is_new = select(propagated, discovered, self.config)
        reconstruction = self.render(selected, torch.zeros_like(image))
        if schedule is not None:
            fixed = distributions.fixed_prior_kl(found, self.discovered_prior)
            losses["discovery_kl"] = (fixed * discovered.presence).sum((1, 2))
            believed.append((torch.sigmoid(found.presence_log_odds) * kept, discovered.presence))
            probability, presence = (
                torch.cat(p, dim=1)[..., 0] for p in zip(*believed, strict=True)
            )
            losses["presence_kl"] = presence_prior_kl(
                probability, presence, schedule.expectations
            ).sum(1)
            losses["reconstruction"] = cross_entropy(reconstruction, image).sum((1, 2, 3))
        return FrameOutcome(
            objects=selected, is_new=is_new, reconstruction=reconstruction, losses=losses
        )

    def imagine(self, objects: Objects, noise: Noise) -> Objects:
        """Move objects on by what the learned prior expects, without an image."""
        draw = Draw(
            gaussian_noise=noise.gaussian[:, 0, : objects.presence.shape[1]],
            logistic_noise=noise.logistic[:, 0, : objects.presence.shape[1]],
        )
        if self.prior_propagation is None:
            raise ConfigError(
                "This network cannot imagine: it was trained without a learned prior. "
                "Train one with `learned_prior`."
            )
        now, memory, _ = self.prior_propagation(None, objects, objects.prior_memory, draw)
        moved: Objects = now.with_memories(objects.memory, memory)
        return moved

    def render(
        self,
        objects: Objects,
        background: Float[Tensor, "B C H W"],
        window_px: int | None = None,
    ) -> Float[Tensor, "B C H W"]:
        """Paint objects over a background, in windows for the largest box unless told otherwise."""
        color, opacity = self.decoder(objects)
        boxes_px = objects.boxes_px(self.config.anchor_px)
        window_px = window_px or window_side_px(self.config)
        return render(color, opacity, objects.depth, boxes_px, background, window_px)

    def _propagate(
        self, image: Tensor, objects: Objects, draw: Draw, losses: dict[str, Tensor]
    ) -> tuple[Objects, Tensor]:
        """Carry objects over, beside the learned prior; note the losses; return log-odds too."""
        now, memory, posterior = self.propagation(image, objects, objects.memory, draw)
        fixed = distributions.fixed_prior_kl(posterior, self.propagated_prior)
        losses["propagation_kl"] = (fixed * now.presence).sum((1, 2))
        prior_memory = objects.prior_memory
        if self.prior_propagation is not None:
            _, prior_memory, prior = self.prior_propagation(
                None, objects, prior_memory, draw.with_values_of(posterior)
            )
            learned = distributions.learned_prior_kl(posterior, prior)
            losses["learned_prior_kl"] = (learned * now.presence).sum((1, 2))
        return now.with_memories(memory, prior_memory), posterior.presence_log_odds


def _draws(noise: Noise, schedule: Schedule | None, num_kept: int) -> tuple[Draw, Draw]:
    """Split the noise of a frame into that of propagation and that of discovery."""
    kept, found = (
        Draw(
            gaussian_noise=noise.gaussian[:, 0, part],
            logistic_noise=noise.logistic[:, 0, part],
            head_gradient=None if schedule is None else schedule.head_gradient,
        )
        for part in (slice(None, num_kept), slice(num_kept, None))
    )
    return kept, found


def cross_entropy(reconstruction: Tensor, image: Tensor) -> Tensor:
    """Return the Bernoulli cross-entropy of each pixel, in nats."""
    inside = functional.hardtanh(reconstruction, _SMALLEST, 1.0 - _SMALLEST)
    return -(image * torch.log(inside) + (1.0 - image) * torch.log1p(-inside))
