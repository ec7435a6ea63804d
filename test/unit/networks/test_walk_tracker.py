# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming inference of RAM and the boxes of what nobody sees, by hand."""

from __future__ import annotations

import numpy as np
import torch

from unsup_track_ros.networks.random_walk_memory import RandomWalkMemory, RandomWalkMemoryConfig
from unsup_track_ros.networks.random_walk_memory.box_refinement import (
    BoxRefinement,
    BoxRefinementConfig,
)
from unsup_track_ros.networks.random_walk_memory.model import Reading
from unsup_track_ros.networks.random_walk_memory.peaks import Peaks, peaks_of
from unsup_track_ros.networks.random_walk_memory.tracker import (
    WalkTracker,
    WalkTrackerConfig,
    WalkTracks,
)

GRID = (8, 10)
CONFIG = WalkTrackerConfig(return_px=6.0)


def peaks(*centres: tuple[float, float], score: float = 0.9, kind: int = 0) -> Peaks:
    num = len(centres)
    at = np.array(centres, np.float64).reshape(-1, 2)
    return Peaks(
        classes=np.full(num, kind),
        scores=np.full(num, score),
        boxes_px=np.concatenate([at - 3.0, at + 3.0], axis=1),
        former_px=at,
    )


def shift(rows: int, columns: int) -> torch.Tensor:
    """Edges by which every walker goes the same way (reach 1)."""
    edges = torch.zeros(9, *GRID)
    edges[(rows + 1) * 3 + columns + 1] = 1.0
    return edges


def centre(tracks: WalkTracks, row: int = 0) -> np.ndarray:
    return np.asarray((tracks.boxes_px[row, :2] + tracks.boxes_px[row, 2:]) / 2)


def test_what_is_seen_on_keeps_its_identity() -> None:
    tracker = WalkTracker(CONFIG, 4)
    first = tracker.step(peaks((14, 14)), None, GRID)
    second = tracker.step(peaks((14, 16)), shift(0, 0), GRID)
    assert first.ids.tolist() == second.ids.tolist() == [0]
    assert second.is_visible.all()


def test_what_vanishes_goes_where_the_walk_goes_and_keeps_its_size() -> None:
    tracker = WalkTracker(CONFIG, 4)
    tracker.step(peaks((14, 14)), None, GRID)
    for _ in range(3):
        tracks = tracker.step(peaks(), shift(0, 1), GRID)
    np.testing.assert_allclose(centre(tracks), [14, 26], atol=1.0)
    np.testing.assert_allclose(tracks.boxes_px[0, 2:] - tracks.boxes_px[0, :2], 6.0)
    assert tracks.frames_hidden.tolist() == [3]
    assert tracks.beliefs.shape == (1, *GRID)
    assert tracks.beliefs[0, 3, 6] == 1.0


def test_what_comes_back_where_the_walk_is_keeps_its_identity() -> None:
    tracker = WalkTracker(CONFIG, 4)
    tracker.step(peaks((14, 14)), None, GRID)
    tracker.step(peaks(), shift(0, 1), GRID)
    tracker.step(peaks(), shift(0, 1), GRID)
    back = tracker.step(peaks((14, 27)), shift(0, 1), GRID)
    assert back.ids.tolist() == [0]
    assert back.is_visible.all()


def test_what_comes_up_elsewhere_or_of_another_class_is_new() -> None:
    for where, kind in (((26.0, 10.0), 0), ((14.0, 18.0), 1)):
        tracker = WalkTracker(CONFIG, 4)
        tracker.step(peaks((14, 14)), None, GRID)
        tracker.step(peaks(), shift(0, 1), GRID)
        tracks = tracker.step(peaks(where, kind=kind), shift(0, 0), GRID)
        assert tracks.ids.tolist() == [0, 1]


def test_a_weak_peak_keeps_a_track_but_starts_none() -> None:
    tracker = WalkTracker(CONFIG, 4)
    assert len(tracker.step(peaks((14, 14), score=0.45), None, GRID).ids) == 0
    tracker.step(peaks((14, 14)), shift(0, 0), GRID)
    kept = tracker.step(peaks((14, 14), score=0.45), shift(0, 0), GRID)
    assert kept.ids.tolist() == [0]


