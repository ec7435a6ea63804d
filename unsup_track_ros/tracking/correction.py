# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Correction of tracks: extent and position, velocity and heading, filtered separately."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.tracking import motion_model, visible_extent
from unsup_track_ros.tracking.motion_model import POSITION, VELOCITY, MotionModelConfig
from unsup_track_ros.tracking.observation import Observation
from unsup_track_ros.tracking.permanence import Recognition, Whereabouts
from unsup_track_ros.tracking.track_store import TrackTable
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig

# Motion further off the length than this means that length and width, or front and rear, are mixed
# up. More than half a quarter turn, so that noise around 45 degrees does not turn a box to and fro.
_TURN_FROM_RAD = np.pi / 3
_NS_PER_S = 1e9
_PLANE = np.array([0, 1, 3, 4])  # of a state: x, y and their velocities

Extent = tuple[Float64[np.ndarray, "N 3"], Float64[np.ndarray, "N 3"]]


def joint_extent(
    boxes_odom: Float64[np.ndarray, "N 7"],
    detections_odom: Float64[np.ndarray, "D 7"],
    track_of_detection: Int64[np.ndarray, " D"],
) -> Extent:
    """Return lowest and highest coordinates of all that was seen of each track, in its axes.

    Tracks without a detection get infinities.
    """
    part = np.flatnonzero(track_of_detection >= 0)
    holder = track_of_detection[part]
    part_low, part_high = visible_extent.visible_extent(boxes_odom[holder], detections_odom[part])
    low, high = np.full((len(boxes_odom), 3), np.inf), np.full((len(boxes_odom), 3), -np.inf)
    np.minimum.at(low, holder, part_low)
    np.maximum.at(high, holder, part_high)
    return low, high


def correct_extent(
    table: TrackTable,
    extent: Extent,
    seen: Observation,
    noise_factors: Float64[np.ndarray, " N"],
    duration_s: float,
    configs: tuple[MotionModelConfig, VisibleExtentConfig],
) -> TrackTable:
    """Correct size, then position, by what was seen (see `visible_extent`).

    The size of whole boxes is left alone (see `whole_shape`).
    """
    motion, config = configs
    low, high = extent
    ages_s = (seen.stamp_ns - table.birth_ns) / _NS_PER_S
    boxes = table.boxes_odom
    size, shift = table.size, np.zeros_like(table.size)
    if not config.whole_boxes:
        size = visible_extent.follow_size(
            boxes, high - low, ages_s, seen.sensor_odom, duration_s, config
        )
        shift = visible_extent.growth_shift(boxes, extent, size, seen.sensor_odom)
    odom_R = visible_extent.odom_R_axes(boxes)
    boxes[:, :3] += np.einsum("nij,nj->ni", odom_R, shift)
    boxes[:, 3:6] = size
    centre = visible_extent.measure_centre(
        boxes,
        table.covariance[:, POSITION, POSITION],
        (low - shift, high - shift),
        seen.sensor_odom,
        motion.position_std_m * noise_factors,
        config,
    )
    innovation = np.einsum("nij,nj->ni", odom_R, centre.innovation_axes)
    predicted = np.concatenate([boxes[:, :3], table.mean[:, VELOCITY]], 1)
    mean, covariance = _filtered_through_gaps(
        replace(table, mean=predicted), boxes[:, :3] + innovation, seen.stamp_ns, motion
    )
    mean, covariance = motion_model.correct(
        mean,
        covariance,
        POSITION,
        innovation + (predicted[:, POSITION] - mean[:, POSITION]),
        np.einsum("nij,nj,nkj->nik", odom_R, centre.variance_axes, odom_R),
    )
    return replace(table, size=size, mean=mean, covariance=covariance)


def _filtered_through_gaps(
    table: TrackTable,
    measured_odom: Float64[np.ndarray, "N 3"],
    stamp_ns: int,
    config: MotionModelConfig,
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, "N 6 6"]]:
    """Return the predictions, those of tracks found again after a gap filtered anew through it."""
    gaps_s = (stamp_ns - table.seen_ns) / _NS_PER_S
    late = (gaps_s > config.reupdate_gap_s) & (config.reupdate_gap_s > 0)
    mean, covariance = table.mean.copy(), table.covariance.copy()
    if late.any():
        mean[late], covariance[late] = motion_model.reupdated(
            table.seen_mean[late],
            table.seen_covariance[late],
            gaps_s[late],
            measured_odom[late],
            config,
        )
    return mean, covariance


