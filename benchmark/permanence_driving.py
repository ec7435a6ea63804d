# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Do pedestrians keep their identity behind parked vans? With a belief and without.

    python -m benchmark.permanence_driving [--drives N] [--running] [--longest-m L]

Detections are the true boxes of those with at least 5 returns, with 10 cm of noise; what moves
slower than 0.3 m/s is reported as standing, which starts no track.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict

import numpy as np

from unsup_track_ros.data.permanence.driving import (
    BEHAVIOURS,
    RUNNING_MPS,
    WALKING_MPS,
    DrivingFrame,
    driving_occlusion,
    hidden_spans,
)
from unsup_track_ros.evaluation.track_ap import TrackBoxes, track_average_precision
from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking.hidden_objects import HiddenObjects, HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

_MIN_POINTS = 5
_NOISE_M = 0.1
_STANDING_MPS = 0.3
_SPANS_S = {"0.5": (0.25, 0.75), "1": (0.75, 1.5), "2": (1.5, 3.0), "4": (3.0, 6.0)}
_START_NS = 1_700_000_000_000_000_000
_NEAR_M = 1.0


def main() -> None:
    """Print the share of occlusions that an identity survives, by length and behaviour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drives", type=int, default=60, help="drives per behaviour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--running", action="store_true", help="people run instead of walking")
    parser.add_argument("--shortest-m", type=float, default=0.8, help="shortest van")
    parser.add_argument("--longest-m", type=float, default=3.5, help="longest van")
    arguments = parser.parse_args()
    counts: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    tracks: dict[str, tuple[list[TrackBoxes], list[TrackBoxes]]] = defaultdict(lambda: ([], []))
    for behaviour in BEHAVIOURS:
        for drive in range(arguments.drives):
            rng = np.random.default_rng([arguments.seed, BEHAVIOURS.index(behaviour), drive])
            speeds_mps = RUNNING_MPS if arguments.running else WALKING_MPS
            lengths_m = (arguments.shortest_m, arguments.longest_m)
            drawn = driving_occlusion(behaviour, rng, speeds_mps=speeds_mps, lengths_m=lengths_m)
            frames = list(drawn)
            noise = rng.normal(0, _NOISE_M, (len(frames), len(frames[0].people_odom), 2))
            for name, permanence in (
                ("constant velocity", None),
                ("belief", HiddenObjects(HiddenObjectsConfig())),
            ):
                ids, answers = follow(frames, noise, permanence)
                for first, end in hidden_spans(_points(frames), _MIN_POINTS):
                    length = (end - first) / 10.0
                    for label, (low, high) in _SPANS_S.items():
                        if low <= length < high and ids[first - 1] >= 0:
                            counts[name, behaviour, label].append(ids[end] == ids[first - 1])
                key = f"{behaviour}-{drive}"
                tracks[name][0].extend(_truth_tracks(frames, key))
                tracks[name][1].extend(_answer_tracks(answers, key))
    for (name, way, label), kept in sorted(counts.items(), key=str):
        row = {"tracker": name, "behaviour": way, "hidden_s": label}
        _write(row | {"kept": int(sum(kept)), "of": len(kept)})
    for name, (truth, answered) in tracks.items():
        _write({"tracker": name, "track_ap": round(track_average_precision(truth, answered), 4)})


def _write(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")


def follow(
    frames: list[DrivingFrame], noise: np.ndarray, permanence: HiddenObjects | None
) -> tuple[list[int], list[dict[int, tuple[np.ndarray, float]]]]:
    """Track a drive; return the identity at the first person per frame (-1), and all boxes."""
    tracker = Tracker(TrackerConfig(), permanence)
    ids, answers = [], []
    for frame, offsets in zip(frames, noise, strict=True):
        if permanence is not None:
            permanence.look(frame.points_velo.astype(np.float32))
        tracks = tracker.step(_detections(frame, offsets), _egomotion(frame))
        gaps = np.linalg.norm(tracks.boxes_odom[:, :2] - frame.people_odom[0, :2], axis=1)
        hits = np.flatnonzero((tracks.detection_index >= 0) & (gaps < _NEAR_M))
        ids.append(int(tracks.ids[hits[gaps[hits].argmin()]]) if len(hits) else -1)
        rows = zip(tracks.ids, tracks.boxes_odom, tracks.existence, strict=True)
        answers.append({int(i): (box, float(score)) for i, box, score in rows})
    return ids, answers


def _detections(frame: DrivingFrame, offsets: np.ndarray) -> Detections:
    seen = frame.num_points >= _MIN_POINTS
    velo_T_odom = se3.inverse(frame.odom_T_velo)
    boxes = frame.people_odom[seen].copy()
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


def _points(frames: list[DrivingFrame]) -> np.ndarray:
    return np.array([frame.num_points[0] for frame in frames])


def _rectangle(box: np.ndarray) -> np.ndarray:
    half = np.array([0.5, 0.5])  # of a square around a person, whatever the yaw
    return np.concatenate([box[:2] - half, box[:2] + half])


def _truth_tracks(frames: list[DrivingFrame], video: str) -> list[TrackBoxes]:
    """Return the whole way of each person, hidden or not: permanence is what is scored."""
    num = len(frames[0].people_odom)
    return [
        TrackBoxes(
            video=video,
            frames=np.arange(len(frames)),
            boxes=np.stack([_rectangle(frame.people_odom[row]) for frame in frames]),
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
