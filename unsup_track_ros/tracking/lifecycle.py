# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Birth, confirmation, existence and death of tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.tracking.association import share_inside
from unsup_track_ros.tracking.track_store import TrackTable

NS_PER_S = 1e9
# How abruptly a detector loses objects with distance: 0.996 of the loss at half of the distance
# where it is half, 0.004 at twice that.
_RANGE_POWER = 8


class LifecycleConfig(Config):
    """When tracks are born, believed and given up; everything in seconds, nothing in frames."""

    birth_score: float = parameter(
        0.3, "Smallest score of a detection that starts a track.", ge=0, le=1, tunable=True
    )
    birth_existence: float = parameter(
        0.4, "Probability that the object of a first detection exists.", gt=0, lt=1, tunable=True
    )
    birth_overlap: float = parameter(
        0.3,
        "Share of a detection inside a matched track that keeps it from a birth.",
        gt=0,
        le=1,
        tunable=True,
    )
    hit_log_odds: float = parameter(
        1.0, "Gain of existence log-odds by a detection.", gt=0, tunable=True
    )
    score_log_odds: float = parameter(
        0.0,
        "Further gain by the log-odds of the detection's score, as a factor: 1 takes scores for "
        "probabilities, 0 for ranks.",
        ge=0,
        tunable=True,
    )
    miss_log_odds_per_s: float = parameter(
        3.0, "Loss of existence log-odds while not detected.", unit="1/s", gt=0, tunable=True
    )
    stopped_miss_log_odds_per_s: float = parameter(
        1.0,
        "The same for an object that stands: motion cannot find it again.",
        unit="1/s",
        gt=0,
        tunable=True,
    )
    miss_half_range_m: float = parameter(
        0.0,
        "Distance at which that loss is half and beyond which it vanishes, as detectors miss what "
        "is far away; 0: it is the same everywhere.",
        unit="m",
        ge=0,
        tunable=True,
    )
    stopped_speed_mps: float = parameter(
        0.5,
        "Below this speed an object that is not detected stands.",
        unit="m/s",
        ge=0,
        tunable=True,
    )
    stopped_deviations: float = parameter(
        0.0,
        "It also stands where its velocity, when last seen, was less than this many of its "
        "standard deviations.",
        ge=0,
        tunable=True,
    )
    max_existence: float = parameter(
        0.999, "Upper bound of the existence.", gt=0.5, lt=1, tunable=True
    )
    min_existence: float = parameter(
        0.1, "A track below this existence dies.", gt=0, lt=0.5, tunable=True
    )
    confirm_hits: int = parameter(3, "Detections that confirm a track.", ge=1, le=20)
    confirm_existence: float = parameter(
        1.0,
        "Existence from which a track is confirmed with fewer detections; 1 for never.",
        gt=0,
        le=1,
        tunable=True,
    )
    confirm_window_s: float = parameter(
        1.0, "Time within which these detections must fall.", unit="s", gt=0, tunable=True
    )
    tentative_coast_s: float = parameter(
        0.35, "Time after which an unconfirmed track dies undetected.", unit="s", gt=0, tunable=True
    )
    max_coast_s: float = parameter(
        10.0, "Time after which any track dies undetected.", unit="s", gt=0, tunable=True
    )
    duplicate_overlap: float = parameter(
        0.6,
        "Overlap (share of the smaller box) of two tracks of one object.",
        gt=0,
        le=1,
        tunable=True,
    )
    duplicate_speed_mps: float = parameter(
        3.0,
        "Largest difference of velocity of two tracks of one object.",
        unit="m/s",
        gt=0,
        tunable=True,
    )


def log_odds(probability: float) -> float:
    """Return ln(p / (1 - p))."""
    return float(np.log(probability) - np.log1p(-probability))


def standing(table: TrackTable, config: LifecycleConfig) -> Bool[np.ndarray, " N"]:
    """Tell which objects move slower than an observed motion would be found.

    Far away much of an estimated velocity is noise, and what stands would creep away while it is
    not seen: there the velocity must be significant, too.
    """
    speed = np.hypot(table.mean[:, 3], table.mean[:, 4])
    velocity, covariance = table.seen_mean[:, 3:5], table.seen_covariance[:, 3:5, 3:5]
    scaled = np.linalg.solve(covariance, velocity[:, :, None])[:, :, 0]
    squared = np.sum(velocity * scaled, axis=1)
    return np.asarray((speed < config.stopped_speed_mps) | (squared < config.stopped_deviations**2))


def score_gain(
    scores: Float64[np.ndarray, " N"], config: LifecycleConfig
) -> Float64[np.ndarray, " N"]:
    """Return the gain of existence log-odds that scores give beside that of any detection."""
    likely = np.clip(scores, 1.0 - config.max_existence, config.max_existence)
    return np.asarray(config.score_log_odds * (np.log(likely) - np.log1p(-likely)))