def correct_velocity(
    table: TrackTable, velocities_odom: Float64[np.ndarray, "N 3"], config: MotionModelConfig
) -> TrackTable:
    """Correct by measured velocities where there are any (nan: none)."""
    known = np.isfinite(velocities_odom).all(1)
    noise = np.broadcast_to(np.eye(3) * config.velocity_std_mps**2, (int(known.sum()), 3, 3))
    mean, covariance = table.mean.copy(), table.covariance.copy()
    innovation = velocities_odom[known] - mean[known, VELOCITY]
    mean[known], covariance[known] = motion_model.correct(
        mean[known], covariance[known], VELOCITY, innovation, noise
    )
    return replace(table, mean=mean, covariance=covariance)


def replaced_by_belief(table: TrackTable, told: Whereabouts) -> TrackTable:
    """Put unseen objects where they are believed to be, where anything is believed of them."""
    known = np.isfinite(told.states_odom).all(axis=1)
    mean, covariance = table.mean.copy(), table.covariance.copy()
    mean[known], covariance[known] = told.states_odom[known], told.covariances_odom[known]
    return replace(table, mean=mean, covariance=covariance)


def found_by_belief(
    table: TrackTable, detection_of_track: Int64[np.ndarray, " N"], recognition: Recognition
) -> TrackTable:
    """Put hidden tracks that were found to where they were believed to be, given that place."""
    rows = np.searchsorted(table.ids, recognition.ids)
    detection = detection_of_track[rows]
    believed = np.flatnonzero(detection >= 0)
    rows, detection = rows[believed], detection[believed]
    mean, covariance = table.mean.copy(), table.covariance.copy()
    mean[rows[:, None], _PLANE] = recognition.states_odom[believed, detection]
    covariance[rows[:, None, None], _PLANE[:, None], _PLANE] = recognition.covariances_odom[
        believed, detection
    ]
    return replace(table, mean=mean, covariance=covariance)


def correct_heading(
    table: TrackTable,
    measured_yaw_rad: Float64[np.ndarray, " N"],
    measured_known: Bool[np.ndarray, " N"],
    config: MotionModelConfig,
) -> TrackTable:
    """Correct by the yaw of the fitted boxes up to quarter turns, then by the direction of motion.

    The box of a part may be turned by a quarter, so it only refines; a reliable motion (see
    `motion_model.heading_of_motion`) decides which side is the front. A vehicle that reverses is
    therefore shown facing backwards.
    """
    yaw_std_rad = np.full(len(table), config.yaw_std_rad)
    refined = refine_heading(table, measured_yaw_rad, measured_known, yaw_std_rad)
    return _turn_to_motion(refined, config)


def turned_by(
    table: TrackTable, measured_yaw_rad: Float64[np.ndarray, " N"]
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Return how far measured headings are from the tracks', in radians and in quarter turns."""
    difference = se3.wrap_angle_rad(measured_yaw_rad - table.yaw_rad)
    return difference, np.round(difference / (np.pi / 2))


def refine_heading(
    table: TrackTable,
    measured_yaw_rad: Float64[np.ndarray, " N"],
    measured_known: Bool[np.ndarray, " N"],
    yaw_std_rad: Float64[np.ndarray, " N"],
) -> TrackTable:
    """Correct by measured headings up to quarter turns; the first known front is taken over."""
    difference, quarters = turned_by(table, measured_yaw_rad)
    fresh = measured_known & ~table.heading_known & (quarters % 2 == 0)
    yaw = table.yaw_rad + np.pi * (fresh & (quarters != 0))
    yaw, variance = motion_model.correct_yaw(
        yaw,
        table.yaw_variance,
        difference - quarters * (np.pi / 2),
        yaw_std_rad**2,
    )
    return replace(
        table, yaw_rad=yaw, yaw_variance=variance, heading_known=table.heading_known | fresh
    )


def _turn_to_motion(table: TrackTable, config: MotionModelConfig) -> TrackTable:
    heading, noise, moving = motion_model.heading_of_motion(table.mean, table.covariance, config)
    off = se3.wrap_angle_rad(heading - table.yaw_rad)
    quarters = np.where(moving & (np.abs(off) > _TURN_FROM_RAD), np.round(off / (np.pi / 2)), 0.0)
    yaw, variance = motion_model.correct_yaw(
        table.yaw_rad + quarters * (np.pi / 2),
        table.yaw_variance,
        off - quarters * (np.pi / 2),
        noise,
    )
    swapped = (quarters % 2 == 1)[:, None]
    return replace(
        table,
        size=np.where(swapped, table.size[:, [1, 0, 2]], table.size),
        yaw_rad=np.where(moving, yaw, table.yaw_rad),
        yaw_variance=np.where(moving, variance, table.yaw_variance),
        heading_known=table.heading_known | moving,
    )
