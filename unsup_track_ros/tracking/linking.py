# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which detections of a whole recording are one object: the tracker, run forward and backward.

The causal tracker finds an object at its first motion and loses it at its end. Run backward in time
it finds the same object earlier: where it still stood, or was too far away to be seen moving. Both
ways together, joined by the detections they share, are one trajectory (LISO's association).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.components import component_labels
from unsup_track_ros.shapes import Bool, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

MIN_SHARED = 2  # detections that make two tracks one object
_MAX_CONFLICTS = 2  # frames in which tracks of one object may disagree on its detection

Frames = Sequence[tuple[Detections, Egomotion]]


def link(
    frames: Frames, config: TrackerConfig, *, backward: bool = True
) -> Int64[np.ndarray, " D"]:
    """Return the trajectory 0..N-1 of every detection of all frames in a row, -1 for none.

    Trajectories are numbered by their first frame; each has at most one detection in a frame.

    Args:
        frames: Detections and poses, in order of time.
        config: The tracker.
        backward: Whether it also runs backward.
    """
    forward = _track(frames, config)
    reverse = _track(_mirrored(frames), config) if backward else forward[::-1]
    sizes = [len(detections) for detections, _ in frames]
    forward_of = np.concatenate([*forward, np.zeros(0, np.int64)])
    backward_of = np.concatenate([*reverse[::-1], np.zeros(0, np.int64)])
    frame_of = np.repeat(np.arange(len(sizes)), sizes)
    joined = _joined(forward_of, backward_of, frame_of)
    return _numbered(_one_per_frame(joined, forward_of >= 0, frame_of))


def _track(frames: Frames, config: TrackerConfig) -> list[Int64[np.ndarray, " D"]]:
    """Return the track of every detection of every frame, -1 where it confirmed none."""
    tracker = Tracker(config)
    answers: list[np.ndarray] = []
    confirmed: set[int] = set()
    for detections, egomotion in frames:
        tracks = tracker.step(detections, egomotion)
        track_of = np.full(len(detections), -1, np.int64)
        seen = tracks.detection_index >= 0
        track_of[tracks.detection_index[seen]] = tracks.ids[seen]
        answers.append(track_of)
        confirmed.update(tracks.ids[tracks.states != TrackState.TENTATIVE].tolist())
    known = np.array(sorted(confirmed), np.int64)
    return [np.where(np.isin(track_of, known), track_of, -1) for track_of in answers]


def _mirrored(frames: Frames) -> list[tuple[Detections, Egomotion]]:
    """Return the frames as seen when time runs backward: what drives forward reverses."""
    if not frames:
        return []
    total_ns = frames[0][0].stamp_ns + frames[-1][0].stamp_ns
    mirrored = []
    for detections, egomotion in reversed(frames):
        stamp_ns = total_ns - detections.stamp_ns
        boxes_velo = detections.boxes_velo.copy()
        boxes_velo[:, 6] = se3.wrap_angle_rad(boxes_velo[:, 6] + np.pi * detections.heading_known)
        mirrored.append(
            (
                replace(
                    detections,
                    stamp_ns=stamp_ns,
                    boxes_velo=boxes_velo,
                    velocities_velo=-detections.velocities_velo,
                ),
                replace(egomotion, stamp1_ns=stamp_ns),
            )
        )
    return mirrored


def _joined(
    forward_of: Int64[np.ndarray, " D"],
    backward_of: Int64[np.ndarray, " D"],
    frame_of: Int64[np.ndarray, " D"],
) -> Int64[np.ndarray, " D"]:
    """Return the object of each detection, from tracks of both directions that share detections."""
    num_forward = int(forward_of.max(initial=0)) + 1
    num = num_forward + int(backward_of.max(initial=0)) + 1
    both = (forward_of >= 0) & (backward_of >= 0)
    pairs, count = np.unique(
        np.stack([forward_of[both], backward_of[both]], axis=1), axis=0, return_counts=True
    )
    strong = count >= MIN_SHARED
    pairs, count = pairs[strong], count[strong]
    best = _is_best(pairs[:, 0], count) | _is_best(pairs[:, 1], count)
    start, end = pairs[best, 0], num_forward + pairs[best, 1]
    label = component_labels(num, start, end)
    object_of = np.where(forward_of >= 0, label[forward_of], 0)
    object_of = np.where(
        (forward_of < 0) & (backward_of >= 0), label[num_forward + backward_of], object_of
    )
    # Where tracks that were joined are seen apart, one of them went astray: part them again.
    astray = _conflicting(forward_of, object_of, frame_of)[object_of]
    own = int(label.max(initial=0)) + 1 + forward_of
    return np.where(astray, np.where(forward_of >= 0, own, 0), object_of) - 1


def _is_best(group: Int64[np.ndarray, " K"], count: Int64[np.ndarray, " K"]) -> np.ndarray:
    """Tell which pairs share the most detections among those of the same track."""
    most = np.zeros(int(group.max(initial=0)) + 1, np.int64)
    np.maximum.at(most, group, count)
    return np.asarray(count == most[group])


def _conflicting(
    forward_of: Int64[np.ndarray, " D"],
    object_of: Int64[np.ndarray, " D"],
    frame_of: Int64[np.ndarray, " D"],
) -> Bool[np.ndarray, " O"]:
    """Tell which objects have several forward tracks in more frames than chance explains."""
    seen = (forward_of >= 0) & (object_of > 0)
    pairs, count = np.unique(
        np.stack([object_of[seen], frame_of[seen]], axis=1), axis=0, return_counts=True
    )
    num = int(object_of.max(initial=0)) + 1
    return np.bincount(pairs[count > 1, 0], minlength=num) > _MAX_CONFLICTS


def _one_per_frame(
    object_of: Int64[np.ndarray, " D"],
    preferred: Bool[np.ndarray, " D"],
    frame_of: Int64[np.ndarray, " D"],
) -> Int64[np.ndarray, " D"]:
    """Keep one detection of each object in a frame: a forward track's, then the first."""
    order = np.lexsort((np.arange(len(object_of)), ~preferred, frame_of, object_of))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(object_of[order]) != 0) | (np.diff(frame_of[order]) != 0)
    kept = np.zeros(len(object_of), bool)
    kept[order[first]] = True
    return np.where(kept, object_of, -1)


def _numbered(object_of: Int64[np.ndarray, " D"]) -> Int64[np.ndarray, " D"]:
    """Renumber objects 0..N-1 in the order in which they appear."""
    seen = np.flatnonzero(object_of >= 0)
    objects, first, inverse = np.unique(object_of[seen], return_index=True, return_inverse=True)
    rank = np.empty(len(objects), np.int64)
    rank[np.argsort(first)] = np.arange(len(objects))
    numbered = np.full(len(object_of), -1, np.int64)
    numbered[seen] = rank[inverse]
    return numbered
