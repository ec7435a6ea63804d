# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker alone, over a whole sequence of somebody's detections: online and with hindsight.

Online is the live tracker and what it would have published. Offline links detections with the
tracker run both ways, smooths the paths, fills the gaps and goes on a little beyond both ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from scipy.special import logit, xlogy

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.se3 import transform_boxes
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.tracking.lifecycle import NS_PER_S, exposure_by_range
from unsup_track_ros.tracking.linking import link
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig
from unsup_track_ros.tracking.trajectories import (
    Sightings,
    Trajectories,
    TrajectoryConfig,
    complete,
)

Frames = Sequence[tuple[Detections, Egomotion]]

_SURE: Final = 1e-3  # scores are taken to be this far from 0 and 1: nothing is surer by one frame
_MISSED: Final = 0.5  # exposure up to which a detector is expected to miss objects


class SequenceTrackingConfig(Config):
    """Parameters of tracking one class of objects through a sequence."""

    tracker: TrackerConfig = parameter(TrackerConfig(), "The tracker.")
    report_existence: float = parameter(
        0.9, "Existence from which a track is reported while it is not detected.", gt=0, le=1
    )
    report_confidence: float = parameter(
        -100.0, "Confidence from which tracks are reported (see `SequenceTracks`)."
    )
    sure_existence: float = parameter(
        0.999, "The same where only what is sure is reported (see `surely`).", gt=0, le=1
    )
    sure_confidence: float = parameter(
        4.0, "Confidence from which tracks are reported where only what is sure is."
    )
    length_gain: float = parameter(
        2.0, "Confidence that a track gains while the number of its detections grows e-fold.", ge=0
    )
    trajectories: TrajectoryConfig = parameter(TrajectoryConfig(), "Smoothing, offline only.")
    max_gap_s: float = parameter(
        1.0,
        "Offline: longer gaps are not filled; time where detectors miss objects counts less.",
        unit="s",
        ge=0,
    )
    extension_s: float = parameter(
        2.0,
        "Offline: time by which trajectories are extended where detectors miss objects.",
        unit="s",
        ge=0,
    )

    def surely(self) -> SequenceTrackingConfig:
        """Return the same for those who want one set of tracks instead of a ranking.

        Averages over recall ask for weak tracks, too, and rank them by their confidence; whoever
        takes all that is reported as it is, is served by what is sure at the time.
        """
        sure = {"report_existence": self.sure_existence, "report_confidence": self.sure_confidence}
        return self.model_copy(update=sure)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequenceTracks:
    """K boxes of tracks over a sequence, sorted by frame and identity.

    Attributes:
        frames: (K,) place in the sequence.
        ids: (K,) identity.
        boxes_odom: (K, 7).
        confidences: (K,) on the scale of log-odds. Offline: how sure the track is, by all of its
            detections. Online: what the box adds, so that the mean over the detections of a track
            is just that; for a box without a detection, the log-odds that the object exists.
        detected: (K,) row of the frame's detections that it goes with, -1 for none.
    """

    frames: Int64[np.ndarray, " K"]
    ids: Int64[np.ndarray, " K"]
    boxes_odom: Float64[np.ndarray, "K 7"]
    confidences: Float64[np.ndarray, " K"]
    detected: Int64[np.ndarray, " K"]

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, chosen: Bool[np.ndarray, " K"]) -> SequenceTracks:
        """Return the chosen boxes."""
        return SequenceTracks(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


def track_online(frames: Frames, config: SequenceTrackingConfig) -> SequenceTracks:
    """Track as the live pipeline does: no frame knows a later one.

    Reported are confirmed tracks that are detected, and those that are not for as long as they are
    believed to exist. The latter are worth what is left of that belief: they fill gaps, and rank
    behind what is seen.
    """
    tracker = Tracker(config.tracker)
    steps = [tracker.step(detections, egomotion) for detections, egomotion in frames]
    ids = _joined([step.ids for step in steps], np.int64)
    detected = _joined([step.detection_index for step in steps], np.int64)
    frame = np.repeat(np.arange(len(steps)), [len(step) for step in steps])
    state = _joined([step.states for step in steps], np.int64)
    existence = _joined([step.existence for step in steps], np.float64)
    running, added = _running_confidences(ids, _scores(frames, frame, detected), config)
    tracks = SequenceTracks(
        frames=frame,
        ids=ids,
        boxes_odom=np.concatenate([np.zeros((0, 7)), *(step.boxes_odom for step in steps)]),
        confidences=np.where(detected >= 0, added, _log_odds(existence)),
        detected=detected,
    )
    believed = (state == TrackState.COASTING) & (existence >= config.report_existence)
    reported = (state == TrackState.CONFIRMED) | believed
    return tracks.rows(reported & (running >= config.report_confidence))


def track_offline(frames: Frames, config: SequenceTrackingConfig) -> SequenceTracks:
    """Track with hindsight: both ways through time, smoothed, with gaps filled."""
    sizes = [len(detections) for detections, _ in frames]
    frame = np.repeat(np.arange(len(frames)), sizes)
    row = _joined([np.arange(size) for size in sizes], np.int64)
    trajectory = link(frames, config.tracker)
    boxes_odom, sensors_odom = _in_odom(frames)
    order = np.lexsort((frame, trajectory))[int((trajectory < 0).sum()) :]
    if not len(order):
        return _none()
    times_s = np.array([d.stamp_ns - frames[0][0].stamp_ns for d, _ in frames]) / NS_PER_S
    sightings = Sightings(
        trajectory=trajectory[order], frame=frame[order], boxes_odom=boxes_odom[order]
    )
    whole = complete(sightings, times_s, sensors_odom, config.trajectories)
    log_odds = _log_odds(_joined([detections.scores for detections, _ in frames], np.float64))
    confidence = _confidence(
        np.bincount(trajectory[order], weights=log_odds[order]),
        np.bincount(trajectory[order]),
        config,
    )
    detected = np.full(whole.seen.shape, -1, np.int64)
    place = frame[order] - whole.first[trajectory[order]]
    detected[trajectory[order], place] = row[order]
    inner = _filled(whole, times_s, sensors_odom, config, detected, confidence)
    outer = _extended(whole, times_s, sensors_odom, config, confidence)
    tracks = _sorted(inner, outer)
    return tracks.rows(tracks.confidences >= config.report_confidence)


def _filled(
    whole: Trajectories,
    times_s: Float64[np.ndarray, " T"],
    sensors_odom: Float64[np.ndarray, "T 3"],
    config: SequenceTrackingConfig,
    detected: Int64[np.ndarray, "N F"],
    confidence: Float64[np.ndarray, " N"],
) -> SequenceTracks:
    """Return the boxes from first to last sighting, those of long gaps left out."""
    place = np.arange(whole.seen.shape[1])
    inside = place < whole.length[:, None]
    frame = whole.first[:, None] + np.minimum(place, whole.length[:, None] - 1)
    before = np.maximum.accumulate(np.where(whole.seen, place, 0), axis=1)
    after = np.minimum.accumulate(
        np.where(whole.seen, place, whole.length[:, None] - 1)[:, ::-1], axis=1
    )[:, ::-1]
    gap_s = times_s[np.take_along_axis(frame, after, 1)]
    gap_s = gap_s - times_s[np.take_along_axis(frame, before, 1)]
    exposed_s = gap_s * _exposure(whole.boxes_odom, sensors_odom[frame], config)
    object_, at = np.nonzero(inside & (whole.seen | (exposed_s <= config.max_gap_s)))
    return SequenceTracks(
        frames=frame[object_, at],
        ids=object_ + 1,
        boxes_odom=whole.boxes_odom[object_, at],
        confidences=confidence[object_],
        detected=detected[object_, at],
    )


def _extended(
    whole: Trajectories,
    times_s: Float64[np.ndarray, " T"],
    sensors_odom: Float64[np.ndarray, "T 3"],
    config: SequenceTrackingConfig,
    confidence: Float64[np.ndarray, " N"],
) -> SequenceTracks:
    """Return boxes before the first and after the last sighting, where detectors miss objects."""
    parts = []
    last = whole.first + whole.length - 1
    for end, place, sign in ((whole.first, 0 * last, -1), (last, whole.length - 1, 1)):
        number = np.arange(len(end))
        reach = np.arange(1, len(times_s))
        frame = end[:, None] + sign * reach
        within = (frame >= 0) & (frame < len(times_s))
        frame = np.clip(frame, 0, len(times_s) - 1)
        away_s = times_s[frame] - times_s[end][:, None]
        within &= np.abs(away_s) <= config.extension_s
        boxes = np.repeat(whole.boxes_odom[number, place][:, None], len(reach), axis=1)
        boxes[..., :3] += whole.velocities_odom[number, place][:, None] * away_s[..., None]
        # As soon as the object would have been detected, it was not there.
        within &= _exposure(boxes, sensors_odom[frame], config) <= _MISSED
        kept = np.logical_and.accumulate(within, axis=1)
        object_, step = np.nonzero(kept)
        parts.append(
            SequenceTracks(
                frames=frame[object_, step],
                ids=object_ + 1,
                boxes_odom=boxes[object_, step],
                confidences=confidence[object_],
                detected=np.full(len(object_), -1, np.int64),
            )
        )
    return _sorted(*parts)


def _confidence(
    log_odds: Float64[np.ndarray, " K"],
    count: Float64[np.ndarray, " K"] | Int64[np.ndarray, " K"],
    config: SequenceTrackingConfig,
) -> Float64[np.ndarray, " K"]:
    """Return how sure a track is, from the sum of the log-odds of its detections and their number.

    Independent detections would add up, but those of one object share their errors: the mean
    counts, and a gain that grows with the logarithm of their number.
    """
    return np.asarray(log_odds / count + config.length_gain * np.log(count))


def _exposure(
    boxes_odom: Float64[np.ndarray, "*N 7"],
    sensors_odom: Float64[np.ndarray, "*N 3"],
    config: SequenceTrackingConfig,
) -> Float64[np.ndarray, "*N"]:
    """Return how much not being detected would count against objects at these places."""
    offset = boxes_odom[..., :2] - sensors_odom[..., :2]
    distances_m = np.hypot(offset[..., 0], offset[..., 1])
    exposure = exposure_by_range(distances_m.ravel(), config.tracker.lifecycle)
    return exposure.reshape(distances_m.shape)


def _scores(
    frames: Frames, frame: Int64[np.ndarray, " K"], detected: Int64[np.ndarray, " K"]
) -> Float64[np.ndarray, " K"]:
    """Return the log-odds of the detections that boxes go with, nan where there is none."""
    start = np.cumsum([0, *(len(detections) for detections, _ in frames)])
    log_odds = _log_odds(_joined([detections.scores for detections, _ in frames], np.float64))
    scores = np.full(len(frame), np.nan)
    hit = detected >= 0
    scores[hit] = log_odds[start[frame[hit]] + detected[hit]]
    return scores


def _running_confidences(
    ids: Int64[np.ndarray, " K"],
    scores: Float64[np.ndarray, " K"],
    config: SequenceTrackingConfig,
) -> tuple[Float64[np.ndarray, " K"], Float64[np.ndarray, " K"]]:
    """Return what is known of tracks by the scores (nan: none) of their boxes.

    Returns:
        The confidence of the track up to each box, and what each box adds: the mean of that over
        the detections of a track is its confidence.
    """
    order = np.argsort(ids, kind="stable")
    start = np.flatnonzero(np.diff(ids[order], prepend=-1))
    length = np.diff(np.append(start, len(ids)))
    hit = np.isfinite(scores[order])
    count = _cumulative(hit.astype(float), start, length)
    total = _cumulative(np.where(hit, scores[order], 0.0), start, length)
    running, added = np.empty(len(ids)), np.empty(len(ids))
    running[order] = _confidence(total, count, config)
    growth = xlogy(count, count) - xlogy(count - 1, count - 1)
    added[order] = np.where(hit, scores[order], 0.0) + config.length_gain * growth
    return running, added


def _cumulative(
    values: Float64[np.ndarray, " K"],
    start: Int64[np.ndarray, " G"],
    length: Int64[np.ndarray, " G"],
) -> Float64[np.ndarray, " K"]:
    """Return the running sum within each group."""
    total = np.cumsum(values)
    return np.asarray(total - np.repeat(total[start] - values[start], length))


def _in_odom(frames: Frames) -> tuple[Float64[np.ndarray, "D 7"], Float64[np.ndarray, "T 3"]]:
    """Return the boxes of all detections and where the sensor was; nan without a pose."""
    boxes, sensors = [np.zeros((0, 7))], np.full((len(frames), 3), np.nan)
    for number, (detections, egomotion) in enumerate(frames):
        odom_T_velo = egomotion.odom_T_velo1
        if odom_T_velo is None:
            boxes.append(np.full((len(detections), 7), np.nan))
            continue
        boxes.append(transform_boxes(odom_T_velo, detections.boxes_velo))
        sensors[number] = odom_T_velo[:3, 3]
    return np.concatenate(boxes), sensors


def _log_odds(scores: Float64[np.ndarray, " K"]) -> Float64[np.ndarray, " K"]:
    return np.asarray(logit(np.clip(scores, _SURE, 1 - _SURE)))


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([*parts, np.zeros(0, kind)])


def _sorted(*parts: SequenceTracks) -> SequenceTracks:
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(SequenceTracks)
    }
    order = np.lexsort((columns["ids"], columns["frames"]))
    return SequenceTracks(**{name: column[order] for name, column in columns.items()})


def _none() -> SequenceTracks:
    nothing = np.zeros(0, np.int64)
    return SequenceTracks(
        frames=nothing,
        ids=nothing,
        boxes_odom=np.zeros((0, 7)),
        confidences=np.zeros(0),
        detected=nothing,
    )
