# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Targets of the bird's-eye-view network: figures worked out by hand (SPECS 0.9, section 5)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from unit.training.bev_scenes import GROUND_M, car, objects, scan_of, small_network

from unsup_track_ros.networks.bev_centernet import BevCenternetConfig
from unsup_track_ros.training.bev import padded
from unsup_track_ros.training.bev_targets import (
    CentreTargets,
    ScanBatch,
    background_cells,
    centre_targets,
    output_cells,
    segment_targets,
)

RELEASED = BevCenternetConfig(mode="tcr")
CPU = torch.device("cpu")


def targets_of(network: BevCenternetConfig, boxes: list[list[float]]) -> CentreTargets:
    labels = padded([objects(boxes)], network, CPU)
    side = network.grid.num_y // network.stride
    return centre_targets(labels, network, torch.zeros(1, side, side, dtype=torch.bool))


def batch_of(*scans: torch.Tensor) -> ScanBatch:
    numbers = [torch.full((len(points),), number) for number, points in enumerate(scans)]
    return ScanBatch(points_bev=torch.cat(scans), sample=torch.cat(numbers), num_samples=len(scans))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_car_of_4_5_m_has_a_sigma_of_2_25_cells_and_a_valid_radius_of_10_6() -> None:
    """The golden figures of SPECS section 5, on TCR's stride-4 grid of 0.5 m."""
    box = [18.25, 0.25, -0.5, 4.5, 1.8, 1.5, 0.3]  # at the centre of output cell (32, 32)
    centres = targets_of(RELEASED, [box])
    row = centres.target[0, 32]
    assert row[32] == 1.0
    assert float(row[34]) == pytest.approx(math.exp(-(2**2) / (2 * 2.25**2)), rel=1e-5)
    valid = centres.valid[0, 32].nonzero()[:, 0]
    assert (int(valid.min()), int(valid.max())) == (32 - 10, 32 + 10)
    assert 9 * math.sqrt(2 * math.log(2)) == pytest.approx(10.6, abs=0.01)


def test_a_short_object_counts_as_4_m_long() -> None:
    person = [18.25, 0.25, -0.5, 0.6, 0.6, 1.7, 0.0]
    row = targets_of(RELEASED, [person]).target[0, 32]
    assert float(row[33]) == pytest.approx(math.exp(-1 / (2 * 2.0**2)), rel=1e-5)


def test_tcr_asks_for_nothing_far_from_labels() -> None:
    centres = targets_of(RELEASED, [[18.25, 0.25, -0.5, 4.5, 1.8, 1.5, 0.0]])
    assert not centres.valid[0, 32, :20].any()
    assert not centres.valid[0, :20, 32].any()


def test_a_label_whose_centre_is_outside_the_grid_counts_nothing() -> None:
    labels = padded([objects([[40.0, 0, -0.5, 4.5, 1.8, 1.5, 0]])], RELEASED, CPU)
    assert float(labels.weights.sum()) == 0.0
    assert not targets_of(RELEASED, [[40.0, 0, -0.5, 4.5, 1.8, 1.5, 0]]).valid.any()


def test_improved_asks_on_the_footprint_and_on_background_only() -> None:
    network = small_network("improved")
    labels = padded([objects([car(8.25, 0.25)])], network, CPU)
    background = torch.zeros(1, 32, 32, dtype=torch.bool)
    background[0, 0, 0] = True
    valid = centre_targets(labels, network, background).valid[0]
    assert valid[0, 0]
    # Footprint 4.0 x 1.8 m and a metre around it: columns within 3 m, rows within 1.9 m.
    rows, columns = valid[1:].nonzero().T
    assert (int(columns.min()), int(columns.max())) == (10, 22)  # 0.5 m cells around x = 8.25
    assert (int(rows.min()) + 1, int(rows.max()) + 1) == (13, 19)


def test_output_cells_are_whole_at_cell_centres() -> None:
    boxes = torch.tensor([[[2.25, -15.75, -2.0, 4.0, 2.0, 1.5, 0.0]]])
    assert output_cells(boxes, RELEASED)[0, 0].tolist() == pytest.approx([0.0, 0.0, 0.0])


def test_segments_are_positive_on_the_object_and_negative_in_the_free_space_beside_it() -> None:
    network = small_network("tcr")
    scan = scan_of(objects([car(8.0, 0.0)]))
    points = torch.from_numpy(scan.points_bev)
    on_object = torch.from_numpy(scan.heights_m > 0.01)
    found = segment_targets(batch_of(points), on_object, network, [generator(0)])
    assert not (found.positive & found.negative).any()
    slices, rows, columns = found.positive[0].nonzero().T
    assert ((columns + 0.5) * 0.5 >= 6.0).all()
    assert ((columns + 0.5) * 0.5 <= 10.5).all()
    assert slices.unique().tolist() == [0, 1, 2]  # up to -0.2 m in slices of 1 m from -2.5
    # In front of the car the rays pass.
    assert found.negative[0, :, 15:17, 9:11].any()
    # Nothing is asked farther than 4 m from it.
    assert not found.negative[0, :, :, :3].any()
    assert rows.min() >= 13


def test_a_cell_beside_a_pole_is_no_background_and_open_road_is() -> None:
    network = small_network("improved")
    scan = scan_of(objects([]))
    pole = np.column_stack([np.full(20, 8.2), np.full(20, 0.2), np.linspace(-1.5, 0, 20)])
    points = torch.from_numpy(np.concatenate([scan.points_bev, pole]).astype(np.float32))
    heights_m = points[:, 2] - GROUND_M
    found = background_cells(batch_of(points), heights_m, network, (0.3, 2.5), 1.0)[0]
    assert not found[14:19, 14:19].any()
    assert found[2, 16]
    assert found.float().mean() > 0.8


def test_scans_of_a_batch_have_the_targets_that_each_has_alone() -> None:
    network = small_network("improved")
    scans = [scan_of(objects([car(8.0, 0.0)])), scan_of(objects([car(5.1, -2.7)]), 1)]
    points = [torch.from_numpy(scan.points_bev) for scan in scans]
    on_object = [torch.from_numpy(scan.owner >= 0) for scan in scans]
    heights_m = [torch.from_numpy(scan.heights_m) for scan in scans]
    segments = segment_targets(
        batch_of(*points), torch.cat(on_object), network, [generator(0), generator(1)]
    )
    background = background_cells(batch_of(*points), torch.cat(heights_m), network, (0.3, 2.5), 1.0)
    for i in range(len(scans)):
        alone = segment_targets(batch_of(points[i]), on_object[i], network, [generator(i)])
        assert torch.equal(segments.positive[i], alone.positive[0])
        assert torch.equal(segments.negative[i], alone.negative[0])
        one = background_cells(batch_of(points[i]), heights_m[i], network, (0.3, 2.5), 1.0)
        assert torch.equal(background[i], one[0])
