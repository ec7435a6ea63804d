# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A network that learned from our own labels alone maps a street that it has never seen.

One short street, so that the test is quick. Longer ones are in docs/results/trackocc.md.
"""

from __future__ import annotations

from pathlib import Path

import torch

from unsup_track_ros.data.synthetic.camera import SurroundConfig
from unsup_track_ros.data.synthetic.world import WorldConfig
from unsup_track_ros.networks.trackocc.checkpoint import load_trackocc
from unsup_track_ros.networks.trackocc.tracker import TrackOccTracker, TrackOccTrackingConfig
from unsup_track_ros.training.occupancy_worlds import WorldClipsConfig, write_world_clips
from unsup_track_ros.training.trackocc_evaluation import score_tracker

WEIGHTS = Path(__file__).parent.parent / "data" / "trackocc_street.safetensors"


def test_the_trained_network_maps_a_street_and_keeps_identities_better_than_associators_do(
    tmp_path: Path,
) -> None:
    device = torch.device("cpu")
    network = load_trackocc(str(WEIGHTS), device)
    world = WorldConfig(duration_s=5.0, surround=SurroundConfig(enabled=True))
    clips = write_world_clips(tmp_path / "clips", WorldClipsConfig(world=world), [101])
    tracker = TrackOccTracker(network, TrackOccTrackingConfig(), device)
    tracked, published, overlap, kalman = score_tracker(tracker, clips)
    assert tracked["iou_ground"] > 0.85
    assert tracked["iou_structure"] > 0.42
    assert tracked["iou_movable"] > 0.42
    for baseline in (published, overlap, kalman):
        assert tracked["occ_aq"] > baseline["occ_aq"] + 0.01
        assert tracked["occ_stq"] > baseline["occ_stq"] + 0.005
