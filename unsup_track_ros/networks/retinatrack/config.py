# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What shapes a RetinaTrack network."""

from __future__ import annotations

from typing import Literal

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.image_backbone import BackboneName


class RetinaTrackConfig(Config):
    """Structure of the network; a checkpoint fits only the structure that it was trained with.

    The paper's baselines are values of these: K = 1 is one ratio and one scale, "RetinaNet*" is
    `anchor_features: shared`, and the depths m1, m2, m3 are the three numbers of layers.
    """

    backbone: BackboneName = parameter(
        "small", "A small residual network of our own, or torchvision's (paper: resnet50)."
    )
    channels: int = parameter(
        64, "Channels of the pyramid and of all layers after it (paper: 256).", ge=8
    )
    num_levels: int = parameter(
        3, "Levels of the pyramid, from stride 8 on (RetinaNet: 5).", ge=1, le=5
    )
    anchor_px: float = parameter(
        4.0, "Side of the smallest anchor square, in strides of its level.", gt=0
    )
    anchor_ratios: tuple[float, ...] = parameter(
        (0.35, 0.6, 1.0), "Height over width of the anchors at each place."
    )
    anchor_scales: tuple[float, ...] = parameter(
        (1.0, 1.4142), "Sizes of the anchors at each place; ratios times scales are the K anchors."
    )
    anchor_features: Literal["separate", "shared"] = parameter(
        "separate",
        "Whether each of the K anchors has features, and so an embedding, of its own.",
    )
    shared_layers: int = parameter(
        3, "m1: 3x3 convolutions that the tasks share and the anchors do not.", ge=1
    )
    task_layers: int = parameter(1, "m2: 3x3 convolutions of each task before its last.", ge=0)
    embedding_layers: int = parameter(
        2, "m3: 1x1 convolutions of the embedding; 0 takes the features themselves.", ge=0
    )
    embedding_size: int = parameter(
        256, "Length of an embedding; with m3 = 0 the channels say.", ge=1
    )
    num_classes: int = parameter(1, "Classes of objects.", ge=1)

    @property
    def num_anchors(self) -> int:
        """K, the anchors at each place."""
        return len(self.anchor_ratios) * len(self.anchor_scales)

    @property
    def strides_px(self) -> tuple[int, ...]:
        """Pixels per cell of each level."""
        return tuple(8 * 2**level for level in range(self.num_levels))

    @property
    def effective_embedding_size(self) -> int:
        """The length that embeddings have."""
        return self.embedding_size if self.embedding_layers else self.channels
