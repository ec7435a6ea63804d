# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variations of labelled scans: points and labels stay together, whatever is done to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.training.bev_scenes import SMALL_GRID, car, objects, scan_of

from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.training.bev_augmentation import (
    BevAugmentationConfig,
    LabelledScan,
    covered,
    moved,
    pasted,
    varied,
)
from unsup_track_ros.training.drawing import Remembered

SCENE = objects([car(8.3, 1.1, 0.3), car(11.2, -4.4, -2.0)])
DONOR = objects([car(6.0, 3.0, 1.0)])


def on_labels(scan: LabelledScan, margin_m: float = 0.08) -> np.ndarray:
    """The label that each point lies on, found anew; scaled margins are a little wider."""
    return box_of_points(scan.points_bev, scan.labels.boxes_bev, margin_m)


@pytest.mark.parametrize("seed", range(8))
def test_points_on_a_label_stay_on_it(seed: int) -> None:
    config = BevAugmentationConfig.improved()
    rng = np.random.default_rng(seed)
    scan = varied(scan_of(SCENE), config, rng, scan_of(DONOR, 1), SMALL_GRID.grid())
    owned = scan.owner >= 0
    assert owned.sum() > 100
    np.testing.assert_array_equal(on_labels(scan)[owned], scan.owner[owned])


def test_a_scan_is_mirrored_scaled_and_turned_about_its_objects() -> None:
    scan = scan_of(objects([car(8.0, 2.0, 0.5)]))
    there = moved(scan, 1.2, 0.25, mirror=True)
    assert there.labels.boxes_bev[0] == pytest.approx(
        [9.6, -2.4, 1.2 * (-1.7 + 0.75), 4.8, 2.16, 1.8, -0.25]
    )
    # What was half a metre to the left of the car is 0.6 m to its right, then turned with it.
    scan.points_bev[0] = [8.0, 2.5, 0.0]
    point = moved(scan, 1.2, 0.25, mirror=True).points_bev[0]
    assert point == pytest.approx(
        [9.6 + 0.6 * np.sin(0.25), -2.4 - 0.6 * np.cos(0.25), 0], abs=1e-5
    )


def test_what_is_covered_is_hidden_and_enough_of_every_object_is_left() -> None:
    scan = scan_of(SCENE)
    config = BevAugmentationConfig(cover_object_probability=1.0)
    hidden = covered(scan, config, np.random.default_rng(3))
    assert hidden.seen is not None
    assert len(hidden.points_bev) == len(scan.points_bev)
    for number in range(2):
        on_object = scan.owner == number
        left = (on_object & hidden.seen).sum()
        assert 3 <= left < on_object.sum()


def test_an_object_is_pasted_with_its_points_where_nothing_stands() -> None:
    scan, donor = scan_of(SCENE), scan_of(DONOR, 1)
    added = 0
    for seed in range(20):
        joined = pasted(scan, donor, 3, np.random.default_rng(seed))
        boxes = joined.labels.boxes_bev
        if len(boxes) == 3:
            added += 1
            assert np.hypot(*boxes[2, :2]) == pytest.approx(np.hypot(6.0, 3.0))
            assert bev_iou(boxes[2:], boxes[:2]).max() == 0
            new = joined.owner == 2
            assert new.sum() == ((donor.owner == 0) & (donor.heights_m > 0)).sum()
            assert (on_labels(joined)[new] == 2).all()
    assert added > 0


def test_nothing_is_pasted_onto_what_stands() -> None:
    scan = scan_of(objects([]))
    angle = np.linspace(-np.pi, np.pi, 4000)
    wall = np.column_stack([6.7 * np.cos(angle), 6.7 * np.sin(angle), np.full(4000, -1.0)])
    scan = replace(
        scan,
        points_bev=np.concatenate([scan.points_bev, wall.astype(np.float32)]),
        heights_m=np.concatenate([scan.heights_m, np.full(4000, 0.7, np.float32)]),
        owner=np.concatenate([scan.owner, np.full(4000, -1)]),
    )
    for seed in range(5):
        assert len(pasted(scan, scan_of(DONOR, 1), 3, np.random.default_rng(seed)).labels) == 0


def test_rows_are_made_once_and_the_oldest_is_forgotten_first() -> None:
    made = []

    def make(row: int) -> int:
        made.append(row)
        return 10 * row

    remembered = Remembered(make, max_rows=2)
    assert [remembered(row) for row in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
