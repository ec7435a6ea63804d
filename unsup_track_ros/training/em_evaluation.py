# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of one round of EM: the detector on recordings with truth, and the labels it learned from.

The detector that is scored is the bird's-eye-view network alone: one scan in, boxes out (SPECS
0.11). What it finds of objects that never moved is counted apart: they are nobody's label at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.detection import (
    IOU_THRESHOLDS,
    DetectionEvaluationConfig,
    evaluate_detection,
)
from unsup_track_ros.evaluation.pairing import LabelledTruth, pair_frames
from unsup_track_ros.evaluation.selection import Protocol, select_boxes
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.bev_inference import BevPredictor
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState, MotionStatus
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.training.scan_cache import CachedScan, ScanCache

Scores = dict[str, float | None]
_PARKED_IOU = 0.3
_PARKED_SCORE = 0.3  # a box of a lower score is no answer
SCORE_ROWS: Final = ("bev.all", "bev.moving", "perspective.all", "perspective.moving")
_VEHICLES = ("car", "van", "truck", "bus", "tram")


def detector_labels(
    scans: ScanCache, predictor: BevPredictor, num_views: int, progress: Progress
) -> list[FrameLabel]:
    """Run the detector over the cached scans of a recording."""
    labels = []
    indices = scans.indices
    for number, index in enumerate(indices):
        labels.append(_detector_label(scans.read(index), predictor, num_views))
        progress("detecting", number + 1, len(indices))
    return labels


def _detector_label(scan: CachedScan, predictor: BevPredictor, num_views: int) -> FrameLabel:
    boxes = predictor.predict(scan.points_bev, scan.intensity, num_views=num_views).boxes
    num = len(boxes.scores)
    velo_T_bev = se3.inverse(scan.bev_T_velo)
    flat = np.concatenate([boxes.velocities_bev, np.zeros((num, 1))], axis=1)
    nothing = np.zeros(0, bool)
    return FrameLabel(
        stamp_ns=scan.stamp_ns,
        index=scan.index,
        base_T_velo=scan.bev_T_velo,  # frames: only the turn to level is known of the mounting
        camera=scan.camera,
        cam_T_velo=scan.cam_T_velo,
        egomotion=Egomotion(
            status=EgomotionStatus.DEGENERATE,
            source=EgomotionSource.LIDAR,
            stamp0_ns=0,
            stamp1_ns=scan.stamp_ns,
            reason="A detector of single scans asks for no motion.",
        ),
        motion=MotionSegmentation(
            status=MotionStatus.NO_EGOMOTION,
            moving_points=nothing,
            judged_points=nothing,
            reason="A detector of single scans asks for no motion.",
        ),
        detections=Detections(
            stamp_ns=scan.stamp_ns,
            boxes_velo=se3.transform_boxes(velo_T_bev, boxes.boxes_bev),
            scores=boxes.scores,
            velocities_velo=flat @ velo_T_bev[:3, :3].T,
            heading_known=boxes.heading_known,
            motion=np.full(num, MotionState.UNSURE, np.int64),
            num_points=np.zeros(num, np.int64),
            boxes_pix=np.full((num, 4), np.nan),
        ),
        tracks=Tracks.none(scan.stamp_ns),
        grids=None,
    )


def detector_scores(labels: Iterable[FrameLabel], truths: Iterable[FrameTruth]) -> Scores:
    """Score boxes by TCR's protocol, all and moving objects, and count parked vehicles."""
    pairs = pair_frames(labels, truths).pairs
    if not pairs:
        return {}
    config = DetectionEvaluationConfig()
    wanted = tuple(f"detection.tcr.{row}." for row in SCORE_ROWS)
    found = {
        metric.key.removeprefix("detection.tcr."): metric.value
        for metric in evaluate_detection(pairs, config)
        if metric.key.startswith(wanted)
    }
    return found | parked_scores(pairs, config)


def parked_scores(pairs: Sequence[LabelledTruth], config: DetectionEvaluationConfig) -> Scores:
    """Count standing vehicles that a sure box covers with IoU 0.3 in the bird's-eye view."""
    num, hits = 0, 0
    for pair in pairs:
        if pair.truth.moving is None:
            return {"parked.recall": None, "parked.objects": None}
        boxes = select_boxes(
            pair, answered_boxes(pair.label, Answer.DETECTIONS), Protocol.TCR, config.selection
        )
        vehicle = np.array([name.lower() in _VEHICLES for name in pair.truth.classes], bool)
        wanted = (vehicle & ~pair.truth.moving)[boxes.truth_rows] & boxes.counts
        sure = boxes.detection_boxes_velo[boxes.scores >= _PARKED_SCORE]
        overlap = bev_iou(sure, boxes.truth_boxes_velo[wanted])
        num += int(wanted.sum())
        hits += int(np.sum(overlap.max(axis=0, initial=0.0) >= _PARKED_IOU))
    return {"parked.recall": hits / num if num else None, "parked.objects": float(num)}


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Average over recordings what all of them have; counts add up."""
    if not scores:
        return {}
    mean: Scores = {}
    for name in scores[0]:
        values = [value for one in scores if (value := one.get(name)) is not None]
        adds = name.endswith(("objects", "false_positives", "frames"))
        mean[name] = None if not values else float(np.sum(values) if adds else np.mean(values))
    return mean


def score_lines(scores: Mapping[str, float | None]) -> list[str]:
    """Return a table of average precision over IoU, a row per view and group of objects."""
    columns = [f"{iou:.1f}" for iou in IOU_THRESHOLDS]
    lines = ["| mAP at IoU | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for row in SCORE_ROWS:
        values = [scores.get(f"{row}.frame_mean_ap@{column}") for column in columns]
        cells = ["n/a" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines
