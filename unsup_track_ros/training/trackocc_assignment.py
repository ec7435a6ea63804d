# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which query answers for which object (Zeng et al., MOTR, 2022): tracks keep what they own.

A track owns its object as long as the clip lasts, also while it is not seen: then its answer should
be "no object", and when it comes back it is the same track's again. (In MOTR such a track ends. A
vehicle's tracks outlive short gaps, so they are trained to.) Objects that nobody owns are shared
among the queries that own nothing, cheapest pairs first as a whole (Hungarian).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.panoptic import thing_scores
from unsup_track_ros.networks.trackocc.tracks import NO_ID
from unsup_track_ros.shapes import Bool, Float, Int64
from unsup_track_ros.structures.voxel_scene import VoxelClasses
from unsup_track_ros.training.trackocc_losses import match_costs
from unsup_track_ros.training.trackocc_targets import FrameTargets

_NEVER: Final = 1e9  # cost of a query and an object of different frames


class TrackAugmentationConfig(Config):
    """What is done to tracks between two frames, so that the network learns to repair it."""

    drop_share: float = parameter(
        0.1, "Tracks that are lost, to be found anew (paper: 0.1).", ge=0, lt=1
    )
    false_share: float = parameter(
        0.3, "Surest queries without an object that go on, per track (paper: 0.3).", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """Who answers for whom in the frames of a batch; kept on the CPU.

    Attributes:
        owner: (Q,) identity that each query owns now, `NO_ID` for none; of tracks whose object is
            not in the frame too.
        rows: (M,) queries that answer for an object of their frame.
        objects: (M,) that object, a row of the targets.
        num_matched: (B,) objects of each frame that have a query, and lost ones.
    """

    owner: Int64[Tensor, " Q"]
    rows: Int64[Tensor, " M"]
    objects: Int64[Tensor, " M"]
    num_matched: Int64[Tensor, " B"]


def assigned(owner: Int64[Tensor, " Q"], answers: Answers, targets: FrameTargets) -> Assignment:
    """Share out the things of each frame.

    Args:
        owner: Identity that each query came with, `NO_ID` for none.
        answers: What they said.
        targets: What is there.
    """
    costs = match_costs(answers, targets.thing_classes, targets.thing_masks, targets.visible).cpu()
    frame = answers.frame.cpu()
    together = frame[:, None] == targets.thing_frames  # Q G
    same = together & (owner[:, None] == targets.thing_ids)  # nothing has the identity NO_ID
    kept_rows, kept_objects = torch.nonzero(same, as_tuple=True)
    free_rows = torch.nonzero(owner == NO_ID)[:, 0]
    new_objects = torch.nonzero(~same.any(0))[:, 0]
    chosen = free_rows[:, None], new_objects
    row, column = cheapest(costs[chosen], together[chosen])
    owner = owner.clone()
    owner[free_rows[row]] = targets.thing_ids[new_objects[column]]
    return Assignment(
        owner=owner,
        rows=torch.cat([kept_rows, free_rows[row]]),
        objects=torch.cat([kept_objects, new_objects[column]]),
        num_matched=torch.bincount(frame[owner != NO_ID], minlength=len(targets.visible)),
    )


def cheapest(
    costs: Float[Tensor, "Q G"], allowed: Bool[Tensor, "Q G"]
) -> tuple[Int64[Tensor, " M"], Int64[Tensor, " M"]]:
    """Return the allowed pairs of rows and columns, as many as can be, that cost least together."""
    table = np.where(allowed.numpy(), costs.double().numpy(), _NEVER)
    row, column = (torch.from_numpy(index) for index in linear_sum_assignment(table))
    fit = allowed[row, column]
    return row[fit], column[fit]


def going_on(
    owner: Int64[Tensor, " Q"],
    answers: Answers,
    classes: VoxelClasses,
    config: TrackAugmentationConfig,
    generators: Sequence[torch.Generator],
) -> Int64[Tensor, " T"]:
    """Return the queries that become the tracks of the next frames.

    Those that own an object, but for the ones that are dropped by chance; and the surest ones that
    own nothing, as false tracks.

    Args:
        owner: What each owns, `NO_ID` for none; on the CPU, as is the result.
        answers: What they said.
        classes: Vocabulary.
        config: Shares.
        generators: Chance of each frame of the batch, on the CPU.
    """
    frame = answers.frame.cpu()
    score = thing_scores(answers.class_logits.detach(), classes).cpu()
    chosen = []
    for number, generator in enumerate(generators):
        owning = torch.nonzero((owner != NO_ID) & (frame == number))[:, 0]
        dropped = torch.rand(len(owning), generator=generator) < config.drop_share
        rest = torch.nonzero((owner == NO_ID) & (frame == number))[:, 0]
        num_false = min(round(config.false_share * len(owning)), len(rest))
        surest = torch.argsort(score[rest], descending=True, stable=True)[:num_false]
        chosen += [owning[~dropped], rest[surest]]
    return torch.cat(chosen)
