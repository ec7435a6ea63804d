# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Do people behind vans and cars behind trucks keep their identity? With a belief and without.

    python -m benchmark.permanence_driving [--seeds 401 402 403] [--hidden-s 2] [--drives N]

The time for which somebody is hidden is controlled: about 0.5, 1, 2 and 4 s, with and without a
change of motion meanwhile, which takes the time that legs and brakes need. Detections are the true
boxes of those with at least 5 returns, with 10 cm of noise; what moves slower than 0.3 m/s is
reported as standing, which starts no track.

*Motion changes* is a property of the world, whatever a tracker makes of it: when the hidden one is
first seen again, its true place is 2 m or more from where its true velocity, when it was last seen,
would have brought it by then. 2 m is the distance within which the tracking benchmark of nuScenes
takes an answer for an object: there, going straight on is no longer an answer. Who does something
else behind the occluder and still comes out within 2 m (a walker who pauses for half a second)
*changes little*; that is a row of its own, and so are all who do something else, and those of
whom the straight way is off by 4 m or more.

Two trackers go straight on behind the occluder. *Constant velocity* is the tracker of the package
without beliefs: it keeps whom it does not see for three seconds, and where it looks for him grows
to 5 m at 2 s. *Plain* is that of Weng et al. (`plain_tracker`), kept as long, which looks where the
predicted box overlaps. The ratio of identities kept, belief over either, is given with the interval
that 95 % of bootstrap samples fall into: whole drives are drawn anew, the same for both trackers.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from benchmark.plain_tracker import track_plainly
from unsup_track_ros.data.permanence.driving import (
    MIN_POINTS,
    RATE_HZ,
    DrivingFrame,
    driving_occlusion,
    hidden_spans,
)
from unsup_track_ros.data.permanence.ways import BEHAVIOURS, Behaviour, Who, is_possible
from unsup_track_ros.evaluation.track_ap import TrackBoxes, track_average_precision
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking.hidden_objects import HiddenObjects, HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

_NOISE_M = 0.1
_STANDING_MPS = 0.3
_HIDDEN_S = (0.5, 1.0, 2.0, 4.0)
_START_NS = 1_700_000_000_000_000_000
_CHANGED_M = 2.0  # the distance within which nuScenes' tracking benchmark takes an answer
_CHANGED_MUCH_M = 4.0
_NUM_SAMPLES = 10_000  # of the bootstrap
_TRACKERS = ("plain", "constant velocity", "belief")
_PLAINLY_KEPT_S = 3.0
_ALL, _MUCH = "all who do something else", "motion changes, by 4 m or more"
_ROWS = ("goes on", "motion changes", _MUCH, "changes little", _ALL)


@dataclass(slots=True, eq=False)
class _Tally:
    """What happened on some drives with one tracker."""

    kept: list[bool] = field(default_factory=list)  # by drive
    taken: int = 0  # the identity went to somebody else
    truth: list[TrackBoxes] = field(default_factory=list)
    answer: list[TrackBoxes] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """Which drive: everything about it follows from this."""

    who: Who
    behaviour: Behaviour
    hidden_s: float
    seed: int
    number: int

    def frames(self) -> tuple[list[DrivingFrame], np.ndarray]:
        """Return the frames, and the noise of the detections of each frame."""
        kinds = list(BEHAVIOURS)
        which = [kinds.index(self.who), BEHAVIOURS[self.who].index(self.behaviour)]
        rng = np.random.default_rng([self.seed, *which, round(10 * self.hidden_s), self.number])
        frames = driving_occlusion(self.who, self.behaviour, self.hidden_s, rng)
        return frames, rng.normal(0, _NOISE_M, (len(frames), len(frames[0].boxes_odom), 2))


