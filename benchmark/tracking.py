# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker alone on KITTI detections: scores, a plain tracker's, leave-one-out, and its speed.

    python -m benchmark.tracking KITTI_TRACKING --out docs/results/tracking_figures.md
    python -m benchmark.tracking KITTI_TRACKING --parts speed

KITTI_TRACKING holds detection/, calib/, oxts/ and label_02/ of the tracking benchmark. One set of
parameters serves all sequences. Leave-one-out chooses among a few alternatives by the MOTA of all
sequences but one, and scores that one with the choice: what is to be expected of others.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmark.plain_tracker import track_plainly
from benchmark.runs import say
from benchmark.tables import hardware, number, table
from unsup_track_ros.config import from_values
from unsup_track_ros.config.model import flatten
from unsup_track_ros.data.kitti.tracking_benchmark import KittiSequence, merged, open_sequence
from unsup_track_ros.data.kitti.tracking_files import detection_files, read_tracked_boxes
from unsup_track_ros.evaluation.kitti_rules import Space, counted_sequence, ruled_sequence
from unsup_track_ros.evaluation.kitti_tracking import (
    VOLUME_IOUS,
    ScoredSequence,
    evaluate_kitti_tracking,
)
from unsup_track_ros.evaluation.recall_averages import clear_scores, ranked
from unsup_track_ros.evaluation.report import EvaluationReport
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes
from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig
from unsup_track_ros.tracking.sequence_tracking import (
    SequenceTrackingConfig,
    track_offline,
    track_online,
)
from unsup_track_ros.tracking.tracker import Tracker

