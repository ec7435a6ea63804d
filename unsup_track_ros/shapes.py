# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shape vocabulary of the annotations: jaxtyping's words where installed, inert ones elsewhere.

Letters: B batch, S sequence, P points, N boxes or objects, K classes, H W image rows and columns,
Z Y X grid axes, C channels. `Float[np.ndarray, "P 3"]` is an array of P points with 3 coordinates.
Tests install jaxtyping and beartype and check every annotated call; users need neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, Int64, Shaped, UInt8
else:
    try:
        from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, Int64, Shaped, UInt8
    except ImportError:

        class _Unchecked:
            """Stand-in: `Float[np.ndarray, "P 3"]` is plain `np.ndarray`."""

            def __class_getitem__(cls, item: tuple[type, str]) -> type:
                return item[0]

        Bool = Float = Float32 = Float64 = Int = Int32 = Int64 = Shaped = UInt8 = _Unchecked

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Int32", "Int64", "Shaped", "UInt8"]
