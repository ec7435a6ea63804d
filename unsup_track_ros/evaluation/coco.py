# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Average precision of boxes in images as COCO defines it, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unsup_track_ros.shapes import Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageBoxes:
    """Truth and answer of one image; boxes are left, top, right, bottom in pixels."""

    truth_boxes_px: Float64[np.ndarray, "M 4"]
    boxes_px: Float64[np.ndarray, "N 4"]
    scores: Float64[np.ndarray, " N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoScores:
    """Average precision; nan without truth.

    Attributes:
        ap: Mean over IoU 0.5, 0.55, ... 0.95.
        ap50: At IoU 0.5.
        ap75: At IoU 0.75.
        recall: Largest recall with 100 boxes an image, mean over the same IoU.
    """

    ap: float
    ap50: float
    ap75: float
    recall: float


def coco_scores(images: Sequence[ImageBoxes]) -> CocoScores:
    """Score boxes of one class over all images."""
    truth, answers = COCO(), []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        for box in _xywh(image.truth_boxes_px):
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": 1,
                 "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
        for box, score in zip(_xywh(image.boxes_px), image.scores.tolist(), strict=True):
            answers.append({"image_id": number, "category_id": 1, "bbox": box, "score": score})
    if not annotations:
        return CocoScores(ap=np.nan, ap50=np.nan, ap75=np.nan, recall=np.nan)
    if not answers:
        return CocoScores(ap=0.0, ap50=0.0, ap75=0.0, recall=0.0)
    truth.dataset = {
        "images": [{"id": number} for number in range(len(images))],
        "annotations": annotations,
        "categories": [{"id": 1}],
        "info": {},
    }
    # pycocotools prints its progress.
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        referee = COCOeval(truth, truth.loadRes(answers), "bbox")
        referee.evaluate()
        referee.accumulate()
        referee.summarize()
    ap, ap50, ap75, recall = (float(referee.stats[i]) for i in (0, 1, 2, 8))
    return CocoScores(ap=ap, ap50=ap50, ap75=ap75, recall=recall)


def _xywh(boxes: Float64[np.ndarray, "N 4"]) -> list[list[float]]:
    rows: list[list[float]] = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
    return rows
