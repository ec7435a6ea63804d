# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames in names agree everywhere, and the check that says so bites."""

from __future__ import annotations

from pathlib import Path

import pytest
from architecture.frame_algebra import violations


@pytest.mark.parametrize("folder", ["unsup_track_ros", "examples", "benchmark"])
def test_the_frames_in_names_agree(repository: Path, folder: str) -> None:
    found = [
        violation
        for path in sorted((repository / folder).rglob("*.py"))
        for violation in violations(
            path.read_text(encoding="utf-8"), str(path.relative_to(repository))
        )
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "wrong",
    [
        "x = odom_T_velo @ cam_T_velo",
        "cam_T_odom = odom_T_velo @ velo_T_cam",
        "velo1_T_velo0 = inverse(odom_T_velo0) @ odom_T_velo1",
        "velo1_T_velo0 = inverse(odom_T_velo1) @ odom_T_velo1",
        "velo1_T_velo0 = inverse(past.odom_T_cam1) @ odom_T_velo0",
        "cam_T_velo = inverse(cam_T_velo)",
        "cam_T_velo = np.linalg.inv(image.cam_T_velo)",
        "cam_T_velo = torch.linalg.inv(cam_T_velo.to(device))",
        "cam_T_velo = cam_T_velo.inverse()",
        "self._odom_T_velo = egomotion.odom_T_velo1 @ velo1_T_cam",
        "f(cam_T_velo=velo_T_cam)",
        "cam_T_base: Array = cam_T_velo",
        "g((cam_T_base := cam_T_velo))",
        "a_T_b, c_T_d = a_T_b, d_T_c",
        "cam_T_velo = velo_T_cam.astype(np.float32)",
        "cam_T_velo = np.asarray(velo_T_cam)",
        "cam_T_velo = velo_T_cams",
        "def cam_T_velo(self):\n    return velo_T_cam",
        "points_cam = transform(odom_T_velo, points_velo)",
        "points_odom = transform(odom_T_velo, points_cam)",
        "points_velo1 = transform(velo1_T_velo0, points_velo1)",
        "points_velo0 = se3.transform(velo1_T_velo0, past.cloud.points_velo)",
        "boxes_velo = transform_boxes(odom_T_velo, boxes_velo)",
        "points_cam = cam_T_velo @ points_odom",
        "points_velo = cam_T_velo @ points_velo",
        "points_level = transform(velo_T_level, points_level)",
        "points_a = transform(a_T_b, points_c) + transform(a_T_b, points_a)",
    ],
)
def test_a_disagreement_is_found(wrong: str) -> None:
    assert violations(wrong)


@pytest.mark.parametrize(
    "right",
    [
        "cam_T_odom = cam_T_velo @ velo_T_odom",
        "c_T_a = c_T_b @ b_T_a",
        "velo1_T_velo0 = inverse(odom_T_velo1) @ odom_T_velo0",
        "velo1_T_velo0 = inverse(odom_T_velo1) @ past.egomotion.odom_T_velo1",
        "odom_T_base = odom_T_velo1 @ inverse(base_T_velo)",
        "cam1_T_velo1 = frame.camera.cam_T_velo",
        "points_cam = transform(cam_T_velo, points_velo)",
        "points_velo1 = transform(velo1_T_velo0, past.frame.cloud.points_velo)",
        "points_odom = transform(odom_T_cam, transform(cam_T_velo, points_velo))",
        "points_pix = pix_T_cam @ (cam_T_velo @ points_velo)",
        "origin_odom = odom_T_velo[:3, 3]",
        "velo_T_odom[:3, :3] = odom_T_velo[:3, :3].T",
        "speed = (odom_T_velo @ velocities).sum()",
        "cam_T_velo = read(path)",
        "cam1_T_cam0 = fit.a_T_b",
        "cam_T_velo = cam_T_velo[index]",
    ],
)
def test_agreement_is_left_in_peace(right: str) -> None:
    assert violations(right) == []


def test_a_frame_may_be_renamed_with_a_reason_and_only_so() -> None:
    line = "world_T_velo = truth.odom_T_velo"
    assert violations(line)
    assert violations(f"{line}  # frames:")
    assert violations(f"{line}  # frames: the odom of the truth is a world of its own") == []


def test_a_disagreement_is_reported_with_its_place() -> None:
    assert violations("\nx = odom_T_velo @ cam_T_velo\n", "file.py") == [
        "file.py:2: odom_T_velo @ cam_T_velo do not meet"
    ]
