# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what queries say to one class and one identity per voxel."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.shapes import Float, Int64
from unsup_track_ros.structures.voxel_scene import NO_INSTANCE, VoxelClasses


class PanopticMergeConfig(Config):
    """Which masks become segments."""

    min_score: float = parameter(
        0.3, "Surer queries compete for voxels (paper: 0.3).", ge=0, lt=1, tunable=True
    )
    min_mask: float = parameter(
        0.5, "A voxel belongs to its segment from this on (paper: 0.5).", gt=0, lt=1, tunable=True
    )
    min_kept_share: float = parameter(
        0.7,
        "Segments that others leave less of are dropped (paper: 0.7).",
        ge=0,
        le=1,
        tunable=True,
    )
    stuff: Literal["queries", "dense"] = parameter(
        "dense",
        "Where stuff comes from: its queries, the rest is free (paper); or the dense semantic head "
        "wherever no thing is.",
    )


def thing_scores(class_logits: Float[Tensor, "Q K"], classes: VoxelClasses) -> Float[Tensor, " Q"]:
    """Return how sure queries are to have a thing: the largest probability of a thing class."""
    things = torch.tensor(classes.things, device=class_logits.device)
    return torch.sigmoid(class_logits[:, things]).amax(1)


def merged(
    things: Answers,
    ids: Int64[Tensor, " T"],
    stuff: Answers,
    semantic_logits: Float[Tensor, "K Z Y X"],
    about: tuple[VoxelClasses, PanopticMergeConfig],
) -> tuple[Int64[Tensor, "Z Y X"], Int64[Tensor, "Z Y X"]]:
    """Return class and identity of every voxel.

    Every voxel goes to the query with the largest score times mask probability. Queries for things
    say things and queries for stuff say stuff or free, whatever else their logits hold.

    Args:
        things: Those that are followed.
        ids: Their identities.
        stuff: The others.
        semantic_logits: Of the dense head, for `stuff: dense`.
        about: Vocabulary and parameters.
    """
    classes, config = about
    device = ids.device
    no_stuff = config.stuff == "dense"
    score, label, masks, identity = [], [], [], []
    for answers, own_ids, allowed in (
        (things, ids, classes.things),
        (stuff, torch.full((len(stuff.features),), NO_INSTANCE, device=device),
         (*classes.stuff, classes.free)),
    ):  # fmt: skip
        choices = torch.tensor(allowed, device=device)
        best, which = torch.sigmoid(answers.class_logits[:, choices]).max(1)
        kept = (best >= config.min_score) & (choices[which] != classes.free)
        if no_stuff and answers is stuff:
            kept = torch.zeros_like(kept)
        score.append(best[kept])
        label.append(choices[which[kept]])
        masks.append(torch.sigmoid(answers.mask_logits[kept].float()))
        identity.append(own_ids[kept])
    segment = segments(torch.cat(masks), torch.cat(score), config)
    found = segment >= 0
    if no_stuff:
        allowed_stuff = torch.tensor((*classes.stuff, classes.free), device=device)
        semantics = allowed_stuff[semantic_logits[allowed_stuff].argmax(0)]
    else:
        semantics = torch.full_like(segment, classes.free)
    instances = torch.full_like(segment, NO_INSTANCE)
    semantics[found] = torch.cat(label)[segment[found]]
    instances[found] = torch.cat(identity)[segment[found]]
    return semantics, instances


def segments(
    masks: Float[Tensor, "S Z Y X"], scores: Float[Tensor, " S"], config: PanopticMergeConfig
) -> Int64[Tensor, "Z Y X"]:
    """Return the segment that each voxel goes to, -1 for none."""
    num = len(masks)
    if not num:
        return torch.full(masks.shape[1:], -1, device=masks.device)
    winner = (scores[:, None, None, None] * masks).argmax(0)
    inside = masks.gather(0, winner[None])[0] >= config.min_mask
    won = torch.bincount(winner.flatten(), minlength=num)
    claimed = (masks >= config.min_mask).flatten(1).sum(1)
    kept = (claimed > 0) & (won >= config.min_kept_share * claimed)
    return torch.where(inside & kept[winner], winner, -1)
