# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What shapes a SILOT network."""

from __future__ import annotations

from typing import Final, Literal

from unsup_track_ros.config import Config, parameter

# The backbone's strides 3 x 2 x 2: one discovery cell. Its receptive field is 31 px.
CELL_PX: Final = 12
RECEPTIVE_FIELD_PX: Final = 31


class SilotConfig(Config):
    """Structure of the network; a checkpoint fits only the structure that it was trained with."""

    image_channels: int = parameter(1, "Channels of a frame: 1 grey, 3 RGB.", ge=1)
    anchor_px: int = parameter(
        48,
        "Side of the anchor box, the unit of positions and the largest object.",
        unit="px",
        ge=12,
    )
    sprite_px: int = parameter(14, "Side of glimpses and of decoded sprites.", unit="px", ge=4)
    what_size: int = parameter(64, "Length of an object's appearance vector.", ge=1)
    memory_size: int = parameter(128, "Length of an object's recurrent state.", ge=1)
    max_objects: int = parameter(
        16, "Objects kept per frame in training; about a quarter more than there are.", ge=1
    )
    interacting: bool = parameter(
        False, "Propagation of an object looks at its neighbours (paper: shapes, not digits)."
    )
    learned_prior: bool = parameter(
        True, "Learn how objects move unseen; needed for roll-outs, a third of the training time."
    )
    attention_std: float = parameter(
        0.1, "Reach of the spatial attention, in anchors (paper: 0.1, shapes 0.15).", gt=0
    )
    max_neighbours: int = parameter(
        16, "Attention looks at so many nearest objects, so that its cost is linear.", ge=1
    )
    color_logit_scale: float = parameter(2.0, "Scale of the decoder's colour (shapes: 1).", gt=0)
    alpha_logit_scale: float = parameter(0.1, "Scale of the decoder's opacity (shapes: 1).", gt=0)
    alpha_logit_offset: float = parameter(5.0, "Offset of the decoder's opacity (shapes: 3).")


class SilotInferenceConfig(Config):
    """How a trained network follows objects; the network itself stays as it was trained."""

    method: Literal["paper", "lasting"] = parameter(
        "lasting",
        "'paper' takes what the network says in one pass; 'lasting' looks for objects in every "
        "frame anew, keeps what is hidden for a while and improves objects by gradient.",
    )
    visible_from: float = parameter(
        0.2, "Brightness from which a part of a decoded object belongs to its box.", gt=0, lt=1
    )
    num_refinements: int = parameter(
        16, "Gradient steps that fit the objects of a frame to it; 0 leaves them.", ge=0
    )
    min_staying: float = parameter(
        0.7, "Probability of staying from which propagation alone carries an object on.", gt=0, lt=1
    )
    min_confirming: float = parameter(
        0.15, "Presence from which a discovery confirms a known object.", gt=0, lt=1
    )
    min_new: float = parameter(0.25, "Presence from which a discovery is a new object.", gt=0, lt=1)
    min_same_iou: float = parameter(
        0.25, "Overlap (IoU) from which a discovery is a known object.", ge=0, lt=1
    )
    max_other_iou: float = parameter(
        0.5,
        "A discovery that overlaps (IoU) an object or a surer discovery more is no new one.",
        gt=0,
        le=1,
    )
    hidden_frames: int = parameter(
        3, "Frames for which an object that nothing confirms moves on as before.", unit="", ge=0
    )
    min_explained_nats: float = parameter(
        10.0, "What an object must explain of a frame that the others do not.", unit="", ge=0
    )
    size_gain: float = parameter(
        0.3, "Share of each new frame in the size of an object's box.", gt=0, le=1
    )
