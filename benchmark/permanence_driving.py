# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Do people behind vans and cars behind trucks keep their identity? With a belief and without.

    python -m benchmark.permanence_driving [--seeds 101 102 103] [--drives N]

The time for which somebody is hidden is controlled: about 0.5, 1, 2 and 4 s, with and without a
change of motion meanwhile. Detections are the true boxes of those with at least 5 returns, with
10 cm of noise; what moves slower than 0.3 m/s is reported as standing, which starts no track.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from unsup_track_ros.data.permanence.driving import (
    BEHAVIOURS,
    MIN_POINTS,
    Behaviour,
    DrivingFrame,
    Who,
    driving_occlusion,
    hidden_spans,
)
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
_OFF_M = 2.0
_TRACKERS = ("constant velocity", "belief")


@dataclass(slots=True, eq=False)
class _Tally:
    """What happened on some drives with one tracker."""

    kept: list[bool] = field(default_factory=list)
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
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--drives", type=int, default=4, help="without change; half as many with")
    arguments = parser.parse_args()
    tallies: dict[tuple[str, ...], _Tally] = defaultdict(_Tally)
    for drive in _drives(arguments.seeds, arguments.drives):
        frames, noise = drive.frames()
        change = "goes on" if drive.behaviour == "goes on" else "changes"
        off = "straight way off by " + ("2 m or more" if _off_m(frames) >= _OFF_M else "less")
        for name in _TRACKERS:
            permanence = HiddenObjects(HiddenObjectsConfig()) if name == "belief" else None
            ids, answers = follow(frames, noise, permanence)
            for key in ((change,), (change, off), (drive.who, drive.behaviour)):
                tally = tallies[(name, f"{drive.hidden_s:g}", *key)]
                _count(tally, ids, frames, answers, str(drive))
    _print(tallies, sorted({key[2:] for key in tallies if key[2] in ("goes on", "changes")}))
    _print(tallies, [(who, way) for who in BEHAVIOURS for way in BEHAVIOURS[who]])


def _drives(seeds: list[int], num: int) -> Iterator[Drive]:
    for seed in seeds:
        for who, behaviours in BEHAVIOURS.items():
            for behaviour in behaviours:
                for hidden_s in _HIDDEN_S:
                    for number in range(num if behaviour == "goes on" else max(num // 2, 1)):
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
    if before >= 0:
        tally.kept.append(ids[end][0] == before)
        tally.taken += any(before in others[1:] for others in ids[first:])
    tally.truth.extend(_truth_tracks(frames, video))
    tally.answer.extend(_answer_tracks(answers, video))


def _print(tallies: dict[tuple[str, ...], _Tally], rows: list[tuple[str, ...]]) -> None:
    """Write a table: identities kept of all, identities taken by others, Track AP."""
    columns = [f"{hidden_s:g}" for hidden_s in _HIDDEN_S]
    sys.stdout.write("\n| | tracker | " + " | ".join(f"{c} s" for c in columns) + " |\n")
    sys.stdout.write("|---|---|" + "---|" * len(columns) + "\n")
    for row in rows:
        for name in _TRACKERS:
            cells = []
            for column in columns:
                tally = tallies[(name, column, *row)]
                score = track_average_precision(tally.truth, tally.answer)
                taken = f", {tally.taken} taken" if tally.taken else ""
                cells.append(f"{sum(tally.kept)} of {len(tally.kept)}{taken}; {score:.3f}")
            sys.stdout.write(f"| {', '.join(row)} | {name} | " + " | ".join(cells) + " |\n")


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
