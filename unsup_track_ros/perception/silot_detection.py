# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A SILOT network as detector: it finds and follows what changes in the bird's-eye view.

In: the bird's-eye view with the static background removed. Out: objects with identities, and the
points of the scan that belong to each, for box fitting. SILOT knows no background; taking it away
beforehand by egomotion and the static map is what lets it work on a drive. The view stands still in
odom and moves over it by whole cells, so the network sees only the motion of the objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.silot import Silot, SilotConfig, SilotInferenceConfig
from unsup_track_ros.networks.silot.lasting_tracker import tracker_of
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64
from unsup_track_ros.structures.bev_objects import BevObjects
from unsup_track_ros.structures.change import ChangeImage
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionState

NETWORK_KEY = "network"  # of a checkpoint's metadata: the network's parameters as JSON


class SilotDetectionConfig(Config):
    """Detection by a trained SILOT network."""

    weights_path: str = parameter(
        "", "Weights (.safetensors) from `unsup-track train silot`; needed by detector 'silot'."
    )
    min_presence: float = parameter(
        0.5, "Presence from which an object is reported.", gt=0, lt=1, tunable=True
    )
    max_objects: int = parameter(48, "Most objects followed at once.", ge=1)
    inference: SilotInferenceConfig = SilotInferenceConfig()
    margin_cells: float = parameter(
        1.0, "Changed cells this near to an object's rectangle belong to it.", ge=0
    )
    min_points: int = parameter(5, "Fewest points of an object.", ge=1)


def load_silot(path_text: str, device: torch.device) -> Silot:
    """Build the network of a checkpoint and load its weights.

    Raises:
        ConfigError: No checkpoint is named, or it is of another network.
        DataError: The file is missing or damaged.
    """
    if not path_text:
        raise ConfigError(
            "The detector 'silot' needs weights, but `silot.weights_path` is empty. Train a "
            "network with `unsup-track train silot`, or use the detector 'motion'."
        )
    path = Path(path_text)
    weights, metadata = read_checkpoint(path)
    if NETWORK_KEY not in metadata:
        raise ConfigError(f"{path} holds no SILOT network: it does not say its parameters.")
    network = Silot(SilotConfig.model_validate_json(metadata[NETWORK_KEY]))
    load_weights(network, {name: value.float() for name, value in weights.items()}, path)
    return network.to(device)


class SilotDetector:
    """Follows objects in change images."""

    def __init__(self, config: SilotDetectionConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        network = load_silot(config.weights_path, device)
        self._tracker = tracker_of(network, config.inference, config.max_objects)
        self.reset()

    def reset(self) -> None:
        """Forget all objects."""
        self._tracker.reset()
        self._first_cell: Int64[np.ndarray, " 2"] | None = None

    def step(
        self,
        frame: SensorFrame,
        change: ChangeImage | None,
        odom_T_velo: Float64[np.ndarray, "4 4"] | None,
    ) -> tuple[BevObjects, MotionRegions]:
        """Follow the objects into this frame; without a view or a pose there are none in it."""
        if change is None or odom_T_velo is None:
            return _no_objects(frame.stamp_ns), _no_regions(len(frame.cloud.points_velo))
        if self._first_cell is not None:
            columns, rows = change.first_cell - self._first_cell
            self._tracker.move_window(float(rows), float(columns))
        self._first_cell = change.first_cell
        image = torch.from_numpy(change.changed.astype(np.float32))[None, None]
        found = self._tracker.step(image.to(self._device))
        presence = found.presence[0].cpu().numpy().astype(np.float64)
        order = np.argsort(-presence, kind="stable")
        order = order[presence[order] >= self._config.min_presence]
        top_left = found.boxes_px[0].cpu().numpy().astype(np.float64)[order]
        # Pixels are cells; rows run along y of odom, columns along x.
        cells = top_left[:, [1, 0, 3, 2]] + np.tile(change.first_cell, 2)
        objects = BevObjects(
            stamp_ns=frame.stamp_ns,
            ids=found.ids[0].cpu().numpy()[order],
            rectangles_odom=cells * change.resolution_m,
            presence=presence[order],
        )
        return self._with_points(frame, change, odom_T_velo, objects)

    def _with_points(
        self,
        frame: SensorFrame,
        change: ChangeImage,
        odom_T_velo: Float64[np.ndarray, "4 4"],
        objects: BevObjects,
    ) -> tuple[BevObjects, MotionRegions]:
        """Give each object the points in its changed cells; objects without points are dropped."""
        points_odom = se3.transform(odom_T_velo, frame.cloud.points_velo)[:, :2]
        cell = np.floor(points_odom / change.resolution_m).astype(np.int64) - change.first_cell
        shape = np.array(change.changed.shape)[::-1]
        index = np.flatnonzero(((cell >= 0) & (cell < shape)).all(axis=1))
        index = index[change.changed[cell[index, 1], cell[index, 0]]]
        margin_m = self._config.margin_cells * change.resolution_m
        low, high = objects.rectangles_odom[:, :2], objects.rectangles_odom[:, 2:]
        place = points_odom[index, None]
        near = (place >= low - margin_m) & (place <= high + margin_m)
        inside: Bool[np.ndarray, "P N"] = np.all(near, axis=2)
        owner = np.full(len(index), -1)
        if len(objects.ids):
            # Objects come surest first: of several, the surest takes the point.
            owner = np.where(np.any(inside, axis=1), inside.argmax(axis=1), -1)
        count = np.bincount(owner[owner >= 0], minlength=len(objects.ids))
        kept = np.flatnonzero(count >= self._config.min_points)
        number = np.zeros(len(objects.ids) + 1, np.int64)  # the last stands for no owner
        number[kept] = np.arange(1, len(kept) + 1)
        point_region = np.zeros(len(points_odom), np.int64)
        point_region[index] = number[owner]
        regions = MotionRegions(
            point_region=point_region,
            scores=objects.presence[kept].astype(np.float32),
            motion=np.full(len(kept), MotionState.MOVING.value, np.int64),
            flow_velo=np.full((len(kept), 3), np.nan, np.float32),
        )
        return (
            BevObjects(
                stamp_ns=objects.stamp_ns,
                ids=objects.ids[kept],
                rectangles_odom=objects.rectangles_odom[kept],
                presence=objects.presence[kept],
            ),
            regions,
        )

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        cell = np.zeros((0, 2), np.int64) if self._first_cell is None else self._first_cell[None]
        return {"first_cell": cell.copy(), **self._tracker.state()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`; a state of a pipeline with another detector is a fresh start."""
        self.reset()
        if "first_cell" not in state:
            return
        self._first_cell = state["first_cell"][0].copy() if len(state["first_cell"]) else None
        self._tracker.restore(state, self._device)


def _no_objects(stamp_ns: int) -> BevObjects:
    return BevObjects(
        stamp_ns=stamp_ns,
        ids=np.zeros(0, np.int64),
        rectangles_odom=np.zeros((0, 4)),
        presence=np.zeros(0),
    )


def _no_regions(num_points: int) -> MotionRegions:
    no_flow: Float32[np.ndarray, "R 3"] = np.zeros((0, 3), np.float32)
    return MotionRegions(
        point_region=np.zeros(num_points, np.int64),
        scores=np.zeros(0, np.float32),
        motion=np.zeros(0, np.int64),
        flow_velo=no_flow,
    )
