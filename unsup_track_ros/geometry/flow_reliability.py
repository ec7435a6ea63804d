# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which pixels have an optical flow to rely on: the forward-backward check (SPECS 0.3, items 1-4).

On the CPU wherever the flow was found: both flows go there in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner
from unsup_track_ros.shapes import Bool, Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCheck:
    """How the flow there and back is judged.

    Attributes:
        relative: Cycle error allowed per pixel of flow.
        absolute_px: Cycle error allowed at zero flow.
        stride_px: Pixels per axis that share one check.
        half_pixel_quirk: Read as the released TCR code does (SPECS 0.3): it divides by size - 1 but
            samples with `align_corners=False`, up to half a pixel off at the borders. Only for
            reproducing its numbers.
    """

    relative: float
    absolute_px: float
    stride_px: int = 1
    half_pixel_quirk: bool = False


def reliability(
    flow01_px: Float32[np.ndarray, "2 H W"],
    flow10_px: Float32[np.ndarray, "2 H W"],
    check: CycleCheck,
) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Judge which pixels of image 0 and of image 1 have a flow to rely on.

    A pixel is reliable iff something flows onto it and onto its target (one-to-one), the flow there
    and back returns to it (cycle: ||f + b|| < relative * ||(f, b)|| + absolute, with the norm of
    the 4-vector on the right), and its target is reliable in the same sense.

    With a stride, one pixel of every block answers for the block. The judged pixels form an image
    of their own, in which the flow is as much shorter, so that it is covered and returns as asked.
    A divergence from SPECS 0.3, which judges every pixel: the finest scale of DIS is half the
    working resolution.

    Returns:
        Masks of image 0 and of image 1.
    """
    return _reliability(
        np.ascontiguousarray(flow01_px),
        np.ascontiguousarray(flow10_px),
        np.float32(check.relative),
        np.float32(check.absolute_px / check.stride_px),
        check.stride_px,
        check.half_pixel_quirk,
    )


# In the loops images have a ring of one pixel of nothing around them, so that what is half outside
# is read like any other place, and are flat: pixel (y, x) is at y * columns + x. The first pixel of
# the ring stands for all that lies outside of it.
_OUTSIDE = 0
_ZERO, _HALF, _ONE, _TWO = (np.float32(number) for number in (0.0, 0.5, 1.0, 2.0))
_Shares = tuple[np.float32, np.float32, np.float32, np.float32]
_Scale = tuple[np.float32, np.float32, np.float32]


@compiled_inner
def _ringed(flow_px: np.ndarray, stride: int) -> np.ndarray:
    """Return (2, rows * columns) the flow of the judged pixels, in strides."""
    _, height, width = flow_px.shape
    rows, columns = -(-height // stride) + 2, -(-width // stride) + 2
    ringed = np.zeros((2, rows * columns), np.float32)
    for axis in range(2):
        for row in range(rows - 2):
            for column in range(columns - 2):
                flow = flow_px[axis, row * stride, column * stride]
                ringed[axis, (row + 1) * columns + column + 1] = flow / stride
    return ringed


@compiled_inner
def _scale(size: int, quirk: bool) -> _Scale:
    """Return per axis how torch's [-1, 1] is reached and left again: see `_place`."""
    per_pixel = _TWO / np.float32(max(size - 1, 1))
    if quirk:
        return per_pixel, np.float32(0.5 * size), _HALF
    return per_pixel, np.float32(0.5 * (size - 1)), _ZERO


@compiled_inner
def _place(pixel: int, flow: np.float32, scale: _Scale) -> np.float32:
    """Return where a pixel flows, by way of torch's [-1, 1] and rounded as there.

    Masks are read half way between two pixels more often than chance has it, and there the last
    digit decides.
    """
    per_pixel, half, back = scale
    still = np.float32(pixel) * per_pixel - _ONE
    place: np.float32 = (still + flow * per_pixel + _ONE) * half - back
    return place


