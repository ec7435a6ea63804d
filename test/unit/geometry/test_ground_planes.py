# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Heights over the ground that Patchwork++ fits."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry import ground_planes
from unsup_track_ros.geometry.ground_planes import check_available, height_above_planes

SENSOR_HEIGHT_M = 1.7


def street() -> tuple[np.ndarray, np.ndarray]:
    """Return a flat road that many rays hit, and a box 1.5 m high on it, in the level frame."""
    azimuth, range_m = (
        a.ravel() for a in np.meshgrid(np.arange(-np.pi, np.pi, 0.01), np.arange(3.0, 30.0, 0.4))
    )
    road = np.stack([range_m * np.cos(azimuth), range_m * np.sin(azimuth), 0 * azimuth], 1)
    y, z = (a.ravel() for a in np.meshgrid(np.arange(-1, 1, 0.05), np.arange(0.1, 1.5, 0.05)))
    box = np.stack([np.full(len(y), 10.0), y, z], 1)
    return road.astype(np.float32), box.astype(np.float32)


def test_the_road_has_no_height_and_what_stands_on_it_keeps_its_own() -> None:
    road, box = street()
    height_m = height_above_planes(np.concatenate([road, box]), SENSOR_HEIGHT_M)
    np.testing.assert_allclose(height_m[: len(road)], 0.0, atol=0.05)
    np.testing.assert_allclose(height_m[len(road) :], box[:, 2], atol=0.05)


def test_every_scan_is_answered_as_if_it_were_the_first() -> None:
    road, box = street()
    scan = np.concatenate([road, box])
    first = height_above_planes(scan, SENSOR_HEIGHT_M)
    height_above_planes(scan + np.array([0, 0, 0.5], np.float32), SENSOR_HEIGHT_M)
    np.testing.assert_array_equal(height_above_planes(scan, SENSOR_HEIGHT_M), first)


def test_an_empty_scan_has_no_heights() -> None:
    assert height_above_planes(np.zeros((0, 3), np.float32), SENSOR_HEIGHT_M).shape == (0,)


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground_planes.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install"):
        check_available()
