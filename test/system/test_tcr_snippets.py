# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders of TCR's snippets: EM learns from one as it is, and detectors are scored on one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from system.label_directory import refused, run_well
from system.test_em import PARAMETERS

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.truth import FrameTruth

NETWORK = (
    "{first_stride: 1, stem_channels: 8, layer2_channels: 8, layer3_channels: 8, "
    "layer4_channels: 8, grid: {x_min_m: -24.0, x_max_m: 40.0, y_min_m: -32.0, y_max_m: 32.0, "
    "num_x: 64, num_y: 64}}"
)


def write_snippet(path: Path, frames: list[tuple[SensorFrame, FrameTruth]]) -> None:
    """Write frames of a recording in the format of SPECS 0.1."""
    most = max(len(frame.cloud.points_velo) for frame, _ in frames)
    members: dict[str, list[np.ndarray]] = {}
    for frame, truth in frames:
        assert frame.camera is not None
        cam_T_velo, camera = frame.camera.cam_T_velo, frame.camera.camera
        pix_T_rect = np.eye(4)
        pix_T_rect[:3, :3] = camera.pix_T_cam
        points = np.zeros((most, 3), np.float32)
        points[: len(frame.cloud.points_velo)] = frame.cloud.points_velo
        boxes, scores = np.zeros((50, 9), np.float32), np.zeros(50, np.float32)
        assert truth.num_points is not None
        wanted = truth.boxes_velo[truth.num_points > 0][:50]
        num, yaw = len(wanted), wanted[:, 6]
        forward = np.stack([np.cos(yaw), np.sin(yaw), 0 * yaw], axis=1) @ cam_T_velo[:3, :3].T
        boxes[:num, :3] = se3.transform(cam_T_velo, wanted[:, :3])
        boxes[:num, 3:6] = wanted[:, [4, 5, 3]]
        boxes[:num, 7] = np.arctan2(forward[:, 0], forward[:, 2])
        scores[:num] = 1
        for name, value in {
            "rgb_camXs": frame.camera.image_rgb,
            "xyz_veloXs": points,
            "cam_T_velos": cam_T_velo.astype(np.float32),
            "rect_T_cams": np.eye(4, dtype=np.float32),
            "pix_T_rects": pix_T_rect.astype(np.float32),
            "boxlists": boxes,
            "tidlists": np.arange(50, dtype=np.int32),
            "clslists": np.zeros(50, np.int32),
            "scorelists": scores,
        }.items():
            members.setdefault(name, []).append(value)
    arrays = {name: np.stack(values) for name, values in members.items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def snippets(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders: the whole drive as one long snippet, and pairs of its frames as TCR has them."""
    truths = {truth.stamp_ns: truth for truth in read_truth(truth_folder(tiny_drive))}
    with Recording(tiny_drive) as recording:
        frames = [(frame, truths[frame.stamp_ns]) for frame in recording]
    whole, pairs = (tmp_path_factory.mktemp(name) for name in ("whole", "pairs"))
    write_snippet(whole / "0000.npz", frames)
    for number in range(3):
        write_snippet(pairs / f"{number:04d}.npz", frames[4 * number : 4 * number + 2])
    return whole, pairs


def test_em_learns_from_snippets_and_its_network_is_scored_on_snippets(
    snippets: tuple[Path, Path], tmp_path: Path
) -> None:
    whole, pairs = snippets
    path = tmp_path / "em.yaml"
    path.write_text(PARAMETERS.replace("motion: 0", "pipeline: {}"))
    said = json.loads(
        run_well("em", whole, "--out", tmp_path / "run", "--rounds", "1", "--config", path,
                 "--evaluate", pairs, "--json")
    )  # fmt: skip
    (row,) = said["rounds"]
    assert row["labels"]["labels"] > 0
    assert row["detector"]["bev.all.frame_mean_ap@0.1"] is not None
    assert row["detector"]["bev.all.truth_objects"] > 0

    path = tmp_path / "bev.yaml"
    path.write_text(
        f"/**:\n  ros__parameters:\n    network: {NETWORK}\n"
        "    training: {optimizer: {num_steps: 2, batch_size: 2}}\n"
    )
    labels = tmp_path / "run" / "round_01" / "labels" / whole.name
    run_well("train", "bev", labels, "--out", tmp_path / "bev", "--config", path, "--workers", "1")
    scored = json.loads(run_well("evaluate", tmp_path / "bev", "--truth", pairs, "--json"))
    assert [row["boxes"] for row in scored["rows"]][:2] == ["bev.all", "bev.moving"]
    assert scored["scores"]["bev.all.frames"] == 3  # the first frame of each pair
    assert (tmp_path / "bev" / "evaluation.json").exists()


def test_a_detector_needs_something_to_be_scored_on(tiny_drive: Path, tmp_path: Path) -> None:
    path = tmp_path / "bev.yaml"
    path.write_text(
        f"/**:\n  ros__parameters:\n    network: {NETWORK}\n"
        "    training: {optimizer: {num_steps: 1, batch_size: 1}}\n"
    )
    run_well("label", tiny_drive, "--out", tmp_path / "labels", "--no-video", "--no-bag")
    run_well("train", "bev", tmp_path / "labels", "--out", tmp_path / "bev", "--config", path)
    assert "pass --truth with one that has its truth" in refused("evaluate", tmp_path / "bev")
    run_well("evaluate", tmp_path / "bev", "--truth", tiny_drive)
    (tmp_path / "bev" / "bev.safetensors").unlink()
    assert "is not finished" in refused("evaluate", tmp_path / "bev", "--truth", tiny_drive)
