# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of RetinaTrack: clips, schedule, learning, determinism, resume to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.data.crossing.traffic import CrossingTrafficConfig
from unsup_track_ros.data.crossing.videos import CrossingConfig, crossing_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.networks.retinatrack import RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.anchors import anchor_boxes
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.retinatrack import RetinaTrackLearner, RetinaTrackTrainingConfig
from unsup_track_ros.training.retinatrack_clips import (
    AugmentationConfig,
    TrackedFrames,
    augmented,
    crossing_frames,
    draw_clips,
)
from unsup_track_ros.training.retinatrack_data import (
    LabelledImage,
    boxes_in_image,
    clip_pairs,
    stacked,
)
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest

NETWORK = RetinaTrackConfig(channels=16, embedding_size=8, num_levels=2)
TRAINING = RetinaTrackTrainingConfig(
    num_steps=6, clips_per_batch=2, warmup_steps=2, triplet_start_steps=2
)
STILL = AugmentationConfig(flip_share=0, min_zoom=1, max_zoom=1, max_shift=0)


@pytest.fixture(scope="module")
def data() -> TrackedFrames:
    """One small video."""
    traffic = CrossingTrafficConfig(num_poles=0)
    config = CrossingConfig(width_px=96, height_px=64, num_frames=14, traffic=traffic)
    return crossing_frames(crossing_videos(config, 1, torch.Generator().manual_seed(4)), 8)


def learner(data: TrackedFrames, **changes: object) -> RetinaTrackLearner:
    """A learner at its first step."""
    return RetinaTrackLearner(NETWORK, TRAINING.model_copy(update=changes), data)


def test_a_clip_is_two_frames_of_one_video_so_far_apart(data: TrackedFrames) -> None:
    assert data.pairs.tolist() == [[first, first + 8] for first in range(6)]
    with pytest.raises(DataError, match="longer videos"):
        crossing_frames(
            crossing_videos(CrossingConfig(num_frames=2), 1, torch.Generator().manual_seed(0)), 8
        )


def test_nothing_changes_without_augmentation(data: TrackedFrames) -> None:
    batch = draw_clips(data, 2, 10, STILL, torch.Generator().manual_seed(0))
    images, boxes, is_object = augmented(batch, STILL)
    assert torch.allclose(images, batch.images.float(), atol=1e-3)
    assert torch.allclose(boxes[is_object], batch.boxes_px[is_object], atol=1e-3)
    assert torch.equal(is_object, batch.ids >= 0)


@pytest.mark.parametrize("seed", range(4))
def test_boxes_move_with_what_is_in_them(seed: int) -> None:
    """A white rectangle on black is still exactly within its box after any augmentation."""
    frames = torch.zeros(2, 3, 64, 96, dtype=torch.uint8)
    frames[:, :, 24:40, 32:64] = 255
    data = TrackedFrames(
        frames=frames,
        boxes_px=torch.tensor([[[32.0, 24.0, 64.0, 40.0]]]).expand(2, 1, 4),
        ids=torch.zeros(2, 1, dtype=torch.int64),
        pairs=torch.tensor([[0, 1]]),
    )
    config = AugmentationConfig()
    batch = draw_clips(data, 3, 10, config, torch.Generator().manual_seed(seed))
    images, boxes, is_object = augmented(batch, config)
    assert is_object.all()
    for image, box in zip(images, boxes[:, 0], strict=True):
        rows, columns = torch.nonzero(image[0] > 127.0, as_tuple=True)
        seen = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert torch.allclose(seen.float(), box, atol=1.01)


def test_objects_that_are_mostly_outside_are_dropped(data: TrackedFrames) -> None:
    batch = draw_clips(data, 2, 10, STILL, torch.Generator().manual_seed(0))
    batch.shift.copy_(torch.tensor([0.9, 0.0]))
    _, boxes, is_object = augmented(batch, STILL)
    assert is_object.sum() < (batch.ids >= 0).sum()
    assert (boxes[..., 0] >= 0).all()


def test_the_rate_rises_and_falls_and_triplets_wait() -> None:
    config = RetinaTrackTrainingConfig(
        learning_rate=0.1, warmup_steps=10, num_steps=110, triplet_start_steps=50
    )
    rates = [config.learning_rate_at(step) for step in (0, 9, 10, 60, 110)]
    assert rates == pytest.approx([0.01, 0.1, 0.1, 0.05, 0.0], abs=1e-9)
    assert [config.triplet_weight_at(step) for step in (49, 50)] == [0.0, 0.4]


def test_at_first_triplets_do_not_drown_the_detector(data: TrackedFrames) -> None:
    # Of the triplets alone: cosines do not know how small the embeddings start.
    trained = learner(data, embedding_loss="batch_hard", identity_iou=0.7)
    batch = draw_clips(data, 2, len(trained._anchors), STILL, torch.Generator().manual_seed(0))
    terms = trained.losses(batch)
    shared = list(trained.network.pyramid.parameters())

    def pull(loss: torch.Tensor) -> float:
        gradient = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        return float(torch.cat([g.flatten() for g in gradient if g is not None]).norm())

    assert pull(terms[2]) < 3.0 * pull(terms[0] + terms[1])


