# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Losses and assignment of TrackOcc, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from unit.networks.trackocc.scenes import moving_blocks

from unsup_track_ros.networks.trackocc.config import DepthBinsConfig
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.tracks import NO_ID
from unsup_track_ros.structures.voxel_scene import LABEL_FREE
from unsup_track_ros.training.trackocc_assignment import (
    TrackAugmentationConfig,
    assigned,
    going_on,
)
from unsup_track_ros.training.trackocc_losses import (
    class_loss,
    depth_loss,
    dice_losses,
    localization_loss,
    mask_losses,
)
from unsup_track_ros.training.trackocc_targets import FrameTargets, clip_targets, depth_bins

_CPU = torch.device("cpu")


def test_dice_of_half_a_mask_is_as_by_hand() -> None:
    logits = torch.tensor([[50.0, 50.0, -50.0, -50.0]])
    target = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    seen = torch.ones(1, 4)
    assert float(dice_losses(logits, target, seen)[0]) == pytest.approx(1 - 3 / 5)
    seen[:, 1] = 0.0
    assert float(dice_losses(logits, target, seen)[0]) == pytest.approx(1 - 3 / 4)


def test_mask_cross_entropy_counts_visible_voxels_but_is_divided_by_all() -> None:
    logits = torch.zeros(2, 1, 1, 4)
    target = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    visible = torch.tensor([[[True, True, False, False]]])
    share = torch.tensor([0.5, 0.5])
    by_mask, _ = mask_losses(logits, target, visible.expand(2, 1, 1, 4), share)
    assert float(by_mask) == pytest.approx(math.log(2) * 2 / 4)


def test_focal_loss_of_one_right_and_one_absent_object_is_as_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    loss = class_loss(logits, torch.tensor([1, -1]), torch.tensor([0.5, 0.5]))
    one, zero = 0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)
    assert float(loss) == pytest.approx((one + 3 * zero) / 2)


def test_localization_leaves_out_unknown_velocities() -> None:
    answers = _answers(torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]), velocity_mps=1.0)
    targets = _targets([7, 8], velocities=[[0.0, 0.0, 0.0], [math.nan] * 3])
    pairs = torch.tensor([0, 1]), torch.tensor([0, 1])
    loss = localization_loss(answers, targets, pairs, torch.tensor([0.5, 0.5]))
    assert float(loss) == pytest.approx(0.25 * ((1.0 + 0.2 * 3.0) + 2.0) / 2)
    assert bool(torch.isfinite(loss))


def test_depth_is_the_nearest_return_of_a_cell_and_none_is_none() -> None:
    depth_m = torch.zeros(1, 4, 4)
    depth_m[0, 0, 0], depth_m[0, 1, 1], depth_m[0, 0, 3] = 9.0, 3.2, 100.0
    bins = DepthBinsConfig(nearest_m=1.0, farthest_m=11.0, step_m=1.0)
    assert depth_bins(depth_m, (2, 2), bins).tolist() == [[[2, -1], [-1, -1]]]
    logits = torch.zeros(1, 1, 10, 2, 2)
    expected = -(math.log(0.1) + 9 * math.log(0.9))
    assert float(depth_loss(logits, depth_m[None], bins)) == pytest.approx(expected, rel=1e-5)
    assert float(depth_loss(logits, torch.zeros(1, 1, 4, 4), bins)) == 0.0
    assert float(depth_loss(logits, None, bins)) == 0.0


def test_targets_of_a_clip_say_where_things_are_and_how_fast_over_ground() -> None:
    first, last = clip_targets(moving_blocks(2), LABEL_FREE, _CPU)
    assert first.thing_ids.tolist() == [7, 8]
    # The vehicle drives at 2 m/s; one block goes twice as fast, the other stands.
    np.testing.assert_allclose(first.velocities_base.numpy(), [[4, 0, 0], [0, 0, 0]], atol=1e-4)
    assert not bool(torch.isfinite(last.velocities_base).any())
    assert first.stuff_classes.tolist() == [1]


