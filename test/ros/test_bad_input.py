# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever the sensors send, the node stays up, says what is wrong, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ros.node_process import NodeProcess
from ros.playing import GRID, MARKERS, PARAMETERS, SEGMENTED, TRACKS, Player
from ros.probe import Probe
from ros.street import IMAGE, INFO, POINTS, STEP_NS, Moment
from unsup_track_ros.msg import Egomotion

from unsup_track_ros.data.point_cloud_decoding import stamp_ns

WARN, ERROR = b"\x01", b"\x02"


@pytest.fixture(scope="module")
def player(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    """One node for all of these tests: each finds it as the one before has left it."""
    folder: Path = tmp_path_factory.mktemp("node")
    parameters = {**PARAMETERS, "live.transform_wait_s": 0.5}
    with NodeProcess("all", folder, parameters) as process:
        player = Player(probe)
        player.wait_for_node()
        yield player
        assert process.is_running


@pytest.fixture(autouse=True)
def good_frames(player: Player) -> Iterator[None]:
    """Good frames before and after each test: the node answers them."""
    player.play(2)
    yield
    answer = player.play(3)
    assert answer.status in (Egomotion.STATUS_OK, Egomotion.STATUS_INITIAL)
    assert answer.source == Egomotion.SOURCE_TF


def send_cloud(player: Player, **changes: Any) -> Moment:
    """Send a moment whose cloud has other members."""
    made = player.next()
    for name, value in changes.items():
        setattr(made.cloud, name, value)
    player.send(made)
    return made


def columns(made: Moment) -> np.ndarray:
    """Return the numbers of a cloud: x, y, z, intensity."""
    return np.frombuffer(made.cloud.data, np.float32).reshape(-1, made.cloud.point_step // 4)


def segmented_width(player: Player, made: Moment) -> int:
    """Return how many points the node has read."""
    return int(player.probe.wait_for_stamp(SEGMENTED, made.stamp_ns).width)


def test_an_empty_cloud_is_a_frame_without_points(player: Player) -> None:
    made = send_cloud(player, width=0, row_step=0, data=np.zeros(0, np.uint8))
    assert segmented_width(player, made) == 0
    assert player.status("frame", "no points").level == WARN


def test_a_cloud_of_nothing_but_nan_is_a_frame_without_points(player: Player) -> None:
    made = player.next()
    numbers = np.full_like(columns(made), np.nan)
    made.cloud.data = numbers.reshape(-1).view(np.uint8)
    player.send(made)
    assert segmented_width(player, made) == 0
    assert player.status("frame", "NaN").level == WARN


def test_a_cloud_without_intensity_is_read(player: Player) -> None:
    made = player.next()
    made.cloud.fields = made.cloud.fields[:3]
    player.send(made)
    assert segmented_width(player, made) == made.cloud.width
    fields = player.probe.wait_for_stamp(SEGMENTED, made.stamp_ns).fields
    assert "intensity" not in [field.name for field in fields]


def test_a_big_endian_cloud_is_read(player: Player) -> None:
    made = player.next()
    swapped = columns(made).astype(">f4")
    made.cloud.data, made.cloud.is_bigendian = swapped.reshape(-1).view(np.uint8), True
    player.send(made)
    assert segmented_width(player, made) == made.cloud.width


def test_a_padded_cloud_is_read(player: Player) -> None:
    made = player.next()
    numbers = columns(made)
    padded = np.zeros((len(numbers), 8), np.float32)
    padded[:, : numbers.shape[1]] = numbers
    made.cloud.data = np.append(padded.reshape(-1).view(np.uint8), np.zeros(64, np.uint8))
    made.cloud.point_step = 32
    made.cloud.row_step = 32 * len(numbers) + 64
    player.send(made)
    assert segmented_width(player, made) == made.cloud.width


def test_a_cloud_that_contradicts_itself_costs_its_frame_only_the_points(player: Player) -> None:
    made = send_cloud(player, width=10**6)
    assert segmented_width(player, made) == 0
    assert player.status("frame", "contradicts itself").level == WARN


def test_an_image_of_unknown_encoding_leaves_the_lidar_alone(player: Player) -> None:
    made = player.next()
    made.image.encoding = "yuv_of_mars"
    player.send(made)
    player.answer(made)
    assert player.status("frame", "yuv_of_mars").level == WARN


def test_an_image_of_size_zero_leaves_the_lidar_alone(player: Player) -> None:
    made = player.next()
    made.image.height = made.image.width = made.image.step = 0
    made.image.data = np.zeros(0, np.uint8)
    player.send(made)
    player.answer(made)
    assert player.status("frame", "contradicts itself").level == WARN


def test_a_cloud_without_frame_id_is_dropped_and_counted(player: Player) -> None:
    made = player.next()
    made.cloud.header.frame_id = ""
    player.send(made)
    player.status("inputs", "empty_frame_id: 1")


def test_a_cloud_of_stamp_zero_is_dropped_and_counted(player: Player) -> None:
    made = player.next()
    made.cloud.header.stamp.sec = made.cloud.header.stamp.nanosec = 0
    player.send(made)
    player.status("inputs", f"{POINTS}, zero_stamp: 1")


def test_a_repeated_stamp_is_dropped_and_counted(player: Player) -> None:
    made = player.next()
    player.send(made)
    player.send(made)
    player.answer(made)
    player.status("inputs", f"{POINTS}, duplicate: 1")


def test_without_camera_info_the_lidar_goes_on_alone(probe: Probe, tmp_path: Path) -> None:
    other = Player(probe)
    other.start_ns = 5_000 * 1_000_000_000
    arguments = ["-r", "__ns:=/other", "-r", f"{INFO}:=/nowhere"]
    with NodeProcess("all", tmp_path, PARAMETERS, arguments):
        egomotion = probe.listen("/other/egomotion", "unsup_track_ros/msg/Egomotion")
        diagnostics = probe.listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
        probe.wait_for(lambda: probe.node.count_publishers("/other/egomotion") > 0)
        probe.wait_for(lambda: probe.publisher(POINTS, "").get_subscription_count() > 1)
        made = other.next()
        other.send(made)
        probe.wait_for(lambda: any(stamp_ns(m) == made.stamp_ns for m in egomotion))

        def is_said() -> bool:
            texts = [s.message for a in diagnostics[-5:] for s in a.status if "/other/" in s.name]
            return any("camera_info" in text for text in texts)

        probe.wait_for(is_said)


def test_a_camera_that_dies_is_done_without_until_it_is_back(player: Player) -> None:
    for _ in range(12):
        made = player.next()
        player.send(made, without=(IMAGE,))
    player.answer(made)
    assert player.status("frame", f"Nothing of '{IMAGE}'").level == WARN
    player.play(3)
    player.status("frame", "complete")


def test_while_transforms_stop_the_map_pauses_and_the_reason_is_said(player: Player) -> None:
    grids = player.probe.received[GRID]
    stopped = [player.next() for _ in range(20)]
    for made in stopped:
        player.send(made, without=("/tf",))
    answer = player.answer(stopped[-1])
    assert answer.status == Egomotion.STATUS_MISSING_TRANSFORM
    assert "future" in answer.reason
    assert "'lidar' to 'odom'" in answer.reason
    player.probe.wait_for_stamp(TRACKS, stopped[-1].stamp_ns)
    assert player.status("egomotion", "extrapolation into the future").level == ERROR
    assert not {stamp_ns(grid) for grid in grids} & {made.stamp_ns for made in stopped}


def test_a_clock_that_was_set_back_starts_anew(player: Player) -> None:
    player.next_index, player.start_ns = 0, player.start_ns - 100 * STEP_NS
    assert player.play(1).status == Egomotion.STATUS_INITIAL

    def is_cleared() -> bool:
        markers = player.probe.received[MARKERS]
        return any(m.action == m.DELETEALL for array in markers[-5:] for m in array.markers)

    player.probe.wait_for(is_cleared)