@compiled_inner
def _covered(flow: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Tell which pixels some pixel lands on: it does so on the four around its target (item 1)."""
    covered = np.zeros(rows * columns, np.bool_)
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            pixel = y * columns + x
            to_x, to_y = np.float32(x - 1) + flow[0, pixel], np.float32(y - 1) + flow[1, pixel]
            if -1 <= to_x < columns - 2 and -1 <= to_y < rows - 2:
                at = (int(np.floor(to_y)) + 1) * columns + int(np.floor(to_x)) + 1
                covered[at] = covered[at + 1] = True
                covered[at + columns] = covered[at + columns + 1] = True
    covered[:columns], covered[-columns:] = False, False
    covered[::columns], covered[columns - 1 :: columns] = False, False
    return covered


@compiled_inner
def _target(
    x: int,
    y: int,
    flow: tuple[np.float32, np.float32],
    size: tuple[int, int],
    scales: tuple[_Scale, _Scale],
) -> tuple[int, _Shares]:
    """Return the pixel above and to the left of a pixel's target, and the shares of all four."""
    rows, columns = size
    to_x, to_y = _place(x - 1, flow[0], scales[0]), _place(y - 1, flow[1], scales[1])
    if not (-1 <= to_x < columns - 2 and -1 <= to_y < rows - 2):
        return _OUTSIDE, (_ZERO, _ZERO, _ZERO, _ZERO)
    left, top = np.floor(to_x), np.floor(to_y)
    right, down = to_x - left, to_y - top
    at = (int(top) + 1) * columns + int(left) + 1
    beside, below = right * (_ONE - down), (_ONE - right) * down
    return at, ((_ONE - right) * (_ONE - down), beside, below, right * down)


@compiled_inner
def _read(flow: np.ndarray, axis: int, at: int, columns: int, shares: _Shares) -> np.float32:
    """Return the flow along an axis between four pixels."""
    above: np.float32 = shares[0] * flow[axis, at] + shares[1] * flow[axis, at + 1]
    below: np.float32 = (
        shares[2] * flow[axis, at + columns] + shares[3] * flow[axis, at + columns + 1]
    )
    return above + below


@compiled_inner
def _is_set(mask: np.ndarray, at: int, columns: int, shares: _Shares) -> bool:
    """Tell whether more than half of what is read of a mask is set; mostly all of it is."""
    a, b, c, d = mask[at], mask[at + 1], mask[at + columns], mask[at + columns + 1]
    if a and b and c and d:
        return True
    above = (shares[0] if a else _ZERO) + (shares[1] if b else _ZERO)
    return bool(above + (shares[2] if c else _ZERO) + (shares[3] if d else _ZERO) > _HALF)


@compiled_inner
def _is_cycle(
    u: np.float32,
    v: np.float32,
    a: np.float32,
    b: np.float32,
    limits: tuple[np.float32, np.float32],
) -> bool:
    """Compare a flow with the flow back at its target (item 3)."""
    relative, absolute = limits
    residual_squared = (u + a) * (u + a) + (v + b) * (v + b)
    if residual_squared < absolute * absolute:  # whatever the length: no root is needed
        return True
    length = np.sqrt(u * u + v * v + a * a + b * b)
    return bool(np.sqrt(residual_squared) < relative * length + absolute)


@compiled_inner
def _passed(
    flows: tuple[np.ndarray, np.ndarray],
    covered: tuple[np.ndarray, np.ndarray],
    size: tuple[int, int],
    limits: tuple[np.float32, np.float32],
    scales: tuple[_Scale, _Scale],
) -> np.ndarray:
    """Tell which pixels pass alone: covered here and there, and they return (items 1 to 3)."""
    (there, back), (covered_here, covered_there), (rows, columns) = flows, covered, size
    passed = np.zeros(rows * columns, np.bool_)
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            pixel = y * columns + x
            if covered_here[pixel]:
                u, v = there[0, pixel], there[1, pixel]
                at, shares = _target(x, y, (u, v), size, scales)
                if _is_set(covered_there, at, columns, shares):
                    a = _read(back, 0, at, columns, shares)
                    b = _read(back, 1, at, columns, shares)
                    passed[pixel] = _is_cycle(u, v, a, b, limits)
    return passed


@compiled_inner
def _reliable(
    flow: np.ndarray,
    passed: tuple[np.ndarray, np.ndarray],
    size: tuple[int, int],
    stride: int,
    scales: tuple[_Scale, _Scale],
    reliable: np.ndarray,
) -> None:
    """Set which pixels pass and so do their targets (item 4), block by block."""
    (here, there), (rows, columns) = passed, size
    height, width = reliable.shape
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            pixel = y * columns + x
            if here[pixel]:
                flow_px = flow[0, pixel], flow[1, pixel]
                at, shares = _target(x, y, flow_px, size, scales)
                if _is_set(there, at, columns, shares):
                    for row in range((y - 1) * stride, min(y * stride, height)):
                        for column in range((x - 1) * stride, min(x * stride, width)):
                            reliable[row, column] = True


@compiled_for(
    "Tuple((boolean[:, ::1], boolean[:, ::1]))"
    "(float32[:, :, ::1], float32[:, :, ::1], float32, float32, int64, boolean)"
)
def _reliability(
    flow01_px: np.ndarray,
    flow10_px: np.ndarray,
    relative: np.float32,
    absolute: np.float32,
    stride: int,
    quirk: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Judge both ways; `absolute` is in strides."""
    _, height, width = flow01_px.shape
    size, limits = (-(-height // stride) + 2, -(-width // stride) + 2), (relative, absolute)
    scales = _scale(size[1] - 2, quirk), _scale(size[0] - 2, quirk)
    forward, backward = _ringed(flow01_px, stride), _ringed(flow10_px, stride)
    covered0, covered1 = _covered(backward, size[0], size[1]), _covered(forward, size[0], size[1])
    passed0 = _passed((forward, backward), (covered0, covered1), size, limits, scales)
    passed1 = _passed((backward, forward), (covered1, covered0), size, limits, scales)
    reliable0 = np.zeros((height, width), np.bool_)
    reliable1 = np.zeros((height, width), np.bool_)
    _reliable(forward, (passed0, passed1), size, stride, scales, reliable0)
    _reliable(backward, (passed1, passed0), size, stride, scales, reliable1)
    return reliable0, reliable1
