# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small scans with labels for tests of the bird's-eye-view network."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_iou import corners
from unsup_track_ros.networks.bev_centernet import BevCenternetConfig
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.training.bev_augmentation import LabelledScan
from unsup_track_ros.training.training_labels import ObjectLabels

GROUND_M = -1.7
# A twentieth of the full network over a quarter of its area.
SMALL_GRID = BevGridConfig(x_min_m=0.0, x_max_m=16.0, y_min_m=-8.0, y_max_m=8.0, num_x=64, num_y=64)


def small_network(mode: str) -> BevCenternetConfig:
    """A network for tests."""
    return BevCenternetConfig(
        mode="tcr" if mode == "tcr" else "improved",
        grid=SMALL_GRID,
        first_stride=1,
        stem_channels=16,
        layer2_channels=24,
        layer3_channels=32,
        layer4_channels=32,
    )


def objects(boxes: list[list[float]], weights: list[float] | None = None) -> ObjectLabels:
    """Labels whose heading and velocity (1 m/s ahead) are known."""
    array = np.array(boxes, np.float64).reshape(-1, 7)
    yaw = array[:, 6]
    return ObjectLabels(
        boxes_bev=array,
        weights=np.ones(len(array)) if weights is None else np.array(weights, np.float64),
        heading_known=np.ones(len(array), bool),
        velocities_bev=np.stack([np.cos(yaw), np.sin(yaw)], axis=1),
    )


def car(x: float, y: float, yaw_rad: float = 0.0) -> list[float]:
    """A car on the ground."""
    return [x, y, GROUND_M + 0.75, 4.0, 1.8, 1.5, yaw_rad]


def scan_of(labels: ObjectLabels, seed: int = 0) -> LabelledScan:
    """Ground returns, and returns from the walls of every labelled box."""
    rng = np.random.default_rng(seed)
    ground = np.column_stack(
        [rng.uniform(0, 16, 4000), rng.uniform(-8, 8, 4000), np.full(4000, GROUND_M)]
    )
    walls = []
    for box in corners(labels.boxes_bev):
        start = rng.integers(0, 4, 300)
        share = rng.random((300, 1))
        side = box[start] * share + box[(start + 1) % 4] * (1 - share)
        side[:, 2] = rng.uniform(box[0, 2] + 0.05, box[4, 2], 300)
        walls.append(side)
    points = np.concatenate([ground, *walls]).astype(np.float32)
    return LabelledScan(
        points_bev=points,
        heights_m=points[:, 2] - np.float32(GROUND_M),
        intensity=None,
        labels=labels,
        owner=box_of_points(points, labels.boxes_bev, 0.05),
    )
