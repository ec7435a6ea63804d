# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the bird's-eye-view network should say of a scan, as far as labels tell (SPECS 0.9).

Nothing is a negative for want of a label: parked cars stand unlabelled in every scan. Mode `tcr`
asks for no centre farther than about a car's length from a label. Mode `improved` adds the cells
that clearly hold nothing: no return between knee and roof around them.

Shapes: B samples, N label slots, S height slices, [y, x] cells of the network's output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.networks.bev_centernet import HEIGHT_STRIDE, BevCenternetConfig
from unsup_track_ros.networks.bev_input import occupied
from unsup_track_ros.shapes import Bool, Float, Int64
from unsup_track_ros.structures.voxels import VoxelGrid

_LEAST_LONG_M = 4.0  # shorter objects are treated as this long
_SIGMA_PER_LENGTH = 0.25  # TCR: a 4 m car has a sigma of two 0.5 m cells
_VALID_SIGMA_PER_LENGTH = 1.0  # TCR: four times as wide, above a half
_LEAST_TARGET = 1e-3
_RING_M = (2.0, 4.0)  # TCR: four and eight dilations by 0.5 m
_FREE_SAMPLES = 8  # per ray
_FREE_SHARE = 0.95  # of the ray
_IMPROVED_SIGMA = 0.25  # of the root of the footprint's area
_IMPROVED_MIN_SIGMA_CELLS = 0.6
_IMPROVED_VALID_M = 1.0  # around a label's footprint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevLabels:
    """Labels of a batch, padded to N slots.

    Attributes:
        boxes_bev: (B, N, 7) in frame bev.
        weights: (B, N) trust in each, 0 in empty slots and for centres outside the grid.
        heading_known: (B, N) yaw is the heading.
        velocities_bev: (B, N, 2) m/s, nan where unknown.
    """

    boxes_bev: Float[Tensor, "B N 7"]
    weights: Float[Tensor, "B N"]
    heading_known: Bool[Tensor, "B N"]
    velocities_bev: Float[Tensor, "B N 2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CentreTargets:
    """Where box centres are wanted.

    Attributes:
        target: (B, y, x) 1 at centres, falling off around them.
        valid: (B, y, x) cells that are asked at all.
        weight: (B, y, x) trust in the label that a cell belongs to, 1 for background.
    """

    target: Float[Tensor, "B y x"]
    valid: Bool[Tensor, "B y x"]
    weight: Float[Tensor, "B y x"]


def output_cells(
    boxes_bev: Float[Tensor, "B N 7"], network: BevCenternetConfig
) -> Float[Tensor, "B N 3"]:
    """Return box centres in output cells (x, y) and slices (z); whole numbers are cell centres."""
    grid = network.grid.grid()
    steps = (network.stride, network.stride, HEIGHT_STRIDE)
    size = boxes_bev.new_tensor(
        [step * side for step, side in zip(steps, grid.voxel_m, strict=True)]
    )
    return (boxes_bev[..., :3] - boxes_bev.new_tensor(grid.minimum_m)) / size - 0.5


def inside_grid(
    boxes_bev: Float[Tensor, "B N 7"], network: BevCenternetConfig
) -> Bool[Tensor, "B N"]:
    """Tell which box centres lie over the grid."""
    grid = network.grid.grid()
    low = boxes_bev.new_tensor(grid.minimum_m)[:2]
    high = boxes_bev.new_tensor(grid.maximum_m)[:2]
    return ((boxes_bev[..., :2] >= low) & (boxes_bev[..., :2] < high)).all(dim=-1)


def centre_targets(
    labels: BevLabels, network: BevCenternetConfig, background: Bool[Tensor, "B y x"]
) -> CentreTargets:
    """Return the centre map of a batch.

    Mode `tcr`: a Gaussian around the rounded cell with sigma = max(4 m, length) / 4 (SPECS 0.9),
    valid where a Gaussian four times as wide exceeds a half. Mode `improved`: a Gaussian as wide as
    the footprint, valid on the footprint and a metre around it, and on `background`.
    """
    cells = output_cells(labels.boxes_bev, network)[..., :2].round()
    num_y, num_x = background.shape[-2:]
    cell_m = network.stride * network.grid.grid().voxel_m[0]
    x = torch.arange(num_x, device=cells.device, dtype=cells.dtype)
    y = torch.arange(num_y, device=cells.device, dtype=cells.dtype)
    across = x - cells[..., 0, None, None]
    up = y[:, None] - cells[..., 1, None, None]
    squared = across**2 + up**2
    length_m = labels.boxes_bev[..., 3:5].amax(dim=-1)
    if network.mode == "tcr":
        sigma_m = _SIGMA_PER_LENGTH * length_m.clamp(min=_LEAST_LONG_M)
        wide = _VALID_SIGMA_PER_LENGTH * length_m.clamp(min=_LEAST_LONG_M) / cell_m
        near = torch.exp(-squared / (2 * wide[..., None, None] ** 2)) > 0.5
    else:
        sigma_m = _IMPROVED_SIGMA * labels.boxes_bev[..., 3:5].clamp(min=0).prod(dim=-1).sqrt()
        sigma_m = sigma_m.clamp(min=_IMPROVED_MIN_SIGMA_CELLS * cell_m)
        near = _on_footprint(labels.boxes_bev, network, (num_y, num_x))
    sigma = (sigma_m / cell_m)[..., None, None]
    gaussian = torch.exp(-squared / (2 * sigma**2))
    gaussian = torch.where(gaussian < _LEAST_TARGET, 0.0, gaussian)
    counts = labels.weights[..., None, None] > 0
    gaussian = gaussian * counts
    target, owner = gaussian.max(dim=1)
    near_any = (near & counts).any(dim=1)
    weight = torch.gather(
        labels.weights[:, :, None, None].expand_as(gaussian), 1, owner[:, None]
    ).squeeze(1)
    return CentreTargets(
        target=target,
        valid=near_any | background,
        weight=torch.where(target > 0, weight, 1.0),
    )


def _on_footprint(
    boxes_bev: Float[Tensor, "B N 7"], network: BevCenternetConfig, shape: tuple[int, int]
) -> Bool[Tensor, "B N y x"]:
    """Tell which cells lie on a box or near it."""
    grid, stride = network.grid.grid(), network.stride
    step_x_m, step_y_m = (stride * side for side in grid.voxel_m[:2])
    x_m = grid.minimum_m[0] + (torch.arange(shape[1], device=boxes_bev.device) + 0.5) * step_x_m
    y_m = grid.minimum_m[1] + (torch.arange(shape[0], device=boxes_bev.device) + 0.5) * step_y_m
    yaw = boxes_bev[..., 6, None, None]
    dx = x_m - boxes_bev[..., 0, None, None]
    dy = y_m[:, None] - boxes_bev[..., 1, None, None]
    along = (yaw.cos() * dx + yaw.sin() * dy).abs()
    across = (yaw.cos() * dy - yaw.sin() * dx).abs()
    half = boxes_bev[..., 3:5, None, None] / 2 + _IMPROVED_VALID_M
    return (along <= half[:, :, 0]) & (across <= half[:, :, 1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanBatch:
    """The points of several scans, one behind the other.

    Attributes:
        points_bev: (P, 3) of all scans.
        sample: (P,) the scan of each.
        num_samples: B.
    """

    points_bev: Float[Tensor, "P 3"]
    sample: Int64[Tensor, " P"]
    num_samples: int

    def of(self, rows: Bool[Tensor, " P"]) -> Int64[Tensor, " P"]:
        """Return the scan of some points, -1 for the others."""
        return torch.where(rows, self.sample, -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentTargets:
    """Voxels (B, S, y, x) that are on an object, and voxels that are not; the rest is not asked."""

    positive: Bool[Tensor, "B S y x"]
    negative: Bool[Tensor, "B S y x"]


def output_grid(network: BevCenternetConfig) -> VoxelGrid:
    """Return the volume at the network's output resolution."""
    grid = network.grid.grid()
    num_z, num_y, num_x = grid.shape_zyx
    return VoxelGrid(
        minimum_m=grid.minimum_m,
        maximum_m=grid.maximum_m,
        shape_zyx=(num_z // HEIGHT_STRIDE, num_y // network.stride, num_x // network.stride),
    )


def segment_targets(
    scans: ScanBatch,
    on_object: Bool[Tensor, " P"],
    network: BevCenternetConfig,
    generators: Sequence[torch.Generator],
) -> SegmentTargets:
    """Return the segmentation targets of several scans (SPECS 0.9).

    Positive: voxels with a point in a label. Negative: occupied voxels in a ring 2 to 4 m around
    them, and free space within 2 m, sampled along the rays. Divergence: training follows only rays
    that end over the grid (`bev_augmentation.varied` leaves the others out).

    Args:
        scans: Whole scans: what was covered for the network counts here.
        on_object: Which points lie on a label.
        network: Parameters of the network.
        generators: One per scan, of the samples along its rays.
    """
    grid = output_grid(network)
    filled = occupied(scans.points_bev, scans.sample, scans.num_samples, grid)
    positive = occupied(scans.points_bev, scans.of(on_object), scans.num_samples, grid)
    cell_m = grid.voxel_m[0]
    inner, outer = (_dilated(positive, max(1, round(side / cell_m))) for side in _RING_M)
    free = _free_space(scans, grid, generators) & ~filled
    return SegmentTargets(
        positive=positive, negative=(outer & ~inner & filled) | (free & inner & ~positive)
    )


def _dilated(volume: Bool[Tensor, "B S y x"], steps: int) -> Bool[Tensor, "B S y x"]:
    """Dilate by `steps` voxels in every direction."""
    pooled = volume.float()[:, None]
    side = 2 * steps + 1
    # One axis after the other: the same result as a cube at a fraction of the cost.
    for kernel in ((side, 1, 1), (1, side, 1), (1, 1, side)):
        padding = tuple(length // 2 for length in kernel)
        pooled = functional.max_pool3d(pooled, kernel, 1, padding)
    return pooled[:, 0] > 0


def _free_space(
    scans: ScanBatch, grid: VoxelGrid, generators: Sequence[torch.Generator]
) -> Bool[Tensor, "B S y x"]:
    num_points = torch.bincount(scans.sample, minlength=scans.num_samples).tolist()
    free = []
    # One scan after the other: the samples along all rays of a batch fit no cache.
    for points, generator in zip(
        torch.split(scans.points_bev, num_points), generators, strict=True
    ):
        share = torch.rand(
            (_FREE_SAMPLES, len(points), 1),
            generator=generator, dtype=points.dtype, device=points.device,
        )  # fmt: skip
        passed = ((_FREE_SHARE * share) * points).reshape(-1, 3)
        nobody = torch.zeros(len(passed), dtype=torch.int64, device=points.device)
        free.append(occupied(passed, nobody, 1, grid))
    return torch.cat(free)


def background_cells(
    scans: ScanBatch,
    height_m: Float[Tensor, " P"],
    network: BevCenternetConfig,
    band_m: tuple[float, float],
    margin_m: float,
) -> Bool[Tensor, "B y x"]:
    """Return the output cells around which nothing stands: seen, and no return in the band.

    Args:
        scans: What the network sees.
        height_m: Height of each point above the ground.
        network: Parameters of the network.
        band_m: Heights between which anything of interest returns something.
        margin_m: How far around a cell nothing may stand.
    """
    grid = output_grid(network)
    tall = (height_m > band_m[0]) & (height_m < band_m[1])
    seen, stands = (
        occupied(scans.points_bev, sample, scans.num_samples, grid).any(dim=1, keepdim=True)
        for sample in (scans.sample, scans.of(tall))
    )
    near = _dilated(stands, max(1, round(margin_m / grid.voxel_m[0])))
    return (seen & ~near)[:, 0]
