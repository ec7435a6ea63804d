# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Targets and losses of RetinaTrack, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from unsup_track_ros.training.retinatrack_losses import (
    assign_targets,
    batch_hard_loss,
    box_loss,
    contrastive_loss,
    focal_loss,
)

Box = list[float]
ANCHOR = [0.0, 0.0, 10.0, 10.0]


def targets(
    anchors: list[Box], boxes: list[Box], identity_iou: float = 0.7
) -> tuple[list[int], list[int]]:
    """Assign anchors of one image to boxes that are all there."""
    is_object = torch.ones(1, len(boxes), dtype=torch.bool)
    found = assign_targets(torch.tensor(anchors), torch.tensor([boxes]), is_object, identity_iou)
    return found.box[0].tolist(), found.identity[0].tolist()


@pytest.mark.parametrize(("height", "box", "identity"), [(7.0, 0, 0), (6.9, 0, -1), (5.0, 0, -1)])
def test_an_anchor_is_positive_from_a_half_and_has_an_identity_from_seven_tenths(
    height: float, box: int, identity: int
) -> None:
    # The second anchor is the box itself, so that the first is not forced.
    cut = [0.0, 0.0, 10.0, height]
    assert targets([ANCHOR, cut], [cut]) == ([box, 0], [identity, 0])


def test_identities_may_begin_at_another_overlap() -> None:
    cut = [0.0, 0.0, 10.0, 6.0]
    assert targets([ANCHOR, cut], [cut], 0.6) == ([0, 0], [0, 0])
    assert targets([ANCHOR, cut], [cut], 0.61) == ([0, 0], [-1, 0])


def test_an_anchor_below_a_half_is_background_unless_no_other_is_nearer() -> None:
    cut = [0.0, 0.0, 10.0, 4.0]
    assert targets([ANCHOR, cut], [cut])[0] == [-1, 0]
    assert targets([ANCHOR, [50.0, 50.0, 60.0, 60.0]], [cut]) == ([0, -1], [-1, -1])


def test_of_two_boxes_with_one_nearest_anchor_the_larger_overlap_wins() -> None:
    assert targets([ANCHOR], [[0.0, 0.0, 10.0, 2.0], [0.0, 0.0, 10.0, 3.0]])[0] == [1]


def test_boxes_that_touch_no_anchor_and_rows_without_object_are_left_out() -> None:
    anchors, far = torch.tensor([ANCHOR]), [[50.0, 50.0, 60.0, 60.0], ANCHOR]
    found = assign_targets(anchors, torch.tensor([far]), torch.tensor([[True, False]]), 0.7)
    assert found.box.tolist() == found.identity.tolist() == [[-1]]


def test_focal_loss_of_one_positive_and_one_background_anchor() -> None:
    # At logit 0 both are right with probability 1/2: weights 0.25 and 0.75, (1 - 1/2)^2 log 2.
    loss = focal_loss(torch.zeros(1, 2, 1), torch.tensor([[0, -1]]), torch.zeros(1, 1).long())
    assert float(loss) == pytest.approx((0.25 + 0.75) * 0.25 * math.log(2.0))


def test_what_is_surely_right_costs_next_to_nothing() -> None:
    logits = torch.tensor([[[8.0], [-8.0]]])
    loss = focal_loss(logits, torch.tensor([[0, -1]]), torch.zeros(1, 1).long())
    assert float(loss) < 1e-8


def test_box_loss_is_huber_on_positive_anchors_alone() -> None:
    anchors = torch.tensor([ANCHOR, ANCHOR])
    offsets = torch.tensor([[[0.5, 0.0, 2.0, 0.0], [9.0, 9.0, 9.0, 9.0]]])
    loss = box_loss(offsets, anchors, torch.tensor([[ANCHOR]]), torch.tensor([[0, -1]]))
    assert float(loss) == pytest.approx(0.5 * 0.5**2 + (2.0 - 0.5))


def hard(embeddings: list[Box], identity: list[int], margin: float = 0.1) -> float:
    """Return BatchHard over all anchors of one clip."""
    rows = torch.tensor([embeddings])
    order = torch.rand(1, len(identity), generator=torch.Generator().manual_seed(0))
    return float(batch_hard_loss(rows, torch.tensor([identity]), order, margin, 64))