def main() -> None:
    """Print what identities survive, by how long somebody is hidden and what happens meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(401, 419)))
    parser.add_argument("--drives", type=int, default=2, help="of each way per world")
    parser.add_argument("--hidden-s", type=float, nargs="+", default=_HIDDEN_S, choices=_HIDDEN_S)
    arguments = parser.parse_args()
    tallies: dict[tuple[str, ...], _Tally] = defaultdict(_Tally)
    for drive in _drives(arguments.seeds, arguments.hidden_s, arguments.drives):
        frames, noise = drive.frames()
        rows = rows_of(drive.behaviour, frames)
        for name in _TRACKERS:
            ids, answers = _followed(name, frames, noise)
            for key in (*((row,) for row in rows), (drive.who, drive.behaviour)):
                tally = tallies[(name, f"{drive.hidden_s:g}", *key)]
                _count(tally, ids, frames, answers, str(drive))
    _print(tallies, [(row,) for row in _ROWS])
    for reference in _TRACKERS[:2]:
        _print_ratios(tallies, reference)
    _print(tallies, [(who, way) for who in BEHAVIOURS for way in BEHAVIOURS[who]])


def rows_of(behaviour: Behaviour, frames: list[DrivingFrame]) -> tuple[str, ...]:
    """Return the rows that a drive counts in; see the head of this module."""
    if behaviour == "goes on":
        return ("goes on",)
    off_m = _off_m(frames)
    if off_m < _CHANGED_M:
        return "changes little", _ALL
    return ("motion changes", _ALL) + ((_MUCH,) if off_m >= _CHANGED_MUCH_M else ())


def _drives(seeds: list[int], lengths_s: Sequence[float], num: int) -> Iterator[Drive]:
    for seed in seeds:
        for who, behaviours in BEHAVIOURS.items():
            for behaviour in behaviours:
                for hidden_s in (s for s in lengths_s if is_possible(who, behaviour, s)):
                    for number in range(num):
                        yield Drive(
                            who=who,
                            behaviour=behaviour,
                            hidden_s=hidden_s,
                            seed=seed,
                            number=number,
                        )


def _off_m(frames: list[DrivingFrame]) -> float:
    """Return how far from the straight way the hidden one comes out."""
    first, end = hidden_spans(np.array([frame.num_points[0] for frame in frames]))[0]
    before, after = frames[first - 1], frames[end]
    way = before.velocities_odom[0, :2] * (after.time_s - before.time_s)
    return float(np.linalg.norm(before.boxes_odom[0, :2] + way - after.boxes_odom[0, :2]))


def _count(
    tally: _Tally,
    ids: list[list[int]],
    frames: list[DrivingFrame],
    answers: list[dict[int, tuple[np.ndarray, float]]],
    video: str,
) -> None:
    """Add a drive to a tally."""
    first, end = hidden_spans(np.array([frame.num_points[0] for frame in frames]))[0]
    before = ids[first - 1][0]
    tally.kept.append(before >= 0 and ids[end][0] == before)
    tally.taken += before >= 0 and any(before in others[1:] for others in ids[first:])
    tally.truth.extend(_truth_tracks(frames, video))
    tally.answer.extend(_answer_tracks(answers, video))


def _print(tallies: dict[tuple[str, ...], _Tally], rows: list[tuple[str, ...]]) -> None:
    """Write a table: identities kept of all, identities taken by others, Track AP."""
    columns = sorted({key[1] for key in tallies}, key=float)
    sys.stdout.write("\n| | tracker | " + " | ".join(f"{c} s" for c in columns) + " |\n")
    sys.stdout.write("|---|---|" + "---|" * len(columns) + "\n")
    for row in rows:
        for name in _TRACKERS:
            cells = []
            for column in columns:
                tally = tallies[(name, column, *row)]
                if not tally.kept:
                    cells.append("nobody")
                    continue
                score = track_average_precision(tally.truth, tally.answer)
                taken = f", {tally.taken} taken" if tally.taken else ""
                cells.append(f"{sum(tally.kept)} of {len(tally.kept)}{taken}; {score:.3f}")
            sys.stdout.write(f"| {', '.join(row)} | {name} | " + " | ".join(cells) + " |\n")


def _print_ratios(tallies: dict[tuple[str, ...], _Tally], reference: str) -> None:
    """Write how many times as many identities are kept with the belief, with 95 % intervals."""
    columns = sorted({key[1] for key in tallies}, key=float)
    sys.stdout.write(f"\n| belief / {reference} | " + " | ".join(columns) + " |\n")
    sys.stdout.write("|---|" + "---|" * len(columns) + "\n")
    for row in _ROWS:
        cells = []
        for column in columns:
            kept = [tallies[(name, column, row)].kept for name in (reference, "belief")]
            ratio, low, high = kept_ratio(*(np.array(one, bool) for one in kept))
            cells.append(f"{ratio:.2f} ({low:.2f} to {high:.2f})")
        sys.stdout.write(f"| {row} | " + " | ".join(cells) + " |\n")


def kept_ratio(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Return how many times as many drives are kept, and the 95 % interval over drives.

    Args:
        before: Which drives the one tracker keeps the identity in.
        after: The same of the other. Infinite is the ratio where only this one keeps any, nan where
            neither does.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.float64(after.sum()) / before.sum()
        if not len(before) or not before.any():
            return float(ratio), np.nan, np.nan
        rng = np.random.default_rng(0)
        drawn = rng.integers(len(before), size=(_NUM_SAMPLES, len(before)))
        samples = after[drawn].sum(1) / before[drawn].sum(1)
    low, high = np.percentile(samples[np.isfinite(samples)], [2.5, 97.5])
    return float(ratio), float(low), float(high)


def _followed(
    name: str, frames: list[DrivingFrame], noise: np.ndarray
) -> tuple[list[list[int]], list[dict[int, tuple[np.ndarray, float]]]]:
    """Track a drive with a tracker of this name; see `follow`."""
    if name == "plain":
        return follow_plainly(frames, noise)
    return follow(frames, noise, HiddenObjects(HiddenObjectsConfig()) if name == "belief" else None)


def follow(
    frames: list[DrivingFrame], noise: np.ndarray, permanence: HiddenObjects | None
) -> tuple[list[list[int]], list[dict[int, tuple[np.ndarray, float]]]]:
    """Track a drive; return the identity at each of those in it per frame (-1), and all boxes."""
    tracker = Tracker(TrackerConfig(), permanence)
    ids, answers = [], []
    for frame, offsets in zip(frames, noise, strict=True):
        if permanence is not None:
            permanence.look(partial(RangeImage, frame.points_velo.astype(np.float32)))
        tracks = tracker.step(_detections(frame, offsets), _egomotion(frame))
        of_detection = np.full(len(frame.num_points), -1)
        hit = tracks.detection_index >= 0
        seen = np.flatnonzero(frame.num_points >= MIN_POINTS)
        of_detection[seen[tracks.detection_index[hit]]] = tracks.ids[hit]
        ids.append(of_detection.tolist())
        rows = zip(tracks.ids, tracks.boxes_odom, tracks.existence, strict=True)
        answers.append({int(i): (box, float(score)) for i, box, score in rows})
    return ids, answers


def follow_plainly(
    frames: list[DrivingFrame], noise: np.ndarray
) -> tuple[list[list[int]], list[dict[int, tuple[np.ndarray, float]]]]:
    """Track a drive with the plain tracker; see `follow`."""
    inputs = [
        (_detections(frame, offsets), _egomotion(frame))
        for frame, offsets in zip(frames, noise, strict=True)
    ]
    tracks = track_plainly(inputs, round(_PLAINLY_KEPT_S * RATE_HZ))
    ids = [[-1] * len(frame.num_points) for frame in frames]
    answers: list[dict[int, tuple[np.ndarray, float]]] = [{} for _ in frames]
    seen = [np.flatnonzero(frame.num_points >= MIN_POINTS) for frame in frames]
    columns = (tracks.frames, tracks.ids, tracks.boxes_odom, tracks.confidences, tracks.detected)
    for number, identity, box, score, detection in zip(*columns, strict=True):
        answers[number][int(identity)] = (box, float(score))
        if detection >= 0:
            ids[number][seen[number][detection]] = int(identity)
    return ids, answers


def _detections(frame: DrivingFrame, offsets: np.ndarray) -> Detections:
    seen = frame.num_points >= MIN_POINTS
    velo_T_odom = se3.inverse(frame.odom_T_velo)
    boxes = frame.boxes_odom[seen].copy()
    boxes[:, :2] += offsets[seen]
    speeds = np.linalg.norm(frame.velocities_odom[seen], axis=1)
    num = int(seen.sum())
    return Detections(
        stamp_ns=_stamp_ns(frame),
        boxes_velo=se3.transform_boxes(velo_T_odom, boxes),
        scores=np.full(num, 0.8),
        velocities_velo=np.full((num, 3), np.nan),
        heading_known=np.zeros(num, bool),
        motion=np.where(speeds > _STANDING_MPS, MotionState.MOVING, MotionState.STANDING).astype(
            np.int64
        ),
        num_points=frame.num_points[seen],
        boxes_pix=np.full((num, 4), np.nan),
    )


def _egomotion(frame: DrivingFrame) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=_stamp_ns(frame),
        odom_T_velo1=frame.odom_T_velo,
    )


def _stamp_ns(frame: DrivingFrame) -> int:
    return _START_NS + round(frame.time_s * 1e9)


def _rectangle(box: np.ndarray) -> np.ndarray:
    """Return the upright rectangle around a box seen from above; of people a square of 1 m."""
    cosine, sine = abs(np.cos(box[6])), abs(np.sin(box[6]))
    half = 0.5 * np.array([box[3] * cosine + box[4] * sine, box[3] * sine + box[4] * cosine])
    if max(box[3:5]) < 1.0:
        half = np.array([0.5, 0.5])
    return np.concatenate([box[:2] - half, box[:2] + half])


def _truth_tracks(frames: list[DrivingFrame], video: str) -> list[TrackBoxes]:
    """Return the whole way of each of those there, hidden or not: permanence is what is scored."""
    num = len(frames[0].boxes_odom)
    return [
        TrackBoxes(
            video=video,
            frames=np.arange(len(frames)),
            boxes=np.stack([_rectangle(frame.boxes_odom[row]) for frame in frames]),
        )
        for row in range(num)
    ]


def _answer_tracks(
    answers: list[dict[int, tuple[np.ndarray, float]]], video: str
) -> list[TrackBoxes]:
    by_id: dict[int, list[tuple[int, np.ndarray, float]]] = defaultdict(list)
    for index, frame in enumerate(answers):
        for identity, (box, score) in frame.items():
            by_id[identity].append((index, _rectangle(box), score))
    return [
        TrackBoxes(
            video=video,
            frames=np.array([row[0] for row in rows]),
            boxes=np.stack([row[1] for row in rows]),
            score=float(np.mean([row[2] for row in rows])),
        )
        for rows in by_id.values()
    ]


if __name__ == "__main__":
    main()