def test_tracks_keep_what_they_own_and_the_rest_is_shared() -> None:
    targets = _targets([7, 8, 9])
    logits = torch.full((5, 4), -4.0)
    masks = torch.full((5, 1, 1, 6), -4.0)
    masks[3, ..., 2:4] = 4.0  # looks like object 8
    masks[4, ..., 4:6] = 4.0  # looks like object 9
    answers = _answers(torch.zeros(5, 3), class_logits=logits, masks=masks)
    owner = torch.tensor([7, 33, NO_ID, NO_ID, NO_ID])  # 33 is not in the frame
    share = assigned(owner, answers, targets)
    assert dict(zip(share.rows.tolist(), share.objects.tolist(), strict=True)) == {0: 0, 3: 1, 4: 2}
    assert share.owner.tolist() == [7, 33, NO_ID, 8, 9]
    assert share.num_matched.tolist() == [4]  # with the lost one


def test_a_frame_without_things_gives_nothing_to_share() -> None:
    answers = _answers(torch.zeros(2, 3))
    share = assigned(torch.tensor([NO_ID, NO_ID]), answers, _targets([]))
    assert len(share.rows) == 0
    assert share.num_matched.tolist() == [0]


def test_tracks_are_dropped_and_false_ones_added_by_the_passed_chance() -> None:
    logits = torch.full((200, 4), -4.0)
    logits[150:, 3] = 0.1 * torch.arange(50.0)
    answers = _answers(torch.zeros(200, 3), class_logits=logits)
    owner = torch.cat([torch.arange(100), torch.full((100,), NO_ID)])
    config = TrackAugmentationConfig(drop_share=0.1, false_share=0.3)
    rows = going_on(owner, answers, LABEL_FREE, config, [torch.Generator().manual_seed(0)])
    kept, false = rows[rows < 100], rows[rows >= 100]
    assert 80 <= len(kept) < 100
    assert false.tolist() == list(range(199, 169, -1))  # the surest
    again = going_on(owner, answers, LABEL_FREE, config, [torch.Generator().manual_seed(0)])
    assert torch.equal(rows, again)


def _targets(ids: list[int], velocities: list[list[float]] | None = None) -> FrameTargets:
    num = len(ids)
    masks = torch.zeros(num, 1, 1, 6, dtype=torch.bool)
    for row in range(num):
        masks[row, ..., 2 * row : 2 * row + 2] = True
    return FrameTargets(
        semantics=torch.zeros(1, 1, 1, 6, dtype=torch.int64),
        visible=torch.ones(1, 1, 1, 6, dtype=torch.bool),
        thing_frames=torch.zeros(num, dtype=torch.int64),
        thing_ids=torch.tensor(ids, dtype=torch.int64),
        thing_classes=torch.full((num,), 3),
        thing_masks=masks,
        centres_base=torch.zeros(num, 3),
        velocities_base=torch.zeros(num, 3) if velocities is None else torch.tensor(velocities),
        stuff_frames=torch.zeros(0, dtype=torch.int64),
        stuff_classes=torch.zeros(0, dtype=torch.int64),
        stuff_masks=torch.zeros(0, 1, 1, 6, dtype=torch.bool),
    )


def _answers(
    centres: torch.Tensor,
    velocity_mps: float = 0.0,
    class_logits: torch.Tensor | None = None,
    masks: torch.Tensor | None = None,
) -> Answers:
    num = len(centres)
    return Answers(
        frame=torch.zeros(num, dtype=torch.int64),
        features=torch.zeros(num, 8),
        positions=torch.zeros(num, 8),
        class_logits=torch.zeros(num, 4) if class_logits is None else class_logits,
        mask_logits=torch.zeros(num, 1, 1, 6) if masks is None else masks,
        centres_base=centres,
        velocities_base=torch.full((num, 3), velocity_mps),
    )
