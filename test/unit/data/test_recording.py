# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as sequences of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit.data.bags import (
    CAMERA,
    IMAGE_DELAY_NS,
    PERIOD_NS,
    START_NS,
    cloud_message,
    image_message,
    image_of,
    packed_cloud_message,
    scan_of,
    write_bag,
    write_frame,
)

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.message_encoding import header
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.data.synchronizer import SynchronizerConfig
from unsup_track_ros.data.topic_selection import TopicConfig
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud


def with_topics(**topics: object) -> RecordingConfig:
    return RecordingConfig(topics=TopicConfig.model_validate(topics))


def test_frames_carry_scan_image_poses_and_running_numbers(tmp_path: Path) -> None:
    with Recording(write_bag(tmp_path / "a.mcap")) as recording:
        frames = list(recording)
        assert len(recording) == 4
        assert recording.duration_s == pytest.approx(0.3)
        assert recording.warnings == ()
        assert recording.stamps_ns == tuple(START_NS + i * PERIOD_NS for i in range(4))
    for index, frame in enumerate(frames):
        assert (frame.index, frame.stamp_ns) == (index, START_NS + index * PERIOD_NS)
        np.testing.assert_array_equal(frame.cloud.points_velo, scan_of(index).points_velo)
        assert frame.camera is not None
        assert frame.camera.stamp_ns == frame.stamp_ns + IMAGE_DELAY_NS
        np.testing.assert_array_equal(frame.camera.image_rgb, image_of(index))
        np.testing.assert_array_equal(frame.camera.camera.pix_T_cam, CAMERA.pix_T_cam)
        assert frame.odom_T_velo is not None
        np.testing.assert_allclose(frame.odom_T_velo[:3, 3], [index + 1, 0, 1.7], atol=1e-12)
        assert frame.missing_inputs == ()


def test_frames_without_images_are_the_same_but_for_the_camera(tmp_path: Path) -> None:
    with Recording(write_bag(tmp_path / "a.mcap")) as recording:
        whole, blind = list(recording.frames(1)), list(recording.frames(1, images=False))
    assert [frame.index for frame in blind] == [1, 2, 3]
    for seen, unseen in zip(whole, blind, strict=True):
        assert seen.camera is not None
        assert unseen.camera is None
        assert unseen.cameras == ()
        assert unseen.stamp_ns == seen.stamp_ns
        assert unseen.missing_inputs == ()
        np.testing.assert_array_equal(unseen.cloud.points_velo, seen.cloud.points_velo)
        np.testing.assert_array_equal(unseen.base_T_velo, seen.base_T_velo)
        assert unseen.odom_T_velo is not None
        assert seen.odom_T_velo is not None
        np.testing.assert_array_equal(unseen.odom_T_velo, seen.odom_T_velo)


def test_an_image_offset_moves_images_to_the_clock_of_the_scans(tmp_path: Path) -> None:
    config = RecordingConfig(
        synchronizer=SynchronizerConfig(image_offset_s=IMAGE_DELAY_NS / 1e9 + 0.1)
    )
    with Recording(write_bag(tmp_path / "a.mcap"), config) as recording:
        frames = list(recording)
    assert [len(frame.cameras) for frame in frames] == [1, 1, 1, 0]
    assert frames[0].camera is not None
    assert frames[0].camera.stamp_ns == frames[0].stamp_ns
    np.testing.assert_array_equal(frames[0].camera.image_rgb, image_of(1))