def test_a_walk_that_leaves_the_image_ends() -> None:
    tracker = WalkTracker(CONFIG, 4)
    tracker.step(peaks((14, 30)), None, GRID)
    alive = [len(tracker.step(peaks(), shift(0, 1), GRID).ids) for _ in range(4)]
    assert alive[0] == 1
    assert alive[-1] == 0


def test_a_belief_that_has_spread_out_ends_the_track() -> None:
    config = CONFIG.model_copy(update={"min_belief": 0.05})
    tracker = WalkTracker(config, 4)
    tracker.step(peaks((14, 18)), None, GRID)
    anywhere = torch.full((9, *GRID), 1 / 9)
    alive = [len(tracker.step(peaks(), anywhere, GRID).ids) for _ in range(8)]
    assert alive[0] == 1
    assert alive[-1] == 0


def test_a_track_unseen_for_too_long_ends() -> None:
    tracker = WalkTracker(CONFIG.model_copy(update={"max_hidden_frames": 3}), 4)
    tracker.step(peaks((14, 18)), None, GRID)
    alive = [len(tracker.step(peaks(), shift(0, 0), GRID).ids) for _ in range(4)]
    assert alive == [1, 1, 0, 0]


def test_a_peak_is_read_with_offset_size_and_displacement() -> None:
    heat = torch.full((1, 1, 4, 5), -9.0)
    heat[0, 0, 2, 3] = 4.0
    heat[0, 0, 2, 2] = 3.0  # beside the peak: none of its own
    flat = torch.zeros(1, 2, 4, 5)
    reading = Reading(
        heat_logits=heat,
        offset=flat + torch.tensor([0.5, 0.25])[None, :, None, None],
        size=flat + 2.0,
        displacement=flat - 1.0,
        nodes=flat,
    )
    found = peaks_of(reading, 0.4)[0]
    np.testing.assert_allclose(found.centres_px, [[10.0, 13.0]])
    np.testing.assert_allclose(found.boxes_px, [[6.0, 9.0, 14.0, 17.0]])
    np.testing.assert_allclose(found.former_px, [[6.0, 9.0]])


def test_frame_by_frame_is_the_same_as_all_frames_at_once() -> None:
    torch.manual_seed(0)
    network = RandomWalkMemory(RandomWalkMemoryConfig(width=8, head_width=8, memory_kernel=3))
    video = torch.rand(2, 3, 3, 24, 32)
    whole, nodes = network(video)
    memory = None
    for time in range(3):
        reading, memory = network.step(video[:, time], memory)
    torch.testing.assert_close(reading.nodes, nodes[:, -1])
    torch.testing.assert_close(reading.heat_logits, whole.heat_logits.unflatten(0, (2, 3))[:, -1])


def refined(moves_before: float, walked: tuple[float, float]) -> np.ndarray:
    """A ball that made so many px per frame, then hidden; a cone is seen around (22, 30)."""
    refinement = BoxRefinement(BoxRefinementConfig())
    cone = np.array([12.0, 24.0, 32.0, 36.0])
    for time in range(4):
        x = 14.0 + moves_before * time
        ball = np.array([17.0, x - 4, 25.0, x + 4])
        refinement.step(_tracks(ball, cone, hidden=0))
    y, x = walked
    walked_px = np.array([y - 4, x - 4, y + 4, x + 4])
    return np.asarray(refinement.step(_tracks(walked_px, cone, hidden=1))[0])


def _tracks(ball: np.ndarray, cone: np.ndarray, hidden: int) -> WalkTracks:
    return WalkTracks(
        ids=np.array([0, 1]),
        classes=np.array([0, 1]),
        scores=np.ones(2),
        boxes_px=np.stack([ball, cone]),
        frames_hidden=np.array([hidden, 0]),
        beliefs=np.zeros((2, 1, 1), np.float32),
    )


def test_what_stood_and_stands_is_where_it_was_to_the_pixel() -> None:
    np.testing.assert_allclose(refined(0.0, (22.0, 15.5)), [17, 10, 25, 18])


def test_what_moved_is_where_the_walk_says() -> None:
    np.testing.assert_allclose(refined(2.0, (22.0, 28.0)), [18, 24, 26, 32])


def test_what_stood_and_moves_now_is_in_the_nearest_thing_that_is_seen() -> None:
    box = refined(0.0, (22.0, 27.0))
    np.testing.assert_allclose((box[1] + box[3]) / 2, 30.0)
    np.testing.assert_allclose((box[0] + box[2]) / 2, 22.0 + 0.12 * 20.0)
