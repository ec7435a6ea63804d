# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pedestrian passes behind a parked van for two seconds: bag, labels, pipeline, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from system.label_directory import run_and_kill, run_well, tree

from unsup_track_ros.config import load_config
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.synthetic.camera import CameraConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.occlusions import OcclusionConfig
from unsup_track_ros.data.synthetic.population import TrafficConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.data.truth import TruthFolder, truth_folder
from unsup_track_ros.geometry import se3
from unsup_track_ros.labeling.labeler import LabelerConfig
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.pipeline import Pipeline
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState

pytestmark = pytest.mark.system

NUM_FRAMES = 44
PEDESTRIAN = 1  # row of the truth; the van is the first
PARAMETERS = """/**:
  ros__parameters:
    pipeline: {egomotion: {source: tf}}
    completion: {enabled: false}
    labels: {snapshot_interval_s: 0.5}
"""


@pytest.fixture(scope="module")
def hidden_drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nobody = dict.fromkeys(
        (name for name in TrafficConfig.model_fields if name.endswith("_per_100m")), 0.0
    )
    traffic = TrafficConfig(**nobody, occlusions=OcclusionConfig(pedestrians=1, hidden_s=2.0))
    config = WorldConfig(
        duration_s=8.0,
        ego_speed_mps=2.0,
        trees_per_100m=0.0,
        traffic=traffic,
        lidar=LidarConfig(beams=32, azimuth_steps=900),
        camera=CameraConfig(width_px=208, height_px=64),
    )
    path = tmp_path_factory.mktemp("hidden") / "drive.mcap"
    write_world(build_world(config, seed=0), path, NUM_FRAMES / 10)
    return path


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parameters") / "label.yaml"
    path.write_text(PARAMETERS)
    return path


@pytest.fixture(scope="module")
def labels(hidden_drive: Path, parameters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels") / "labels"
    run_well("label", hidden_drive, "--out", folder, "--config", parameters)
    return folder


def nearest(label: FrameLabel, box_velo: np.ndarray) -> int:
    """Return the row of the track at a box."""
    odom_T_velo = label.egomotion.odom_T_velo1
    assert odom_T_velo is not None
    place = se3.transform_boxes(odom_T_velo, box_velo[None])[0, :2]
    gap = np.linalg.norm(label.tracks.boxes_odom[:, :2] - place, axis=1)
    assert gap.min() < 1.0
    return int(gap.argmin())


def test_a_pedestrian_behind_a_van_keeps_its_identity_and_is_said_to_be_hidden(
    hidden_drive: Path, labels: Path
) -> None:
    truths = TruthFolder(truth_folder(hidden_drive))
    store = list(LabelStore.open(labels))
    seen = [truths.at(label.stamp_ns).num_points for label in store]
    hidden = np.flatnonzero([num is not None and num[PEDESTRIAN] < 5 for num in seen])
    assert 15 <= len(hidden) <= 25
    rows = [nearest(label, truths.at(label.stamp_ns).boxes_velo[PEDESTRIAN]) for label in store[5:]]
    ids = {int(label.tracks.ids[row]) for label, row in zip(store[5:], rows, strict=True)}
    assert len(ids) == 1
    for k in hidden[1:-1]:
        label = store[k]
        assert label.tracks.states[rows[k - 5]] == TrackState.OCCLUDED
        assert label.tracks.beliefs is not None
        assert label.tracks.beliefs.ids.tolist() == list(ids)
    last = store[-1].tracks
    assert last.states[rows[-1]] == TrackState.CONFIRMED
    assert (labels / "video.mp4").stat().st_size > 0
    assert (labels / "report.html").exists()


def test_the_live_pipeline_says_the_same(
    hidden_drive: Path, labels: Path, parameters: Path
) -> None:
    config = load_config(parameters, LabelerConfig)
    pipeline = Pipeline(config.pipeline, with_occupancy=False)
    store = LabelStore.open(labels)
    with Recording(hidden_drive, config.recording) as recording:
        for frame in recording.frames(0):
            said = to_arrays(pipeline.step(frame).tracks)
            stored = to_arrays(store.read(frame.index).tracks)
            assert said.keys() == stored.keys()
            for name, value in said.items():
                np.testing.assert_array_equal(value, stored[name], err_msg=name)


def test_a_run_that_is_killed_while_somebody_is_hidden_ends_with_the_same_bytes(
    hidden_drive: Path, labels: Path, parameters: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    command = ("label", hidden_drive, "--out", folder, "--config", parameters)
    assert run_and_kill(folder, 27.5, *command)
    run_well(*command)
    assert tree(folder) == tree(labels)
