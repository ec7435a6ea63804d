# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""camera_info of calibrated, distorted, rectified and broken cameras."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from unit.data.bags import CAMERA, START_NS

from unsup_track_ros.data.camera_rectification import decode_camera_info
from unsup_track_ros.data.message_encoding import encode_camera_info
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.calibration import PinholeCamera

SIZE = (160, 120)
K = np.array([[100.0, 0.0, 79.5], [0.0, 100.0, 59.5], [0.0, 0.0, 1.0]])
BROWN = [-0.3, 0.1, 0.001, -0.002, 0.0]
FISHEYE = [0.05, -0.01, 0.0, 0.0]


def info(**changes: object) -> RosMessage:
    message = encode_camera_info(
        PinholeCamera(width_px=SIZE[0], height_px=SIZE[1], pix_T_cam=K), START_NS, "cam"
    )
    for name, values in changes.items():
        is_array = isinstance(values, list)
        setattr(message, name, np.array(values, float).reshape(-1) if is_array else values)
    return message


def test_encoding_and_decoding_are_inverse() -> None:
    model = decode_camera_info(
        encode_camera_info(CAMERA, START_NS, "cam"), (16, 12), is_rectified=False
    )
    assert model.frame_id == "cam"
    assert (model.camera.width_px, model.camera.height_px) == (16, 12)
    np.testing.assert_array_equal(model.camera.pix_T_cam, CAMERA.pix_T_cam)


def test_a_camera_without_distortion_returns_the_image_itself() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    assert decode_camera_info(info(), SIZE, is_rectified=False).rectify(image) is image


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("plumb_bob", BROWN), ("rational_polynomial", [*BROWN, 0, 0, 0]), ("equidistant", FISHEYE)],
)
def test_rectifying_puts_a_world_point_where_the_pinhole_sees_it(
    model: str, coefficients: list[float]
) -> None:
    point_cam = np.array([[[0.35, -0.2, 1.0]]])
    distortion = np.array(coefficients)
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    column, row = project(point_cam, np.zeros(3), np.zeros(3), K, distortion)[0].reshape(2)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    blob = 255 * np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / 8)
    raw = np.dstack([blob] * 3).astype(np.uint8)
    camera_model = decode_camera_info(
        info(distortion_model=model, d=coefficients), SIZE, is_rectified=False
    )
    seen = camera_model.rectify(raw)[..., 0].astype(float)
    centre = [(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()]
    pinhole = (K @ point_cam[0, 0])[:2]
    assert np.linalg.norm(pinhole - [column, row]) > 0.4
    np.testing.assert_allclose(centre, pinhole, atol=0.15)


def test_a_raw_image_is_undistorted_to_its_projection_matrix() -> None:
    projection = [[90, 0, 80, 0], [0, 90, 60, 0], [0, 0, 1, 0]]
    model = decode_camera_info(info(d=BROWN, p=projection), SIZE, is_rectified=False)
    assert model.camera.pix_T_cam[0, 0] == 90


def test_the_projection_of_a_stereo_pair_does_not_apply_to_a_raw_image() -> None:
    turned = cv2.Rodrigues(np.array([0.0, 0.02, 0.0]))[0]
    projection = [[90, 0, 80, -45], [0, 90, 60, 0], [0, 0, 1, 0]]
    model = decode_camera_info(
        info(d=BROWN, p=projection, r=turned.tolist()), SIZE, is_rectified=False
    )
    np.testing.assert_array_equal(model.camera.pix_T_cam, K)


def test_a_rectified_image_is_left_alone_and_has_the_projection_matrix() -> None:
    projection = [[90, 0, 80, -45], [0, 90, 60, 0], [0, 0, 1, 0]]
    model = decode_camera_info(info(d=BROWN, p=projection), SIZE, is_rectified=True)
    image = np.zeros((120, 160, 3), np.uint8)
    assert model.rectify(image) is image
    np.testing.assert_array_equal(model.camera.pix_T_cam, np.array(projection)[:, :3])


def test_a_driver_that_leaves_the_size_zero_gets_that_of_the_image() -> None:
    model = decode_camera_info(info(width=0, height=0), SIZE, is_rectified=False)
    assert (model.camera.width_px, model.camera.height_px) == SIZE


def test_an_uncalibrated_camera_is_refused() -> None:
    with pytest.raises(DataError, match="not calibrated"):
        decode_camera_info(info(k=[0.0] * 9, p=[0.0] * 12), SIZE, is_rectified=False)


def test_an_unknown_distortion_model_is_answered_with_those_known() -> None:
    with pytest.raises(DataError, match=r"'mei' .*plumb_bob"):
        decode_camera_info(info(distortion_model="mei", d=BROWN), SIZE, is_rectified=False)


def test_an_image_of_another_size_is_refused() -> None:
    model = decode_camera_info(info(), SIZE, is_rectified=False)
    with pytest.raises(DataError, match="80 x 60 px, but its camera_info is for 160 x 120"):
        model.rectify(np.zeros((60, 80, 3), np.uint8))


def test_upper_case_members_of_ros_1_are_understood() -> None:
    class Ros1Info:
        header, width, height, distortion_model = info().header, 160, 120, "plumb_bob"
        K, D, R = K.reshape(-1), np.zeros(5), np.eye(3).reshape(-1)
        P = np.zeros(12)

    model = decode_camera_info(Ros1Info(), SIZE, is_rectified=False)
    np.testing.assert_array_equal(model.camera.pix_T_cam, K)