def test_arrays_are_writable_so_that_torch_can_share_them(tmp_path: Path) -> None:
    tight = np.zeros(3, np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    tight["x"] = 1
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write("/points", packed_cloud_message(tight), START_NS)
    frame = next(iter(Recording(tmp_path / "a.mcap")))
    assert frame.cloud.points_velo.flags.writeable
    frame = next(iter(Recording(write_bag(tmp_path / "b.mcap"))))
    assert frame.camera is not None
    assert frame.camera.image_rgb.flags.writeable


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_resuming_gives_the_same_frames_as_the_whole_run(tmp_path: Path, start: int) -> None:
    with Recording(write_bag(tmp_path / "a.mcap")) as recording:
        whole, rest = list(recording), list(recording.frames(start))
    assert [frame.index for frame in rest] == list(range(start, 4))
    for one, other in zip(whole[start:], rest, strict=True):
        assert one.cloud.points_velo.tobytes() == other.cloud.points_velo.tobytes()
        assert one.camera is not None
        assert other.camera is not None
        assert one.camera.image_rgb.tobytes() == other.camera.image_rgb.tobytes()
        assert one.camera.cam_T_velo.tobytes() == other.camera.cam_T_velo.tobytes()


def test_a_recording_without_camera_is_a_warning(tmp_path: Path) -> None:
    with Recording(write_bag(tmp_path / "a.mcap", with_camera=False)) as recording:
        assert len(list(recording)) == 4
        assert any("no camera" in warning for warning in recording.warnings)


def test_a_recording_without_transforms_is_a_warning(tmp_path: Path) -> None:
    with Recording(write_bag(tmp_path / "a.mcap", with_tf=False)) as recording:
        frame = next(iter(recording))
        assert "4 of 4 frames have no pose from TF" in recording.warnings[0]
    assert frame.odom_T_velo is None
    assert frame.cameras == ()
    assert "/cam/image_raw" in frame.missing_inputs[0]


def test_messages_logged_in_another_order_than_their_stamps_give_the_same_frames(
    tmp_path: Path,
) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for frame in range(4):  # every image is logged 250 ms late, after two more scans
            write_frame(writer, frame, with_camera=False)
        for frame in range(4):
            late_ns = START_NS + frame * PERIOD_NS
            image = image_message(image_of(frame), "rgb8")
            image.header = header(late_ns + IMAGE_DELAY_NS, "velo")
            writer.write("/cam/image_raw", image, late_ns + 250_000_000)
        writer.write_camera_info("/cam/camera_info", "velo", START_NS, CAMERA)
    with Recording(tmp_path / "a.mcap") as recording:
        for read in recording:
            assert read.camera is not None
            np.testing.assert_array_equal(read.camera.image_rgb, image_of(read.index))


def test_scans_logged_at_the_same_time_are_kept_apart(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for frame in range(3):
            writer.write("/points", cloud_message(frame), START_NS)
    with Recording(tmp_path / "a.mcap") as recording:
        for read in recording.frames(1):
            np.testing.assert_array_equal(read.cloud.points_velo, scan_of(read.index).points_velo)


def test_a_silent_camera_is_said_in_the_frame(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for frame in range(4):
            write_frame(writer, frame, with_camera=frame != 2)
    frames = list(Recording(tmp_path / "a.mcap"))
    assert [len(frame.cameras) for frame in frames[:2]] == [0, 0]  # no transform to the camera
    assert "within 50 ms" in frames[2].missing_inputs[0]


def test_only_complete_frames_are_given_when_asked(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for frame in range(4):
            write_frame(writer, frame, with_camera=frame != 2)
    config = RecordingConfig(synchronizer=SynchronizerConfig(partial=False))
    with Recording(tmp_path / "a.mcap", config) as recording:
        assert [frame.stamp_ns for frame in recording] == [
            START_NS + frame * PERIOD_NS for frame in (0, 1, 3)
        ]
        assert recording.drops["/points", "incomplete"] == 1


def test_a_damaged_scan_is_an_empty_frame_with_a_reason(tmp_path: Path) -> None:
    broken = cloud_message(1)
    broken.data = broken.data[:100]
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write("/points", cloud_message(0), START_NS)
        writer.write("/points", broken, START_NS + 1)
    frames = list(Recording(tmp_path / "a.mcap"))
    assert [len(frame.cloud.points_velo) for frame in frames] == [50, 0]
    assert "contradicts itself" in frames[1].missing_inputs[0]


def test_a_damaged_image_costs_its_frame_the_camera_only(tmp_path: Path) -> None:
    broken = image_message(image_of(1), "rgb8")
    broken.header = header(START_NS + PERIOD_NS, "cam")
    broken.data = broken.data[:10]
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0)
        write_frame(writer, 1, with_camera=False)
        writer.write("/cam/image_raw", broken, START_NS + PERIOD_NS)
    recording = Recording(tmp_path / "a.mcap")
    frames = list(recording)
    assert len(frames) == 2
    assert any("contradicts itself" in note for note in frames[1].missing_inputs)
    # Who wants no image does not hear of it.
    unseen = list(recording.frames(images=False))
    assert not any("contradicts itself" in note for note in unseen[1].missing_inputs)


def test_the_longest_timeline_is_used_when_the_clock_jumps_back(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        order = [30, 31, *range(6)]
        for logged, frame in enumerate(order):
            writer.write("/points", cloud_message(frame), START_NS + logged)
    with Recording(tmp_path / "a.mcap") as recording:
        assert recording.stamps_ns == tuple(START_NS + i * PERIOD_NS for i in range(6))
        assert any("6 of 8 scans" in warning for warning in recording.warnings)
        assert [frame.index for frame in recording] == list(range(6))


def test_an_unsupported_encoding_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    depth = image_message(np.zeros((12, 16), np.float32), "32FC1")
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0, with_camera=False)
        writer.write("/depth/image", depth, START_NS)
        writer.write_camera_info("/depth/camera_info", "cam", START_NS, CAMERA)
    with pytest.raises(DataError, match="32FC1"):
        Recording(tmp_path / "a.mcap", with_topics(images=["/depth/image"]))
    with Recording(tmp_path / "a.mcap") as recording:
        assert any("/depth/image" in warning for warning in recording.warnings)


def test_scans_without_stamps_cannot_be_used(tmp_path: Path) -> None:
    message = cloud_message(0)
    message.header = header(0, "velo")
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write("/points", message, START_NS)
    with pytest.raises(DataError, match="1 zero_stamp"):
        Recording(tmp_path / "a.mcap")


def test_several_point_clouds_are_refused_with_a_proposal(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for name, count in (("/front", 2), ("/rear", 3)):
            for frame in range(count):
                writer.write_cloud(name, "velo", START_NS + frame * PERIOD_NS, scan_of(frame))
    with pytest.raises(DataError, match=r"/front \(2 messages\), /rear.*clouds: \[/rear\]"):
        Recording(tmp_path / "a.mcap")
    config = with_topics(clouds=["/front", "/rear"])
    merged = next(iter(Recording(tmp_path / "a.mcap", config)))
    assert len(merged.cloud.points_velo) == 100


def test_a_recording_without_point_cloud_is_refused(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write_camera_info("/cam/camera_info", "cam", START_NS, CAMERA)
    with pytest.raises(DataError, match=r"no point cloud .*/cam/camera_info"):
        Recording(tmp_path / "a.mcap")


def test_of_several_cameras_the_first_by_name_is_used_and_said(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0)
        writer.write_camera_info("/aux/camera_info", "cam", START_NS, CAMERA)
        writer.write_image("/aux/image_raw", "cam", START_NS, image_of(9))
    with Recording(tmp_path / "a.mcap") as recording:
        assert [camera.image.name for camera in recording.topics.cameras] == ["/aux/image_raw"]
        assert "/cam/image_raw would fit too" in recording.warnings[0]
    both = with_topics(images=["/cam/image_raw", "/aux/image_raw"])
    assert len(Recording(tmp_path / "a.mcap", both).topics.cameras) == 2


def test_an_image_without_calibration_is_refused_only_when_asked_for(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0, with_camera=False)
        writer.write_image("/cam/image_raw", "cam", START_NS, image_of(0))
    with pytest.raises(DataError, match="no camera_info messages beside it"):
        Recording(tmp_path / "a.mcap", with_topics(images=["/cam/image_raw"]))
    with Recording(tmp_path / "a.mcap") as recording:
        assert recording.topics.cameras == ()


def test_a_calibration_may_be_named(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0, with_camera=False)
        writer.write_image("/image", "cam", START_NS, image_of(0))
        writer.write_camera_info("/calibration", "cam", START_NS, CAMERA)
    config = with_topics(images=["/image"], camera_infos=["/calibration"])
    with Recording(tmp_path / "a.mcap", config) as recording:
        assert len(recording.topics.cameras) == 1
    with pytest.raises(DataError, match="1 image and 2 camera_info"):
        Recording(
            tmp_path / "a.mcap",
            with_topics(images=["/image"], camera_infos=["/calibration", "/calibration"]),
        )


def test_cameras_can_be_switched_off(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "a.mcap")
    with Recording(path, with_topics(use_cameras=False)) as recording:
        assert next(iter(recording)).cameras == ()
        assert recording.warnings == ()


def test_a_silent_cloud_topic_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "a.mcap")
    with pytest.raises(DataError, match="no topic '/lidar'"):
        Recording(path, with_topics(clouds=["/lidar"]))


def test_a_calibration_that_changes_applies_from_its_stamp_on(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        for frame in range(4):
            write_frame(writer, frame, with_camera=False)
            at_ns = START_NS + frame * PERIOD_NS
            pix_T_cam = CAMERA.pix_T_cam.copy()
            pix_T_cam[0, 0] += 10 * (frame >= 2)
            camera = PinholeCamera(width_px=16, height_px=12, pix_T_cam=pix_T_cam)
            writer.write_camera_info("/cam/camera_info", "velo", at_ns, camera)
            writer.write_image("/cam/image_raw", "velo", at_ns, image_of(frame))
    focal = [frame.cameras[0].camera.pix_T_cam[0, 0] for frame in Recording(tmp_path / "a.mcap")]
    assert focal == [20, 20, 30, 30]


def test_an_all_nan_scan_is_an_empty_frame_with_a_reason(tmp_path: Path) -> None:
    nothing = PointCloud(points_velo=np.full((4, 3), np.nan, np.float32))
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write_cloud("/points", "velo", START_NS, nothing)
    frame = next(iter(Recording(tmp_path / "a.mcap")))
    assert len(frame.cloud.points_velo) == 0
    assert "NaN" in frame.missing_inputs[0]
