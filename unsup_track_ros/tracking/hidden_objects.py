# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Object permanence in 3-D: a belief about where each unseen object is, which the scan refutes.

The counterpart of the walk along memory (`networks/random_walk_memory/`): what is hidden spreads
over all it may have done (`motion_behind`) and stays where the LiDAR does not see through
(`free_space`). Where a fitting object comes out of the shadow it is the same one; when no place is
left, the track fades at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.beliefs import Beliefs
from unsup_track_ros.tracking import motion_behind
from unsup_track_ros.tracking.free_space import judge_places
from unsup_track_ros.tracking.motion_behind import HiddenMotionConfig
from unsup_track_ros.tracking.permanence import Recognition, Sightings, UnseenTracks, Whereabouts

_NS_PER_S: Final = 1e9
_PLANE: Final = np.array([0, 1, 3, 4])  # of the tracker's state: x, y and their velocities
_STANDS: Final = 0.3  # a prediction that likely, as a share of the likeliest place, is kept
_SMALLER: Final = np.log(4.0)  # a part that comes out first may be so much smaller than the whole
_SIZE_STD: Final = 0.35  # of the logarithm of a size, beyond that
_SPEED_STD_MPS: Final = 4.0  # of what moves on a street, whoever it is


class HiddenObjectsConfig(Config):
    """What becomes of tracks that nobody sees."""

    enabled: bool = parameter(
        True, "Believe in what is hidden: a track behind something lives on where it may be."
    )
    motion: HiddenMotionConfig = HiddenMotionConfig()
    min_seen_s: float = parameter(
        1.0,
        "What was seen for a shorter time coasts and fades: ghosts are not believed in.",
        unit="s",
        ge=0,
        tunable=True,
    )
    num_particles: int = parameter(192, "Places that each hidden object may be at.", ge=16)
    margin_m: float = parameter(
        0.4, "How far beyond an object a return must be to prove it absent, before it to hide it.",
        unit="m", gt=0,
    )  # fmt: skip
    free_rate_per_s: float = parameter(
        40.0, "How fast a place that the scan sees through is given up.", unit="1/s", gt=0,
        tunable=True,
    )  # fmt: skip
    open_rate_per_s: float = parameter(
        7.0, "How fast a place is given up that is neither hidden nor seen through.", unit="1/s",
        gt=0, tunable=True,
    )  # fmt: skip
    hidden_exposure: float = parameter(
        0.05, "Loss of existence while hidden, as a factor.", ge=0, le=1, tunable=True
    )
    free_exposure: float = parameter(
        3.0, "Loss of existence where every place is seen to be empty, as a factor.", ge=1,
        tunable=True,
    )  # fmt: skip
    place_std_m: float = parameter(
        0.25, "Standard deviation of a place that is found.", unit="m", gt=0, tunable=True
    )
    velocity_std_mps: float = parameter(
        1.5, "The same of a velocity that comes with a detection.", unit="m/s", gt=0, tunable=True
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Memory:
    """What is believed of N tracks: K particles each, see `motion_behind`."""

    ids: Int64[np.ndarray, " N"]
    particles: Float64[np.ndarray, "N K 6"]
    weights: Float64[np.ndarray, "N K"]
    seen_velocities: Float64[np.ndarray, "N 2"]
    sizes: Float64[np.ndarray, "N 3"]
    is_told: Bool[np.ndarray, " N"]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls, num: int) -> _Memory:
        return cls(
            ids=np.zeros(0, np.int64),
            particles=np.zeros((0, num, 6)),
            weights=np.zeros((0, num)),
            seen_velocities=np.zeros((0, 2)),
            sizes=np.zeros((0, 3)),
            is_told=np.zeros(0, bool),
        )

    def rows(self, chosen: np.ndarray) -> _Memory:
        return _Memory(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def with_others(self, other: _Memory) -> _Memory:
        both = {
            f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
            for f in fields(self)
        }
        return _Memory(**both).rows(np.argsort(both["ids"], kind="stable"))


class HiddenObjects:
    """Remembers where unseen tracks may be; answers the tracker's questions (`Permanence`).

    Draws depend on nothing but the stamp, so that equal input gives equal bytes and a run that was
    killed goes on as if it had not been.
    """

    def __init__(self, config: HiddenObjectsConfig) -> None:
        """Start without memories."""
        self._config = config
        self._ranges: Callable[[], RangeImage] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._memory = _Memory.empty(self._config.num_particles)
        self._stamp_ns = 0
        self._duration_s = 0.0  # of the latest step
        self._hidden_ids = np.zeros(0, np.int64)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on."""
        memory = {f.name: getattr(self._memory, f.name) for f in fields(self._memory)}
        return {
            **memory,
            "stamp_ns": np.array(self._stamp_ns),
            "duration_s": np.array(self._duration_s),
            "hidden_ids": self._hidden_ids,
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`."""
        self._memory = _Memory(**{f.name: state[f.name].copy() for f in fields(_Memory)})
        self._stamp_ns = int(state["stamp_ns"])
        self._duration_s = float(state["duration_s"])
        self._hidden_ids = state["hidden_ids"].copy()

    def look(self, ranges: Callable[[], RangeImage]) -> None:
        """Take what the current scan saw through, before the tracker's step; asked if needed."""
        self._ranges = ranges

    @property
    def beliefs(self) -> Beliefs:
        """What is believed of hidden tracks after the latest step."""
        memory = self._memory.rows(np.isin(self._memory.ids, self._hidden_ids))
        return Beliefs(
            stamp_ns=self._stamp_ns,
            ids=memory.ids,
            places_odom=memory.particles[..., :2].astype(np.float32),
            weights=memory.weights.astype(np.float32),
        )

    def recognise(self, ids: Int64[np.ndarray, " N"], sightings: Sightings) -> Recognition:
        """Return how well detections fit the hidden ones of these tracks."""
        self._memory = self._memory.rows(np.isin(self._memory.ids, ids))
        self._hidden_ids = np.zeros(0, np.int64)
        self._advance(sightings.stamp_ns)
        memory = self._memory.rows(self._memory.is_told)
        if not len(memory) or not len(sightings):
            return Recognition.none(len(sightings))
        likely = _kernels(memory, sightings, self._config)
        fit = memory.weights[:, None] * np.exp(likely)
        total = np.maximum(fit.sum(axis=2), 1e-300)
        states, covariances = _moments(memory.particles[:, None, :, :4], fit / total[..., None])
        return Recognition(
            ids=memory.ids,
            log_densities=np.log(total) + _size_fit(memory.sizes, sightings.boxes_odom[:, 3:6]),
            states_odom=states,
            covariances_odom=covariances,
        )

    def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
        """Return where each track is believed to be, and how much its absence means."""
        duration_s = self._advance(tracks.stamp_ns)
        told = Whereabouts.unknown(len(tracks))
        seen_s = (tracks.seen_ns - tracks.born_ns) / _NS_PER_S
        asked = np.flatnonzero(tracks.confirmed & (seen_s >= self._config.min_seen_s))
        self._memory = self._memory.rows(np.isin(self._memory.ids, tracks.ids[asked]))
        if self._ranges is None or not len(asked):
            return told
        new = asked[~np.isin(tracks.ids[asked], self._memory.ids)]
        self._memory = self._memory.with_others(self._begun(tracks, new))
        return self._weighed(tracks, asked, told, duration_s)

    def _advance(self, stamp_ns: int) -> float:
        """Move all that is remembered to a stamp; return the time since the step before."""
        duration_s = (stamp_ns - self._stamp_ns) / _NS_PER_S
        memory = self._memory
        if len(memory) and duration_s > 0:
            moved = motion_behind.advanced(
                *(memory.particles, memory.seen_velocities, memory.sizes[:, 0], duration_s),
                *(self._config.motion, _random(stamp_ns, 0)),
            )
            self._memory = replace(memory, particles=moved)
        if duration_s > 0:
            self._duration_s = duration_s if self._stamp_ns else 0.0
        self._stamp_ns = stamp_ns
        return self._duration_s

    def _begun(self, tracks: UnseenTracks, rows: np.ndarray) -> _Memory:
        """Return what is believed of tracks at first: what the tracker predicts of them."""
        num = self._config.num_particles
        planar = tracks.state_covariances_odom[rows][:, _PLANE[:, None], _PLANE]
        velocities = tracks.velocities_odom[rows, :2]
        means = np.concatenate([tracks.boxes_odom[rows, :2], velocities], axis=1)
        random = _random(tracks.stamp_ns, 1)
        return _Memory(
            ids=tracks.ids[rows],
            particles=motion_behind.first_particles(means, planar, num, random),
            weights=np.full((len(rows), num), 1.0 / num),
            seen_velocities=velocities,
            sizes=tracks.boxes_odom[rows, 3:6],
            is_told=np.zeros(len(rows), bool),
        )

    def _weighed(
        self, tracks: UnseenTracks, asked: np.ndarray, told: Whereabouts, duration_s: float
    ) -> Whereabouts:
        """Let the scan testify, and say what is left."""
        config, memory = self._config, self._memory
        assert self._ranges is not None
        free, hidden = judge_places(
            self._ranges(),
            memory.particles[..., :2],
            tracks.boxes_odom[asked],
            tracks.odom_T_velo,
            config.margin_m,
        )
        refuted = (memory.weights * free).sum(1) >= 0.5
        rate = np.where(free, config.free_rate_per_s, config.open_rate_per_s)
        likelihood = np.exp(-np.where(hidden, 0.0, rate) * duration_s)
        exposure = np.where(free, config.free_exposure, 1.0)
        exposure = np.where(hidden, config.hidden_exposure, exposure)
        weights = memory.weights * likelihood
        weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)
        told.exposure[asked] = (weights * exposure).sum(1)
        is_hidden = (weights * hidden).sum(1) >= 0.5
        memory = replace(memory, weights=weights, is_told=memory.is_told | is_hidden | refuted)
        told.is_hidden[asked] = is_hidden
        self._tell(told, tracks, asked, memory)
        self._hidden_ids = memory.ids[is_hidden]
        self._memory = _resampled(memory)
        return told

    def _tell(
        self, told: Whereabouts, tracks: UnseenTracks, asked: np.ndarray, memory: _Memory
    ) -> None:
        """Write the likeliest place of each, and how unsure it is, in place.

        The motion model is right until it is refuted: where the prediction is about as likely as
        any place it stands, since the likeliest of many guesses is noisier than a good prediction.
        """
        rows = np.flatnonzero(memory.is_told)
        to = asked[rows]
        expected = np.concatenate([tracks.boxes_odom[to, :2], tracks.velocities_odom[to, :2]], 1)
        states, covariances = _likeliest(memory.rows(rows), expected, self._config.place_std_m)
        told.states_odom[to] = np.concatenate(
            [tracks.boxes_odom[to, :3], tracks.velocities_odom[to]], axis=1
        )
        told.states_odom[to[:, None], _PLANE] = states
        whole = np.zeros((len(to), 6, 6))
        for axis in (2, 5):  # nobody told anything of the height
            whole[:, axis, axis] = tracks.state_covariances_odom[to, axis, axis]
        whole[:, _PLANE[:, None], _PLANE] = covariances
        told.covariances_odom[to] = whole


