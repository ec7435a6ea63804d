# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RAM and its baselines on videos of the table-top world, all on the same detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.permanence import PermanenceVideos, State
from unsup_track_ros.data.permanence.script import TARGET
from unsup_track_ros.data.permanence.videos import focal_px
from unsup_track_ros.evaluation.permanence import StateScore, score_states, scored_frames
from unsup_track_ros.networks.random_walk_memory import RandomWalkMemory
from unsup_track_ros.networks.random_walk_memory.box_refinement import (
    BoxRefinement,
    BoxRefinementConfig,
)
from unsup_track_ros.networks.random_walk_memory.tracker import (
    VideoTracker,
    WalkTrackerConfig,
    WalkTracks,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.training.ram_baselines import (
    Baseline,
    Glimpse,
    GroundVelocity,
    ImageVelocity,
    LastSeen,
    NearestObject,
)

TARGET_CLASS: Final = 0
OTHER_CLASS: Final = 1
WALK: Final = "random walk"
REFINED: Final = "random walk, boxes refined"
STATE_NAMES: Final = {
    int(state): state.name.lower() for state in State if state is not State.UNCLEAR
}


class RamEvaluationConfig(Config):
    """Evaluation of RAM on the table-top world."""

    num_videos: int = parameter(64, "Videos.", ge=1)
    seed: int = parameter(100_000, "Seed of the videos; not one of the training.", ge=0)
    tracker: WalkTrackerConfig = WalkTrackerConfig(return_px=10.0)
    refinement: BoxRefinementConfig = BoxRefinementConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetAnswers:
    """Where each method says that the target is.

    Attributes:
        boxes_px: By method; top, left, bottom, right, nan where there is no answer.
        identities: Identity of the target's track while it is seen, else -1.
    """

    boxes_px: dict[str, Float64[np.ndarray, "N T 4"]]
    identities: np.ndarray


def follow_targets(
    videos: PermanenceVideos, network: RandomWalkMemory, config: RamEvaluationConfig
) -> TargetAnswers:
    """Follow the target of each video by the walk and by each baseline."""
    device = next(network.parameters()).device
    num, length, _, height, width = videos.frames.shape
    tracker = VideoTracker(network, config.tracker, num)
    followers = [_Follower(config.refinement, height, width) for _ in range(num)]
    camera_m = videos.camera_m.double().cpu().numpy()
    answers: list[list[dict[str, np.ndarray]]] = []
    identities = np.full((num, length), -1)
    for time in range(length):
        found = tracker.step(videos.frames[:, time].to(device).float() / 255.0)
        answers.append([])
        for row, (follower, tracks) in enumerate(zip(followers, found, strict=True)):
            answers[-1].append(follower.step(tracks, camera_m[row, time]))
            identities[row, time] = follower.identity
    methods = answers[0][0].keys()
    boxes = {
        method: np.stack([[one[method] for one in frame] for frame in answers], axis=1)
        for method in methods
    }
    return TargetAnswers(boxes_px=boxes, identities=identities)


def score_targets(
    videos: PermanenceVideos, answers: TargetAnswers
) -> dict[str, dict[str, StateScore]]:
    """Return scores by method and state."""
    states = videos.states[:, :, TARGET].cpu().numpy()
    truth = videos.boxes_px[:, :, TARGET].double().cpu().numpy()
    counts = scored_frames(states == State.VISIBLE) & np.isfinite(truth).all(-1)
    return {
        method: score_states(boxes[counts], truth[counts], states[counts], STATE_NAMES)
        for method, boxes in answers.boxes_px.items()
    }


def identity_survival(videos: PermanenceVideos, answers: TargetAnswers) -> tuple[int, int]:
    """Return how often the target comes back to sight, and how often with the same identity."""
    visible = (videos.states[:, :, TARGET] == State.VISIBLE).cpu().numpy()
    returns = kept = 0
    for row, seen in enumerate(visible):
        hidden_since = None
        before = -1
        for time in range(len(seen)):
            identity = int(answers.identities[row, time])
            if seen[time] and identity >= 0:
                if hidden_since is not None and before >= 0:
                    returns += 1
                    kept += identity == before
                hidden_since, before = None, identity
            elif not seen[time] and hidden_since is None:
                hidden_since = time
    return returns, kept


class _Follower:
    """The target of one video as each method sees it."""

    def __init__(self, refinement: BoxRefinementConfig, height_px: int, width_px: int) -> None:
        self.identity = -1
        self._refinement = BoxRefinement(refinement)
        self._baselines: dict[str, Baseline] = {
            "last seen": LastSeen(),
            "constant velocity, image": ImageVelocity(),
            "constant velocity, 3-D": GroundVelocity(height_px, width_px, focal_px(width_px)),
            "nearest visible object": NearestObject(),
        }

    def step(
        self, tracks: WalkTracks, camera_m: Float64[np.ndarray, " 3"]
    ) -> dict[str, Float64[np.ndarray, " 4"]]:
        """Return the box of the target by method."""
        refined_px = self._refinement.step(tracks)
        is_target = tracks.classes == TARGET_CLASS
        seen = _surest(tracks, is_target & tracks.is_visible)
        believed = seen if seen is not None else _surest(tracks, is_target)
        self.identity = -1 if seen is None else int(tracks.ids[seen])
        other = ~is_target & tracks.is_visible
        glimpse = Glimpse(
            target_px=None if seen is None else tracks.boxes_px[seen],
            other_ids=tracks.ids[other],
            others_px=tracks.boxes_px[other],
            camera_m=camera_m,
        )
        nowhere = np.full(4, np.nan)
        return {
            **{name: method.step(glimpse) for name, method in self._baselines.items()},
            WALK: nowhere if believed is None else tracks.boxes_px[believed],
            REFINED: nowhere if believed is None else refined_px[believed],
        }


def _surest(tracks: WalkTracks, which: np.ndarray) -> int | None:
    rows = np.flatnonzero(which)
    return int(rows[np.argmax(tracks.scores[rows])]) if len(rows) else None


def score_table(runs: Sequence[dict[str, dict[str, StateScore]]]) -> list[dict[str, object]]:
    """Return a row per method: mean and spread over runs of the mean IoU in each state, in %."""
    rows: list[dict[str, object]] = []
    for method in runs[0]:
        row: dict[str, object] = {"method": method}
        for state in STATE_NAMES.values():
            values = 100.0 * np.array([run[method][state].mean_iou for run in runs])
            row[state] = [round(float(values.mean()), 2), round(float(values.std()), 2)]
        means = 100.0 * np.array(
            [
                np.mean([run[method][state].mean_iou for state in STATE_NAMES.values()])
                for run in runs
            ]
        )
        row["mean"] = [round(float(means.mean()), 2), round(float(means.std()), 2)]
        rows.append(row)
    return rows
