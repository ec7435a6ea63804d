# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack's array code against the same written out as loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import retinatrack_by_loops as slow

from unsup_track_ros.networks.retinatrack.decoding import suppress
from unsup_track_ros.networks.retinatrack.track_store import TrackStore, TrackStoreConfig
from unsup_track_ros.training.retinatrack_losses import (
    assign_targets,
    batch_hard_loss,
    contrastive_loss,
)

SEEDS = range(5)


def rectangles(rng: np.random.Generator, num: int, spread: float = 40.0) -> np.ndarray:
    """Return rectangles that overlap here and there."""
    corner = rng.uniform(0, spread, (num, 2))
    return np.hstack([corner, corner + rng.uniform(8, 24, (num, 2))])


@pytest.mark.parametrize("seed", SEEDS)
def test_assignment_agrees_with_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = rectangles(rng, 6)
    near = boxes[rng.integers(6, size=30)] + rng.normal(0, 1.5, (30, 4))
    anchors = np.vstack([near, rectangles(rng, 30)])
    is_object = rng.uniform(size=6) < 0.7
    found = assign_targets(
        torch.from_numpy(anchors),
        torch.from_numpy(boxes)[None],
        torch.from_numpy(is_object)[None],
        identity_iou=0.6 + 0.02 * seed,
    )
    box, identity = slow.assigned(anchors, boxes, is_object, 0.6 + 0.02 * seed)
    assert found.box[0].tolist() == box
    assert found.identity[0].tolist() == identity
    assert max(box) >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_hard_agrees_with_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(3, 40, 5))
    identity = rng.integers(-1, 4, (3, 40))
    identity[2] = np.where(identity[2] >= 0, 1, -1)  # a clip of one track forms no triplet
    order = rng.uniform(size=(3, 40))
    found = batch_hard_loss(
        torch.from_numpy(embeddings), torch.from_numpy(identity), torch.from_numpy(order), 0.1, 7
    )
    losses = []
    for clip in range(3):
        rows = np.flatnonzero(identity[clip] >= 0)
        chosen = rows[np.argsort(-order[clip, rows])][:7].tolist()
        losses += slow.batch_hard(embeddings[clip], identity[clip], chosen, 0.1)
    assert len(losses) == 14
    assert float(found) == pytest.approx(np.mean(losses), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_hard_across_clips_agrees_with_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(3, 40, 5))
    identity = rng.integers(-1, 3, (3, 40))
    identity += np.where(identity >= 0, 10 * np.arange(3)[:, None], 0)
    identity[2] = np.where(identity[2] >= 0, 5, -1)  # one track: others are in other clips alone
    order = rng.uniform(size=(3, 40))
    found = batch_hard_loss(
        torch.from_numpy(embeddings),
        torch.from_numpy(identity),
        torch.from_numpy(order),
        0.1,
        7,
        across_clips=True,
    )
    chosen = []
    for clip in range(3):
        rows = np.flatnonzero(identity[clip] >= 0)
        chosen.append(rows[np.argsort(-order[clip, rows])][:7].tolist())
    losses = []
    for clip in range(3):
        losses += slow.batch_hard(embeddings[clip], identity[clip], chosen[clip], 0.1)
        # Again, with what is sampled of other clips as the only others.
        others = [(c, row) for c in range(3) if c != clip for row in chosen[c]]
        mine = identity[clip]
        for row in chosen[clip]:
            own = np.flatnonzero(mine == mine[row])
            seen = np.concatenate([embeddings[clip, own], [embeddings[at] for at in others]])
            tracks = np.concatenate([identity[clip, own], [identity[at] for at in others]])
            losses += slow.batch_hard(seen, tracks, [int(np.flatnonzero(own == row)[0])], 0.1)
    assert len(losses) == 14 + 21
    assert float(found) == pytest.approx(np.mean(losses), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_contrastive_loss_agrees_with_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(3, 30, 5))
    identity = rng.integers(-1, 5, (3, 30))
    identity += np.where(identity >= 0, 10 * np.arange(3)[:, None], 0)
    identity[2, 4:] = -1  # here and there a track of one anchor, which has no pair
    order = rng.uniform(size=(3, 30))
    found = contrastive_loss(
        torch.from_numpy(embeddings), torch.from_numpy(identity), torch.from_numpy(order), 0.2, 9
    )
    chosen = []
    for clip in range(3):
        rows = np.flatnonzero(identity[clip] >= 0)
        chosen += [(clip, row) for row in rows[np.argsort(-order[clip, rows])][:9]]
    losses = slow.contrastive(
        np.stack([embeddings[at] for at in chosen]), np.array([identity[at] for at in chosen]), 0.2
    )
    assert len(losses) >= 10
    assert float(found) == pytest.approx(np.mean(losses), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_suppression_agrees_with_one_box_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.stack([rectangles(rng, 50), rectangles(rng, 50)])
    scores = rng.uniform(size=(2, 50)).round(1)  # with equal ones
    classes = rng.integers(0, 2, (2, 50))
    kept = suppress(
        torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(classes), 0.3
    )
    expected = [slow.suppressed(boxes[i], scores[i], classes[i], 0.3) for i in range(2)]
    assert kept.tolist() == expected
    assert not kept.all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_track_store_agrees_with_lists_of_observations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(8, 6))
    corner = rng.uniform(0, 60, (8, 2))
    store = TrackStore(
        TrackStoreConfig(num_observations=3, min_iou=0.4, min_cosine=0.6, max_unseen_s=0.45)
    )
    loops = slow.LoopTrackStore(3, 0.4, 0.6, 0.45)
    for frame in range(25):
        corner = corner + rng.normal(0, 4, (8, 2))
        seen = np.flatnonzero(rng.uniform(size=8) < 0.6)
        boxes = np.hstack([corner[seen], corner[seen] + 15])
        embeddings = looks[seen] + rng.normal(0, 0.4, (len(seen), 6))
        stamp_ns = frame * 100_000_000
        ids = store.step(stamp_ns, boxes, np.ones(len(seen)), embeddings)
        assert ids.tolist() == loops.step(stamp_ns, boxes, embeddings)
    assert 8 < loops.next_id < 100
