# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Colours of the pictures, all RGB: one palette, and one colour per track id that never changes."""

from __future__ import annotations

import colorsys

import numpy as np

from unsup_track_ros.shapes import UInt8

Color = tuple[int, int, int]

BACKGROUND: Color = (17, 19, 24)
PANEL: Color = (24, 27, 33)
FREE: Color = (33, 37, 45)
OCCUPIED: Color = (74, 88, 116)
DYNAMIC: Color = (120, 58, 36)
GRID_LINE: Color = (58, 64, 76)
POINT_LOW: Color = (78, 90, 110)
POINT_HIGH: Color = (205, 217, 234)
MOVING: Color = (255, 150, 40)
DETECTION: Color = (225, 230, 238)
TEXT: Color = (236, 239, 244)
TEXT_DIM: Color = (150, 160, 176)
WARNING: Color = (255, 196, 84)
EGO: Color = (96, 214, 255)

# The golden ratio's fractional part: successive multiples modulo 1 stay as far apart as possible,
# so neighbouring ids never look alike.
_GOLDEN_RATIO = 0.6180339887498949
# Orange marks moving points and pixels; ids keep out of this band of hues.
_RESERVED_HUE_FROM = 0.045
_RESERVED_HUE_TO = 0.135
_SATURATION = 0.62
_VALUE = 1.0


def track_color(track_id: int) -> Color:
    """Return the colour of a track: a function of its id alone."""
    share = (track_id * _GOLDEN_RATIO) % 1.0
    hue = (_RESERVED_HUE_TO + share * (1.0 - _RESERVED_HUE_TO + _RESERVED_HUE_FROM)) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, _SATURATION, _VALUE)
    return round(red * 255), round(green * 255), round(blue * 255)


def dimmed(color: Color, share: float) -> Color:
    """Mix a colour with the background: share 1 keeps it, 0 gives the background."""
    red, green, blue = (
        round(c * share + b * (1.0 - share)) for c, b in zip(color, BACKGROUND, strict=True)
    )
    return red, green, blue


def ramp(low: Color, high: Color, steps: int) -> UInt8[np.ndarray, "S 3"]:
    """Return `steps` colours from low to high."""
    share = np.linspace(0.0, 1.0, steps)[:, None]
    return np.rint(np.asarray(low) * (1.0 - share) + np.asarray(high) * share).astype(np.uint8)
