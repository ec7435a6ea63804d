# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labels of frames as the networks learn from them, and the frames of a training set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.bev_input import bev_T_velo
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.training.scan_cache import CachedScan, ScanCache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectLabels:
    """The labelled objects of one frame.

    Attributes:
        boxes_bev: (N, 7) in frame bev.
        weights: (N,) trust in each.
        heading_known: (N,) yaw is the heading.
        velocities_bev: (N, 2) m/s, nan where unknown.
    """

    boxes_bev: Float64[np.ndarray, "N 7"]
    weights: Float64[np.ndarray, " N"]
    heading_known: Bool[np.ndarray, " N"]
    velocities_bev: Float64[np.ndarray, "N 2"]

    def __len__(self) -> int:
        return len(self.boxes_bev)

    def chosen(self, rows: Bool[np.ndarray, " N"]) -> ObjectLabels:
        """Return some of the objects."""
        return ObjectLabels(
            boxes_bev=self.boxes_bev[rows],
            weights=self.weights[rows],
            heading_known=self.heading_known[rows],
            velocities_bev=self.velocities_bev[rows],
        )


def object_labels(label: FrameLabel) -> ObjectLabels:
    """Turn a frame's detections into training labels.

    The weight of a box is that of its track (`track_weights`); without tracks' weights, as in the
    causal pass, every box counts fully: nothing doubtful is in it.
    """
    level = bev_T_velo(label.base_T_velo)
    found, tracks = label.detections, label.tracks
    weights = np.ones(len(found))
    if label.track_weights is not None:
        owned = tracks.detection_index >= 0
        weights = np.zeros(len(found))
        weights[tracks.detection_index[owned]] = label.track_weights[owned]
    velocities = found.velocities_velo @ level[:3, :3].T
    return ObjectLabels(
        boxes_bev=se3.transform_boxes(level, found.boxes_velo),
        weights=weights,
        heading_known=found.heading_known.copy(),
        velocities_bev=velocities[:, :2],
    )


class TrainingSet:
    """The frames that have labels, over all recordings.

    Args:
        sources: Per recording its cached scans and the labels of its frames, by running number.
        minimum_m: x, y of the region that labels must lie in.
        maximum_m: The same, upper bounds.
    """

    def __init__(
        self,
        sources: Sequence[tuple[ScanCache, dict[int, ObjectLabels]]],
        minimum_m: tuple[float, float],
        maximum_m: tuple[float, float],
    ) -> None:
        self._sources = sources
        self._frames = [
            (number, index)
            for number, (_, labels) in enumerate(sources)
            for index in sorted(labels)
            if _usable(labels[index], minimum_m, maximum_m)
        ]
        total = sum(len(labels) for _, labels in sources)
        if not self._frames:
            raise DataError(
                f"None of the {total} frames of {len(sources)} recordings has a label within "
                f"x, y = {minimum_m} ... {maximum_m} m of the LiDAR: there is nothing to learn "
                "from. Add recordings in which something moves, or look at the labels' report.html "
                "to see why nothing was found."
            )

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, row: int) -> tuple[CachedScan, ObjectLabels]:
        """Return the scan and the labels of a row."""
        number, index = self._frames[row]
        scans, labels = self._sources[number]
        return scans.read(index), labels[index]

    @property
    def num_objects(self) -> int:
        """Labels of all frames."""
        return sum(len(self._sources[number][1][index]) for number, index in self._frames)

    def fingerprint(self) -> str:
        """Return a hash of the labels, which changes when they do."""
        digest = hashlib.sha256()
        for number, index in self._frames:
            labels = self._sources[number][1][index]
            digest.update(f"{number}/{index}\n".encode())
            for array in (labels.boxes_bev, labels.weights, labels.heading_known):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def labels_by_index(labels: Iterable[FrameLabel]) -> dict[int, ObjectLabels]:
    """Return the training labels of the frames of one recording."""
    return {label.index: object_labels(label) for label in labels}


def _usable(
    labels: ObjectLabels, minimum_m: tuple[float, float], maximum_m: tuple[float, float]
) -> bool:
    place = labels.boxes_bev[:, :2]
    inside = (place >= np.array(minimum_m)).all(axis=1) & (place < np.array(maximum_m)).all(axis=1)
    return bool(np.any(inside & (labels.weights > 0)))
