# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the bird's-eye-view network: it overfits a batch, and resumes to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from unit.training.bev_scenes import car, objects, scan_of, small_network

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.labeling.array_file import pack_arrays
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.networks.bev_centernet import BevOutput
from unsup_track_ros.networks.bev_decoding import BevDecodingConfig, decode
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.training.bev import BevLearner, BevTrainingConfig, drawn_scan, padded
from unsup_track_ros.training.bev_losses import yaw_bin_of
from unsup_track_ros.training.bev_targets import output_cells
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.network_learner import OptimizerConfig
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.scan_cache import CachedScan, ScanCache
from unsup_track_ros.training.training_labels import ObjectLabels, TrainingSet

CPU = torch.device("cpu")
LABELS = (
    objects([car(8.3, 1.1, 0.3), car(11.2, -4.4, -2.0)]),
    objects([car(5.1, -2.7, 3.0)]),
)


@pytest.fixture
def frames(tmp_path: Path) -> TrainingSet:
    """Two labelled scans."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for index, labels in enumerate(LABELS):
        scan = scan_of(labels, index)
        cached = CachedScan(
            index=index,
            stamp_ns=index,
            points_bev=scan.points_bev,
            heights_m=scan.heights_m,
            bev_T_velo=np.eye(4),
        )
        (folder / f"{index:06d}.npz").write_bytes(pack_arrays(to_arrays(cached), 0))
    return training_set(folder, dict(enumerate(LABELS)))


def training_set(folder: Path, labels: dict[int, ObjectLabels]) -> TrainingSet:
    return TrainingSet([(ScanCache(folder), labels)], (0.0, -8.0), (16.0, 8.0))


def learner(frames: TrainingSet, mode: str, num_steps: int = 6, num_workers: int = 0) -> BevLearner:
    optimizer = OptimizerConfig(num_steps=num_steps, batch_size=2, learning_rate=2e-3)
    config = BevTrainingConfig(optimizer=optimizer)
    return BevLearner(small_network(mode), config, frames, CPU, num_workers)


def overfitted(frames: TrainingSet, mode: str, num_steps: int) -> BevOutput:
    """Train on one batch until its loss has fallen to a quarter; return the output for it."""
    taught = learner(frames, mode)
    rng = np.random.default_rng(0)
    batch = taught.batch_of(
        [drawn_scan(scan_of(labels, i), rng) for i, labels in enumerate(LABELS)]
    )
    optimizer = torch.optim.AdamW(taught.network.parameters(), 3e-3)
    first = torch.stack(list(taught.losses_of(batch).values())).sum().item()
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = torch.stack(list(taught.losses_of(batch).values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.25 * first
    with torch.no_grad():
        output = taught.network(batch.images)
    assert isinstance(output, BevOutput)
    return output


def test_improved_overfits_one_batch_and_gives_its_boxes_back(frames: TrainingSet) -> None:
    output = overfitted(frames, "improved", 60)
    found = decode(output, small_network("improved"), BevDecodingConfig(min_score=0.3))
    for boxes, labels in zip(found, LABELS, strict=True):
        iou = bev_iou(boxes.boxes_bev, labels.boxes_bev)
        assert iou.max(axis=0).min() > 0.7
        nearest = iou.argmax(axis=0)
        turn = boxes.boxes_bev[nearest, 6] - labels.boxes_bev[:, 6]
        assert np.cos(turn).min() > 0.9  # the heading, not only the axis


def test_tcr_overfits_one_batch_and_peaks_at_its_centres(frames: TrainingSet) -> None:
    """Its boxes are taught at one point each, so only what it says there can be asked."""
    output = overfitted(frames, "tcr", 80)
    network = small_network("tcr")
    labels = padded(list(LABELS), network, CPU)
    cells = output_cells(labels.boxes_bev, network)[..., :2].round().long()
    for sample, slot in (labels.weights > 0).nonzero().tolist():
        column, row = cells[sample, slot].tolist()
        assert output.centre[sample, row, column].sigmoid() > 0.7
        yaw_bin, _ = yaw_bin_of(labels.boxes_bev[sample, slot, 6], 16)
        assert output.yaw_bins[sample, :, row, column].argmax() == yaw_bin


def run_of(
    folder: Path, frames: TrainingSet, mode: str, *steps: int, num_workers: int = 0
) -> bytes:
    """Train into a folder up to some steps, each time in a new learner; return the state."""
    manifest = RunManifest(network="bev", config_sha256="0", data_fingerprint="0")
    for num_steps in steps:
        with RunDirectory.open_for_writing(folder, manifest, LoopConfig()) as run:
            config = LoopConfig(report_steps=1, checkpoint_steps=2)
            taught = learner(frames, mode, num_workers=num_workers)
            train(taught, num_steps, run, config, no_progress)
    return (folder / "state.safetensors").read_bytes()


@pytest.mark.parametrize("mode", ["tcr", "improved"])
def test_a_resumed_training_ends_with_the_bytes_of_an_undisturbed_one(
    frames: TrainingSet, mode: str, tmp_path: Path
) -> None:
    whole = run_of(tmp_path / "whole", frames, mode, 6)
    assert run_of(tmp_path / "parts", frames, mode, 2, 4, 6) == whole
    progress = [(tmp_path / name / "progress.jsonl").read_text() for name in ("whole", "parts")]
    assert progress[0] == progress[1]


def test_processes_that_draw_ahead_change_no_byte(frames: TrainingSet, tmp_path: Path) -> None:
    alone = run_of(tmp_path / "alone", frames, "improved", 6)
    assert run_of(tmp_path / "helped", frames, "improved", 3, 6, num_workers=2) == alone


def test_frames_without_a_label_in_the_grid_are_left_out(frames: TrainingSet) -> None:
    folder = frames._sources[0][0]._folder
    far = objects([car(30.0, 0.0)])
    assert len(training_set(folder, {0: LABELS[0], 1: far})) == 1


def test_an_empty_label_set_is_refused_in_one_sentence(frames: TrainingSet) -> None:
    folder = frames._sources[0][0]._folder
    with pytest.raises(DataError, match="None of the 2 frames of 1 recordings has a label"):
        training_set(folder, {0: objects([]), 1: objects([car(5, 0)], [0.0])})


def test_the_rate_is_that_of_one_cycle() -> None:
    config = OptimizerConfig(num_steps=40, extra_steps=10)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], 1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-3, total_steps=50, pct_start=0.05, anneal_strategy="linear",
        cycle_momentum=False,
    )  # fmt: skip
    for step in range(40):
        assert config.learning_rate_at(step) == pytest.approx(cycle.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        cycle.step()
