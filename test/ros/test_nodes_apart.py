# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Perception, tracker and occupancy in processes of their own say what all in one says."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Final

import numpy as np
from ros.node_process import NodeProcess
from ros.playing import EGOMOTION, PARAMETERS, Player
from ros.probe import Probe
from ros.street import START_NS, moment

from unsup_track_ros.data.message_encoding import encode_cloud
from unsup_track_ros.structures.frame import PointCloud

TRACKS = "unsup_track_ros/msg/TrackedObjectArray"
GRID = "nav_msgs/msg/OccupancyGrid"
BELIEF = "sensor_msgs/msg/Image"
VOXELS = "unsup_track_ros/msg/PanopticVoxelGrid"
NUM_FRAMES = 12
UNKNOWN, HALF = -1, 50
# Poses travel as quaternions between the nodes: their last digits differ.
TOLERANCE_M = 1e-6
LONG_AGO_NS: Final = 500 * 1_000_000_000
PATIENCE_S: Final = 0.2
OF_SENSORS = ("recording.", "live.", "qos.points.", "qos.images.")


def greet(player: Player, topics: tuple[str, ...]) -> None:
    """Send empty scans of long ago until every chain of nodes has answered one.

    A publisher of ROS 2 may know of its first subscriber later than the graph does, and what it
    says until then is lost. The pause until the first frame proper starts a new stream everywhere.
    """
    probe = player.probe
    nothing = PointCloud(points_velo=np.zeros((0, 3), np.float32))

    def answered() -> bool:
        made = moment(player.next_index, START_NS - LONG_AGO_NS)
        player.next_index += 1
        cloud = encode_cloud(nothing, made.stamp_ns, "lidar")
        player.send(dataclasses.replace(made, cloud=cloud))
        time.sleep(PATIENCE_S)
        return all(probe.received[topic] for topic in topics)

    probe.wait_for(answered)
    player.next_index = 0


def test_three_nodes_say_what_one_says(probe: Probe, tmp_path: Path) -> None:
    probe.listen("/tracks", TRACKS)
    apart = probe.listen("/apart/tracks", TRACKS)
    grids = probe.listen("/apart/occupancy", GRID, latched=True)
    voxels = probe.listen("/apart/panoptic", VOXELS)
    moved = ["-r", "__ns:=/apart"]
    result_parameters = {k: v for k, v in PARAMETERS.items() if not k.startswith(OF_SENSORS)}
    beliefs = probe.listen("/apart/belief", BELIEF)
    with (
        NodeProcess("all", tmp_path / "all", PARAMETERS),
        NodeProcess("perception", tmp_path / "perception", PARAMETERS, moved),
        NodeProcess("tracker", tmp_path / "tracker", result_parameters, moved),
        NodeProcess("occupancy", tmp_path / "occupancy", result_parameters, moved),
    ):
        player = Player(probe)
        player.wait_for_node()
        for topic in ("/apart/tracks", "/apart/occupancy", "/apart/panoptic"):
            probe.wait_for_publisher(topic)
        for topic in ("/apart/egomotion", "/apart/detected_objects", "/apart/points_segmented"):
            probe.wait_for_hearer(topic)
        greet(player, (EGOMOTION, "/tracks", "/apart/tracks"))
        for _ in range(NUM_FRAMES):
            made = player.next()
            player.send(made)
            player.answer(made)
            one = probe.wait_for_stamp("/tracks", made.stamp_ns)
            other = probe.wait_for_stamp("/apart/tracks", made.stamp_ns)
            assert [o.id for o in one.objects] == [o.id for o in other.objects]
            for a, b in zip(one.objects, other.objects, strict=True):
                assert abs(a.pose.position.x - b.pose.position.x) < TOLERANCE_M
                assert a.state == b.state
        grid = probe.wait_for_stamp("/apart/occupancy", made.stamp_ns)
        assert len(grid.data) == grid.info.width * grid.info.height
        assert min(grid.data) == UNKNOWN
        assert max(grid.data) > HALF
        assert len(probe.wait_for_stamp("/apart/panoptic", made.stamp_ns).voxel) > 0
    assert any(o.state == o.STATE_CONFIRMED for m in apart for o in m.objects)
    assert len(grids) >= 1
    assert len(voxels) >= 1
    assert len(beliefs) >= 1
