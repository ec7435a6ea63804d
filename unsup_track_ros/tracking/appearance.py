# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How tracks look: one more cue of which detection goes on with which track.

In: an embedding of each detection that an image shows. Out: what each pair of track and detection
gains or loses by their likeness. Geometry decides which pairs are possible at all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float64, Int64


class AppearanceConfig(Config):
    """How much looks count in the association."""

    weight: float = parameter(
        2.0,
        "What a pair costs whose embeddings have a cosine of one below `neutral_cosine`, on the "
        "scale of 1 - Ro-GDIoU; 0: looks do not count.",
        ge=0,
        tunable=True,
    )
    neutral_cosine: float = parameter(
        0.5, "Likeness that speaks neither for a pair nor against it.", ge=-1, le=1, tunable=True
    )
    memory: float = parameter(
        0.8, "Share of what was known of a track's looks that a detection leaves.", ge=0, lt=1
    )


class AppearanceMemory:
    """Remembers the mean direction of the embeddings of each track."""

    def __init__(self, config: AppearanceConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget all tracks."""
        self._ids: Int64[np.ndarray, " T"] = np.zeros(0, np.int64)
        self._directions: Float64[np.ndarray, "T E"] = np.zeros((0, 0))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        return {"ids": self._ids.copy(), "directions": self._directions.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`."""
        self._ids, self._directions = state["ids"].copy(), state["directions"].copy()

    def costs(
        self, ids: Int64[np.ndarray, " T"], embeddings: Float64[np.ndarray, "D E"]
    ) -> Float64[np.ndarray, "T D"]:
        """Return what pairs cost by their looks, less than 0 for those that are alike.

        A track or a detection whose looks are not known costs 0.

        Args:
            ids: Tracks, ascending.
            embeddings: Of the detections, nan where there is none.
        """
        costs = np.zeros((len(ids), len(embeddings)))
        directions, seen = _directions(embeddings)
        looks = self._looks_of(ids, embeddings.shape[1])
        known = looks.any(axis=1)
        cosines = looks[known] @ directions[seen].T
        costs[np.ix_(known, seen)] = self._config.weight * (self._config.neutral_cosine - cosines)
        return costs

    def see(
        self,
        ids: Int64[np.ndarray, " T"],
        detection: Int64[np.ndarray, " T"],
        embeddings: Float64[np.ndarray, "D E"],
    ) -> None:
        """Take in the looks of tracks that were detected, and forget those that are dead.

        Args:
            ids: Tracks that are alive, ascending.
            detection: Row of the detection of each, -1 for none.
            embeddings: Of the detections, nan where there is none.
        """
        directions, known = _directions(embeddings)
        looks = self._looks_of(ids, embeddings.shape[1])
        seen = np.flatnonzero(detection >= 0)
        seen = seen[known[detection[seen]]]
        # Of what was never seen before, the first looks are all there is.
        share = np.where(looks[seen].any(axis=1), self._config.memory, 0.0)[:, None]
        looks[seen] = share * looks[seen] + (1.0 - share) * directions[detection[seen]]
        looks, known = _directions(looks)
        self._ids, self._directions = ids[known], looks[known]

    def _looks_of(self, ids: Int64[np.ndarray, " T"], size: int) -> Float64[np.ndarray, "T E"]:
        """Return the directions of tracks, 0 for those that nothing is known of.

        Embeddings of another length are those of another network: nothing is known then.
        """
        looks = np.zeros((len(ids), size))
        if size == self._directions.shape[1]:
            _, row, remembered = np.intersect1d(ids, self._ids, return_indices=True)
            looks[row] = self._directions[remembered]
        return looks


def _directions(
    embeddings: Float64[np.ndarray, "N E"],
) -> tuple[Float64[np.ndarray, "N E"], Bool[np.ndarray, " N"]]:
    """Scale to length 1; also tell which have a direction, the others become 0."""
    length = np.linalg.norm(embeddings, axis=1)
    known = np.isfinite(length) & (length > 0)
    scaled = np.zeros_like(embeddings)
    scaled[known] = embeddings[known] / length[known, None]
    return scaled, known
