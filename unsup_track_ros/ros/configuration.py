# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the nodes: those of the labeler, and what only a live node needs.

`recording` and `pipeline` are the groups of `unsup-track label`, under the same names: one YAML
file serves both. No ROS is imported here, so that the documentation can be made anywhere.
"""

from __future__ import annotations

from typing import Literal

from unsup_track_ros.config import Config, describe, parameter, parameters_markdown
from unsup_track_ros.data.live_frames import LiveConfig
from unsup_track_ros.data.recording import RecordingConfig
from unsup_track_ros.labeling.labeler import LabelerConfig
from unsup_track_ros.occupancy.mapper import OccupancyConfig
from unsup_track_ros.occupancy.panoptic import PanopticConfig
from unsup_track_ros.pipeline import PipelineConfig
from unsup_track_ros.tracking.hidden_objects import HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import TrackerConfig


class QosConfig(Config):
    """Quality of service of one topic."""

    reliability: Literal["reliable", "best_effort", "system_default"] = parameter(
        "reliable", "Whether lost messages are sent again."
    )
    durability: Literal["volatile", "transient_local", "system_default"] = parameter(
        "volatile", "Whether late subscribers get the last messages."
    )
    depth: int = parameter(10, "Messages kept.", ge=1)


_SENSOR = QosConfig(reliability="best_effort", depth=10)
_BULKY = QosConfig(depth=2)
_MAP = QosConfig(durability="transient_local", depth=1)


class SensorQosConfig(Config):
    """Quality of service of what comes from the sensors; best effort hears every publisher."""

    points: QosConfig = parameter(_SENSOR, "Point clouds.")
    images: QosConfig = parameter(_SENSOR, "Images and their camera_info.")


class PerceptionQosConfig(Config):
    """Quality of service of what perception says."""

    detections: QosConfig = QosConfig()
    detections_2d: QosConfig = QosConfig()
    tracks_2d: QosConfig = QosConfig()
    detected_objects: QosConfig = QosConfig()
    egomotion: QosConfig = QosConfig()
    motion_mask: QosConfig = parameter(_BULKY, "Motion mask image.")
    points_segmented: QosConfig = parameter(_BULKY, "Scan with motion and instance.")
    points_dynamic: QosConfig = parameter(_BULKY, "Moving part of the scan.")
    camera_voxels: QosConfig = parameter(_BULKY, "What cameras alone say of voxels.")
    camera_voxel_points: QosConfig = parameter(_BULKY, "The same as points.")


class TrackQosConfig(Config):
    """Quality of service of what the tracker says."""

    tracks: QosConfig = QosConfig()
    tracked_detections: QosConfig = QosConfig()
    markers: QosConfig = QosConfig()
    belief: QosConfig = parameter(_BULKY, "Map of where hidden objects may be.")


class MapQosConfig(Config):
    """Quality of service of the grids; late subscribers get the last one, as of a map server."""

    occupancy_static: QosConfig = parameter(_MAP, "Static grid.")
    occupancy_dynamic: QosConfig = parameter(_MAP, "Dynamic grid.")
    occupancy: QosConfig = parameter(_MAP, "Combined grid.")
    panoptic: QosConfig = parameter(_BULKY, "Panoptic voxels.")


class PerceptionNodeQosConfig(PerceptionQosConfig, SensorQosConfig):
    """Quality of service of the topics of the perception node."""


class OccupancyNodeQosConfig(MapQosConfig):
    """Quality of service of the topics of the occupancy node."""

    points_segmented: QosConfig = parameter(_BULKY, "Scan with motion and instance.")
    egomotion: QosConfig = QosConfig()
    tracks: QosConfig = QosConfig()


class TrackerNodeQosConfig(TrackQosConfig):
    """Quality of service of the topics of the tracker node."""

    points_segmented: QosConfig = parameter(_BULKY, "Scan, for `pipeline.permanence`.")
    detected_objects: QosConfig = QosConfig()
    egomotion: QosConfig = QosConfig()


class AllInOneQosConfig(MapQosConfig, TrackQosConfig, PerceptionQosConfig, SensorQosConfig):
    """Quality of service of the topics of the all-in-one node."""


class NodeConfig(Config):
    """What every node needs."""

    autostart: bool = parameter(
        True, "Configure and activate at the start, without a lifecycle manager."
    )
    diagnostics_period_s: float = parameter(1.0, "Time between two diagnostics.", unit="s", gt=0)
    stamp_delay_warn_s: float = parameter(
        0.5, "Age of the results from which on diagnostics warn.", unit="s", gt=0, tunable=True
    )
    stamp_delay_error_s: float = parameter(
        1.0, "Age of the results from which on it is an error.", unit="s", gt=0, tunable=True
    )


class MarkerConfig(Config):
    """How tracks look in RViz."""

    lifetime_s: float = parameter(
        0.5,
        "Markers of a track vanish so long after the last message.",
        unit="s",
        gt=0,
        tunable=True,
    )
    arrow_s: float = parameter(
        1.0,
        "A velocity arrow ends where the object is after this time.",
        unit="s",
        gt=0,
        tunable=True,
    )
    show_tentative: bool = parameter(False, "Show tracks that are not confirmed yet.", tunable=True)


class BeliefMapConfig(Config):
    """The image of where hidden objects may be."""

    half_size_m: float = parameter(
        40.0, "Half the side of the square around the LiDAR.", unit="m", gt=0, le=500, tunable=True
    )
    resolution_m: float = parameter(0.4, "Side of a pixel.", unit="m", ge=0.05, le=10, tunable=True)


class PipelineNodeConfig(NodeConfig):
    """What a node with a pipeline needs."""

    device: Literal["auto", "cpu", "cuda"] = parameter(
        "auto", "What the stages run on; auto takes CUDA where there is any."
    )
    own_odom_frame: str = parameter(
        "unsup_odom", "Name of the odom frame of poses that do not come from TF."
    )
    broadcast_odom: bool = parameter(
        True,
        "Broadcast that frame as a child of the LiDAR's, so that results can be shown and used.",
    )
    disagreement_m: float = parameter(
        0.2,
        "Egomotion and TF may differ so much between two scans before diagnostics warn.",
        unit="m",
        gt=0,
        tunable=True,
    )


class PerceptionNodeConfig(Config):
    """All parameters of the perception node."""

    recording: RecordingConfig = RecordingConfig()
    pipeline: PipelineConfig = PipelineConfig()
    live: LiveConfig = LiveConfig()
    node: PipelineNodeConfig = PipelineNodeConfig()
    qos: PerceptionNodeQosConfig = PerceptionNodeQosConfig()


class AllInOneConfig(Config):
    """All parameters of the all-in-one node."""

    recording: RecordingConfig = RecordingConfig()
    pipeline: PipelineConfig = PipelineConfig()
    live: LiveConfig = LiveConfig()
    node: PipelineNodeConfig = PipelineNodeConfig()
    markers: MarkerConfig = MarkerConfig()
    belief: BeliefMapConfig = BeliefMapConfig()
    panoptic: PanopticConfig = PanopticConfig()
    qos: AllInOneQosConfig = AllInOneQosConfig()


class TrackerOnlyConfig(Config):
    """The part of the pipeline that the tracker node runs."""

    tracker: TrackerConfig = TrackerConfig()
    permanence: HiddenObjectsConfig = HiddenObjectsConfig()


class TrackerNodeConfig(Config):
    """All parameters of the tracker node."""

    pipeline: TrackerOnlyConfig = TrackerOnlyConfig()
    node: NodeConfig = NodeConfig()
    markers: MarkerConfig = MarkerConfig()
    belief: BeliefMapConfig = BeliefMapConfig()
    qos: TrackerNodeQosConfig = TrackerNodeQosConfig()


class OccupancyOnlyConfig(Config):
    """The part of the pipeline that the occupancy node runs."""

    occupancy: OccupancyConfig = OccupancyConfig()


class OccupancyNodeConfig(Config):
    """All parameters of the occupancy node."""

    pipeline: OccupancyOnlyConfig = OccupancyOnlyConfig()
    panoptic: PanopticConfig = PanopticConfig()
    node: NodeConfig = NodeConfig()
    qos: OccupancyNodeQosConfig = OccupancyNodeQosConfig()


class LabelingRunConfig(NodeConfig):
    """What the labeler node labels, and how."""

    bag: str = parameter(..., "Recording to label.")
    out: str = parameter(..., "Label directory; resumed if it exists.")
    device: Literal["auto", "cpu", "cuda"] = parameter(
        "auto", "What the stages run on; auto takes CUDA where there is any."
    )
    overwrite: bool = parameter(False, "Replace labels that were made otherwise.")
    make_pictures: bool = parameter(True, "Make video, pictures and report.")
    make_result_bag: bool = parameter(True, "Write the results as a recording beside the labels.")
    exit_when_done: bool = parameter(
        False, "End the process with the run; else it stays, so that progress can be read."
    )
    stop: bool = parameter(
        False,
        "Set it to stop the run; activating again, or another run, goes on from there.",
        tunable=True,
    )


class LabelerNodeQosConfig(Config):
    """Quality of service of the topics of the labeler node."""

    progress: QosConfig = parameter(_MAP, "How far the run has come.")


class LabelerNodeConfig(LabelerConfig):
    """All parameters of the labeler node: those of `unsup-track label`, and its own."""

    node: LabelingRunConfig
    qos: LabelerNodeQosConfig = LabelerNodeQosConfig()

    def labeler(self) -> LabelerConfig:
        """Return the part that `unsup-track label` has."""
        return LabelerConfig(**{name: getattr(self, name) for name in LabelerConfig.model_fields})


NODE_CONFIGS: dict[str, type[Config]] = {
    "all_in_one": AllInOneConfig,
    "perception": PerceptionNodeConfig,
    "tracker": TrackerNodeConfig,
    "occupancy": OccupancyNodeConfig,
    "labeler": LabelerNodeConfig,
}


def names_of_all_nodes() -> frozenset[str]:
    """Return every parameter of any node: a file for all of them names some that a node lacks."""
    return frozenset(
        info.name for config_class in NODE_CONFIGS.values() for info in describe(config_class)
    )


def node_markdown(name: str) -> str:
    """Write the tables of a node's parameters, without those that the labeler has too."""
    of_labeler = frozenset(info.name for info in describe(LabelerConfig))
    return parameters_markdown(
        NODE_CONFIGS[name],
        f"Parameters of the node `{name}`",
        f"unsup-track params --node {name} --markdown",
        of_labeler,
    )
