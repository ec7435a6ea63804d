# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Structures survive the way to flat arrays and back."""

from __future__ import annotations

import io

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame


def past_frame() -> PastFrame:
    image = CameraImage(
        name="front",
        stamp_ns=7,
        image_rgb=np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3),
        camera=PinholeCamera(width_px=3, height_px=2, pix_T_cam=np.eye(3)),
        cam_T_velo=np.eye(4),
    )
    frame = SensorFrame(
        stamp_ns=8,
        index=3,
        cloud=PointCloud(points_velo=np.ones((2, 3), np.float32), ring=np.array([1, 2])),
        cameras=(image,),
        base_T_velo=np.eye(4),
        missing_inputs=("No image from 'rear'.", "No TF."),
    )
    egomotion = Egomotion(
        status=EgomotionStatus.INITIAL,
        source=EgomotionSource.LIDAR,
        stamp0_ns=0,
        stamp1_ns=8,
        odom_T_velo1=np.eye(4),
    )
    return PastFrame(frame=frame, egomotion=egomotion)


def test_a_nested_structure_comes_back_equal_through_an_npz_file() -> None:
    arrays = to_arrays(past_frame())
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    file.seek(0)
    back = from_arrays(PastFrame, np.load(file))
    again = to_arrays(back)
    assert again.keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(again[key], value)
    assert back.egomotion.status is EgomotionStatus.INITIAL
    assert back.frame.cameras[0].name == "front"
    assert back.frame.missing_inputs == ("No image from 'rear'.", "No TF.")


def test_a_member_that_is_none_has_no_key_and_comes_back_as_none() -> None:
    arrays = to_arrays(past_frame())
    assert "frame/cloud/intensity" not in arrays
    assert from_arrays(PastFrame, arrays).frame.cloud.intensity is None


def test_a_missing_member_is_refused_by_name() -> None:
    arrays = to_arrays(past_frame())
    del arrays["frame/cloud/points_velo"]
    with pytest.raises(DataError, match="frame/cloud/points_velo"):
        from_arrays(PastFrame, arrays)
