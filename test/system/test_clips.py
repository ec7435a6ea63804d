# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a recording with cameras all around over labels to occupancy clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from system.label_directory import refused, run_well

from unsup_track_ros.data.synthetic.camera import SurroundConfig, build_surround
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.structures.voxel_scene import LABEL_FREE
from unsup_track_ros.training.occupancy_clips import ClipFolder


def test_labels_of_a_drive_become_clips_of_all_cameras(tmp_path: Path) -> None:
    config = WorldConfig(
        duration_s=0.8,
        lidar=LidarConfig(beams=24, azimuth_steps=450),
        surround=SurroundConfig(enabled=True, width_px=160, height_px=96),
    )
    bag, labels, clips = tmp_path / "drive.mcap", tmp_path / "labels", tmp_path / "clips"
    write_world(build_world(config, seed=1), bag, 0.8)
    run_well("label", bag, "--out", labels, "--no-video")
    topics = [rig.name for rig in build_surround(config.surround, 0.0)]
    images = [part for topic in topics for part in ("--image-topic", topic)]
    told = json.loads(run_well("clips", labels, "--out", clips, *images, "--json"))
    assert told["sequences"] == {"labels": 2}
    folder = ClipFolder.open(clips)
    frame = folder.frame("labels", 1)
    assert frame.images.shape == (5, 96, 160, 3)
    assert frame.labels is not None
    seen = frame.labels.semantics[frame.labels.visible]
    assert {LABEL_FREE.index("ground"), LABEL_FREE.index("structure")} <= set(seen.tolist())
    assert 0.05 < frame.labels.visible.mean() < 0.6
    again = json.loads(run_well("clips", labels, "--out", clips, *images, "--json"))
    assert again == told
    bag.rename(tmp_path / "moved.mcap")
    assert "not there any more" in refused("clips", labels, "--out", tmp_path / "other")
    np.testing.assert_array_equal(folder.frame("labels", 1).images, frame.images)
