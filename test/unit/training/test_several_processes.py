# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two processes train as one does, also when a run is resumed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import distributed
from unit.training.bev_scenes import car, objects, scan_of, small_network

from unsup_track_ros.labeling.array_file import pack_arrays
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.networks.checkpoint import read_checkpoint
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.training.bev import BevTrainingConfig
from unsup_track_ros.training.loop import LoopConfig
from unsup_track_ros.training.maximization import BevRunConfig, TrainingPlace, train_bev
from unsup_track_ros.training.network_learner import OptimizerConfig
from unsup_track_ros.training.scan_cache import CachedScan, ScanCache
from unsup_track_ros.training.training_labels import TrainingSet

LABELS = {0: objects([car(8.3, 1.1, 0.3), car(11.2, -4.4, -2.0)]), 1: objects([car(5.1, -2.7)])}


def write_scans(folder: Path) -> None:
    for index, labels in LABELS.items():
        scan = scan_of(labels, index)
        cached = CachedScan(
            index=index,
            stamp_ns=index,
            points_bev=scan.points_bev,
            heights_m=scan.heights_m,
            bev_T_velo=np.eye(4),
        )
        (folder / f"{index:06d}.npz").write_bytes(pack_arrays(to_arrays(cached), 0))


def train_here(scans: Path, run: Path, num_steps: int) -> Path:
    frames = TrainingSet([(ScanCache(scans), LABELS)], (0.0, -8.0), (16.0, 8.0))
    # Small steps: Adam divides by the size of a gradient, which would make a rounding error large.
    optimizer = OptimizerConfig(num_steps=num_steps, batch_size=2, learning_rate=1e-4)
    config = BevRunConfig(
        network=small_network("tcr"),
        training=BevTrainingConfig(optimizer=optimizer),
        loop=LoopConfig(report_steps=1, checkpoint_steps=1),
    )
    return train_bev(
        config, frames, TrainingPlace(folder=run, checkpoint=run / "bev.safetensors"), no_progress
    )


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    write_scans(scans)
    alone = read_checkpoint(train_here(scans, tmp_path / "alone", 3))[0]
    folder = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(folder.parent)])}
    command = [sys.executable, __file__, str(scans), str(tmp_path / "two"), str(tmp_path / "meet")]
    both = [subprocess.Popen([*command, str(rank)], env=environment) for rank in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    together = read_checkpoint(tmp_path / "two" / "bev.safetensors")[0]
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        assert torch.allclose(value, together[name], atol=1e-4), name


def one_of_two(scans: str, run: str, meeting: str, rank: str) -> None:
    """Train as one of two processes."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=int(rank), world_size=2
    )
    train_here(Path(scans), Path(run), 3)
    distributed.destroy_process_group()


if __name__ == "__main__":
    one_of_two(*sys.argv[1:])
