# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TrackOcc: panoptic occupancy over time from cameras alone (Chen et al., ICRA 2025).

Images become a volume (`lift`, `volume`, `occupancy_encoder`), frame by frame and without memory.
Queries ask it (`decoder`): some for stuff, some for things not yet known, and one for each thing
that is followed (`tracks`). What a query says is a class, a mask over the voxels, a centre and a
velocity. A query that follows a thing asks again in the next frame: identity is which query asks.
"""

from __future__ import annotations

from torch import nn

from unsup_track_ros.networks.image_backbone import (
    FeaturePyramid,
    build_backbone,
    group_norm,
    normalized,
)
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import (
    Answers,
    Decoder,
    FreshQueries,
    PeakQueries,
)
from unsup_track_ros.networks.trackocc.frames import CameraFrames
from unsup_track_ros.networks.trackocc.lift import LiftSplat
from unsup_track_ros.networks.trackocc.occupancy_encoder import OccupancyEncoder
from unsup_track_ros.networks.trackocc.tracks import TrackQueries, TrackUpdate
from unsup_track_ros.networks.trackocc.volume import SeenVolumes, UpPath, VolumeEncoder


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
        self.fresh_things = (
            PeakQueries(config)
            if config.query_start == "peaks"
            else FreshQueries(config, config.thing_queries)
        )
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

    def asking(self, seen: SeenVolumes, tracks: TrackQueries | None) -> TrackQueries:
        """Return the things that ask some frames: those followed, then the fresh ones of each."""
        fresh = TrackQueries.fresh(self.fresh_things(seen), self.config.memory_length)
        return fresh if tracks is None else tracks.joined(fresh)

    def answer(self, seen: SeenVolumes, things: TrackQueries) -> tuple[Answers, Answers]:
        """Let things and stuff ask their frames; return their answers."""
        queries = things.queries.joined(self.stuff(seen))
        answers: Answers = self.decoder(queries, seen, len(things))
        return answers.parted(len(things))
