# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which detection belongs to which track: gating, cost, assignment, fragments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import box_iou
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking import visible_extent
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig

_WORTH = 4.0  # deviations, or costs of no overlap, that a pair may have and is still worth it


class AssociationConfig(Config):
    """When a detection may belong to a track."""

    min_ro_gdiou: float = parameter(
        -0.4,
        "Smallest Ro-GDIoU of track and detection in the first two stages.",
        ge=-3,
        le=1,
        tunable=True,
    )
    gate: float = parameter(
        4.0, "Largest distance in standard deviations of the prediction.", gt=0, tunable=True
    )
    max_distance_m: float = parameter(
        5.0, "Largest distance between prediction and measurement.", unit="m", gt=0, tunable=True
    )
    high_score: float = parameter(
        0.4,
        "Detections from this score on are assigned first, and to any track.",
        ge=0,
        le=1,
        tunable=True,
    )
    min_score: float = parameter(
        0.05, "Detections below this score are ignored.", ge=0, le=1, tunable=True
    )
    standing_speed_mps: float = parameter(
        1.5,
        "What is faster than this is not a cluster that stands.",
        unit="m/s",
        ge=0,
        tunable=True,
    )
    fragment_overlap: float = parameter(
        0.5,
        "Share of a detection inside a track's box that makes it a part of the track.",
        gt=0,
        le=1,
        tunable=True,
    )
    fragment_velocity_mps: float = parameter(
        1.5, "Largest difference of velocity between a part and its track.", unit="m/s", gt=0
    )
    emergences_per_m2: float = parameter(
        0.004,
        "Density at which objects nobody knows come out of hiding: a hidden track believed to be "
        "there more densely is found again.",
        unit="1/m^2",
        gt=0,
        tunable=True,
    )
    fragment_margin_m: float = parameter(
        0.3,
        "By how much a track's box is grown on each side before that.",
        unit="m",
        ge=0,
        tunable=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Pairs that pass the gates.

    Attributes:
        distance: (T, D) in standard deviations, infinite outside the gates.
        overlap_cost: (T, D) 1 - Ro-GDIoU, infinite outside the gates.
        recovery_cost: (T, D) of tracks that moved on unseen: both together, or by what is believed.
        believed: (T,) tracks of which something is believed.
        appearance_cost: (T, D) of looks, to be added to the others; less than 0 for what is alike.
    """

    distance: Float64[np.ndarray, "T D"]
    overlap_cost: Float64[np.ndarray, "T D"]
    recovery_cost: Float64[np.ndarray, "T D"]
    believed: Bool[np.ndarray, " T"]
    appearance_cost: Float64[np.ndarray, "T D"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """Answer of the association.

    Attributes:
        detection_of_track: (T,) main detection of each track, -1 for none.
        track_of_detection: (D,) track that each detection is main one or fragment of, else -1.
    """

    detection_of_track: Int64[np.ndarray, " T"]
    track_of_detection: Int64[np.ndarray, " D"]


def share_inside(
    inner: Float64[np.ndarray, "N 7"], outer: Float64[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return the share of each inner box that lies in each outer box, seen from above."""
    area = np.maximum(inner[:, 3] * inner[:, 4], 1e-9)
    return np.asarray(np.minimum(box_iou.bev_intersection(inner, outer) / area[:, None], 1.0))


def find_candidates(
    tracks_odom: Float64[np.ndarray, "T 7"],
    covariances_odom: Float64[np.ndarray, "T 3 3"],
    detections_odom: Float64[np.ndarray, "D 7"],
    sensor_odom: Float64[np.ndarray, " 3"],
    position_std_m: float,
    configs: tuple[AssociationConfig, VisibleExtentConfig],
) -> Candidates:
    """Gate all pairs by the distance between prediction and measured centre.

    The measured centre is that of the whole object (`visible_extent`), so that a fragment at the
    end of a truck is no distance from the truck.
    """
    config, extent_config = configs
    reach = 0.5 * np.linalg.norm(tracks_odom[:, 3:5], axis=1)[:, None]
    reach = reach + 0.5 * np.linalg.norm(detections_odom[:, 3:5], axis=1) + config.max_distance_m
    squared = np.square(tracks_odom[:, None, 0] - detections_odom[:, 0])
    squared += np.square(tracks_odom[:, None, 1] - detections_odom[:, 1])
    track, detection = np.nonzero(squared <= np.square(reach))
    predicted, detected = tracks_odom[track], detections_odom[detection]
    covariances = covariances_odom[track]
    centre = visible_extent.measure_centre(
        predicted,
        covariances,
        visible_extent.visible_extent(predicted, detected),
        sensor_odom,
        position_std_m,
        extent_config,
    )
    rotations = visible_extent.odom_R_axes(predicted)
    variance = (
        np.einsum("kji,kjl,kli->ki", rotations, covariances, rotations) + centre.variance_axes
    )
    innovation_squared = centre.innovation_axes**2
    deviations = np.sqrt(np.sum(innovation_squared / variance, 1))
    within = deviations <= config.gate
    within &= innovation_squared.sum(1) <= config.max_distance_m**2
    track, detection = track[within], detection[within]
    distance = np.full(squared.shape, np.inf)
    overlap_cost = np.full(squared.shape, np.inf)
    distance[track, detection] = deviations[within]
    overlap_cost[track, detection] = 1.0 - box_iou.ro_gdiou_pairs(
        predicted[within], detected[within]
    )
    return Candidates(
        distance=distance,
        overlap_cost=overlap_cost,
        recovery_cost=distance + overlap_cost,
        believed=np.zeros(len(tracks_odom), bool),
        appearance_cost=np.zeros(squared.shape),
    )


def without(candidates: Candidates, refused: Bool[np.ndarray, "T D"]) -> Candidates:
    """Return the candidates without some pairs."""
    return replace(
        candidates,
        distance=np.where(refused, np.inf, candidates.distance),
        overlap_cost=np.where(refused, np.inf, candidates.overlap_cost),
        recovery_cost=np.where(refused, np.inf, candidates.recovery_cost),
    )


def with_beliefs(
    candidates: Candidates,
    tracks: Int64[np.ndarray, " H"],
    log_densities: Float64[np.ndarray, "H D"],
    config: AssociationConfig,
) -> Candidates:
    """Return the candidates with hidden tracks to be found wherever they are believed to be.

    A pair costs what makes it as good as no pair where the belief is as thin as the density at
    which others come out. The belief alone decides: the box at its likeliest place is no reason to
    take what comes by there, nor is its distance one to refuse what comes out elsewhere.
    """
    cost = _WORTH + np.log(config.emergences_per_m2) - log_densities
    recovery, believed = candidates.recovery_cost.copy(), candidates.believed.copy()
    overlap = candidates.overlap_cost.copy()
    recovery[tracks] = np.where(cost < _WORTH, np.maximum(cost, 0.0), np.inf)
    overlap[tracks] = np.inf
    believed[tracks] = True
    return replace(candidates, overlap_cost=overlap, recovery_cost=recovery, believed=believed)


def _assign(
    cost: Float64[np.ndarray, "T D"],
    tracks: Int64[np.ndarray, " N"],
    detections: Int64[np.ndarray, " M"],
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    """Assign given rows and columns at least total cost (Hungarian).

    A pair is worth at most `_WORTH`: two bad pairs are no better than one good pair and two left
    alone. Else a splinter would be given to a truck so that the truck can be given to a splinter.
    """
    if not len(tracks) or not len(detections):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    part = np.minimum(cost[np.ix_(tracks, detections)] - _WORTH, 0.0)
    rows, columns = linear_sum_assignment(part)
    allowed = part[rows, columns] < 0
    return tracks[rows[allowed]], detections[columns[allowed]]


def associate(
    candidates: Candidates,
    inside: Float64[np.ndarray, "D T"],
    confirmed: Bool[np.ndarray, " T"],
    detections: tuple[Float64[np.ndarray, " D"], Int64[np.ndarray, " D"]],
    config: AssociationConfig,
) -> Assignment:
    """Assign detections to tracks in stages, then give fragments to the tracks they lie in.

    1. confirmed tracks and high scores, 2. confirmed tracks and low scores (ByteTrack), both by
    Ro-GDIoU; 3. confirmed tracks by distance and overlap, for what moved further than its own size
    while it was not seen (OC-SORT's recovery), hidden ones by what is believed of them, whether the
    detection moves or not; 4. tentative tracks and high scores alike, since
    their velocity is not known yet. The overlap breaks ties: a splinter inside a truck is at no
    distance from it, and must not be taken for the truck.

    Args:
        candidates: Gated pairs.
        inside: Share of each detection that lies in each predicted track, from `share_inside`.
        confirmed: Which tracks are confirmed.
        detections: Scores and values of `MotionState`: what does not move only goes on with
            confirmed tracks that it overlaps.
        config: Thresholds.
    """
    scores, motion = detections
    moving = motion == MotionState.MOVING
    # A fragment overlaps a long truck little; that it lies inside replaces the overlap.
    overlap_cost = candidates.overlap_cost + candidates.appearance_cost
    is_near = overlap_cost <= 1.0 - config.min_ro_gdiou
    is_part = np.greater_equal(inside.T, config.fragment_overlap)
    by_overlap = np.where(is_near | is_part, overlap_cost, np.inf)
    recovery_cost = candidates.recovery_cost + candidates.appearance_cost
    high = (scores >= config.high_score) & moving
    low = (scores >= config.min_score) & ~high
    detection_of_track = np.full(len(confirmed), -1, np.int64)
    track_of_detection = np.full(len(scores), -1, np.int64)
    stages = (
        (by_overlap, confirmed, high),
        (by_overlap, confirmed, low),
        (recovery_cost, confirmed, high),
        (recovery_cost, confirmed & candidates.believed, low),
        (recovery_cost, ~confirmed, high),
    )
    for cost, of_tracks, of_detections in stages:
        tracks = np.flatnonzero(of_tracks & (detection_of_track < 0))
        free = np.flatnonzero(of_detections & (track_of_detection < 0))
        rows, columns = _assign(cost, tracks, free)
        detection_of_track[rows], track_of_detection[columns] = columns, rows
    _attach_fragments(
        inside, scores >= config.min_score, detection_of_track, track_of_detection, config
    )
    return Assignment(detection_of_track=detection_of_track, track_of_detection=track_of_detection)


def agreeing(
    track_velocities: Float64[np.ndarray, "T 3"],
    detection_velocities: Float64[np.ndarray, "D 3"],
    config: AssociationConfig,
) -> Bool[np.ndarray, "D T"]:
    """Tell which detections do not move differently from a track; an unknown velocity agrees."""
    agree = np.ones((len(detection_velocities), len(track_velocities)), bool)
    known = np.flatnonzero(np.isfinite(detection_velocities[:, :2]).all(axis=1))
    apart = np.linalg.norm(
        detection_velocities[known, None, :2] - track_velocities[None, :, :2], axis=-1
    )
    agree[known] = apart <= config.fragment_velocity_mps
    return agree


def _attach_fragments(
    inside: Float64[np.ndarray, "D T"],
    eligible: Bool[np.ndarray, " D"],
    detection_of_track: Int64[np.ndarray, " T"],
    track_of_detection: Int64[np.ndarray, " D"],
    config: AssociationConfig,
) -> None:
    """Give free detections that lie in a matched track to that track, in place."""
    share = np.where(detection_of_track >= 0, inside, 0.0)
    if not share.size:
        return
    holder = np.argmax(share, 1)
    is_part = (track_of_detection < 0) & eligible & (share.max(1) >= config.fragment_overlap)
    track_of_detection[is_part] = holder[is_part]
