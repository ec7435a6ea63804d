# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Without any LiDAR: the first camera sets the pace, TrackOcc maps, and the node says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from rclpy.serialization import serialize_message
from ros.node_process import NodeProcess
from ros.probe import Probe
from ros.test_online_is_offline import play
from unit.networks.trackocc.scenes import TINY_NETWORK

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.data.rosbag import Bag
from unsup_track_ros.data.synthetic.camera import CAMERA_INFO_TOPIC, CAMERA_NAME
from unsup_track_ros.data.synthetic.recording import ODOM_FRAME, POINTS_TOPIC
from unsup_track_ros.errors import DataError
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.trackocc import TrackOcc
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.ros.convert.camera_voxels import to_camera_voxel_points, to_camera_voxels
from unsup_track_ros.ros.convert.grids import to_occupancy_grid
from unsup_track_ros.structures.result import PerceptionResult

VOXELS: Final = "/camera_voxels"
POINTS: Final = "/camera_voxel_points"
GRID: Final = "/occupancy_static"
TYPES: Final = {
    VOXELS: "unsup_track_ros/msg/PanopticVoxelGrid",
    POINTS: "sensor_msgs/msg/PointCloud2",
    GRID: "nav_msgs/msg/OccupancyGrid",
}
TOPICS: Final = {"images": [CAMERA_NAME], "use_lidar": False}


@pytest.fixture(scope="module")
def drive(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive of which no scan was recorded."""
    path = tmp_path_factory.mktemp("cameras") / "drive.mcap"
    with Bag(tiny_drive) as bag, BagWriter(path) as writer:
        for raw in bag.messages([topic for topic in bag.topics if topic != POINTS_TOPIC]):
            qos = bag.topics[raw.topic].qos
            assert qos is not None
            writer.write_serialized(raw.topic, raw.msgtype, bytes(raw.data), raw.log_ns, qos)
    return path


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Parameters of the stages, with weights that learned nothing."""
    path = tmp_path_factory.mktemp("weights") / "trackocc.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TrackOcc(TINY_NETWORK)
    about = {"network": "trackocc", "network_config": TINY_NETWORK.model_dump_json()}
    path.write_bytes(checkpoint_bytes(network.state_dict(), about))
    return {"detector": "trackocc", "trackocc.weights_path": str(path)}


@pytest.fixture(scope="module")
def results(drive: Path, pipeline: dict[str, Any]) -> list[PerceptionResult]:
    config = PipelineConfig.model_validate(
        {
            "detector": pipeline["detector"],
            "trackocc": {"weights_path": pipeline["trackocc.weights_path"]},
        }
    )
    with Recording(drive, RecordingConfig.model_validate({"topics": TOPICS})) as recording:
        stages = Pipeline(config)
        return [stages.step(frame) for frame in recording]


def test_a_recording_without_scans_says_how_to_go_by_cameras(drive: Path) -> None:
    with pytest.raises(DataError, match=r"no point cloud.*recording\.topics\.use_lidar"):
        Recording(drive)
    blind = RecordingConfig.model_validate({"topics": {"use_lidar": False, "use_cameras": False}})
    with pytest.raises(DataError, match="no camera to go by"):
        Recording(drive, blind)


def test_cameras_alone_make_voxels_and_a_grid(results: list[PerceptionResult]) -> None:
    assert len(results) > 3
    for result in results:
        assert len(result.frame.cloud.points_velo) == 0
        assert len(result.frame.cameras) == 1
        assert result.panoptic is not None
        assert result.grids is not None
        # What the grid knows lies where the camera looks: ahead.
        known_y, known_x = np.nonzero(result.grids.static >= 0)
        assert len(known_x) > 0
        centre = np.array([known_x.mean(), known_y.mean()]) * result.grids.resolution_m
        ahead = result.panoptic.prediction.odom_T_base[:2, 0]
        away = result.grids.origin_odom + centre - result.frame.odom_T_velo[:2, 3]  # type: ignore[index]
        assert away @ ahead > 1.0


def test_the_node_says_of_cameras_alone_what_the_pipeline_says(
    probe: Probe,
    drive: Path,
    pipeline: dict[str, Any],
    results: list[PerceptionResult],
    tmp_path: Path,
) -> None:
    with Bag(drive) as bag:
        for found in bag.topics.values():
            probe.publisher(found.name, found.msgtype, latched=found.name == "/tf_static")
    heard = {
        topic: probe.listen(topic, kind, latched=topic == GRID) for topic, kind in TYPES.items()
    }
    parameters = {
        **{f"recording.topics.{name}": value for name, value in TOPICS.items()},
        **{f"pipeline.{name}": value for name, value in pipeline.items()},
        "qos.images.reliability": "reliable",
        "live.queue_size": 50,
        "live.transform_wait_s": 10.0,
    }
    with NodeProcess("all", tmp_path, parameters):
        for topic in TYPES:
            probe.wait_for_publisher(topic)
        for topic in (CAMERA_NAME, CAMERA_INFO_TOPIC, "/tf", "/tf_static"):
            probe.wait_for_subscriber(topic)
        play(probe, drive)
        for topic in TYPES:
            probe.wait_for_stamp(topic, results[-1].frame.stamp_ns)
    for result in results:
        assert result.panoptic is not None
        assert result.grids is not None
        expected = {
            VOXELS: to_camera_voxels(result.panoptic, "base_link"),
            POINTS: to_camera_voxel_points(result.panoptic, "base_link"),
            GRID: to_occupancy_grid(result.grids, "static", ODOM_FRAME),
        }
        for topic, message in expected.items():
            said = [m for m in heard[topic] if stamp_ns(m) == result.frame.stamp_ns]
            assert len(said) == 1, topic
            assert serialize_message(said[0]) == serialize_message(message), topic