def _random(stamp_ns: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([stamp_ns, purpose])


def _variances_m2(memory: _Memory, place_std_m: float) -> Float64[np.ndarray, " N"]:
    """Return the variance with which particles make the density of what is found.

    A detected part may be off the centre of the whole, and few particles make a smooth density at
    Silverman's width (2-D): else the belief in what few of them do would be full of holes.
    """
    place = memory.particles[..., :2]
    centre = (memory.weights[..., None] * place).sum(1, keepdims=True)
    spread = (memory.weights * ((place - centre) ** 2).sum(-1)).sum(1) / 2.0
    smoothing = spread * memory.weights.shape[1] ** (-1.0 / 3.0)
    return np.asarray(place_std_m**2 + (0.25 * memory.sizes[:, 0]) ** 2 + smoothing)


def _kernels(
    memory: _Memory, sightings: Sightings, config: HiddenObjectsConfig
) -> Float64[np.ndarray, "N D K"]:
    """Return the log-density of each detection if the object were each of the particles.

    A velocity counts by how much better it fits than one of anybody on the street would.
    """
    variance = _variances_m2(memory, config.place_std_m)[:, None, None]
    gap = sightings.boxes_odom[None, :, None, :2] - memory.particles[:, None, :, :2]
    fit = -0.5 * (gap**2).sum(-1) / variance - np.log(2 * np.pi * variance)
    velocity = sightings.velocities_odom[:, :2]
    known = np.isfinite(velocity).all(axis=1)
    velocity = np.where(known[:, None], velocity, 0.0)
    apart = velocity[None, :, None] - memory.particles[:, None, :, 2:4]
    ours, anybody = config.velocity_std_mps, _SPEED_STD_MPS
    gain = -0.5 * (apart**2).sum(-1) / ours**2 + 2 * np.log(anybody / ours)
    gain = gain + 0.5 * (velocity**2).sum(1)[:, None] / anybody**2
    return np.asarray(fit + np.where(known[:, None], gain, 0.0))


def _size_fit(
    sizes: Float64[np.ndarray, "N 3"], found: Float64[np.ndarray, "D 3"]
) -> Float64[np.ndarray, "N D"]:
    """Return the logarithm of how well sizes fit: a part may be smaller, hardly anything larger."""
    ours = np.stack([sizes[:, :2].max(1), sizes[:, 2]], axis=1)
    theirs = np.stack([found[:, :2].max(1), found[:, 2]], axis=1)
    ratio = np.log(np.maximum(theirs, 0.05)) - np.log(np.maximum(ours, 0.05))[:, None]
    excess = np.maximum(np.maximum(ratio - 0.3, -_SMALLER - ratio), 0.0)
    return np.asarray(-0.5 * (excess**2).sum(2) / _SIZE_STD**2)


def _moments(particles: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of weighted particles along the axis before the last."""
    mean = (weights[..., None] * particles).sum(-2)
    gap = particles - mean[..., None, :]
    covariance = np.einsum("...k,...ki,...kj->...ij", weights, gap, gap)
    return mean, covariance + np.diag([0.02, 0.02, 0.1, 0.1])


def _likeliest(
    memory: _Memory, expected_odom: Float64[np.ndarray, "N 4"], place_std_m: float
) -> tuple[Float64[np.ndarray, "N 4"], Float64[np.ndarray, "N 4 4"]]:
    """Return the expected state or that around the densest place, and the belief's spread about it.

    The mean of all would not do: shadows widen with distance, and it would drift into the deep.

    Args:
        memory: What is believed.
        expected_odom: Place and velocity that the motion model predicts.
        place_std_m: Standard deviation of a place that is found.
    """
    variance = _variances_m2(memory, place_std_m)[:, None, None]
    # Axis by axis: sums over an axis of two are three times as slow.
    x, y = memory.particles[..., 0], memory.particles[..., 1]
    gap = (x[:, :, None] - x[:, None]) ** 2 + (y[:, :, None] - y[:, None]) ** 2
    near = np.exp(-0.5 * gap / variance)
    density = np.einsum("nkj,nj->nk", near, memory.weights)
    best = density.argmax(axis=1)
    local = near[np.arange(len(memory)), best] * memory.weights
    local = local / np.maximum(local.sum(1, keepdims=True), 1e-300)
    densest, _ = _moments(memory.particles[..., :4], local)
    gap = (x - expected_odom[:, :1]) ** 2 + (y - expected_odom[:, 1:2]) ** 2
    there = (np.exp(-0.5 * gap / variance[:, 0]) * memory.weights).sum(1)
    stands = there >= _STANDS * density.max(axis=1)
    states = np.where(stands[:, None], expected_odom, densest)
    means, covariances = _moments(memory.particles[..., :4], memory.weights)
    offset = means - states
    return states, covariances + offset[:, :, None] * offset[:, None]


def _resampled(memory: _Memory) -> _Memory:
    """Draw particles anew where most have lost their weight: at even steps of the weights."""
    num = memory.weights.shape[1]
    effective = 1.0 / np.maximum((memory.weights**2).sum(1), 1e-12)
    poor = np.flatnonzero(effective < 0.5 * num)
    if not len(poor):
        return memory
    steps = (np.arange(num) + 0.5) / num
    reached = np.cumsum(memory.weights[poor], axis=1)
    reached[:, -1] = 1.0
    chosen = (reached[:, None, :] < steps[:, None]).sum(axis=2)
    particles = memory.particles.copy()
    particles[poor] = np.take_along_axis(particles[poor], chosen[..., None], axis=1)
    weights = memory.weights.copy()
    weights[poor] = 1.0 / num
    return replace(memory, particles=particles, weights=weights)
