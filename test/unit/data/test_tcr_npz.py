# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Snippets of Track, Check, Repeat: boxes, frames and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.tcr_npz import convert_snippets
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.camera import project
from unsup_track_ros.geometry.se3 import transform

CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, -0.08], [1, 0, 0, -0.27], [0, 0, 0, 1]])
PIX_T_RECT = np.array([[480.0, 0, 408, 40], [0, 480, 118, 0.1], [0, 0, 1, 0.003], [0, 0, 0, 1]])


def snippet(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """One car 10 m ahead, 2 m to the right, that drives to the left; a row of padding."""
    boxes = np.zeros((2, 50, 9), np.float32)
    boxes[:, 0] = [2.0, 0.9, 10.0, 1.8, 1.5, 4.2, 0.0, -np.pi / 2, 0.0]
    scores = np.zeros((2, 50), np.float32)
    scores[:, 0] = 1
    points = np.zeros((2, 1000, 3), np.float32)
    points[:, :600] = np.random.default_rng(0).uniform(5, 20, (2, 600, 3))
    members: dict[str, np.ndarray] = {
        "rgb_camXs": np.full((2, 64, 208, 3), 7, np.uint8),
        "xyz_veloXs": points,
        "cam_T_velos": np.stack([CAM_T_VELO] * 2).astype(np.float32),
        "rect_T_cams": np.stack([np.eye(4)] * 2).astype(np.float32),
        "pix_T_rects": np.stack([PIX_T_RECT] * 2).astype(np.float32),
        "boxlists": boxes,
        "tidlists": np.full((2, 50), 3, np.int32),
        "clslists": np.zeros((2, 50), np.int32),
        "scorelists": scores,
    }
    return members | changes


def save(folder: Path, number: int, members: dict[str, np.ndarray]) -> None:
    np.savez(folder / f"{number:04d}.npz", **members)  # type: ignore[arg-type]


def test_a_snippet_becomes_two_frames_with_image_points_and_truth(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path, number, snippet())
    out = tmp_path / "snippets.mcap"
    summary = convert_snippets(tmp_path, out)
    assert (summary.num_snippets, summary.num_scans, summary.num_boxes) == (2, 4, 4)
    with Recording(out) as recording:
        frames = list(recording)
    assert len(frames) == 4
    assert len(frames[0].cloud.points_velo) == 600  # the padding is gone
    assert frames[1].stamp_ns - frames[0].stamp_ns == 100_000_000
    assert frames[2].stamp_ns - frames[1].stamp_ns > 2_000_000_000
    (truth, *_) = read_truth(truth_folder(out))
    box = truth.boxes_velo[0]
    # Camera z ahead, x right: velo x = 10 + 0.27, y = -2; turned by -90 degrees about y (down):
    # the forward axis z points to -x, which is left: yaw = +90 degrees.
    assert box.tolist() == pytest.approx([10.27, -2.0, -0.98, 4.2, 1.8, 1.5, np.pi / 2], abs=1e-5)


def test_the_colour_cameras_displacement_is_part_of_its_pose(tmp_path: Path) -> None:
    save(tmp_path, 0, snippet())
    out = tmp_path / "snippets.mcap"
    convert_snippets(tmp_path, out)
    with Recording(out) as recording:
        camera = next(iter(recording)).camera
    assert camera is not None
    point_velo = np.array([[12.0, 1.5, -0.7]])
    rect = CAM_T_VELO @ np.append(point_velo[0], 1.0)
    expected = PIX_T_RECT @ rect
    found = project(transform(camera.cam_T_velo, point_velo), camera.camera.pix_T_cam)
    assert found[0].tolist() == pytest.approx((expected[:2] / expected[2]).tolist(), abs=1e-3)


def test_truth_of_first_frames_only_as_tcr_scores(tmp_path: Path) -> None:
    save(tmp_path, 0, snippet())
    out = tmp_path / "snippets.mcap"
    assert convert_snippets(tmp_path, out, first_frames_only=True).num_boxes == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"boxlists": np.zeros((2, 50, 7), np.float32)}, "'boxlists' .* must have the shape"),
        ({"cam_T_velos": np.zeros((1, 4, 4), np.float32)}, "'cam_T_velos' .* must have the shape"),
    ],
)
def test_a_member_of_another_shape_is_refused(
    changes: dict[str, np.ndarray], sentence: str, tmp_path: Path
) -> None:
    save(tmp_path, 0, snippet(**changes))
    with pytest.raises(DataError, match=sentence):
        convert_snippets(tmp_path, tmp_path / "out.mcap")
    assert not (tmp_path / "out.mcap").exists()


def test_a_missing_member_an_empty_folder_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There are no \.npz files"):
        convert_snippets(tmp_path, tmp_path / "out.mcap")
    members = snippet()
    del members["tidlists"]
    save(tmp_path, 0, members)
    with pytest.raises(DataError, match="lacks tidlists"):
        convert_snippets(tmp_path, tmp_path / "out.mcap")
    (tmp_path / "0000.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read"):
        convert_snippets(tmp_path, tmp_path / "out.mcap")
