# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clouds survive the way through a message, whatever its layout."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.data.bags import packed_cloud_message

from unsup_track_ros.data.point_cloud_decoding import decode_cloud


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(["x", "y", "z", "intensity", "extra"]),
    gaps=st.lists(st.integers(0, 5), min_size=5, max_size=5),
    endian=st.sampled_from("<>"),
    num_points=st.integers(0, 7),
)
def test_any_order_padding_and_byte_order_gives_the_same_points(
    order: list[str], gaps: list[int], endian: str, num_points: int
) -> None:
    offsets = np.cumsum([gap + 4 for gap in gaps]) - 4
    layout = np.dtype(
        {
            "names": list(order),
            "formats": [endian + "f4"] * 5,
            "offsets": offsets.tolist(),
            "itemsize": int(offsets[-1]) + 7,
        }
    )
    points = np.random.default_rng(num_points).normal(size=(num_points, 3)).astype(np.float32)
    table = np.zeros(num_points, layout)
    for axis, name in enumerate("xyz"):
        table[name] = points[:, axis]
    table["intensity"] = np.arange(num_points)
    cloud = decode_cloud(packed_cloud_message(table)).cloud
    np.testing.assert_array_equal(cloud.points_velo, points)
    np.testing.assert_array_equal(cloud.intensity, np.arange(num_points))
