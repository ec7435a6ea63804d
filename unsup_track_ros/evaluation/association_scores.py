# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""CLEAR MOT by py-motmetrics, HOTA and identity scores by TrackEval, on similarity matrices.

The referees are the published programs themselves; this module only lays out their input. It knows
no boxes: any similarity in [0, 1] will do (BEV IoU here, image IoU in the golden test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import motmetrics
import numpy as np
from trackeval.metrics import HOTA, Identity

from unsup_track_ros.shapes import Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssociationFrame:
    """Truth objects and tracks of one frame.

    Attributes:
        truth_ids: (M,) identities, unique within the frame.
        track_ids: (N,) identities, unique within the frame.
        similarity: (M, N) in [0, 1].
    """

    truth_ids: Int64[np.ndarray, " M"]
    track_ids: Int64[np.ndarray, " N"]
    similarity: Float64[np.ndarray, "M N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationScores:
    """Scores of one or several sequences; nan where there is nothing to divide by.

    Attributes:
        mota: 1 - (misses + false positives + switches) / truth objects; may be negative.
        motp_similarity: Mean similarity of the matches (py-motmetrics gives the mean distance,
            which is one minus this).
        num_switches: Identity switches.
        num_fragmentations: Times an object was lost and found again.
        num_misses: Truth objects without a track, over all frames.
        num_false_positives: Tracks without a truth object, over all frames.
        num_truth: Truth objects over all frames.
        hota: Mean over localisation thresholds 0.05 .. 0.95, as the two below.
        deta: Detection accuracy.
        assa: Association accuracy.
        idf1: Share of correctly identified detections at the similarity threshold.
    """

    mota: float
    motp_similarity: float
    num_switches: int
    num_fragmentations: int
    num_misses: int
    num_false_positives: int
    num_truth: int
    hota: float
    deta: float
    assa: float
    idf1: float


def score_associations(
    sequences: Sequence[Sequence[AssociationFrame]], min_similarity: float
) -> AssociationScores:
    """Score sequences together; identities of different sequences are unrelated.

    Args:
        sequences: One or more recordings, each in order of time.
        min_similarity: From here on a pair may match (CLEAR MOT and IDF1; HOTA has its own range).
    """
    clear = _clear_mot(sequences, min_similarity)
    prepared = [trackeval_data(frames) for frames in sequences]
    hota, identity = HOTA(), Identity({"THRESHOLD": min_similarity, "PRINT_CONFIG": False})
    hota_result = _combined(hota, prepared)
    identity_result = _combined(identity, prepared)
    return AssociationScores(
        mota=float(clear["mota"]),
        motp_similarity=1.0 - float(clear["motp"]),
        num_switches=int(clear["num_switches"]),
        num_fragmentations=int(clear["num_fragmentations"]),
        num_misses=int(clear["num_misses"]),
        num_false_positives=int(clear["num_false_positives"]),
        num_truth=int(clear["num_objects"]),
        hota=float(np.mean(hota_result["HOTA"])),
        deta=float(np.mean(hota_result["DetA"])),
        assa=float(np.mean(hota_result["AssA"])),
        idf1=float(identity_result["IDF1"]),
    )


def _clear_mot(
    sequences: Sequence[Sequence[AssociationFrame]], min_similarity: float
) -> dict[str, float]:
    accumulators = []
    for frames in sequences:
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for frame in frames:
            # py-motmetrics takes distances, nan where a pair must not match.
            allowed = frame.similarity >= min_similarity
            distance = np.where(allowed, 1.0 - frame.similarity, np.nan)
            accumulator.update(frame.truth_ids, frame.track_ids, distance)
        accumulators.append(accumulator)
    names = (
        "mota",
        "motp",
        "num_switches",
        "num_fragmentations",
        "num_misses",
        "num_false_positives",
        "num_objects",
    )
    # Division by zero objects or matches is nan there, which is what is wanted.
    with np.errstate(divide="ignore", invalid="ignore"):
        table = motmetrics.metrics.create().compute_many(
            accumulators, metrics=list(names), generate_overall=True
        )
    return {name: float(table.loc["OVERALL", name]) for name in names}


def trackeval_data(frames: Sequence[AssociationFrame]) -> dict[str, Any]:
    """Lay a sequence out as TrackEval's metrics take it."""
    truth_ids, num_truth_ids = _contiguous([frame.truth_ids for frame in frames])
    track_ids, num_track_ids = _contiguous([frame.track_ids for frame in frames])
    return {
        "gt_ids": truth_ids,
        "tracker_ids": track_ids,
        "similarity_scores": [frame.similarity for frame in frames],
        "num_gt_ids": num_truth_ids,
        "num_tracker_ids": num_track_ids,
        "num_gt_dets": sum(len(ids) for ids in truth_ids),
        "num_tracker_dets": sum(len(ids) for ids in track_ids),
        "num_timesteps": len(frames),
    }


def _contiguous(
    ids: Sequence[Int64[np.ndarray, " _"]],
) -> tuple[list[Int64[np.ndarray, " _"]], int]:
    """Rename identities to 0 .. count-1, as TrackEval indexes its tables with them."""
    names, renamed = np.unique(np.concatenate([*ids, np.zeros(0, np.int64)]), return_inverse=True)
    return np.split(renamed, np.cumsum([len(row) for row in ids])[:-1]), len(names)


def _combined(referee: HOTA | Identity, prepared: Sequence[dict[str, Any]]) -> dict[str, Any]:
    results = {str(number): referee.eval_sequence(data) for number, data in enumerate(prepared)}
    combined: dict[str, Any] = referee.combine_sequences(results)
    return combined
