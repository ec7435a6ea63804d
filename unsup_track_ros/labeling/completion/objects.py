# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a stretch of recording: linked, completed, those in doubt named with the reason.

What moved is labelled with full weight. What never moved but is like something that did, parked
cars above all, is labelled with less: the movers of the same recording are the only teacher.
Everything else is no label at all, which does not make it background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.components import component_labels
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking.linking import link
from unsup_track_ros.tracking.size_prototypes import (
    SizePrototypeConfig,
    completed_sizes,
    is_like_any,
    prototypes_of,
)
from unsup_track_ros.tracking.tracker import TrackerConfig
from unsup_track_ros.tracking.trajectories import (
    Sightings,
    Trajectories,
    TrajectoryConfig,
    complete,
)

_STATIC_GAP_FRAMES = 3  # frames over which a standing thing may be hidden and is still the same
_MIN_WIDTH_M = 0.3  # thinner is measured too badly for a ratio
_PLAIN_SPEED_MPS = 1.0  # from here on motion is plain to see


class ObjectConfig(Config):
    """Which trajectories are believed, and how objects that never moved are found."""

    trajectory: TrajectoryConfig = TrajectoryConfig()
    prototypes: SizePrototypeConfig = SizePrototypeConfig()
    link_backward: bool = parameter(
        True, "Whether objects are also followed backward, from where they were seen moving."
    )
    min_travel_m: float = parameter(
        1.5, "Way that an object must have gone to be believed.", unit="m", ge=0
    )
    min_moving_sightings: int = parameter(3, "Frames in which it must have been seen moving.", ge=1)
    min_travel_lengths: float = parameter(
        0.5, "The same in lengths of the object: what is seen of it shifts as the ego passes.", ge=0
    )
    min_moving_share: float = parameter(
        0.5,
        "It must have been seen moving in this share of the frames in which its path moves.",
        ge=0,
        le=1,
    )
    max_length_m: float = parameter(20.0, "Longest object.", unit="m", gt=0)
    max_width_m: float = parameter(4.0, "Widest object.", unit="m", gt=0)
    max_aspect: float = parameter(8.0, "Largest ratio of length and width.", gt=1)
    static_weight: float = parameter(
        0.5, "Weight of what never moved but is like what did; 0 leaves it out.", ge=0, le=1
    )
    static_min_area_m2: float = parameter(
        3.0, "Smaller things look alike too often to be told by their size.", unit="m^2", ge=0
    )
    static_min_sightings: int = parameter(8, "Frames that must show it.", ge=1)
    static_link_m: float = parameter(
        0.6, "How far its visible part may seem to move between frames.", unit="m", gt=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """The objects of a stretch of recording.

    Attributes:
        trajectories: Their boxes over time.
        sighting_of: (D,) object of every detection of the stretch in a row, -1 for none.
        weights: (N,) 1 for what moved, less for what is only like it, 0 for what is in doubt.
        doubts: Why, one sentence, empty where there is none.
        mover: (N,) it was found by its motion; the others never moved.
        sightings: (N,) frames in which it was seen.
        moving_sightings: (N,) frames in which it was seen moving.
        travel_m: (N,) farthest it got from where it was first seen.
    """

    trajectories: Trajectories
    sighting_of: Int64[np.ndarray, " D"]
    weights: Float64[np.ndarray, " N"]
    doubts: tuple[str, ...]
    mover: Bool[np.ndarray, " N"]
    sightings: Int64[np.ndarray, " N"]
    moving_sightings: Int64[np.ndarray, " N"]
    travel_m: Float64[np.ndarray, " N"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """All detections of the stretch in a row, in odom."""

    frame: Int64[np.ndarray, " D"]
    boxes_odom: Float64[np.ndarray, "D 7"]
    motion: Int64[np.ndarray, " D"]
    num_points: Int64[np.ndarray, " D"]
    times_s: Float64[np.ndarray, " T"]
    sensors_odom: Float64[np.ndarray, "T 3"]


def find_objects(
    frames: Sequence[tuple[Detections, Egomotion]], config: ObjectConfig, tracker: TrackerConfig
) -> Objects | None:
    """Find the objects of frames that share one odom; None where nothing was seen moving."""
    scene = _scene(frames)
    linked = link(frames, tracker, backward=config.link_backward)
    num_movers = int(linked.max(initial=-1)) + 1
    if not num_movers:
        return None
    object_of = linked
    if config.static_weight > 0:
        still = _linked_standing(scene, linked < 0, config)
        object_of = np.where(still >= 0, num_movers + still, linked)
    counts = np.bincount(object_of[object_of >= 0])
    mover = np.arange(len(counts)) < num_movers
    seen_parts = _completed(scene, object_of, config, None)
    sizes, size_seen = seen_parts.boxes_odom[:, 0, 3:6], seen_parts.size_seen
    prototypes = prototypes_of(sizes[mover], size_seen[mover], counts[mover], config.prototypes)
    known = completed_sizes(sizes, size_seen, prototypes, config.prototypes)
    whole = _completed(scene, object_of, config, known)
    return _judged(scene, object_of, whole, mover, config)


def _scene(frames: Sequence[tuple[Detections, Egomotion]]) -> _Scene:
    poses = [_pose(egomotion) for _, egomotion in frames]
    sizes = [len(detections) for detections, _ in frames]
    stamps_ns = np.array([detections.stamp_ns for detections, _ in frames])
    return _Scene(
        frame=np.repeat(np.arange(len(frames)), sizes),
        boxes_odom=np.concatenate(
            [
                se3.transform_boxes(pose, detections.boxes_velo)
                for pose, (detections, _) in zip(poses, frames, strict=True)
            ]
        ),
        motion=np.concatenate([detections.motion for detections, _ in frames]),
        num_points=np.concatenate([detections.num_points for detections, _ in frames]),
        times_s=(stamps_ns - stamps_ns[0]) * 1e-9,
        sensors_odom=np.stack([pose[:3, 3] for pose in poses]),
    )


def _pose(egomotion: Egomotion) -> Float64[np.ndarray, "4 4"]:
    """Return the pose; a frame without one has no detections, so that any pose will do."""
    return np.eye(4) if egomotion.odom_T_velo1 is None else egomotion.odom_T_velo1


def _linked_standing(
    scene: _Scene, free: Bool[np.ndarray, " D"], config: ObjectConfig
) -> Int64[np.ndarray, " D"]:
    """Return the standing object 0..M-1 of every free detection, -1 for none.

    What stands is seen at the same place again; only its visible part changes as the ego passes.
    """
    object_of = np.full(len(free), -1, np.int64)
    row = np.flatnonzero(free & (scene.motion != MotionState.MOVING))
    if not len(row):
        return object_of
    pairs = cKDTree(scene.boxes_odom[row, :2]).query_pairs(
        config.static_link_m, output_type="ndarray"
    )
    apart = scene.frame[row[pairs[:, 1]]] - scene.frame[row[pairs[:, 0]]]
    pairs = pairs[(apart != 0) & (np.abs(apart) <= _STATIC_GAP_FRAMES)]
    component = component_labels(len(row), pairs[:, 0], pairs[:, 1])
    component = _largest_of_frame(component, scene, row)
    count = np.bincount(component, minlength=1)
    kept = np.flatnonzero(count >= config.static_min_sightings)
    kept = kept[kept > 0]
    number = np.full(len(count), -1, np.int64)
    number[kept] = np.arange(len(kept))
    object_of[row] = number[component]
    return object_of


def _largest_of_frame(
    component: Int64[np.ndarray, " K"], scene: _Scene, row: Int64[np.ndarray, " K"]
) -> Int64[np.ndarray, " K"]:
    """Keep the detection with the most points of each component in a frame; the others become 0."""
    order = np.lexsort((-scene.num_points[row], scene.frame[row], component))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(component[order]) != 0) | (np.diff(scene.frame[row][order]) != 0)
    kept = np.zeros(len(component), bool)
    kept[order[first]] = True
    return np.where(kept, component, 0)


def _completed(
    scene: _Scene,
    object_of: Int64[np.ndarray, " D"],
    config: ObjectConfig,
    sizes: Float64[np.ndarray, "N 3"] | None,
) -> Trajectories:
    row = _sighting_rows(scene, object_of)
    sightings = Sightings(
        trajectory=object_of[row], frame=scene.frame[row], boxes_odom=scene.boxes_odom[row]
    )
    return complete(sightings, scene.times_s, scene.sensors_odom, config.trajectory, sizes)


def _sighting_rows(scene: _Scene, object_of: Int64[np.ndarray, " D"]) -> Int64[np.ndarray, " K"]:
    row = np.flatnonzero(object_of >= 0)
    return np.asarray(row[np.lexsort((scene.frame[row], object_of[row]))])


def _judged(
    scene: _Scene,
    object_of: Int64[np.ndarray, " D"],
    whole: Trajectories,
    mover: Bool[np.ndarray, " N"],
    config: ObjectConfig,
) -> Objects:
    row = _sighting_rows(scene, object_of)
    owner, moving = object_of[row], scene.motion[row] == MotionState.MOVING
    num = len(mover)
    sightings = np.bincount(owner, minlength=num).astype(np.int64)
    moving_sightings = np.bincount(owner[moving], minlength=num).astype(np.int64)
    travel_m = _travel_m(whole)
    share = _moving_share(scene, row, owner, whole)
    doubts = _doubts(whole, mover, (travel_m, moving_sightings, share), config)
    sure = mover & np.array([not doubt for doubt in doubts], bool)
    sizes, size_seen = whole.boxes_odom[:, 0, 3:6], whole.size_seen
    teachers = prototypes_of(sizes[sure], size_seen[sure], sightings[sure], config.prototypes)
    static = ~mover & is_like_any(sizes, teachers, config.prototypes) & size_seen.all(axis=1)
    static &= sizes[:, 0] * sizes[:, 1] >= config.static_min_area_m2
    return Objects(
        trajectories=whole,
        sighting_of=object_of,
        weights=np.where(sure, 1.0, np.where(static, config.static_weight, 0.0)),
        doubts=doubts,
        mover=mover,
        sightings=sightings,
        moving_sightings=moving_sightings,
        travel_m=travel_m,
    )


def _doubts(
    whole: Trajectories,
    mover: Bool[np.ndarray, " N"],
    evidence: tuple[Float64[np.ndarray, " N"], Int64[np.ndarray, " N"], Float64[np.ndarray, " N"]],
    config: ObjectConfig,
) -> tuple[str, ...]:
    """Return the first reason to doubt each mover, by way, moving sightings, their share, shape."""
    travel_m, moving_sightings, moving_share = evidence
    length, width = whole.boxes_odom[:, 0, 3], whole.boxes_odom[:, 0, 4]
    reasons = (
        (
            travel_m < np.maximum(config.min_travel_m, config.min_travel_lengths * length),
            "It did not get far enough to be sure that it moved.",
        ),
        (
            moving_sightings < config.min_moving_sightings,
            "It was seen moving in too few frames.",
        ),
        (
            moving_share < config.min_moving_share,
            "Its path moves, but it was mostly not seen moving: it may be several things.",
        ),
        (
            (length > config.max_length_m)
            | (width > config.max_width_m)
            | (length > config.max_aspect * np.maximum(width, _MIN_WIDTH_M)),
            "It has no object's shape.",
        ),
    )
    return tuple(
        "" if not mover[n] else next((text for holds, text in reasons if holds[n]), "")
        for n in range(len(mover))
    )


def _travel_m(whole: Trajectories) -> Float64[np.ndarray, " N"]:
    inside = np.arange(whole.seen.shape[1]) < whole.length[:, None]
    way = np.linalg.norm(whole.boxes_odom[..., :2] - whole.boxes_odom[:, :1, :2], axis=-1)
    return np.asarray(np.max(way, axis=1, initial=0.0, where=inside))


def _moving_share(
    scene: _Scene,
    row: Int64[np.ndarray, " K"],
    owner: Int64[np.ndarray, " K"],
    whole: Trajectories,
) -> Float64[np.ndarray, " N"]:
    """Return in which share of the sightings that should show motion motion was seen."""
    velocity = whole.velocities_odom[owner, scene.frame[row] - whole.first[owner], :2]
    should = np.linalg.norm(velocity, axis=1) > _PLAIN_SPEED_MPS
    num = int(owner.max()) + 1
    seen = np.bincount(owner[should & (scene.motion[row] == MotionState.MOVING)], minlength=num)
    expected = np.bincount(owner[should], minlength=num)
    return np.where(expected > 0, seen / np.maximum(expected, 1), 1.0)
