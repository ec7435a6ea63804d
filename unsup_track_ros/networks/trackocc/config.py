# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What shapes a TrackOcc network."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.base_voxels import SMALL_EGO_GRID, EgoGridConfig
from unsup_track_ros.networks.image_backbone import BackboneName
from unsup_track_ros.structures.voxel_scene import VOCABULARIES, VoxelClasses

_SHARES = (3, 3, 2)  # of x, y, z in the code of a place; paper: 96, 96 and 64 of 256


class DepthBinsConfig(Config):
    """Depths along the optical axis that pixels are lifted to."""

    nearest_m: float = parameter(1.0, "Begin of the first bin (paper: 2).", unit="m", gt=0)
    farthest_m: float = parameter(29.0, "End of the last bin (paper: 42).", unit="m", gt=0)
    step_m: float = parameter(0.7, "Length of a bin (paper: 0.5).", unit="m", gt=0)

    @property
    def num(self) -> int:
        """Number of bins."""
        return max(round((self.farthest_m - self.nearest_m) / self.step_m), 1)

    def middle_m(self, index: Tensor) -> Tensor:
        """Return the depth in the middle of bins."""
        return self.nearest_m + (index + 0.5) * self.step_m


class TrackOccConfig(Config):
    """Structure of the network; a checkpoint fits only the structure that it was trained with.

    The defaults train on a CPU; config/training/trackocc_paper.yaml has those of the paper.
    """

    vocabulary: Literal["label_free", "street", "occ3d_waymo"] = parameter(
        "label_free", "Classes of voxels; the first needs no human (paper: the last)."
    )
    grid: EgoGridConfig = SMALL_EGO_GRID
    image_width_px: int = parameter(160, "Columns of the images (paper: 704).", unit="px", ge=32)
    image_height_px: int = parameter(96, "Rows of the images (paper: 256).", unit="px", ge=32)
    backbone: BackboneName = parameter(
        "small", "A small residual network of our own, or torchvision's (paper: resnet50)."
    )
    pyramid_channels: int = parameter(64, "Channels of the pyramid (paper: 256).", ge=8)
    pyramid_levels: int = parameter(
        3, "Levels of the pyramid, from stride 8 on (paper: 4, from stride 4 on).", ge=1, le=4
    )
    lift_level: int = parameter(
        0, "Level of the pyramid that is lifted: 0 is stride 8, 1 is 16 (paper: 16).", ge=0
    )
    depth: DepthBinsConfig = DepthBinsConfig()
    lift_channels: int = parameter(16, "Channels of what is lifted (paper: 32).", ge=4)
    volume: Literal["3d", "bev"] = parameter(
        "3d",
        "Convolutions over the volume; 'bev' takes its layers as channels of 2-D convolutions, "
        "which every inference engine has (channel to height, FlashOcc).",
    )
    stage_channels: tuple[int, int, int] = parameter(
        (16, 32, 48), "Channels of the stages over the volume (paper: 32, 64, 128)."
    )
    stage_blocks: tuple[int, int, int] = parameter(
        (1, 1, 1), "Residual blocks of these stages (paper: 1, 2, 4)."
    )
    compact_stride: Literal[1, 2, 4] = parameter(
        2, "Voxels along x and y per cell of the compact volume (paper: 4)."
    )
    compact_channels: int = parameter(32, "Channels of the compact volume (paper: 32).", ge=8)
    channels: int = parameter(
        64, "Channels of queries, attention and mask features (paper: 256).", ge=16
    )
    num_heads: int = parameter(4, "Heads of every attention (paper: 8).", ge=1)
    ffn_channels: int = parameter(
        128, "Hidden channels after attention (paper: 512; 256 between frames).", ge=8
    )
    encoder_layers: int = parameter(
        1, "Layers of attention over the compact volume; 0 leaves it out (paper: 1).", ge=0
    )
    encoder_points: int = parameter(4, "Places that a voxel looks at in the volume.", ge=1)
    camera_points: int = parameter(
        4, "Places that a voxel looks at per level of an image that sees it (paper: 8).", ge=1
    )
    up_channels: int = parameter(32, "Channels on the way to full resolution (paper: 64).", ge=8)
    thing_queries: int = parameter(30, "Queries for objects not yet followed (paper: 200).", ge=1)
    query_start: Literal["learned", "peaks"] = parameter(
        "learned",
        "Where queries for objects begin: at places that are learned (paper), or where the dense "
        "head sees most of an object.",
    )
    stuff_queries: int = parameter(8, "Queries for all else (paper: 50).", ge=1)
    decoder_layers: int = parameter(2, "Layers of the decoder (paper: 1).", ge=1)
    decoder_points: int = parameter(4, "Places that a query looks at (paper: 4).", ge=1)
    mask_locality: bool = parameter(
        True, "Masks of things fade with the distance from their centre (paper: no such term)."
    )
    mask_semantics: bool = parameter(
        False,
        "Masks of things begin where the dense head sees things (paper: no such term): what is "
        "left to learn is which of them.",
    )
    memory_length: int = parameter(4, "Past embeddings that a track remembers (paper: 4).", ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> TrackOccConfig:
        num_z, num_y, num_x = self.grid.grid.shape_zyx
        if num_y % self.compact_stride or num_x % self.compact_stride:
            raise ValueError(
                f"A grid of {num_z} x {num_y} x {num_x} voxels cannot be cut into cells of "
                f"{self.compact_stride} voxels. Choose a half_size_m that is a multiple of "
                "voxel_m times half of compact_stride."
            )
        if self.channels % self.num_heads or self.channels % sum(_SHARES):
            raise ValueError(
                f"channels must be a multiple of num_heads and of {sum(_SHARES)}, got "
                f"{self.channels} channels and {self.num_heads} heads."
            )
        if self.lift_level >= self.pyramid_levels:
            raise ValueError(
                f"lift_level {self.lift_level} is none of the {self.pyramid_levels} levels of the "
                "pyramid. Choose a smaller one, or more pyramid_levels."
            )
        return self

    @property
    def classes(self) -> VoxelClasses:
        """The vocabulary."""
        return VOCABULARIES[self.vocabulary]

    @property
    def compact_shape_zyx(self) -> tuple[int, int, int]:
        """Cells of the compact volume."""
        num_z, num_y, num_x = self.grid.grid.shape_zyx
        return num_z, num_y // self.compact_stride, num_x // self.compact_stride

    @property
    def place_channels_xyz(self) -> tuple[int, int, int]:
        """Channels that x, y and z have in the code of a place."""
        x, y, z = (self.channels * share // sum(_SHARES) for share in _SHARES)
        return x, y, z
