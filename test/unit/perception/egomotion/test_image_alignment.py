# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.perception.egomotion.pole_scene import PERIOD_S, VELO1_T_VELO0, frame

from unsup_track_ros.perception.egomotion.image_alignment import (
    ImageAlignment,
    ImageAlignmentConfig,
    _scores,
)
from unsup_track_ros.structures.frame import PointCloud, SensorFrame

ALIGNMENT = ImageAlignment(ImageAlignmentConfig())


def peak_of(seen: SensorFrame) -> tuple[float, float]:
    """Return milliseconds and degrees."""
    assert seen.camera is not None
    scores = ALIGNMENT.score(seen, seen.camera, VELO1_T_VELO0, PERIOD_S)
    assert scores is not None
    late_s, yaw_rad = ALIGNMENT.peak(scores)
    return 1e3 * float(late_s), float(np.degrees(yaw_rad))


@pytest.mark.parametrize("late_ms", [0.0, 50.0, -30.0])
@pytest.mark.parametrize("yaw_deg", [0.0, 1.5, -0.8])
def test_one_picture_of_poles_shows_both_the_lateness_and_the_yaw(
    late_ms: float, yaw_deg: float
) -> None:
    seen = frame(late_s=late_ms / 1e3, yaw_rad=float(np.radians(yaw_deg)))
    found_ms, found_deg = peak_of(seen)
    # One scan knows an edge to its azimuth step of 0.2 degrees, which is 0.1 m at the poles' range.
    assert found_ms == pytest.approx(late_ms, abs=10.0)
    assert found_deg == pytest.approx(yaw_deg, abs=0.2)


def test_without_poses_what_the_stamps_say_is_not_found_again() -> None:
    # The stamp tells that the image is 50 ms older than the scan, and it is.
    seen = frame(late_s=0.05)
    assert seen.camera is not None
    image = replace(seen.camera, stamp_ns=seen.stamp_ns - 50_000_000)
    found_ms, _ = peak_of(replace(seen, cameras=(image,)))
    assert found_ms == pytest.approx(0.0, abs=5.0)
    # With poses cam_T_velo has been told already, so that the shift is news.
    found_ms, _ = peak_of(replace(seen, cameras=(image,), odom_T_velo=np.eye(4)))
    assert found_ms == pytest.approx(50.0, abs=5.0)


def test_a_larger_image_is_reduced_and_shows_the_same() -> None:
    seen = frame(yaw_rad=float(np.radians(1.5)))
    assert seen.camera is not None
    image = seen.camera
    large = replace(
        image,
        image_rgb=image.image_rgb.repeat(2, axis=0).repeat(2, axis=1),
        camera=image.camera.resized(1280, 384),
    )
    assert peak_of(replace(seen, cameras=(large,)))[1] == pytest.approx(1.5, abs=0.2)


def test_a_scan_without_steps_in_depth_is_no_evidence() -> None:
    seen = frame()
    assert seen.camera is not None
    y, z = np.meshgrid(np.arange(-10.0, 10.0, 0.2), np.arange(-2.0, 2.0, 0.2))
    wall = np.stack([np.full(y.shape, 20.0), y, z], -1).reshape(-1, 3).astype(np.float32)
    for points in (wall, np.zeros((0, 3), np.float32)):
        bare = replace(seen, cloud=PointCloud(points_velo=points))
        assert ALIGNMENT.score(bare, seen.camera, VELO1_T_VELO0, PERIOD_S) is None


def test_the_peak_lies_between_the_steps() -> None:
    late_s, yaw_rad = 0.0235, -0.0101
    t, y = np.meshgrid(ALIGNMENT.times_s, ALIGNMENT.yaws_rad, indexing="ij")
    scores = -(((t - late_s) / 0.01) ** 2) - ((y - yaw_rad) / 0.004) ** 2
    np.testing.assert_allclose(ALIGNMENT.peak(scores), [late_s, yaw_rad])


@pytest.mark.parametrize(("time", "yaw"), [(-1, 0), (3, 0), (-1, 3), (3, 3)])
def test_a_peak_at_the_end_of_the_search_stays_there_and_is_told(time: int, yaw: int) -> None:
    scores = np.zeros(ALIGNMENT.shape)
    scores[time, yaw] = 1.0
    peak = ALIGNMENT.peak(scores)
    np.testing.assert_allclose(peak, [ALIGNMENT.times_s[time], ALIGNMENT.yaws_rad[yaw]])
    np.testing.assert_array_equal(ALIGNMENT.limits(peak), [time == -1, yaw == 0])


@pytest.mark.parametrize("num_edges", [0, 1, 200])
def test_scores_are_the_gradients_at_the_nearest_pixels_inside_the_image(num_edges: int) -> None:
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(40, 60)).astype(np.float32)
    pix_T_cam = np.array([[50.0, 0, 30.2], [0, 50.0, 19.7], [0, 0, 1]], np.float32)
    # Some edges are seen, some are beside the image, some behind the camera, one is in its centre.
    parts = rng.normal(size=(3, 3, 2, num_edges)).astype(np.float32)
    parts[0, 2] += 2.0
    parts[:, :, 0, :1] = 0.0
    yaws_rad = np.linspace(-0.6, 0.6, 5)
    cosines, sines = np.cos(yaws_rad).astype(np.float32), np.sin(yaws_rad).astype(np.float32)

    found = _scores(np.pad(gradients, 1), pix_T_cam, parts, cosines, sines)

    num_seen = 0
    expected = np.zeros((2, 5))
    for time, yaw, e in np.ndindex(2, 5, num_edges):
        kept, by_cosine, by_sine = parts[:, :, time, e]
        x, y, z = by_cosine * cosines[yaw] + by_sine * sines[yaw] + kept
        if z < 1e-3:
            continue
        column = int(np.floor(pix_T_cam[0, 0] * (x / z) + pix_T_cam[0, 2] + np.float32(0.5)))
        row = int(np.floor(pix_T_cam[1, 1] * (y / z) + pix_T_cam[1, 2] + np.float32(0.5)))
        if 0 <= column < 60 and 0 <= row < 40:
            expected[time, yaw] += gradients[row, column]
            num_seen += 1
    assert num_seen < 10 * num_edges or num_edges == 0
    assert num_seen > 0 or num_edges < 2
    np.testing.assert_allclose(found, expected, atol=1e-9)
