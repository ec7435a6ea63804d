# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the image segmentor: targets, variations, overfitting, resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from unit.training.bev_scenes import car, objects, scan_of

from unsup_track_ros.labeling.array_file import pack_arrays
from unsup_track_ros.networks.image_segmentor import ImageSegmentor, ImageSegmentorConfig
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.training.image_augmentation import (
    ImageAugmentationConfig,
    LabelledImage,
    varied_image,
)
from unsup_track_ros.training.network_learner import OptimizerConfig
from unsup_track_ros.training.scan_cache import CachedScan, ScanCache
from unsup_track_ros.training.segmentor import (
    SegmentorLearner,
    SegmentorTrainingConfig,
    labelled_image,
)
from unsup_track_ros.training.training_labels import TrainingSet

CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
SIDE_PX = (96, 192)
CAMERA = PinholeCamera(
    width_px=192,
    height_px=96,
    pix_T_cam=np.array([[110.0, 0, 95.5], [0, 110.0, 47.5], [0, 0, 1]]),
)
LABELS = objects([car(8.0, 0.0)])


def frame(*, with_camera: bool = True) -> CachedScan:
    """A red car on grey ground."""
    scan = scan_of(LABELS)
    image = np.full((*SIDE_PX, 3), 90, np.uint8)
    bare = CachedScan(
        index=0,
        stamp_ns=0,
        points_bev=scan.points_bev,
        heights_m=scan.heights_m,
        bev_T_velo=np.eye(4),
        image_rgb=image if with_camera else None,
        camera=CAMERA if with_camera else None,
        cam_T_velo=CAM_T_VELO if with_camera else None,
    )
    found = labelled_image(bare, LABELS)
    if found is not None:
        image[found.positive] = (200, 30, 30)
    return bare


@pytest.fixture
def frames(tmp_path: Path) -> TrainingSet:
    (tmp_path / "000000.npz").write_bytes(pack_arrays(to_arrays(frame()), 0))
    return TrainingSet([(ScanCache(tmp_path), {0: LABELS})], (0.0, -8.0), (16.0, 8.0))


def test_positives_are_the_hull_of_the_points_and_negatives_a_ring_around_it() -> None:
    found = labelled_image(frame(), LABELS)
    assert found is not None
    rows, columns = found.positive.nonzero()
    # The near face at x = 6 m spans 1.8 m: 110 px * 1.8 / 6 = 33 px around the middle.
    assert columns.max() - columns.min() == pytest.approx(33, abs=2)
    assert not (found.positive & found.negative).any()
    # 24 and 48 px at 832 px width are 6 and 11 px here.
    near_rows, near_columns = found.negative.nonzero()
    assert near_columns.min() == columns.min() - 11
    assert not found.negative[rows.min() - 6 : rows.min(), columns.min() : columns.max()].any()
    assert near_rows.min() == rows.min() - 11


def test_a_frame_without_camera_has_no_targets() -> None:
    assert labelled_image(frame(with_camera=False), LABELS) is None
    assert labelled_image(frame(), objects([])) is None


def test_variations_keep_image_and_targets_together() -> None:
    original = labelled_image(frame(), LABELS)
    assert original is not None
    config = ImageAugmentationConfig(
        jitter_probability=0, grey_probability=0, blur_probability=0, noise_probability=0
    )
    for seed in range(8):
        varied = varied_image(original, config, np.random.default_rng(seed))
        red = varied.image_rgb[..., 0] > varied.image_rgb[..., 1] + 0.3
        agree = (red & varied.positive).sum() / (red | varied.positive).sum()
        assert agree > 0.9
        assert varied.positive.sum() > 0


def test_variations_without_room_leave_the_targets_as_they_were() -> None:
    tiny = LabelledImage(
        image_rgb=np.zeros((*SIDE_PX, 3), np.float32),
        positive=np.eye(*SIDE_PX, dtype=bool)[:, ::1] & False,
        negative=np.zeros(SIDE_PX, bool),
    )
    varied = varied_image(tiny, ImageAugmentationConfig(), np.random.default_rng(0))
    assert not varied.positive.any()


def learner(frames: TrainingSet) -> SegmentorLearner:
    config = SegmentorTrainingConfig(optimizer=OptimizerConfig(num_steps=6, batch_size=2))
    network = ImageSegmentorConfig(width_px=192, height_px=96)
    return SegmentorLearner(network, config, frames, torch.device("cpu"))


def test_it_overfits_one_batch(frames: TrainingSet) -> None:
    taught = learner(frames)
    original = labelled_image(frame(), LABELS)
    assert original is not None
    samples = [original, original]
    optimizer = torch.optim.AdamW(taught.network.parameters(), 3e-3)
    first = taught.losses_of(samples)["segmentation"].item()
    for _ in range(15):
        optimizer.zero_grad()
        loss = taught.losses_of(samples)["segmentation"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.2 * first


def test_equal_states_go_on_equally(frames: TrainingSet) -> None:
    whole, first = learner(frames), learner(frames)
    for _ in range(3):
        whole.advance()
    first.advance()
    resumed = learner(frames)
    resumed.restore(first.state())
    for _ in range(2):
        resumed.advance()
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name]), name


def test_after_fifty_steps_the_network_at_work_tells_pixels_apart_as_in_training() -> None:
    """The statistics of its normalisation have followed the images by then."""
    torch.manual_seed(0)
    network = ImageSegmentor(ImageSegmentorConfig(width_px=128, height_px=64))
    images = torch.rand(4, 3, 64, 128)
    with torch.no_grad():
        for _ in range(50):
            taught = network.train()(images)
        answered = network.eval()(images)
    assert float(answered.std()) > 0.5 * float(taught.std())
