# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drawing primitives on RGB images: sub-pixel anti-aliased lines, shapes and legible text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from unsup_track_ros.shapes import Float, UInt8
from unsup_track_ros.visualization.colors import BACKGROUND, TEXT, Color

# Fractional bits of OpenCV's fixed-point coordinates: lines move smoothly from frame to frame.
_SHIFT: Final = 4
_FIXED_POINT_ONE: Final = 1 << _SHIFT
# OpenCV's fixed-point drawing overflows far outside the image; what lies there is invisible anyway.
_FARTHEST_PX: Final = 2.0**14
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE_PER_PX: Final = 1 / 22  # Hershey capitals are 22 px high at scale 1
_PLATE_PADDING_PX: Final = 3
_DASH_PX: Final = 6.0
_ARROW_HEAD_PX: Final = 4.0
_LINE_SPACING: Final = 1.8  # of the height of capitals
_PANEL_OPACITY: Final = 0.65

Image = UInt8[np.ndarray, "H W 3"]


def polyline(
    image: Image,
    points_pix: Float[np.ndarray, "P 2"],
    color: Color,
    width_px: int = 1,
    *,
    closed: bool = False,
) -> None:
    """Draw connected lines; a point that is nan leaves the whole line out."""
    fixed = _fixed_point(points_pix)
    if fixed is not None and len(fixed) > 1:
        cv2.polylines(image, [fixed], closed, color, width_px, cv2.LINE_AA, _SHIFT)


def segments(
    image: Image, segments_pix: Float[np.ndarray, "S 2 2"], color: Color, width_px: int = 1
) -> None:
    """Draw separate lines; those with a nan end are left out."""
    whole = segments_pix[np.isfinite(segments_pix).all(axis=(1, 2))]
    fixed = _fixed_point(whole.reshape(-1, 2))
    if fixed is not None and len(fixed):
        cv2.polylines(
            image, list(fixed.reshape(-1, 2, 2)), False, color, width_px, cv2.LINE_AA, _SHIFT
        )


def dashed(
    image: Image,
    points_pix: Float[np.ndarray, "P 2"],
    color: Color,
    width_px: int = 1,
    *,
    closed: bool = False,
) -> None:
    """Draw connected dashed lines."""
    ends = np.roll(points_pix, -1, axis=0) if closed else points_pix[1:]
    for start, end in zip(points_pix, ends, strict=False):
        length_px = float(np.linalg.norm(end - start))
        if not np.isfinite(length_px) or length_px > _FARTHEST_PX:
            continue
        ticks = np.arange(0.0, length_px, 2 * _DASH_PX) / max(length_px, 1.0)
        stops = np.minimum(ticks + _DASH_PX / max(length_px, 1.0), 1.0)
        along = np.stack([ticks, stops], axis=1)[..., None]
        segments(image, start + along * (end - start), color, width_px)


