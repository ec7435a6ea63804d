# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SILOT as detector: weights, windows, points, state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.silot import Silot, SilotConfig
from unsup_track_ros.perception.silot_detection import (
    NETWORK_KEY,
    SilotDetectionConfig,
    SilotDetector,
    load_silot,
)
from unsup_track_ros.structures.change import ChangeImage
from unsup_track_ros.structures.frame import PointCloud, SensorFrame

NETWORK = SilotConfig(what_size=4, memory_size=4, max_objects=4)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an untrained network that believes in every object."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Silot(NETWORK)
    state = network.state_dict()
    state["discovery.presence_head.2.bias"][0] += 4.0
    path = tmp_path_factory.mktemp("silot") / "weights.safetensors"
    path.write_bytes(checkpoint_bytes(state, {NETWORK_KEY: NETWORK.model_dump_json()}))
    return path


def detector(weights: Path, **changes: float) -> SilotDetector:
    """A detector that reports nearly everything."""
    values = {"min_presence": 0.05, "max_objects": 8, "min_points": 1, "margin_cells": 60.0}
    config = SilotDetectionConfig(weights_path=str(weights), **(values | changes))  # type: ignore[arg-type]
    return SilotDetector(config, CPU)


def frame(points_velo: np.ndarray) -> SensorFrame:
    """A scan at the origin."""
    cloud = PointCloud(points_velo=points_velo.astype(np.float32))
    return SensorFrame(stamp_ns=1, index=0, cloud=cloud, base_T_velo=np.eye(4))


def change(*cells: tuple[int, int], first: tuple[int, int] = (0, 0)) -> ChangeImage:
    """A view of 48 cells of 0.25 m with some changed cells (x, y, counted in odom)."""
    image = np.zeros((48, 48), bool)
    for x, y in cells:
        image[y - first[1], x - first[0]] = True
    return ChangeImage(stamp_ns=1, resolution_m=0.25, first_cell=np.array(first), changed=image)


POINTS = np.array([[2.6, 5.1, 0.0], [2.6, 5.1, 1.0], [9.0, 9.0, 0.0]])  # cells (10, 20), (36, 36)


def test_points_in_changed_cells_belong_to_an_object(weights: Path) -> None:
    objects, regions = detector(weights).step(frame(POINTS), change((10, 20)), np.eye(4))
    assert len(objects.ids) == len(regions.scores) == 1
    assert regions.point_region.tolist() == [1, 1, 0]


def test_objects_without_enough_points_are_dropped(weights: Path) -> None:
    objects, regions = detector(weights, min_points=3).step(
        frame(POINTS), change((10, 20)), np.eye(4)
    )
    assert len(objects.ids) == 0
    assert not regions.point_region.any()


def test_a_frame_in_which_nothing_is_sure_has_no_objects(weights: Path) -> None:
    objects, regions = detector(weights, min_presence=0.9999).step(
        frame(POINTS), change((10, 20)), np.eye(4)
    )
    assert len(objects.ids) == len(regions.scores) == 0
    assert not regions.point_region.any()


@pytest.mark.parametrize("missing", ["change", "pose"])
def test_without_a_view_or_a_pose_there_are_no_objects(weights: Path, missing: str) -> None:
    view = None if missing == "change" else change((10, 20))
    pose = None if missing == "pose" else np.eye(4)
    objects, regions = detector(weights).step(frame(POINTS), view, pose)
    assert len(objects.ids) == 0
    assert len(regions.point_region) == len(POINTS)


def test_a_restored_detector_goes_on_as_the_first(weights: Path) -> None:
    first, second = detector(weights), detector(weights)
    first.step(frame(POINTS), change((10, 20)), np.eye(4))
    second.restore(first.state())
    views = change((11, 20), first=(4, -3))
    now, again = (
        part.step(frame(POINTS + np.array([0.25, 0, 0])), views, np.eye(4))
        for part in (first, second)
    )
    for name in ("ids", "rectangles_odom", "presence"):
        assert np.array_equal(getattr(now[0], name), getattr(again[0], name))
    fresh = detector(weights)
    fresh.restore(detector(weights).state())
    assert fresh.state()["packed"].size == 0


def test_missing_weights_are_an_error_in_a_full_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights_path"):
        load_silot("", CPU)
    with pytest.raises(DataError, match="does not exist"):
        load_silot(str(tmp_path / "absent.safetensors"), CPU)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no tensors")
    with pytest.raises(DataError, match="damaged"):
        load_silot(str(damaged), CPU)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    larger = NETWORK.model_copy(update={"what_size": 8})
    path = tmp_path / "other.safetensors"
    path.write_bytes(
        checkpoint_bytes(Silot(NETWORK).state_dict(), {NETWORK_KEY: larger.model_dump_json()})
    )
    with pytest.raises(ConfigError, match="does not fit"):
        load_silot(str(path), CPU)
    unnamed = tmp_path / "unnamed.safetensors"
    unnamed.write_bytes(checkpoint_bytes({"x": torch.zeros(1)}, {}))
    with pytest.raises(ConfigError, match="no SILOT network"):
        load_silot(str(unnamed), CPU)


def test_equal_content_gives_equal_bytes() -> None:
    about = {"b": "2", "a": "1", "c": "3"}
    first = checkpoint_bytes({"x": torch.ones(2), "y": torch.zeros(1)}, about)
    second = checkpoint_bytes(
        {"y": torch.zeros(1), "x": torch.ones(2)}, dict(reversed(about.items()))
    )
    assert first == second
