# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TrackOcc: panoptic occupancy over time from cameras alone (Chen et al., ICRA 2025).

Images become a volume (`lift`, `volume`, `occupancy_encoder`), frame by frame and without memory.
Queries ask it (`decoder`): some for stuff, some for things not yet known, and one for each thing
that is followed (`tracks`). What a query says is a class, a mask over the voxels, a centre and a
velocity. A query that follows a thing asks again in the next frame: identity is which query asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from unsup_track_ros.networks.image_backbone import (
    FeaturePyramid,
    build_backbone,
    group_norm,
    normalized,
)
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import Answers, Decoder, FreshQueries
from unsup_track_ros.networks.trackocc.frames import CameraFrames
from unsup_track_ros.networks.trackocc.lift import LiftSplat
from unsup_track_ros.networks.trackocc.occupancy_encoder import OccupancyEncoder
from unsup_track_ros.networks.trackocc.tracks import TrackQueries, TrackUpdate
from unsup_track_ros.networks.trackocc.volume import UpPath, VolumeEncoder
from unsup_track_ros.shapes import Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenVolumes:
    """What the images of B frames say of the space around the vehicle.

    Attributes:
        compact: Volume that queries look into.
        mask_features: Of every voxel; masks are products with them.
        semantic_logits: Of every class in every voxel.
        depth_logits: Of every depth bin in every cell of every image.
    """

    compact: Float[Tensor, "B c z y x"]
    mask_features: Float[Tensor, "B C Z Y X"]
    semantic_logits: Float[Tensor, "B K Z Y X"]
    depth_logits: Float[Tensor, "B V D h w"]


class TrackOcc(nn.Module):
    """Sees volumes, and answers queries about them."""

    def __init__(self, config: TrackOccConfig) -> None:
        """Build it with random weights.

        Raises:
            ConfigError: The backbone needs torchvision, which is not installed.
        """
        super().__init__()
        self.config = config
        # GroupNorm throughout: a batch here is a few frames of one street (docs/decisions/0020).
        self.backbone = build_backbone(config.backbone, group_norm)
        width = config.pyramid_channels
        self.pyramid = FeaturePyramid(self.backbone.channels, width, config.pyramid_levels)
        self.lift = LiftSplat(config)
        self.volume_encoder = VolumeEncoder(config)
        self.occupancy_encoder = OccupancyEncoder(config)
        self.up_path = UpPath(config)
        hidden = max(config.channels // 4, 16)
        self.semantics = nn.Sequential(
            nn.Linear(config.channels, hidden),
            nn.Softplus(),
            nn.Linear(hidden, len(config.classes)),
        )
        self.fresh_things = FreshQueries(config, config.thing_queries)
        self.stuff = FreshQueries(config, config.stuff_queries)
        self.decoder = Decoder(config)
        self.update = TrackUpdate(config)

    def see(self, frames: CameraFrames) -> SeenVolumes:
        """Look at the images of some frames; what is seen of one does not depend on the others."""
        images = frames.images.flatten(0, 1)  # N 3 H W, N = B V
        levels = self.pyramid(self.backbone(normalized(images)))
        lifted, depth_logits = self.lift(levels[self.config.lift_level], frames)
        compact, stages = self.volume_encoder(lifted)
        compact = self.occupancy_encoder(compact, levels, frames)
        mask_features = self.up_path(compact, stages)
        semantics = self.semantics(mask_features.movedim(1, -1)).movedim(-1, 1)
        return SeenVolumes(
            compact=compact,
            mask_features=mask_features,
            semantic_logits=semantics,
            depth_logits=depth_logits.unflatten(0, frames.images.shape[:2]),
        )

    def asking(self, tracks: TrackQueries | None) -> TrackQueries:
        """Return the things that ask in a frame: those followed, then the fresh ones."""
        fresh = TrackQueries.fresh(self.fresh_things(), self.config.memory_length)
        return fresh if tracks is None else tracks.joined(fresh)

    def answer(
        self, seen: SeenVolumes, frame: int, things: TrackQueries
    ) -> tuple[Answers, Answers]:
        """Let things and stuff ask one of the frames; return their answers."""
        queries = things.queries.joined(self.stuff())
        num = len(things)
        volumes = seen.compact[frame], seen.mask_features[frame]
        answers = self.decoder(queries, *volumes, num)
        return answers.chosen(slice(None, num)), answers.chosen(slice(num, None))
