# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""CLEAR MOT at one threshold of the score, and averaged over recall: MOTA, AMOTA, sAMOTA, AMOTP.

MOTA depends on where a tracker cuts off what it is not sure of. Weng et al. ("3D Multi-Object
Tracking: A Baseline and New Evaluation Metrics", IROS 2020) average over cut-offs instead: the
score of a track is the mean of the scores of its boxes, tracks below a threshold are dropped, and
L = 40 thresholds are chosen so that recall is 1/L, 2/L, ... 1. With G objects to be found,

    MOTA_r  = 1 - (FP_r + FN_r + IDS_r) / G                          AMOTA  = mean over r
    sMOTA_r = max(0, 1 - (FP_r + FN_r + IDS_r - (1 - r) G) / (r G))  sAMOTA = mean over r

Here sMOTA is also at most 1: dropping whole tracks, recall jumps over r, and what it gains by that
would otherwise hide false positives. A recall that the answer does not reach counts 0 in all
averages. Matching and counting are those of TrackEval, which prefers to keep a match of the last
frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from trackeval.metrics import CLEAR

from unsup_track_ros.evaluation.association_scores import AssociationFrame, trackeval_data
from unsup_track_ros.evaluation.kitti_rules import RuledFrame
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

NUM_RECALLS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankedSequence:
    """A sequence whose tracks can be cut off by their scores.

    Attributes:
        frames: All of them.
        track_ids: (T,) every track of the answer, ascending.
        track_scores: (T,) the mean score of its boxes.
    """

    frames: Sequence[RuledFrame]
    track_ids: Int64[np.ndarray, " T"]
    track_scores: Float64[np.ndarray, " T"]

    def scores_of(self, ids: Int64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
        """Return the scores of tracks."""
        return np.asarray(self.track_scores[np.searchsorted(self.track_ids, ids)])


def ranked(frames: Sequence[RuledFrame], answer: TrackedBoxes) -> RankedSequence:
    """Score the tracks of an answer by the mean of their boxes."""
    ids, track = np.unique(answer.ids, return_inverse=True)
    scores = np.bincount(track, weights=answer.scores) / np.bincount(track)
    return RankedSequence(frames=frames, track_ids=ids, track_scores=scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearScores:
    """CLEAR MOT over sequences.

    Attributes:
        mota: 1 - (false positives + misses + switches) / objects.
        motp: Mean IoU of the matches; 0 without any.
        recall: Share of the objects that were found.
        precision: Share of the answers that found one.
        num_switches: Identity switches.
        num_fragmentations: Times an object was lost and found again.
        num_misses: Objects not found.
        num_false_positives: Answers without an object.
        num_truth: Objects to be found, over all frames.
        num_answers: Answers that count, over all frames.
    """

    mota: float
    motp: float
    recall: float
    precision: float
    num_switches: int
    num_fragmentations: int
    num_misses: int
    num_false_positives: int
    num_truth: int
    num_answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAverages:
    """Averages over recall, and CLEAR MOT at the cut-off that serves MOTA best.

    Attributes:
        samota: Scaled AMOTA, see above.
        amota: Average MOTA.
        amotp: Average MOTP.
        best: CLEAR MOT at the best of the thresholds.
        best_threshold: Score from which tracks count there.
    """

    samota: float
    amota: float
    amotp: float
    best: ClearScores
    best_threshold: float


def clear_scores(
    sequences: Iterable[Sequence[AssociationFrame]], min_similarity: float
) -> ClearScores:
    """Count matches over sequences; identities of different sequences are unrelated."""
    referee = CLEAR({"THRESHOLD": min_similarity, "PRINT_CONFIG": False})
    results = {
        str(number): referee.eval_sequence(trackeval_data(frames))
        for number, frames in enumerate(sequences)
    }
    total: dict[str, Any] = referee.combine_sequences(results)
    hits, misses, false = (int(total[f"CLR_{what}"]) for what in ("TP", "FN", "FP"))
    return ClearScores(
        mota=float(total["MOTA"]),
        motp=float(total["MOTP"]),
        recall=hits / max(hits + misses, 1),
        precision=hits / max(hits + false, 1),
        num_switches=int(total["IDSW"]),
        num_fragmentations=int(total["Frag"]),
        num_misses=misses,
        num_false_positives=false,
        num_truth=hits + misses,
        num_answers=hits + false,
    )


def average_over_recall(
    sequences: Sequence[RankedSequence],
    min_similarity: float,
    num_recalls: int = NUM_RECALLS,
) -> RecallAverages:
    """Average over recall 1/L ... 1.

    Args:
        sequences: Scored together.
        min_similarity: From here on a pair may match.
        num_recalls: L.
    """
    found, num_truth = _scores_of_found(sequences, min_similarity)
    thresholds = _thresholds(found, num_truth, num_recalls)
    cuts = [_Cuts(sequence, min_similarity) for sequence in sequences]
    reached = [
        clear_scores((cut.at(threshold) for cut in cuts), min_similarity)
        for threshold in (thresholds if len(thresholds) else [-np.inf])
    ]
    best = int(np.argmax([scores.mota for scores in reached]))
    reached_best, reached = reached[best], reached[: len(thresholds)]
    mota = np.zeros(num_recalls)
    mota[: len(reached)] = [scores.mota for scores in reached]
    recall = np.arange(1, num_recalls + 1) / num_recalls
    # The same as the equation above, as (FP + FN + IDS) / G = 1 - MOTA.
    scaled = np.clip(1.0 - (1.0 - mota - (1.0 - recall)) / recall, 0.0, 1.0)
    scaled[len(reached) :] = 0.0
    return RecallAverages(
        samota=float(scaled.mean()),
        amota=float(mota.mean()),
        amotp=float(sum(scores.motp for scores in reached) / num_recalls),
        best=reached_best,
        best_threshold=float(thresholds[best]) if reached else float("-inf"),
    )


def _thresholds(
    found: Float64[np.ndarray, " K"], num_truth: int, num_recalls: int
) -> Float64[np.ndarray, " R"]:
    """Return the highest scores at which each recall is reached, for as many as are."""
    needed = np.ceil(np.arange(1, num_recalls + 1) / num_recalls * num_truth - 1e-9).astype(int)
    best_first = np.sort(found)[::-1]
    return np.asarray(best_first[needed[needed <= len(found)] - 1])


def _scores_of_found(
    sequences: Sequence[RankedSequence], min_similarity: float
) -> tuple[Float64[np.ndarray, " K"], int]:
    """Return the track scores of all true positives if every track counts, and G."""
    found, num_truth = [np.zeros(0)], 0
    for sequence in sequences:
        for ruled in sequence.frames:
            frame = ruled.counted(min_similarity)
            num_truth += len(frame.truth_ids)
            possible = np.where(frame.similarity >= min_similarity, frame.similarity, 0.0)
            rows, columns = linear_sum_assignment(possible, maximize=True)
            hits = columns[possible[rows, columns] > 0]
            found.append(sequence.scores_of(frame.track_ids[hits]))
    return np.concatenate(found), num_truth


class _Cuts:
    """A sequence without the tracks below a threshold, for many thresholds.

    What a frame looks like only changes when one of its own tracks is dropped, and each look is
    worked out once.
    """

    def __init__(self, sequence: RankedSequence, min_similarity: float) -> None:
        self._min_similarity = min_similarity
        self._frames = [(frame, sequence.scores_of(frame.track_ids)) for frame in sequence.frames]
        self._looks: list[dict[int, AssociationFrame]] = [{} for _ in self._frames]

    def at(self, threshold: float) -> list[AssociationFrame]:
        """Return what counts with the tracks of at least this score."""
        frames = []
        for (frame, scores), looks in zip(self._frames, self._looks, strict=True):
            kept = scores >= threshold
            num = int(np.count_nonzero(kept))
            if num not in looks:
                looks[num] = frame.with_tracks(kept).counted(self._min_similarity)
            frames.append(looks[num])
        return frames
