# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small line plots as SVG text: sharp at every size, no library, equal data give equal bytes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.shapes import Float64
from unsup_track_ros.visualization.colors import Color

_MARGIN_LEFT: Final = 46.0
_MARGIN_BOTTOM: Final = 30.0
_MARGIN_TOP: Final = 10.0
_MARGIN_RIGHT: Final = 12.0
_TICKS: Final = 5
_FLAT_SPAN: Final = 1.0  # axis length where all values are equal
_NICE_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One line of a plot.

    Attributes:
        points: (P, 2) x and y; a row with nan breaks the line.
        color: RGB.
        name: Text shown when the pointer rests on it.
        width_px: Stroke width.
    """

    points: Float64[np.ndarray, "P 2"]
    color: Color
    name: str
    width_px: float = 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Frame of a plot.

    Attributes:
        x_label: Text below, with the unit.
        y_label: Text above the left axis, with the unit.
        width_px: Width of the drawing.
        height_px: Height of the drawing.
        equal_scale: Whether one unit is as long on both axes, as on a map.
        from_zero: Whether the y axis starts at zero.
    """

    x_label: str
    y_label: str
    width_px: float = 560.0
    height_px: float = 240.0
    equal_scale: bool = False
    from_zero: bool = False


def line_plot(lines: Sequence[Line], axes: Axes) -> str:
    """Return an `<svg>` element with the lines."""
    data = [line.points[np.isfinite(line.points).all(axis=1)] for line in lines]
    everything = np.concatenate([*data, np.zeros((0, 2))])
    low, high = _limits(everything, axes)
    inner = np.array(
        [
            axes.width_px - _MARGIN_LEFT - _MARGIN_RIGHT,
            axes.height_px - _MARGIN_TOP - _MARGIN_BOTTOM,
        ]
    )
    if axes.equal_scale:
        low, high = _equalised(low, high, inner)
    scale = inner * [1.0, -1.0] / (high - low)
    origin = np.array([_MARGIN_LEFT, _MARGIN_TOP + inner[1]])
    parts = [
        f'<svg viewBox="0 0 {axes.width_px:g} {axes.height_px:g}" role="img" '
        f'aria-label="{html.escape(axes.y_label)}">'
    ]
    parts += _grid(low, high, scale, origin)
    parts += [_path(line, low, scale, origin) for line in lines]
    corner = (axes.width_px - _MARGIN_RIGHT, axes.height_px - 3)
    parts.append(_text(axes.x_label, corner, "axis", "end"))
    parts.append(_text(axes.y_label, (_MARGIN_LEFT + 4, _MARGIN_TOP + 9), "axis", "start"))
    return "".join([*parts, "</svg>"])


def _limits(
    points: Float64[np.ndarray, "P 2"], axes: Axes
) -> tuple[Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"]]:
    if not len(points):
        return np.zeros(2), np.full(2, _FLAT_SPAN)
    low, high = points.min(axis=0), points.max(axis=0)
    if axes.from_zero:
        low = np.array([low[0], min(low[1], 0.0)])
    # A constant is drawn in the middle of an axis of some length.
    flat = high - low < 1e-9
    low, high = (
        np.where(flat, low - _FLAT_SPAN / 2, low),
        np.where(flat, high + _FLAT_SPAN / 2, high),
    )
    room = (high - low) * [0.0, 0.08]
    return low - (0.0 if axes.from_zero else room), high + room


def _equalised(
    low: Float64[np.ndarray, " 2"],
    high: Float64[np.ndarray, " 2"],
    inner: Float64[np.ndarray, " 2"],
) -> tuple[Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"]]:
    """Widen the shorter axis until both have the same scale."""
    metres_per_px = float(((high - low) / inner).max())
    centre, half = (low + high) / 2, inner * metres_per_px / 2
    return centre - half, centre + half


def _grid(
    low: Float64[np.ndarray, " 2"],
    high: Float64[np.ndarray, " 2"],
    scale: Float64[np.ndarray, " 2"],
    origin: Float64[np.ndarray, " 2"],
) -> list[str]:
    parts = []
    far = origin + (high - low) * scale
    for value in _ticks(low[0], high[0]):
        x = origin[0] + (value - low[0]) * scale[0]
        parts.append(
            f'<line x1="{x:.1f}" y1="{origin[1]:.1f}" x2="{x:.1f}" y2="{far[1]:.1f}" class="grid"/>'
        )
        parts.append(_text(f"{value:g}", (x, origin[1] + 13), "tick", "middle"))
    for value in _ticks(low[1], high[1]):
        y = origin[1] + (value - low[1]) * scale[1]
        parts.append(
            f'<line x1="{origin[0]:.1f}" y1="{y:.1f}" x2="{far[0]:.1f}" y2="{y:.1f}" class="grid"/>'
        )
        parts.append(_text(f"{value:g}", (origin[0] - 5, y + 3), "tick", "end"))
    return parts


def _text(text: str, place: tuple[float, float], kind: str, anchor: str) -> str:
    return (
        f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" class="{kind}" text-anchor="{anchor}">'
        f"{html.escape(text)}</text>"
    )


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in _NICE_STEPS if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 9) + 0.0 for number in range(first, last + 1)]


def _path(
    line: Line,
    low: Float64[np.ndarray, " 2"],
    scale: Float64[np.ndarray, " 2"],
    origin: Float64[np.ndarray, " 2"],
) -> str:
    commands, pen_up = [], True
    for x, y in origin + (line.points - low) * scale:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen_up = True
            continue
        commands.append(f"{'M' if pen_up else 'L'}{x:.1f} {y:.1f}")
        pen_up = False
    color = "#{:02x}{:02x}{:02x}".format(*line.color)
    return (
        f'<path d="{"".join(commands)}" fill="none" stroke="{color}" '
        f'stroke-width="{line.width_px:g}" stroke-linejoin="round">'
        f"<title>{html.escape(line.name)}</title></path>"
    )
