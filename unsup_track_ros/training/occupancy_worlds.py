# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy clips of synthetic streets with exact truth: the upper bound of what can be learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from unsup_track_ros.config import Config, flatten, parameter
from unsup_track_ros.data.synthetic.camera import SurroundConfig
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.voxel_truth import VoxelTruthConfig, voxel_truth
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.geometry.surround_view import SurroundViewConfig, occupancy_frame
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.training.occupancy_clips import ClipFolder, ClipsOrigin, write_clips


class WorldClipsConfig(Config):
    """Streets that are driven through, and what is kept of a drive."""

    period_s: float = parameter(
        0.5, "Time from one frame to the next, a multiple of the scans'.", unit="s", gt=0
    )
    world: WorldConfig = WorldConfig(duration_s=10.0, surround=SurroundConfig(enabled=True))
    view: SurroundViewConfig = SurroundViewConfig()
    truth: VoxelTruthConfig = VoxelTruthConfig()


def world_frames(config: WorldClipsConfig, seed: int) -> Iterator[OccupancyFrame]:
    """Drive through the world of a seed, as long as it lasts."""
    world = build_world(config.world, seed)
    step = max(round(config.period_s * 1e9 / world.period_ns), 1)
    num = round(config.world.duration_s * 1e9 / (step * world.period_ns))
    for k in range(num):
        stamp_ns = world.config.start_ns + k * step * world.period_ns
        frame, truth = render(world, stamp_ns)
        assert truth.odom_T_velo is not None
        labels = voxel_truth(world, stamp_ns, config.truth)
        yield occupancy_frame(frame, truth.odom_T_velo, config.view, labels)


def write_world_clips(folder: Path, config: WorldClipsConfig, seeds: Sequence[int]) -> ClipFolder:
    """Write one sequence per seed; those that are there stay."""
    origin = ClipsOrigin(
        vocabulary=config.truth.vocabulary,
        grid=config.truth.grid.grid,
        period_s=config.period_s,
        parameters=flatten(config),
    )
    return write_clips(
        folder,
        origin,
        [(f"world_{seed:03d}", partial(world_frames, config, seed)) for seed in seeds],
    )
