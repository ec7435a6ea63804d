# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes a drive through a synthetic world as a ROS 2 recording, and its truth beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.synthetic.faults import FaultConfig, told_mounting, told_pose
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.data.truth import truth_folder, write_frame_truth
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.truth import FrameTruth

POINTS_TOPIC = "/points"
ODOM_FRAME, BASE_FRAME = "odom", "base_link"
VELO_FRAME = "velo_link"
Draw = Callable[[World, int, float], tuple[SensorFrame, FrameTruth]]
# Poses per scan: 50 Hz beside a 10 Hz LiDAR, as an odometry node publishes them.
_POSES_PER_SCAN = 5


@dataclass(frozen=True, slots=True)
class _Content:
    """What is recorded of a drive."""

    with_tf: bool
    faults: FaultConfig
    draw: Draw


def _ignore(done: int, total: int) -> None:
    """Tell nobody."""


def write_world(  # noqa: PLR0913 - independent choices, most of them by keyword
    world: World,
    path: Path,
    seconds: float,
    *,
    overwrite: bool = False,
    with_tf: bool = True,
    faults: FaultConfig | None = None,
    draw: Draw = render,
    progress: Callable[[int, int], None] = _ignore,
) -> int:
    """Record a drive of some seconds: all or nothing, and equal worlds give equal bytes.

    Topics: /points, /camera/image_raw, /camera/camera_info (of several cameras
    /camera_NAME/image_raw and so on), /tf (odom -> base_link, 50 Hz) and /tf_static. The truth lies
    in the folder that `truth_folder(path)` names.

    Args:
        world: World to drive through.
        path: Recording, `OUT.mcap` or a folder.
        seconds: Length of the drive, at most the world's `duration_s`.
        overwrite: Whether an existing recording and its truth are replaced.
        with_tf: Whether the pose of the ego is recorded; the mounting of the sensors always is.
        faults: What the recording says wrongly; the truth stays true.
        draw: How a moment is drawn: `render`, or what remembers its answers for several recordings.
        progress: Called with the frames done and the frames in all.

    Returns:
        Number of frames.

    Raises:
        DataError: The drive is longer than the world, or the target exists or cannot be written.
    """
    num_frames = round(seconds * world.config.lidar.rate_hz)
    if num_frames < 1 or seconds > world.config.duration_s + 1e-9:
        raise DataError(
            f"The drive must last from one scan ({1 / world.config.lidar.rate_hz} s) to the "
            f"{world.config.duration_s} s the world was built for, got {seconds} s. Set the "
            "world's duration_s to the length of the drive."
        )
    truth = truth_folder(path)
    if truth.exists() and not overwrite:
        raise DataError(f"'{truth}' exists already; remove it or choose another name.")
    content = _Content(with_tf, faults or FaultConfig(), draw)
    unfinished = truth.with_name(f".{truth.name}.partial")
    try:
        with BagWriter(path, overwrite=overwrite) as bag:
            shutil.rmtree(unfinished, ignore_errors=True)
            _write_mounting(bag, world, content.faults)
            _write_frames(bag, unfinished, world, num_frames, content, progress)
            shutil.rmtree(truth, ignore_errors=True)
            unfinished.replace(truth)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return num_frames


def _write_frames(
    bag: BagWriter,
    truth: Path,
    world: World,
    num_frames: int,
    content: _Content,
    progress: Callable[[int, int], None],
) -> None:
    """Render frame by frame, while a second thread writes the frame before."""
    written: Future[None] | None = None
    with ThreadPoolExecutor(max_workers=1) as thread:
        for k in range(num_frames):
            stamp_ns = world.config.start_ns + k * world.period_ns
            drawn = content.draw(world, stamp_ns, content.faults.camera_late_s)
            if written is not None:
                written.result()
                progress(k, num_frames)
            written = thread.submit(_write_frame, bag, truth, world, drawn, content)
        if written is not None:
            written.result()
    if content.with_tf:  # a scan that rolls ends after its stamp
        end_ns = world.config.start_ns + num_frames * world.period_ns
        _write_poses(bag, world, content.faults, end_ns)
    progress(num_frames, num_frames)


def _write_mounting(bag: BagWriter, world: World, faults: FaultConfig) -> None:
    base_T_velo, base_T_cams = told_mounting(world, faults)
    stamp_ns = world.config.start_ns
    bag.write_transform(BASE_FRAME, VELO_FRAME, stamp_ns, base_T_velo, static=True)
    for rig, base_T_cam in zip(world.cameras, base_T_cams, strict=True):
        bag.write_transform(BASE_FRAME, rig.frame_id, stamp_ns, base_T_cam, static=True)


def _write_poses(bag: BagWriter, world: World, faults: FaultConfig, stamp_ns: int) -> None:
    """Write the poses after the scan before up to a stamp."""
    step_ns = world.period_ns // _POSES_PER_SCAN
    for back in reversed(range(_POSES_PER_SCAN)):
        pose_ns = stamp_ns - back * step_ns
        odom_T_base = told_pose(world, faults, world.time_s(pose_ns))
        bag.write_transform(ODOM_FRAME, BASE_FRAME, pose_ns, odom_T_base)


def _write_frame(
    bag: BagWriter,
    truth: Path,
    world: World,
    drawn: tuple[SensorFrame, FrameTruth],
    content: _Content,
) -> None:
    frame, frame_truth = drawn
    if content.with_tf:
        _write_poses(bag, world, content.faults, frame.stamp_ns)
    bag.write_cloud(POINTS_TOPIC, VELO_FRAME, frame.stamp_ns, frame.cloud)
    for rig, image in zip(world.cameras, frame.cameras, strict=True):
        bag.write_image(rig.name, rig.frame_id, image.stamp_ns, image.image_rgb)
        bag.write_camera_info(rig.info_topic, rig.frame_id, image.stamp_ns, image.camera)
    write_frame_truth(truth, frame_truth)