def test_losses_fall_when_one_batch_is_seen_again_and_again() -> None:
    """Two tracks, each exactly as large as an anchor, swap places on noise between two frames."""
    anchors = anchor_boxes(NETWORK, 64, 96, torch.device("cpu"))
    inside = ((anchors[:, :2] >= 0) & (anchors[:, 2:] <= torch.tensor([96.0, 64.0]))).all(dim=1)
    places = anchors[inside][[0, -1]]
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (2, 3, 64, 96), generator=generator).to(torch.uint8)
    swapped = TrackedFrames(
        frames=frames,
        boxes_px=torch.stack([places, places.flip(0)]),
        ids=torch.tensor([[0, 1], [0, 1]]),
        pairs=torch.tensor([[0, 1]]),
    )
    trained = learner(swapped)
    batch = draw_clips(swapped, 1, len(anchors), STILL, torch.Generator().manual_seed(0))
    before = trained.losses(batch).detach()
    trained._rate.fill_(0.02)
    trained._triplet_weight.fill_(1.0)
    for _ in range(25):
        trained._train_on(batch)
    after = trained.losses(batch).detach()
    assert (after < before).all(), (before, after)


def test_without_triplets_the_embedding_stays_as_it_was(data: TrackedFrames) -> None:
    trained = learner(data, triplet_weight=0.0)
    trained.advance()
    fresh = learner(data)
    name = "embedding_last.weight"
    assert torch.equal(trained.network.state_dict()[name], fresh.network.state_dict()[name])
    name = "box_last.weight"
    assert not torch.equal(trained.network.state_dict()[name], fresh.network.state_dict()[name])


def run_of(folder: Path, data: TrackedFrames, *steps: int) -> bytes:
    """Train into a folder up to some steps, each time in a new learner; return the state."""
    manifest = RunManifest(network="retinatrack", config_sha256="0", data_fingerprint="0")
    for num_steps in steps:
        with RunDirectory.open_for_writing(folder, manifest, TRAINING) as run:
            config = LoopConfig(report_steps=2, checkpoint_steps=2)
            train(learner(data), num_steps, run, config, no_progress)
    return (folder / "state.safetensors").read_bytes()


def test_a_resumed_run_ends_with_the_bytes_of_an_undisturbed_one(
    data: TrackedFrames, tmp_path: Path
) -> None:
    whole = run_of(tmp_path / "whole", data, 6)
    parts = run_of(tmp_path / "parts", data, 2, 4, 6)
    assert whole == parts


def test_the_fingerprint_changes_with_any_part(data: TrackedFrames) -> None:
    other = TrackedFrames(
        frames=data.frames, boxes_px=data.boxes_px, ids=data.ids + 1, pairs=data.pairs
    )
    assert data.fingerprint() == data.to(torch.device("cpu")).fingerprint() != other.fingerprint()


def test_clips_of_recordings_pair_frames_about_so_far_apart() -> None:
    stamps_s = np.array([0.0, 0.1, 0.75, 0.92, 3.0])
    pairs = clip_pairs(np.rint(stamps_s * 1e9).astype(np.int64), 0.8)
    assert pairs.tolist() == [[0, 2], [1, 3]]
    assert clip_pairs(np.zeros(0, np.int64), 0.8).shape == (0, 2)
    assert clip_pairs(np.zeros(1, np.int64), 0.8).shape == (0, 2)


def labelled(stamp_s: float, *ids: int, width_px: int = 8) -> LabelledImage:
    """An image with some tracks."""
    return LabelledImage(
        stamp_ns=round(stamp_s * 1e9),
        image=np.zeros((3, 4, width_px), np.uint8),
        ids=np.array(ids, np.int64),
        boxes_px=np.tile([0.0, 0.0, 2.0, 2.0], (len(ids), 1)),
    )


def test_recordings_are_stacked_without_clips_between_them() -> None:
    first = [labelled(0.0, 7), labelled(0.8, 7, 9)]
    second = [labelled(0.0), labelled(0.8), labelled(1.6, 1)]
    found = stacked([first, second], 0.8)
    assert found.pairs.tolist() == [[0, 1], [3, 4]]  # where nobody is seen there is no clip
    # Track 1 of the second recording is none of the first.
    assert found.ids.tolist() == [[7, -1], [7, 9], [-1, -1], [-1, -1], [11, -1]]


def test_recordings_that_cannot_be_trained_on_together_are_refused() -> None:
    with pytest.raises(DataError, match="of one size"):
        stacked([[labelled(0.0, 1)], [labelled(0.0, 1, width_px=9)]], 0.8)
    with pytest.raises(DataError, match="No track is seen"):
        stacked([[labelled(0.0), labelled(0.8)]], 0.8)


def test_a_box_ahead_is_placed_in_the_image() -> None:
    """A cube of 2 m, its near face 9 m ahead, at f = 90 px: 10 px to every side."""
    cam_T_velo = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    matrix = np.array([[90.0, 0, 49.5], [0, 90.0, 29.5], [0, 0, 1]])
    camera = CameraImage(
        name="camera",
        stamp_ns=0,
        image_rgb=np.zeros((60, 100, 3), np.uint8),
        camera=PinholeCamera(width_px=100, height_px=60, pix_T_cam=matrix),
        cam_T_velo=cam_T_velo,
    )
    odom_T_velo = se3.rigid(np.eye(3), np.array([5.0, 0.0, 0.0]))
    boxes = np.array([[15.0, 0, 0, 2, 2, 2, 0], [6.0, 0, 0, 4, 2, 2, 0], [15.0, 40, 0, 2, 2, 2, 0]])
    found = boxes_in_image(boxes, odom_T_velo, camera)
    assert found[0] == pytest.approx([40.0, 20.0, 60.0, 40.0])
    assert np.isnan(found[1:]).all()  # around the camera, and beside the image