def filled(
    image: Image, points_pix: Float[np.ndarray, "P 2"], color: Color, opacity: float
) -> None:
    """Fill a polygon, mixing with what lies below; only its bounding rectangle is touched."""
    if not np.isfinite(points_pix).all():
        return
    height, width = image.shape[:2]
    low = np.clip(np.floor(points_pix.min(0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(points_pix.max(0)) + 1, 0, (width, height)).astype(int)
    if (high <= low).any():
        return
    part = image[low[1] : high[1], low[0] : high[0]]
    layer = part.copy()
    fixed = _fixed_point(points_pix - low)
    if fixed is not None:
        cv2.fillPoly(layer, [fixed], color, cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(layer, opacity, part, 1.0 - opacity, 0.0, dst=part)


def arrow(
    image: Image,
    start_pix: Float[np.ndarray, " 2"],
    end_pix: Float[np.ndarray, " 2"],
    color: Color,
    width_px: int = 2,
) -> None:
    """Draw an arrow whose head has a fixed size in pixels."""
    direction = end_pix - start_pix
    length_px = float(np.linalg.norm(direction))
    head_px = _ARROW_HEAD_PX + 2.0 * width_px
    if not head_px <= length_px <= _FARTHEST_PX:
        return
    along = direction / length_px
    across = np.array([-along[1], along[0]])
    neck = end_pix - along * head_px
    polyline(image, np.stack([start_pix, neck]), color, width_px)
    filled(
        image,
        np.stack([end_pix, neck + across * head_px / 2, neck - across * head_px / 2]),
        color,
        1.0,
    )


def text_size(text: str, height_px: int) -> tuple[int, int]:
    """Return width and height (px) of a line of text with capitals of `height_px`."""
    (width, height), _ = cv2.getTextSize(text, _FONT, height_px * _TEXT_SCALE_PER_PX, 1)
    return width, height


def write(
    image: Image,
    text: str,
    left_bottom_pix: tuple[float, float],
    *,
    height_px: int = 10,
    color: Color = TEXT,
) -> None:
    """Write a line of text with a thin dark rim, so that it stays legible on anything."""
    origin = (round(left_bottom_pix[0]), round(left_bottom_pix[1]))
    scale = height_px * _TEXT_SCALE_PER_PX
    shadow = (origin[0] + 1, origin[1] + 1)
    cv2.putText(image, text, shadow, _FONT, scale, BACKGROUND, 1, cv2.LINE_AA)
    cv2.putText(image, text, origin, _FONT, scale, color, 1, cv2.LINE_AA)


def plate(
    image: Image, text: str, anchor_pix: tuple[float, float], *, color: Color, height_px: int = 10
) -> None:
    """Write dark text on a coloured plate centred above the anchor, kept inside the image."""
    width, height = text_size(text, height_px)
    full_width, full_height = width + 2 * _PLATE_PADDING_PX, height + 2 * _PLATE_PADDING_PX
    if not np.isfinite(anchor_pix).all():
        return
    left = int(np.clip(anchor_pix[0] - full_width / 2, 0, max(image.shape[1] - full_width, 0)))
    top = int(np.clip(anchor_pix[1] - full_height, 0, max(image.shape[0] - full_height, 0)))
    cv2.rectangle(
        image, (left, top), (left + full_width - 1, top + full_height - 1), color, cv2.FILLED
    )
    origin = (left + _PLATE_PADDING_PX, top + full_height - 1 - _PLATE_PADDING_PX)
    cv2.putText(
        image, text, origin, _FONT, height_px * _TEXT_SCALE_PER_PX, BACKGROUND, 1, cv2.LINE_AA
    )


def lines_of_text(
    image: Image,
    lines: Sequence[tuple[str, Color]],
    left_top_pix: tuple[int, int],
    *,
    height_px: int = 10,
) -> None:
    """Write lines on one translucent dark panel."""
    if not lines:
        return
    spacing = round(height_px * _LINE_SPACING)
    width = max(text_size(text, height_px)[0] for text, _ in lines) + 2 * _PLATE_PADDING_PX + 4
    left, top = left_top_pix
    bottom = min(top + spacing * len(lines) + 2 * _PLATE_PADDING_PX, image.shape[0])
    panel = image[top:bottom, left : left + width]
    panel[:] = (panel * (1 - _PANEL_OPACITY) + np.asarray(BACKGROUND) * _PANEL_OPACITY).astype(
        np.uint8
    )
    for row, (text, color) in enumerate(lines):
        baseline = top + _PLATE_PADDING_PX + spacing * row + height_px + 1
        write(
            image, text, (left + _PLATE_PADDING_PX + 2, baseline), height_px=height_px, color=color
        )


def _fixed_point(points_pix: Float[np.ndarray, "P 2"]) -> np.ndarray | None:
    if not np.isfinite(points_pix).all():
        return None
    near = np.clip(points_pix, -_FARTHEST_PX, _FARTHEST_PX)
    return np.asarray(np.rint(near * _FIXED_POINT_ONE), np.int32)