def test_batch_hard_of_the_golden_distances() -> None:
    """Farthest positive 1.0, nearest negative 0.5, margin 0.1: SoftPlus(0.6)."""
    # Two of a track 1 apart, and one of another half way beside: 0.5 from both.
    loss = batch_hard_loss(
        torch.tensor([[[0.0], [1.0], [0.5]]]),
        torch.tensor([[3, 3, 5]]),
        torch.tensor([[0.9, 0.8, 0.1]]),
        0.1,
        2,
    )
    assert float(loss) == pytest.approx(1.0375, abs=1e-4)


def test_the_distance_is_not_squared() -> None:
    # Both of track 0: SoftPlus(4 - 2); the other one is its own farthest: SoftPlus(0 - 2).
    expected = (2 * math.log1p(math.exp(2.0)) + math.log1p(math.exp(-2.0))) / 3
    assert hard([[0.0], [4.0], [2.0]], [0, 0, 1], margin=0.0) == pytest.approx(expected)


def test_anchors_without_identity_form_no_triplets() -> None:
    without = hard([[0.0], [4.0], [2.0]], [0, 0, 1])
    assert hard([[0.0], [4.0], [2.0], [0.1]], [0, 0, 1, -1]) == pytest.approx(without)


def test_a_clip_with_one_track_or_none_costs_nothing() -> None:
    assert hard([[0.0], [4.0]], [0, 0]) == 0.0
    assert hard([[0.0], [4.0]], [-1, -1]) == 0.0


def test_triplets_never_leave_their_clip() -> None:
    embeddings = torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]]])
    loss = batch_hard_loss(
        embeddings, torch.tensor([[0, 0], [1, 1]]), torch.full((2, 2), 0.5), 0.1, 64
    )
    assert float(loss) == 0.0


def test_equal_embeddings_have_a_finite_gradient() -> None:
    embeddings = torch.zeros(1, 3, 2, requires_grad=True)
    loss = batch_hard_loss(embeddings, torch.tensor([[0, 0, 1]]), torch.full((1, 3), 0.5), 0.1, 3)
    torch.autograd.backward(loss)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def contrast(embeddings: list[Box], identity: list[int], temperature: float = 1.0) -> float:
    """Return the contrastive loss over all anchors of one clip."""
    order = torch.rand(1, len(identity), generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([embeddings])
    return float(contrastive_loss(rows, torch.tensor([identity]), order, temperature, 64))


def test_a_pair_that_agrees_is_held_against_a_stranger_at_right_angles() -> None:
    """Cosine 1 with its own, 0 with the stranger: log(1 + exp((0 - 1) / T))."""
    embeddings = [[1.0, 0.0], [7.0, 0.0], [0.0, 0.2]]  # lengths do not count
    for temperature in (1.0, 0.25):
        expected = math.log1p(math.exp(-1.0 / temperature))
        assert contrast(embeddings, [4, 4, 9], temperature) == pytest.approx(expected, abs=1e-6)


def test_strangers_add_up_and_come_from_all_clips() -> None:
    embeddings = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [-1.0, 0.0]]])
    order = torch.full((2, 2), 0.5)
    loss = contrastive_loss(embeddings, torch.tensor([[0, 0], [1, 2]]), order, 1.0, 64)
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-1.0) + math.exp(-2.0)), abs=1e-6)


def test_anchors_without_identity_pair_or_stranger_cost_nothing() -> None:
    agreed = contrast([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 0, 1])
    with_none = contrast([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], [0, 0, 1, -1])
    assert with_none == pytest.approx(agreed)
    assert contrast([[1.0, 0.0], [0.0, 1.0]], [0, 1]) == 0.0
    assert contrast([[1.0, 0.0], [0.0, 1.0]], [0, 0]) == 0.0
    assert contrast([[1.0, 0.0]], [-1]) == 0.0


def test_embeddings_of_no_length_have_a_finite_gradient() -> None:
    embeddings = torch.zeros(1, 3, 2, requires_grad=True)
    order = torch.full((1, 3), 0.5)
    torch.autograd.backward(contrastive_loss(embeddings, torch.tensor([[0, 0, 1]]), order, 0.1, 64))
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()
