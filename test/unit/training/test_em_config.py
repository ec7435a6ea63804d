# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the E step of mode `tcr`."""

from __future__ import annotations

from pathlib import Path

from unsup_track_ros.training.em_config import em_config, ensemble_labeler


def test_from_round_2_on_networks_confirm_what_motion_shows_with_less_proof() -> None:
    config = em_config("tcr").label
    labeler = ensemble_labeler(config, Path("bev.safetensors"), Path("segmentor.safetensors"))
    assert labeler.pipeline.detector == "ensemble"
    first, later = (one.pipeline.motion_segmentation for one in (config, labeler))
    assert (first.tcr.max_cosine, later.tcr.max_cosine) == (0.8, 0.2)  # SPECS 0.5
    assert (first.tcr.min_residual_px, later.tcr.min_residual_px) == (8.0, 2.0)
    for bar in ("min_suspicious", "min_gain", "min_free", "min_speed_mps"):
        assert getattr(later.lidar, bar) < getattr(first.lidar, bar)
    assert later.lidar.max_unexplained > first.lidar.max_unexplained