CLASSES: Final = ("Car", "Pedestrian")
MODES: Final = {"online": track_online, "offline": track_offline}
PARTS: Final = ("scores", "sure", "plain", "leave-one-out", "speed")
IMAGE_ROWS: Final = ("hota", "deta", "assa", "idf1", "mota", "motp", "num_switches")
VOLUME_ROWS: Final = (
    ("samota", 4),
    ("amota", 4),
    ("amotp", 4),
    ("mota", 4),
    ("motp", 4),
    ("recall", 4),
    ("precision", 4),
    ("num_switches", 0),
    ("num_fragmentations", 0),
    ("switches_per_1000_boxes", 2),
    ("mota_all", 4),
)
# What leave-one-out may choose: beside the default, how well boxes are measured, how far a detector
# sees, what counts as standing, and what is reported online.
ALTERNATIVES: Final[Mapping[str, Mapping[str, float]]] = {
    "default": {},
    "boxes measured to 0.15 m": {
        "tracker.motion.position_std_m": 0.15,
        "trajectories.motion.position_std_m": 0.15,
    },
    "boxes of all scores alike": {"tracker.motion.score_trust": 0.0},
    "moves however uncertain": {"tracker.lifecycle.stopped_deviations": 0.0},
    "detected up to 30 m": {"tracker.lifecycle.miss_half_range_m": 30.0},
    "reported from 0.98, gain 2": {"report_existence": 0.98, "length_gain": 2.0},
}
CUTS: Final = np.arange(3.0, 13.5, 1.5)
CHOICE_IOU: Final = 0.25
NUM_DETECTIONS: Final = (10, 30, 100, 300, 1000)
_SPEED_FRAMES, _SPEED_WARM_UP = 60, 20
_SPACING_M, _SPEED_MPS = 8.0, 8.0


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A sequence and what people labelled in it."""

    sequence: KittiSequence
    truth: TrackedBoxes


def read(folder: Path) -> list[Labelled]:
    """Read all sequences of a folder."""
    return [
        Labelled(
            sequence=open_sequence(name, files, folder / "calib", folder / "oxts"),
            truth=read_tracked_boxes(folder / "label_02" / f"{name}.txt"),
        )
        for name, files in detection_files(folder / "detection").items()
    ]


def tracked(
    sequence: KittiSequence, class_name: str, mode: str, config: SequenceTrackingConfig
) -> TrackedBoxes:
    """Track one class; the boxes are in the frame that the truth is in."""
    tracks = MODES[mode](sequence.frames(class_name), config)
    columns = (tracks.frames, tracks.ids, tracks.boxes_odom, tracks.confidences)
    results = sequence.results(class_name, *columns, is_detected=tracks.detected >= 0)
    return sequence.in_shared_frame(results)


def scores(labelled: Sequence[Labelled]) -> str:
    """Score both classes in both modes with the shipped parameters."""
    reports = {}
    for mode in MODES:
        answers = []
        for item in labelled:
            parts = [
                tracked(item.sequence, name, mode, ClassTrackingConfig().of(name))
                for name in item.sequence.detections
            ]
            answers.append(ScoredSequence(truth=item.truth, answer=merged(parts)))
        reports[mode] = evaluate_kitti_tracking(answers)
        say(f"{mode} scored")
    return "\n\n".join(f"### {name}s\n\n{_score_table(reports, name.lower())}" for name in CLASSES)


def _score_table(reports: Mapping[str, EvaluationReport], name: str) -> str:
    columns = [(mode, iou) for mode in reports for iou in VOLUME_IOUS]
    volume = [
        [
            row,
            *(
                number(reports[mode].value(f"volume.{name}.{row}@{iou:g}"), decimals)
                for mode, iou in columns
            ),
        ]
        for row, decimals in VOLUME_ROWS
    ]
    image = [
        [
            f"{mode}, {what}",
            *(
                number(report.value(f"{key}.{name}.{row}"), 0 if row == IMAGE_ROWS[-1] else 4)
                for row in IMAGE_ROWS
            ),
        ]
        for mode, report in reports.items()
        for what, key in (("as written", "image"), ("at the cut-off", "image_at_cut"))
    ]
    header = ["3-D IoU", *(f"{mode} {iou:g}" for mode, iou in columns)]
    return table(header, volume) + "\n\n" + table(["2-D, IoU 0.5", *IMAGE_ROWS], image)


def sure(labelled: Sequence[Labelled]) -> str:
    """Score what is written of both classes where only what is sure is."""
    rows = []
    iou, keys = f"{CHOICE_IOU:g}", ("hota", "idf1", "mota", "num_switches")
    for name, mode in itertools.product(CLASSES, MODES):
        config = ClassTrackingConfig().of(name).surely()
        answers = [
            ScoredSequence(truth=i.truth, answer=tracked(i.sequence, name, mode, config))
            for i in labelled
            if name in i.sequence.detections
        ]
        report = evaluate_kitti_tracking(answers, [name], volume_ious=(CHOICE_IOU,))
        key = name.lower()
        values = [number(report.value(f"volume.{key}.mota_all@{iou}"), 4)]
        values += [number(report.value(f"image.{key}.{k}"), 0 if "num" in k else 4) for k in keys]
        rows.append([f"{name}, {mode}", *values])
    header = ["only what is sure", f"MOTA, 3-D IoU {iou}", *(f"2-D {k}" for k in keys)]
    return table(header, rows)


def plain(labelled: Sequence[Labelled]) -> str:
    """Score the plain tracker on the same detections."""
    rows = []
    for name in CLASSES:
        answers = []
        for item in labelled:
            if name not in item.sequence.detections:
                continue
            tracks = track_plainly(item.sequence.frames(name))
            columns = (tracks.frames, tracks.ids, tracks.boxes_odom, tracks.confidences)
            results = item.sequence.results(name, *columns, is_detected=tracks.detected >= 0)
            answer = item.sequence.in_shared_frame(results)
            answers.append(ScoredSequence(truth=item.truth, answer=answer))
        report = evaluate_kitti_tracking(answers, [name])
        for iou in VOLUME_IOUS:
            values = (
                number(report.value(f"volume.{name.lower()}.{row}@{iou:g}"), decimals)
                for row, decimals in VOLUME_ROWS
            )
            rows.append([f"{name} {iou:g}", *values])
    return table(["plain tracker, 3-D IoU", *(row for row, _ in VOLUME_ROWS)], rows)


def leave_one_out(labelled: Sequence[Labelled]) -> str:
    """Score every sequence with what the others choose, cars only."""
    rows = []
    items = [item for item in labelled if "Car" in item.sequence.detections]
    for mode in MODES:
        answers, counts = {}, {}
        for name, values in ALTERNATIVES.items():
            shipped = flatten(ClassTrackingConfig().car)
            config = from_values(SequenceTrackingConfig, {**shipped, **values})
            answers[name] = [tracked(item.sequence, "Car", mode, config) for item in items]
            counts[name] = np.stack(
                [_counts(item.truth, x) for item, x in zip(items, answers[name], strict=True)]
            )
            say(f"{mode}, {name} tracked")
        chosen = [choice(counts, left_out) for left_out in range(len(items))]
        tuned = _pooled(items, answers["default"])
        left_out = _pooled(items, [answers[name][n] for n, name in enumerate(chosen)])
        rows += [[f"{mode}, shipped", *tuned], [f"{mode}, leave-one-out", *left_out]]
        chosen_text = "; ".join(
            f"{item.sequence.name} {name}" for item, name in zip(items, chosen, strict=True)
        )
        rows.append([f"chosen: {chosen_text}", "", "", ""])
    return table(["cars, 3-D IoU 0.25", "sAMOTA", "MOTA", "switches"], rows)


def _counts(truth: TrackedBoxes, answer: TrackedBoxes) -> np.ndarray:
    """Return errors and objects of a sequence at every cut-off of tracks, (C, 2)."""
    rows = []
    by_score = ranked(ruled_sequence(truth, answer, "Car", Space.VOLUME), answer)
    for cut in CUTS:
        frames = [f.with_tracks(by_score.scores_of(f.track_ids) >= cut) for f in by_score.frames]
        found = clear_scores([counted_sequence(frames, CHOICE_IOU)], CHOICE_IOU)
        errors = found.num_false_positives + found.num_misses + found.num_switches
        rows.append((errors, found.num_truth))
    return np.array(rows)


def choice(counts: Mapping[str, np.ndarray], left_out: int) -> str:
    """Return the alternative with the best MOTA over all sequences but one."""
    mota = {}
    for name, of_sequences in counts.items():
        errors, objects = np.delete(of_sequences, left_out, axis=0).sum(axis=0).T
        mota[name] = float((1 - errors / np.maximum(objects, 1)).max())
    return max(mota, key=lambda name: mota[name])


def _pooled(items: Sequence[Labelled], answers: Sequence[TrackedBoxes]) -> list[str]:
    report = evaluate_kitti_tracking(
        [ScoredSequence(truth=i.truth, answer=a) for i, a in zip(items, answers, strict=True)],
        ["Car"],
        volume_ious=(CHOICE_IOU,),
    )
    keys = (("samota", 4), ("mota", 4), ("num_switches", 0))
    return [number(report.value(f"volume.car.{key}@{CHOICE_IOU:g}"), n) for key, n in keys]


def speed(labelled: Sequence[Labelled]) -> str:
    """Time steps of the tracker: on the sequences, and by the number of detections."""
    real = []
    for item in labelled:
        for name in item.sequence.detections:
            frames = item.sequence.frames(name)
            real += _step_times_s(Tracker(ClassTrackingConfig().of(name).tracker), frames)
    rows = []
    for num in NUM_DETECTIONS:
        tracker = Tracker(ClassTrackingConfig().car.tracker)
        times = _step_times_s(tracker, crowd(num))[_SPEED_WARM_UP:]
        rows.append([str(num), number(1e3 * float(np.median(times)), 2)])
    median_ms = 1e3 * float(np.median(real))
    sentence = (
        f"On the sequences, a class at a time: {len(real)} steps, median {median_ms:.2f} ms "
        f"({1e3 / median_ms:.0f} frames/s), 95 %: {1e3 * np.quantile(real, 0.95):.2f} ms. "
        f"Load average when it was measured: {os.getloadavg()[0]:.1f}."
    )
    return sentence + "\n\n" + table(["detections and tracks in a frame", "median ms"], rows)


def _step_times_s(tracker: Tracker, frames: Sequence[tuple[Detections, Egomotion]]) -> list[float]:
    times = []
    for detections, egomotion in frames:
        start_s = time.perf_counter()
        tracker.step(detections, egomotion)
        times.append(time.perf_counter() - start_s)
    return times


def crowd(num: int) -> list[tuple[Detections, Egomotion]]:
    """Return frames of cars on a grid that all drive the same way, measured with noise."""
    random = np.random.default_rng(num)
    side = int(np.ceil(np.sqrt(num)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)[:num]
    frames = []
    for number_ in range(_SPEED_FRAMES):
        stamp_ns = 1_000_000_000 + number_ * 100_000_000
        boxes = np.tile([0.0, 0, 0, 4.2, 1.8, 1.5, 0], (num, 1))
        boxes[:, :2] = _SPACING_M * grid + random.normal(0, 0.1, (num, 2))
        boxes[:, 0] += _SPEED_MPS * 0.1 * number_
        detections = Detections(
            stamp_ns=stamp_ns,
            boxes_velo=boxes,
            scores=random.uniform(0.5, 1.0, num),
            velocities_velo=np.full((num, 3), np.nan),
            heading_known=np.ones(num, bool),
            motion=np.full(num, int(MotionState.MOVING)),
            num_points=np.zeros(num, np.int64),
            boxes_pix=np.full((num, 4), np.nan),
        )
        pose = Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=np.eye(4),
        )
        frames.append((detections, pose))
    return frames


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    labelled = read(arguments.data)
    run = {
        "scores": scores,
        "sure": sure,
        "plain": plain,
        "leave-one-out": leave_one_out,
        "speed": speed,
    }
    parts = [f"## {part.capitalize()}\n\n{run[part](labelled)}" for part in arguments.parts]
    text = "\n\n".join([*parts, f"Measured on {hardware('cpu')}"]) + "\n"
    say(text)
    if arguments.out is not None:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
