# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The forward-backward check: by hand, and against reading images with torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from unsup_track_ros.geometry.flow_reliability import CycleCheck, reliability

CHECK = CycleCheck(relative=0.05, absolute_px=0.5)


def still(height: int, width: int) -> np.ndarray:
    return np.zeros((2, height, width), np.float32)


def sideways(flow_px: float) -> np.ndarray:
    flow = still(8, 60)
    flow[0] = flow_px
    return flow


def test_the_cycle_example_of_the_specification_is_reliable() -> None:
    # f01 = (10, 0), warped f10 = (-9, 0): residual 1.0 < 0.05 * 13.45 + 0.5 = 1.173.
    reliable0, _ = reliability(sideways(10.0), sideways(-9.0), CHECK)
    assert reliable0[:, 10:40].all()
    # Residual 1.2 > 0.05 * sqrt(10^2 + 8.8^2) + 0.5 = 1.166.
    reliable0, _ = reliability(sideways(10.0), sideways(-8.8), CHECK)
    assert not reliable0.any()


def test_two_pixels_that_flow_to_one_place_are_not_both_trusted() -> None:
    # Columns 0-9 move right by 10 on top of columns 10-19, which stand still.
    forward = still(8, 30)
    forward[0, :, :10] = 10.0
    reliable0, _ = reliability(forward, still(8, 30), CHECK)
    assert not reliable0[:, :10].any()
    assert reliable0[:, 10:].all()


def test_what_nothing_flows_onto_is_not_trusted() -> None:
    # Image 1 flows left out of columns 20-24: only what lands on the pixel between is covered.
    backward = still(8, 30)
    backward[0, :, 20:25] = -12.0
    reliable0, reliable1 = reliability(still(8, 30), backward, CHECK)
    assert not reliable0[:, 21:25].any()
    assert not reliable1[:, 21:25].any()
    assert reliable0[:, 25:].all()


def test_what_flows_out_of_the_image_is_not_trusted() -> None:
    reliable0, _ = reliability(sideways(1000.0), sideways(-1000.0), CHECK)
    assert not reliable0.any()
    lost = sideways(np.nan)
    assert not reliability(lost, lost, CHECK)[0].any()


def test_the_half_pixel_quirk_changes_only_what_it_is_about() -> None:
    straight, _ = reliability(still(64, 64), still(64, 64), CHECK)
    quirk = replace(CHECK, half_pixel_quirk=True)
    shifted, _ = reliability(still(64, 64), still(64, 64), quirk)
    assert straight.all()
    assert shifted[2:-2, 2:-2].all()
    assert not shifted[0, 0]  # half a pixel outside both ways: a quarter of the mask is left


def noisy_pair(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth flows there and back that mostly agree, and more and less at some places."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 2.0 * torch.randn((1, 2, 3, 4), generator=generator)
    size = (height, width)
    smooth = functional.interpolate(coarse, size, mode="bilinear", align_corners=True)[0]
    noise = 0.5 * torch.randn((2, *size), generator=generator)
    return smooth.numpy(), (0.3 * noise - smooth).numpy()


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("size", [(24, 36), (25, 37), (9, 7)])
def test_a_block_is_judged_as_its_pixel_is_in_the_image_of_judged_pixels(
    stride: int, size: tuple[int, int]
) -> None:
    flow01_px, flow10_px = noisy_pair(*size, seed=3)
    judged01, judged10 = (
        np.asarray(flow_px[:, ::stride, ::stride] / stride, np.float32)
        for flow_px in (flow01_px, flow10_px)
    )
    by_pixel = reliability(judged01, judged10, replace(CHECK, absolute_px=0.5 / stride))
    by_block = reliability(flow01_px, flow10_px, replace(CHECK, stride_px=stride))
    for pixels, blocks in zip(by_pixel, by_block, strict=True):
        expected = pixels.repeat(stride, 0).repeat(stride, 1)[: size[0], : size[1]]
        np.testing.assert_array_equal(blocks, expected)


def read_by_torch(image: np.ndarray, flow_px: np.ndarray, quirk: bool) -> np.ndarray:
    """Bring (C, H, W) onto the pixels where the flow starts, 0 where it leads outside."""
    height, width = flow_px.shape[1:]
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    last = np.array([width - 1, height - 1])
    grid = (np.stack([x, y], -1) + flow_px.transpose(1, 2, 0).astype(np.float64)) / last * 2.0 - 1.0
    image64 = torch.from_numpy(image.astype(np.float64))[None]
    read = functional.grid_sample(image64, torch.from_numpy(grid)[None], align_corners=not quirk)
    return np.asarray(read[0])


def covered_by_loops(flow_px: np.ndarray) -> np.ndarray:
    height, width = flow_px.shape[1:]
    covered = np.zeros((height, width), bool)
    for y, x in np.ndindex(height, width):
        left, top = np.floor(np.array([x, y]) + flow_px[:, y, x].astype(np.float64)).astype(int)
        for row, column in np.ndindex(2, 2):
            if 0 <= top + row < height and 0 <= left + column < width:
                covered[top + row, left + column] = True
    return covered


@pytest.mark.parametrize("quirk", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_torch_reads_at_the_targets(seed: int, quirk: bool) -> None:
    flows = noisy_pair(33, 47, seed)
    covered = covered_by_loops(flows[1]), covered_by_loops(flows[0])
    passed = []
    for here, there in ((0, 1), (1, 0)):
        forward = flows[here].astype(np.float64)
        back = read_by_torch(flows[there], flows[here], quirk)
        share = read_by_torch(covered[there][None], flows[here], quirk)[0]
        residual = np.linalg.norm(forward + back, axis=0)
        length = np.linalg.norm(np.concatenate([forward, back]), axis=0)
        cycle = residual < CHECK.relative * length + CHECK.absolute_px
        passed.append(covered[here] & (share > 0.5) & cycle)
    found = reliability(*flows, replace(CHECK, half_pixel_quirk=quirk))
    for here, there in ((0, 1), (1, 0)):
        lands = read_by_torch(passed[there][None], flows[here], quirk)[0] > 0.5
        expected = passed[here] & lands
        assert 0.05 < expected.mean() < 0.95
        np.testing.assert_array_equal(found[here], expected)
