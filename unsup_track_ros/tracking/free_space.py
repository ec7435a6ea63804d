# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an unseen object can still be: not where the LiDAR sees through (Bayes on a small grid).

The motion model expects an unseen object around a place, ever less surely. Around that place lies a
grid; each cell is weighed by what the scan says of it: seen through, an object there would have
given returns; hidden behind something, it says nothing. What is left is the belief. As long as the
expected place is hidden the motion model is right as it is. Once it is seen to be empty, the object
has done something else: the likeliest place that is left goes back to the tracker as a measurement.
(The mean of the belief would not do: shadows widen with distance, and step by step it would drift
away from the sensor.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.shapes import Float, Float64
from unsup_track_ros.tracking.permanence import UnseenTracks, Whereabouts

_SIDE: Final = 15  # cells of the grid along each axis
_REACH: Final = 3.0  # standard deviations from its middle to its border
_HEIGHTS: Final = (0.3, 0.55, 0.8)  # of an object, where rays are asked
_MOST_OF: Final = 2  # so many of these rays make a place free or hidden
_UNKNOWN_M2: Final = 1e4  # variance of what the scan does not tell


class FreeSpaceConfig(Config):
    """What the scan says about tracks without a detection."""

    enabled: bool = parameter(
        False,
        "Believe that an unseen object is not where the LiDAR sees through, and that one behind "
        "something is still there.",
    )
    margin_m: float = parameter(
        0.5, "How far beyond a place a return must be to prove it free, before it to hide it.",
        unit="m", gt=0,
    )  # fmt: skip
    free_likelihood: float = parameter(
        0.02, "Probability to see through an object.", gt=0, lt=1, tunable=True
    )
    open_likelihood: float = parameter(
        0.5, "Probability that an object in the open, neither hidden nor seen through, is missed.",
        gt=0, le=1, tunable=True,
    )  # fmt: skip
    hidden_exposure: float = parameter(
        0.05, "Loss of existence while hidden, as a factor.", ge=0, le=1, tunable=True
    )
    free_exposure: float = parameter(
        3.0,
        "Loss of existence where the place is seen to be empty, as a factor.",
        ge=1,
        tunable=True,
    )
    min_std_m: float = parameter(
        0.4, "A belief is never surer than this.", unit="m", gt=0, tunable=True
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beliefs:
    """Where each of N unseen objects may be.

    Attributes:
        places_odom: x, y of the C places weighed.
        weights: Probability of each; they sum to one.
        expected: The same before the scan was asked.
        is_free: Whether the scan sees through a place.
        is_hidden: Whether something stands before a place.
    """

    places_odom: Float64[np.ndarray, "N C 2"]
    weights: Float64[np.ndarray, "N C"]
    expected: Float64[np.ndarray, " C"]
    is_free: np.ndarray
    is_hidden: np.ndarray


class FreeSpace:
    """Answers the tracker's question by the latest scan; it remembers nothing else."""

    def __init__(self, config: FreeSpaceConfig) -> None:
        self._config = config
        self._points_velo: np.ndarray | None = None

    def look(self, points_velo: Float[np.ndarray, "P 3"]) -> None:
        """Take the scan of the current frame, before the tracker's step."""
        self._points_velo = points_velo

    def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
        """Return where each track is believed to be, and how much its absence means."""
        if self._points_velo is None or not len(tracks):
            return Whereabouts.unknown(len(tracks))
        beliefs = self.beliefs(tracks, RangeImage(self._points_velo))
        config = self._config
        exposure = np.where(beliefs.is_free, config.free_exposure, 1.0)
        exposure = np.where(beliefs.is_hidden, config.hidden_exposure, exposure)
        places, covariances = _as_measurements(tracks, beliefs, config.min_std_m)
        return Whereabouts(
            positions_odom=places,
            covariances_odom=covariances,
            exposure=(beliefs.weights * exposure).sum(1),
        )

    def beliefs(self, tracks: UnseenTracks, scan: RangeImage) -> Beliefs:
        """Return where each track may be, by the motion model and a scan."""
        places, expected = _grid(tracks, self._config.min_std_m)
        boxes = tracks.boxes_odom
        low = boxes[:, 2] - boxes[:, 5] / 2.0
        heights = low[:, None] + boxes[:, 5:6] * np.array(_HEIGHTS)
        shape = (*places.shape[:2], len(_HEIGHTS))
        points = np.empty((*shape, 3))
        points[..., :2] = places[:, :, None]
        points[..., 2] = heights[:, None]
        velo_T_odom = se3.inverse(tracks.odom_T_velo)
        points_velo = se3.transform(velo_T_odom, points.reshape(-1, 3))
        margin_m = self._config.margin_m
        free, hidden = (
            asked(points_velo, margin_m).reshape(shape).sum(2) >= _MOST_OF
            for asked in (scan.sees_through, scan.is_blocked)
        )
        likelihood = np.where(free, self._config.free_likelihood, self._config.open_likelihood)
        weights = expected * np.where(hidden, 1.0, likelihood)
        return Beliefs(
            places_odom=places,
            weights=weights / weights.sum(1, keepdims=True),
            expected=expected,
            is_free=free,
            is_hidden=hidden,
        )


def _grid(
    tracks: UnseenTracks, min_std_m: float
) -> tuple[Float64[np.ndarray, "N C 2"], Float64[np.ndarray, " C"]]:
    """Return places around each track that follow its covariance, and their probabilities."""
    line = np.linspace(-_REACH, _REACH, _SIDE)
    steps = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    expected = np.exp(-0.5 * (steps**2).sum(1))
    root = np.linalg.cholesky(_plane_covariances(tracks, min_std_m))
    places = tracks.boxes_odom[:, None, :2] + np.einsum("nij,cj->nci", root, steps)
    return places, expected / expected.sum()


def _plane_covariances(tracks: UnseenTracks, min_std_m: float) -> Float64[np.ndarray, "N 2 2"]:
    """Return the covariances seen from above, none smaller than the least."""
    covariance = tracks.position_covariances_odom[:, :2, :2]
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, min_std_m**2)
    return np.asarray(np.einsum("nij,nj,nkj->nik", vectors, values, vectors))


def _as_measurements(
    tracks: UnseenTracks, beliefs: Beliefs, min_std_m: float
) -> tuple[Float64[np.ndarray, "N 3"], Float64[np.ndarray, "N 3 3"]]:
    """Return what has to be measured so that a Kalman update gives the likeliest place left.

    Its information is that of the belief, less that of the expectation: the belief itself, given as
    a measurement, would count the expectation twice and grow sure of nothing. Along directions in
    which the scan tells nothing the variance is immense. Where the expected place is not seen to be
    empty, nothing is told.
    """
    prior = _plane_covariances(tracks, min_std_m)
    offset = beliefs.places_odom - tracks.boxes_odom[:, None, :2]
    rows = np.arange(len(tracks))
    shift = offset[rows, beliefs.weights.argmax(1)]
    spread = offset - np.einsum("nc,nci->ni", beliefs.weights, offset)[:, None]
    belief = np.einsum("nc,nci,ncj->nij", beliefs.weights, spread, spread)
    belief = belief + np.eye(2) * (0.25 * min_std_m) ** 2
    gained = np.linalg.inv(belief) - np.linalg.inv(prior)
    values, vectors = np.linalg.eigh(0.5 * (gained + np.swapaxes(gained, 1, 2)))
    variances = 1.0 / np.clip(values, 1.0 / _UNKNOWN_M2, 1.0 / min_std_m**2)
    noise = np.einsum("nij,nj,nkj->nik", vectors, variances, vectors)
    # The update moves by prior (prior + noise)^-1 times the innovation; it shall move by `shift`.
    gain = prior @ np.linalg.inv(prior + noise)
    innovation = np.linalg.solve(gain, shift[..., None])[..., 0]
    covariances = np.zeros((len(tracks), 3, 3))
    covariances[:, :2, :2] = noise
    covariances[:, 2, 2] = _UNKNOWN_M2
    places = tracks.boxes_odom[:, :3].copy()
    places[:, :2] += innovation
    is_empty = beliefs.is_free[:, beliefs.is_free.shape[1] // 2]
    return np.where(is_empty[:, None], places, np.nan), covariances
