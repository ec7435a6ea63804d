# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of EM and its two modes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unsup_track_ros.config import Config, flatten, from_values, load_config, parameter
from unsup_track_ros.labeling.labeler import LabelerConfig, mode_parameters
from unsup_track_ros.networks.bev_centernet import BevCenternetConfig
from unsup_track_ros.networks.bev_decoding import BevDecodingConfig
from unsup_track_ros.networks.image_segmentor import ImageSegmentorConfig
from unsup_track_ros.training.bev import BevTrainingConfig
from unsup_track_ros.training.bev_augmentation import BevAugmentationConfig
from unsup_track_ros.training.expectation import ExpectationConfig
from unsup_track_ros.training.loop import LoopConfig
from unsup_track_ros.training.scan_cache import ScanCacheConfig
from unsup_track_ros.training.segmentor import SegmentorTrainingConfig

EmMode = Literal["tcr", "improved"]
# TCR's volume of round 2 and later (SPECS 0.2, 0.5, 0.7), and its looser motion thresholds.
_TCR_ENSEMBLE: dict[str, object] = {
    "pipeline.detector": "ensemble",
    "pipeline.learned.ensemble": "product",
    "pipeline.motion_segmentation.tcr.max_cosine": 0.2,
    "pipeline.motion_segmentation.tcr.min_residual_px": 2.0,
    "pipeline.motion_segmentation.tcr.min_side_vox": 2,
    "pipeline.motion_segmentation.tcr.grid.y_max_m": 4.0,
    "pipeline.motion_segmentation.tcr.grid.z_min_m": 2.0,
    "pipeline.motion_segmentation.tcr.grid.z_max_m": 34.0,
    # The same for motion of mode `improved`: what networks confirm needs less proof. On worlds that
    # are learned from, labels then have 0.51 of the objects instead of 0.47, at a precision of 0.81
    # instead of 0.79; lower bars still add nothing (docs/results/em.md).
    "pipeline.motion_segmentation.lidar.min_suspicious": 0.03,
    "pipeline.motion_segmentation.lidar.max_unexplained": 0.8,
    "pipeline.motion_segmentation.lidar.min_gain": 0.05,
    "pipeline.motion_segmentation.lidar.min_free": 0.1,
    "pipeline.motion_segmentation.lidar.min_speed_mps": 0.3,
}


class EmConfig(Config):
    """All parameters of `unsup-track em`."""

    mode: EmMode = parameter(
        "improved", "Labels, networks and loop of Track, Check, Repeat, or ours."
    )
    label: LabelerConfig = LabelerConfig()
    scans: ScanCacheConfig = ScanCacheConfig()
    bev: BevCenternetConfig = BevCenternetConfig()
    bev_training: BevTrainingConfig = BevTrainingConfig()
    segmentor: ImageSegmentorConfig = ImageSegmentorConfig(width_px=416, height_px=128)
    segmentor_training: SegmentorTrainingConfig = SegmentorTrainingConfig()
    expectation: ExpectationConfig = ExpectationConfig()
    decoding: BevDecodingConfig = BevDecodingConfig()
    loop: LoopConfig = LoopConfig()
    warm_start: bool = parameter(
        True, "Rounds from 2 on go on from the networks of the round before; TCR starts anew."
    )
    later_step_factor: float = parameter(
        1.0,
        "Each round trains so many times the steps of the last; TCR: 10,000 to 50,000 in 5.",
        ge=0.1,
    )
    evaluation_views: int = parameter(
        1, "Views of a scan that are fused when the detector is scored.", ge=1, le=4
    )


def em_config(mode: EmMode, path: Path | None = None) -> EmConfig:
    """Return the parameters of a mode, with those of a file over them.

    Raises:
        ConfigError: The file names unknown parameters or values out of bounds.
    """
    preset = _released() if mode == "tcr" else EmConfig()
    if path is None:
        return preset
    config = load_config(path, EmConfig, base=preset)
    return config.model_copy(update={"mode": mode})


def ensemble_labeler(config: LabelerConfig, bev: Path, segmentor: Path) -> LabelerConfig:
    """Return the labeler of TCR's rounds from 2 on: motion, two networks and occupancy agree."""
    paths = {
        "pipeline.learned.bev_path": str(bev),
        "pipeline.learned.segmentor_path": str(segmentor),
    }
    return from_values(LabelerConfig, flatten(config) | _TCR_ENSEMBLE | paths)


def _released() -> EmConfig:
    label = from_values(
        LabelerConfig,
        flatten(LabelerConfig()) | mode_parameters("tcr"),
    )
    return EmConfig(
        mode="tcr",
        label=label,
        bev=BevCenternetConfig(mode="tcr"),
        bev_training=BevTrainingConfig(augmentation=BevAugmentationConfig()),
        decoding=BevDecodingConfig.released(),
        warm_start=False,
        later_step_factor=1.5,
    )
