# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whole objects from all that was seen of them: smoothed paths, one size, headings along the way.

A single scan shows a side or two of an object. Over a trajectory the sides add up: its size is a
high quantile of what was seen (LISO), its place in a frame follows from the face that was seen
there (`visible_extent`), its path is smoothed in closed form, and it faces the way it moves. Size,
heading and path need each other and are settled in a few rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.tracking import visible_extent
from unsup_track_ros.tracking.motion_model import POSITION, MotionModelConfig
from unsup_track_ros.tracking.smoothing import SmoothedPaths, smooth
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig


class TrajectoryConfig(Config):
    """How trajectories become whole objects."""

    motion: MotionModelConfig = parameter(MotionModelConfig(), "Motion of the objects.")
    extent: VisibleExtentConfig = parameter(VisibleExtentConfig(), "Partly visible objects.")
    size_quantile: float = parameter(
        0.8, "Quantile of the seen extents that is the size.", gt=0, le=1
    )
    min_facing: float = parameter(
        0.2,
        "A side counts as seen where the sensor stands this far beside it, as a share of distance.",
        ge=0,
        le=1,
    )
    min_sightings: int = parameter(3, "Frames that must show a side before its size counts.", ge=1)
    heading_speed_mps: float = parameter(
        0.7, "From this speed on an object faces the way it moves.", unit="m/s", gt=0
    )
    heading_window_s: float = parameter(
        1.0, "Time over which the headings of whole boxes are averaged.", unit="s", gt=0
    )
    min_straight_side_m: float = parameter(
        2.5, "Seen sides from this length on correct the heading.", unit="m", gt=0
    )
    max_correction_rad: float = parameter(
        0.2, "Sides that are turned further are something else.", unit="rad", ge=0
    )
    rounds: int = parameter(3, "How often size, heading and path are settled anew.", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sightings:
    """D detections of a recording, each of one trajectory, sorted by trajectory and frame.

    Attributes:
        trajectory: (D,) 0..N-1, ascending.
        frame: (D,) number of the frame.
        boxes_odom: (D, 7) what was seen.
    """

    trajectory: Int64[np.ndarray, " D"]
    frame: Int64[np.ndarray, " D"]
    boxes_odom: Float64[np.ndarray, "D 7"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectories:
    """N objects at F places in time each; the frames of object n are first[n] .. first[n] + F - 1.

    Attributes:
        first: (N,) number of the first frame.
        length: (N,) frames from the first to the last sighting; what follows is padding.
        boxes_odom: (N, F, 7) whole boxes.
        velocities_odom: (N, F, 3) m/s.
        position_covariances_odom: (N, F, 3, 3) m^2.
        velocity_covariances_odom: (N, F, 3, 3) m^2/s^2.
        seen: (N, F) the object was seen in this frame.
        heading_known: (N,) it moved enough to tell front from rear.
        size_seen: (N, 3) length, width and height were seen, not only a part of them.
    """

    first: Int64[np.ndarray, " N"]
    length: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N F 7"]
    velocities_odom: Float64[np.ndarray, "N F 3"]
    position_covariances_odom: Float64[np.ndarray, "N F 3 3"]
    velocity_covariances_odom: Float64[np.ndarray, "N F 3 3"]
    seen: Bool[np.ndarray, "N F"]
    heading_known: Bool[np.ndarray, " N"]
    size_seen: Bool[np.ndarray, "N 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """The sightings laid out in time: `row` and `place` say where sighting d belongs."""

    first: Int64[np.ndarray, " N"]
    length: Int64[np.ndarray, " N"]
    times_s: Float64[np.ndarray, "N F"]
    row: Int64[np.ndarray, " D"]
    place: Int64[np.ndarray, " D"]
    boxes_odom: Float64[np.ndarray, "D 7"]
    sensor_odom: Float64[np.ndarray, "D 3"]
    seen: Bool[np.ndarray, "N F"]


def complete(
    sightings: Sightings,
    times_s: Float64[np.ndarray, " T"],
    sensors_odom: Float64[np.ndarray, "T 3"],
    config: TrajectoryConfig,
    sizes: Float64[np.ndarray, "N 3"] | None = None,
) -> Trajectories:
    """Complete the objects of all trajectories.

    Args:
        sightings: What was seen.
        times_s: (T,) time of every frame of the recording.
        sensors_odom: (T, 3) where the LiDAR was.
        config: Parameters.
        sizes: (N, 3) sizes known from elsewhere, nan where the sightings shall tell.
    """
    problem = _laid_out(sightings, times_s, sensors_odom)
    row, place = problem.row, problem.place
    centre = problem.boxes_odom[:, :3]
    variance = np.tile(np.eye(3) * config.motion.position_std_m**2, (len(row), 1, 1))
    size, size_seen = np.zeros((len(problem.first), 3)), np.zeros((len(problem.first), 3), bool)
    for _ in range(config.rounds):
        paths = _smoothed(problem, centre, variance, config)
        yaw, heading_known = _headings(problem, paths, config)
        predicted = np.column_stack([paths.mean[row, place, :3], size[row], yaw[row, place]])
        extent = visible_extent.visible_extent(predicted, problem.boxes_odom)
        size, size_seen = _sizes(problem, predicted, extent, config)
        if sizes is not None:
            size = np.where(np.isfinite(sizes), sizes, size)
        predicted[:, 3:6] = size[row]
        measured = visible_extent.measure_centre(
            predicted,
            paths.covariance[row, place][:, POSITION, POSITION],
            extent,
            problem.sensor_odom,
            config.motion.position_std_m,
            config.extent,
        )
        odom_R = visible_extent.odom_R_axes(predicted)
        centre = predicted[:, :3] + np.einsum("dij,dj->di", odom_R, measured.innovation_axes)
        variance = np.einsum("dij,dj,dkj->dik", odom_R, measured.variance_axes, odom_R)
    paths = _smoothed(problem, centre, variance, config)
    yaw, heading_known = _headings(problem, paths, config)
    wide = np.broadcast_to(size[:, None], (*yaw.shape, 3))
    return Trajectories(
        first=problem.first,
        length=problem.length,
        boxes_odom=np.concatenate([paths.mean[..., :3], wide, yaw[..., None]], axis=-1),
        velocities_odom=paths.mean[..., 3:],
        position_covariances_odom=paths.covariance[..., :3, :3],
        velocity_covariances_odom=paths.covariance[..., 3:, 3:],
        seen=problem.seen,
        heading_known=heading_known,
        size_seen=size_seen,
    )


def _laid_out(
    sightings: Sightings,
    times_s: Float64[np.ndarray, " T"],
    sensors_odom: Float64[np.ndarray, "T 3"],
) -> _Problem:
    row = sightings.trajectory
    start = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.append(start, len(row))[1:] - 1
    first = sightings.frame[start]
    length = sightings.frame[last] - first + 1
    places = np.arange(int(length.max(initial=1)))
    frame = first[:, None] + np.minimum(places, length[:, None] - 1)
    place = sightings.frame - first[row]
    seen = np.zeros(frame.shape, bool)
    seen[row, place] = True
    return _Problem(
        first=first,
        length=length,
        times_s=times_s[frame],
        row=row,
        place=place,
        boxes_odom=sightings.boxes_odom,
        sensor_odom=sensors_odom[sightings.frame],
        seen=seen,
    )


def _smoothed(
    problem: _Problem,
    centre: Float64[np.ndarray, "D 3"],
    variance: Float64[np.ndarray, "D 3 3"],
    config: TrajectoryConfig,
) -> SmoothedPaths:
    positions = np.zeros((*problem.seen.shape, 3))
    variances = np.tile(np.eye(3), (*problem.seen.shape, 1, 1))
    positions[problem.row, problem.place] = centre
    variances[problem.row, problem.place] = variance
    return smooth(problem.times_s, positions, variances, problem.seen, config.motion)


def _headings(
    problem: _Problem, paths: SmoothedPaths, config: TrajectoryConfig
) -> tuple[Float64[np.ndarray, "N F"], Bool[np.ndarray, " N"]]:
    """Return the yaw at every place: the course where it moves, held where it stands.

    Whole boxes have a heading of their own, and that is averaged instead.
    """
    if config.extent.whole_boxes:
        return _averaged_headings(problem, config), np.ones(len(problem.first), bool)
    course = np.arctan2(paths.mean[..., 4], paths.mean[..., 3])
    speed = np.hypot(paths.mean[..., 3], paths.mean[..., 4])
    deviation = np.sqrt(paths.covariance[..., 3, 3] + paths.covariance[..., 4, 4])
    inside = np.arange(course.shape[1]) < problem.length[:, None]
    moves = inside & (speed >= config.heading_speed_mps) & (speed >= 2 * deviation)
    known = moves.any(axis=1)
    held = np.take_along_axis(course, _nearest(moves), axis=1)
    held = se3.wrap_angle_rad(held + _side_correction(problem, held, config)[:, None])
    return np.where(known[:, None], held, _box_yaw(problem)[:, None]), known


def _averaged_headings(problem: _Problem, config: TrajectoryConfig) -> Float64[np.ndarray, "N F"]:
    """Return the mean heading of the boxes around every place.

    Detectors mistake front for rear now and then: the axis is averaged as it repeats every half
    turn, and faces the way that most boxes of the trajectory around it do.
    """
    yaw = problem.boxes_odom[:, 6]
    step_s = np.diff(problem.times_s, axis=1)
    step_s = step_s[step_s > 0]
    half = round(config.heading_window_s / (2 * np.median(step_s))) if len(step_s) else 0
    place = np.arange(problem.seen.shape[1])
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, len(place))
    placed = np.zeros((*problem.seen.shape, 4))
    placed[problem.row, problem.place] = np.stack(
        [np.cos(2 * yaw), np.sin(2 * yaw), np.cos(yaw), np.sin(yaw)], axis=1
    )
    total = np.concatenate([np.zeros_like(placed[:, :1]), placed.cumsum(axis=1)], axis=1)
    mean = np.where(problem.seen[..., None], total[:, high] - total[:, low], 0.0)
    mean = np.take_along_axis(mean, _nearest(problem.seen)[..., None], axis=1)
    axis = np.arctan2(mean[..., 1], mean[..., 0]) / 2
    faces_back = np.cos(axis) * mean[..., 2] + np.sin(axis) * mean[..., 3] < 0
    return se3.wrap_angle_rad(axis + np.pi * faces_back)


def _side_correction(
    problem: _Problem, course: Float64[np.ndarray, "N F"], config: TrajectoryConfig
) -> Float64[np.ndarray, " N"]:
    """Return by how much long seen sides, which are straighter than a path, turn each heading."""
    row = problem.row
    offset = problem.boxes_odom[:, 6] - course[row, problem.place]
    offset -= np.round(offset / (np.pi / 2)) * (np.pi / 2)
    side_m = problem.boxes_odom[:, 3:5].max(axis=1)
    tells = (side_m >= config.min_straight_side_m) & (np.abs(offset) <= config.max_correction_rad)
    num = len(problem.first)
    weight = np.where(tells, side_m, 0.0)
    mean = np.bincount(row, weights=weight * offset, minlength=num)
    return mean / np.maximum(np.bincount(row, weights=weight, minlength=num), 1e-6)


def frames_to_sighting(trajectories: Trajectories) -> Int64[np.ndarray, "N F"]:
    """Return how many frames each place is away from the nearest sighting."""
    place = np.arange(trajectories.seen.shape[1])
    return np.abs(_nearest(trajectories.seen) - place)


def _nearest(holds: Bool[np.ndarray, "N F"]) -> Int64[np.ndarray, "N F"]:
    """Return for every place the nearest one in its row where something holds, 0 where nowhere."""
    place = np.arange(holds.shape[1])
    before = np.maximum.accumulate(np.where(holds, place, -1), axis=1)
    after = np.minimum.accumulate(np.where(holds, place, 2 * len(place))[:, ::-1], axis=1)[:, ::-1]
    to_before = np.where(before >= 0, place - before, 2 * len(place))
    nearest = np.where(to_before <= after - place, before, after)
    return np.where(np.any(holds, axis=1, keepdims=True), nearest, 0).astype(np.int64)


def _box_yaw(problem: _Problem) -> Float64[np.ndarray, " N"]:
    """Return the mean direction of the fitted boxes, which repeats every half turn."""
    num = len(problem.first)
    double = 2 * problem.boxes_odom[:, 6]
    weight = problem.boxes_odom[:, 3]  # the longer the seen side, the surer its direction
    sine = np.bincount(problem.row, weights=weight * np.sin(double), minlength=num)
    cosine = np.bincount(problem.row, weights=weight * np.cos(double), minlength=num)
    return se3.wrap_angle_rad(np.arctan2(sine, cosine) / 2)


def _sizes(
    problem: _Problem,
    predicted: Float64[np.ndarray, "D 7"],
    extent: tuple[Float64[np.ndarray, "D 3"], Float64[np.ndarray, "D 3"]],
    config: TrajectoryConfig,
) -> tuple[Float64[np.ndarray, "N 3"], Bool[np.ndarray, "N 3"]]:
    """Return the size of every object and which sides of it were really seen.

    From right behind a car its rear face says nothing about its length: only sightings from beside
    count for the length, and only those from ahead or behind for the width, where there are enough.
    """
    low, high = extent
    offset = problem.sensor_odom - predicted[:, :3]
    sensor = np.einsum("dji,dj->di", visible_extent.odom_R_axes(predicted), offset)
    distance = np.maximum(np.linalg.norm(sensor[:, :2], axis=1), 1e-6)
    facing = np.ones((len(predicted), 3))
    facing[:, 0] = np.abs(sensor[:, 1]) / distance
    facing[:, 1] = np.abs(sensor[:, 0]) / distance
    num = len(problem.first)
    sizes, seen = np.zeros((num, 3)), np.zeros((num, 3), bool)
    for axis in range(3):
        shows = facing[:, axis] >= config.min_facing
        count = np.bincount(problem.row, weights=shows, minlength=num)
        seen[:, axis] = count >= config.min_sightings
        used = shows | ~seen[problem.row, axis]
        sizes[:, axis] = _group_quantile(
            (high - low)[used, axis], problem.row[used], num, config.size_quantile
        )
    return sizes, seen


def _group_quantile(
    values: Float64[np.ndarray, " K"], group: Int64[np.ndarray, " K"], num: int, quantile: float
) -> Float64[np.ndarray, " N"]:
    """Return the quantile of the values of each of the groups 0..num-1; every group has some."""
    order = np.lexsort((values, group))
    count = np.bincount(group, minlength=num)
    start = np.cumsum(count) - count
    rank = start + np.round(quantile * (count - 1)).astype(np.int64)
    return np.asarray(values[order][rank])
