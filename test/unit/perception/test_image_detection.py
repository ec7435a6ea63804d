# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The image detector as a stage: native pixels, identities, state, the pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.config import flatten, from_values
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.retinatrack import RetinaTrack, RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.checkpoint import NETWORK_KEY
from unsup_track_ros.perception.image_detection import (
    ImageDetectionConfig,
    RetinaTrackDetector,
    embeddings_of,
)
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.image_objects import ImageObjects

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that has learned nothing but says what it sees loudly."""
    torch.manual_seed(0)
    network = RetinaTrack(RetinaTrackConfig(channels=8, embedding_size=4))
    with torch.no_grad():
        assert network.class_last.bias is not None
        network.class_last.bias.fill_(2.0)
        # An untrained embedding may be zero somewhere, and what has no direction is like nothing.
        network.state_dict()["embedding_last.bias"].copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    metadata = {NETWORK_KEY: network.config.model_dump_json()}
    path.write_bytes(checkpoint_bytes(network.state_dict(), metadata))
    return path


def frame(index: int, *, with_camera: bool = True) -> SensorFrame:
    """A frame with an image of noise, the same at every time."""
    image = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    matrix = np.array([[100.0, 0, 79.5], [0, 100.0, 47.5], [0, 0, 1]])
    camera = CameraImage(
        name="camera",
        stamp_ns=index * 100_000_000,
        image_rgb=image,
        camera=PinholeCamera(width_px=160, height_px=96, pix_T_cam=matrix),
        cam_T_velo=np.eye(4),
    )
    return SensorFrame(
        stamp_ns=index * 100_000_000,
        index=index,
        cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)),
        cameras=(camera,) if with_camera else (),
        base_T_velo=np.eye(4),
    )


def detector(weights: Path) -> RetinaTrackDetector:
    """Return the stage; images are scaled to half their size."""
    config = ImageDetectionConfig(weights_path=str(weights), width_px=80)
    return RetinaTrackDetector(config, CPU)


def seen(stage: RetinaTrackDetector, index: int) -> ImageObjects:
    """Step and expect an answer."""
    found = stage.step(frame(index))
    assert found is not None
    return found


def test_boxes_are_in_native_pixels_and_surest_first(weights: Path) -> None:
    found = seen(detector(weights), 0)
    assert len(found)
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes_pix.min() >= -0.5
    assert 80 < found.boxes_pix[:, 2].max() <= 159.5
    assert found.boxes_pix[:, 3].max() <= 95.5
    assert found.embeddings.shape == (len(found), 4)


def test_what_is_seen_again_keeps_its_identity(weights: Path) -> None:
    stage = detector(weights)
    first, second = seen(stage, 0), seen(stage, 1)
    assert len(set(first.ids.tolist())) == len(first)
    assert second.ids.tolist() == first.ids.tolist()


def test_without_an_image_there_is_no_answer(weights: Path) -> None:
    assert detector(weights).step(frame(0, with_camera=False)) is None


def test_a_restored_stage_goes_on_as_the_one_before(weights: Path) -> None:
    first, second = detector(weights), detector(weights)
    seen(first, 0)
    second.restore(first.state())
    assert seen(first, 1).ids.tolist() == seen(second, 1).ids.tolist()
    second.restore({})
    assert second.step(frame(2)) is not None


def test_the_pipeline_follows_in_the_image_where_it_is_told_to(weights: Path) -> None:
    values = {
        "image_detector": "retinatrack",
        "retinatrack.weights_path": str(weights),
        "retinatrack.width_px": 80,
    }
    config = from_values(PipelineConfig, flatten(PipelineConfig()) | values)
    pipeline = Pipeline(config, with_occupancy=False)
    first = pipeline.step(frame(0)).image_objects
    moved = pipeline.moved()
    here, there = (which.step(frame(1)).image_objects for which in (pipeline, moved))
    assert first is not None
    assert here is not None
    assert there is not None
    assert first.ids.tolist() == here.ids.tolist() == there.ids.tolist()
    plain = Pipeline(PipelineConfig(), with_occupancy=False)
    assert plain.step(frame(0)).image_objects is None


def test_weights_are_asked_for_before_the_first_frame() -> None:
    config = from_values(
        PipelineConfig, flatten(PipelineConfig()) | {"image_detector": "retinatrack"}
    )
    with pytest.raises(ConfigError, match="weights_path"):
        Pipeline(config)


def in_space(*boxes_pix: list[float]) -> Detections:
    """Return detections in space of which only the place in the image matters."""
    num = len(boxes_pix)
    return Detections(
        stamp_ns=0,
        boxes_velo=np.zeros((num, 7)),
        scores=np.ones(num),
        velocities_velo=np.zeros((num, 3)),
        heading_known=np.zeros(num, bool),
        motion=np.zeros(num, np.int64),
        num_points=np.zeros(num, np.int64),
        boxes_pix=np.array(boxes_pix, np.float64).reshape(num, 4),
    )


def test_a_detection_in_space_looks_like_the_object_of_the_image_in_its_place() -> None:
    objects = ImageObjects(
        stamp_ns=0,
        ids=np.array([4, 5]),
        boxes_pix=np.array([[0.0, 0, 10, 10], [2.0, 0, 12, 10]]),
        scores=np.array([0.9, 0.8]),
        embeddings=np.array([[1.0, 0.0], [0.0, 1.0]]),
    )
    unseen, away = [np.nan] * 4, [50.0, 50, 60, 60]
    # The second is nearest to the first object too, which the first one is given to.
    seen = in_space([-1.0, 0, 9, 10], [0.5, 0, 10.5, 10], unseen, away)
    found = embeddings_of(seen, objects, 0.4)
    nothing = [np.nan, np.nan]
    np.testing.assert_array_equal(found, [[1.0, 0.0], [0.0, 1.0], nothing, nothing])
    assert embeddings_of(seen, None, 0.4) is None