def observe(
    table: TrackTable,
    hit_scores: Float64[np.ndarray, " N"],
    exposure: Float64[np.ndarray, " N"],
    stamp_ns: int,
    duration_s: float,
    config: LifecycleConfig,
) -> TrackTable:
    """Count a detection or the time without one, and confirm what has enough of them.

    Args:
        table: Tracks.
        hit_scores: Score of the detection of each track, nan for none.
        exposure: How much not being detected counts against each, 1 as without knowledge (see
            `permanence`).
        stamp_ns: Now.
        duration_s: Time since the last step.
        config: Parameters.
    """
    hit = np.isfinite(hit_scores)
    miss_rate = np.where(
        standing(table, config), config.stopped_miss_log_odds_per_s, config.miss_log_odds_per_s
    )
    gain = config.hit_log_odds + score_gain(np.where(hit, hit_scores, 0.5), config)
    change = np.where(hit, gain, -miss_rate * exposure * duration_s)
    odds = np.minimum(table.log_odds + change, log_odds(config.max_existence))
    shifted = np.concatenate([table.hit_ns[:, 1:], np.full((len(table), 1), stamp_ns)], 1)
    hit_ns = np.where(hit[:, None], shifted, table.hit_ns)
    return replace(
        table,
        log_odds=odds,
        hit_ns=hit_ns,
        seen_ns=np.where(hit, stamp_ns, table.seen_ns),
        confirmed=table.confirmed
        | (hit & _has_enough_hits(hit_ns, stamp_ns, config))
        | (hit & is_sure(odds, config)),
    )


def first_hits(num: int, stamp_ns: int, config: LifecycleConfig) -> np.ndarray:
    """Return the (num, H) stamps of tracks detected once, unused places far in the past."""
    hit_ns = np.full((num, config.confirm_hits), np.iinfo(np.int64).min // 2, np.int64)
    hit_ns[:, -1] = stamp_ns
    return hit_ns


def exposure_by_range(
    distances_m: Float64[np.ndarray, " N"], config: LifecycleConfig
) -> Float64[np.ndarray, " N"]:
    """Return how much not being detected counts at these distances from the sensor."""
    if config.miss_half_range_m == 0:
        return np.ones(len(distances_m))
    return np.asarray(1.0 / (1.0 + (distances_m / config.miss_half_range_m) ** _RANGE_POWER))


def is_sure(odds: Float64[np.ndarray, " N"], config: LifecycleConfig) -> Bool[np.ndarray, " N"]:
    """Tell which log-odds of existence confirm a track whatever its detections."""
    if config.confirm_existence >= 1.0:
        return np.zeros(len(odds), bool)
    return np.asarray(odds >= log_odds(config.confirm_existence))


def _has_enough_hits(
    hit_ns: np.ndarray, stamp_ns: int, config: LifecycleConfig
) -> Bool[np.ndarray, " N"]:
    return np.asarray(stamp_ns - hit_ns[:, 0] <= config.confirm_window_s * NS_PER_S)


def alive(table: TrackTable, stamp_ns: int, config: LifecycleConfig) -> Bool[np.ndarray, " N"]:
    """Tell which tracks go on living."""
    unseen_s = (stamp_ns - table.seen_ns) / NS_PER_S
    longest_s = np.where(table.confirmed, config.max_coast_s, config.tentative_coast_s)
    return np.asarray((table.log_odds >= log_odds(config.min_existence)) & (unseen_s <= longest_s))


def duplicates(table: TrackTable, config: LifecycleConfig) -> Bool[np.ndarray, " N"]:
    """Tell which tracks follow an object that a better track follows.

    Two upright solids cannot share most of their ground: tracks that do, at the same velocity, are
    fragments of one object. The confirmed one stays, among equals the older one, so that the ID
    that was published first is kept. Different velocities are an object passing behind another.
    """
    boxes = table.boxes_odom
    share = share_inside(boxes, boxes)
    age_rank = np.argsort(np.lexsort((table.ids, ~table.confirmed)))
    row, other = np.nonzero(np.maximum(share, share.T) >= config.duplicate_overlap)
    relative_mps = np.linalg.norm(table.mean[row, 3:5] - table.mean[other, 3:5], axis=-1)
    is_worse = (age_rank[row] < age_rank[other]) & (relative_mps <= config.duplicate_speed_mps)
    found = np.zeros(len(table), bool)
    found[other[is_worse]] = True
    return found


def existence(table: TrackTable) -> Float64[np.ndarray, " N"]:
    """Return the probability that each object is real."""
    return np.asarray(1.0 / (1.0 + np.exp(-table.log_odds)))
