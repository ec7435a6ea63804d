# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labelling with the detector trackocc keeps its voxels and shows them, and resumes to the same."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from system.label_directory import run_well, tree
from unit.networks.trackocc.scenes import TINY_GRID, TINY_NETWORK

from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.trackocc import TrackOcc
from unsup_track_ros.visualization.birds_eye_view import BirdsEyeViewConfig
from unsup_track_ros.visualization.voxel_panel import draw_voxels

pytestmark = pytest.mark.system

NUM_FRAMES = 4
JPEG_LOSS = 2.0  # mean over a picture, of 255


@pytest.fixture(scope="module")
def command(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    """The command but for its output, with weights that learned nothing."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TrackOcc(TINY_NETWORK)
    about = {"network": "trackocc", "network_config": TINY_NETWORK.model_dump_json()}
    weights, parameters = folder / "trackocc.safetensors", folder / "label.yaml"
    weights.write_bytes(checkpoint_bytes(network.state_dict(), about))
    parameters.write_text(
        "/**:\n  ros__parameters:\n    pipeline:\n      detector: trackocc\n"
        f"      trackocc: {{weights_path: {weights}}}\n"
    )
    return "label", tiny_drive, "--config", parameters


@pytest.fixture(scope="module")
def labels(command: tuple[str | Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of an undisturbed run."""
    folder = tmp_path_factory.mktemp("voxels") / "labels"
    run_well(*command, "--out", folder, "--max-frames", str(NUM_FRAMES))
    return folder


def test_every_label_of_the_vehicle_has_its_voxels_and_no_completed_one(labels: Path) -> None:
    store = LabelStore.open(labels)
    assert len(store) == NUM_FRAMES
    for label in store:
        scene = label.panoptic
        assert scene is not None
        assert scene.prediction.grid == TINY_GRID.grid
        assert scene.prediction.stamp_ns == label.stamp_ns
        assert scene.seen.any()
        assert scene.detected is not None
        assert len(scene.detected) == len(label.detections)
    assert all(label.panoptic is None for label in store.completed())


def test_every_picture_of_the_report_has_the_panel_of_its_label(labels: Path) -> None:
    report = (labels / "report.html").read_text()
    axes = BirdsEyeViewConfig().axes
    for label in LabelStore.open(labels):
        path = labels / "pictures" / f"{label.index:06d}.jpg"
        assert base64.b64encode(path.read_bytes()).decode() in report
        picture = cv2.imread(str(path))
        assert picture is not None
        panel = picture[-axes.height_px :, :, ::-1].astype(float)
        expected = draw_voxels(label, axes).astype(float)
        assert np.abs(panel - expected).mean() < JPEG_LOSS


def test_a_run_that_goes_on_ends_with_the_bytes_of_an_undisturbed_one(
    command: tuple[str | Path, ...], labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    for number in (1, NUM_FRAMES):
        run_well(*command, "--out", folder, "--max-frames", str(number))
    assert tree(folder) == tree(labels)
