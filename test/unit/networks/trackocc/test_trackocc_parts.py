# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parts of TrackOcc against slow oracles and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unit.networks.trackocc.scenes import TINY_GRID, TINY_NETWORK, moving_blocks

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry.base_voxels import base_voxel_centres, base_voxel_of
from unsup_track_ros.networks.trackocc import TrackOcc, TrackOccConfig
from unsup_track_ros.networks.trackocc.attention import CameraAttention, sampled
from unsup_track_ros.networks.trackocc.decoder import Answers, Queries
from unsup_track_ros.networks.trackocc.frames import (
    camera_frames,
    cell_centres_base,
    cell_rays_cam,
    flat_voxels,
    seen_in_images,
    seen_voxels,
)
from unsup_track_ros.networks.trackocc.lift import splat
from unsup_track_ros.networks.trackocc.panoptic import PanopticMergeConfig, merged, segments
from unsup_track_ros.networks.trackocc.tracks import TrackQueries, TrackUpdate, handed_over
from unsup_track_ros.structures.voxel_scene import LABEL_FREE

_CPU = torch.device("cpu")


def test_splat_sums_as_a_loop_does() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 300, 3, generator=generator)
    voxel = torch.randint(-1, 50, (2, 300), generator=generator)
    grid = TINY_GRID.grid
    found = splat(features, voxel, grid)
    expected = torch.zeros(2, 3, 4 * 16 * 16)
    for frame in range(2):
        for point in range(300):
            if voxel[frame, point] >= 0:
                expected[frame, :, voxel[frame, point]] += features[frame, point]
    torch.testing.assert_close(found.reshape(2, 3, -1), expected)


def test_samples_of_a_volume_are_those_of_a_loop_over_its_corners() -> None:
    generator = torch.Generator().manual_seed(1)
    volume = torch.randn(1, 2, 3, 4, 5, generator=generator)
    place = torch.rand(1, 7, 2, 3, generator=generator) * 1.2 - 0.1  # some beyond the border
    found = sampled(volume, place)
    expected = torch.zeros(1, 2, 7, 2)
    sizes = (5, 4, 3)
    for query in range(7):
        for point in range(2):
            at = [float(place[0, query, point, i]) * sizes[i] - 0.5 for i in range(3)]
            low = [int(np.floor(value)) for value in at]
            for corner in np.ndindex(2, 2, 2):
                cell = [low[i] + corner[i] for i in range(3)]
                weight = np.prod([1 - abs(at[i] - cell[i]) for i in range(3)])
                if all(0 <= cell[i] < sizes[i] for i in range(3)):
                    expected[0, :, query, point] += (
                        weight * volume[0, :, cell[2], cell[1], cell[0]]
                    ).float()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_voxels_of_points_are_those_of_the_ego_grid() -> None:
    grid = TINY_GRID.grid
    points = np.random.default_rng(0).uniform(-10, 10, (500, 3))
    found = flat_voxels(grid, torch.from_numpy(points))
    np.testing.assert_array_equal(found.numpy(), base_voxel_of(grid, points))
    centres = cell_centres_base(grid, grid.shape_zyx, _CPU)
    np.testing.assert_allclose(centres.numpy(), base_voxel_centres(grid).reshape(-1, 3), atol=1e-5)


def test_a_ray_through_a_cell_projects_back_into_its_middle() -> None:
    frames = camera_frames(moving_blocks(1), _CPU)
    rays = cell_rays_cam(frames.pix_T_cam[0], (4, 8), frames.size_px)
    base_T_cam = frames.base_T_cam[0, 1]
    points_base = (rays[1] * 5.0).reshape(-1, 3) @ base_T_cam[:3, :3].T + base_T_cam[:3, 3]
    share, inside = seen_in_images(points_base, frames)
    assert bool(inside[0, 1].all())
    assert not bool(inside[0, 0].any())  # the other camera looks back
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(8), indexing="ij")
    expected = torch.stack([(columns + 0.5) / 8, (rows + 0.5) / 4], -1).reshape(-1, 2)
    torch.testing.assert_close(share[0, 1], expected, atol=1e-5, rtol=1e-4)


def test_a_place_that_two_cameras_see_takes_their_mean_and_an_unseen_one_nothing() -> None:
    frames = camera_frames(moving_blocks(1, num_cameras=6), _CPU)
    torch.manual_seed(0)
    attention = CameraAttention(32, 8, 2, (1, 2))
    maps = torch.randn(6, 8, 4, 8)
    places = torch.tensor([[6.0, 0.0, 0.5], [5.0, 3.2, 0.5], [0.0, 0.0, -50.0]])
    query = torch.randn(1, 3, 32)
    found = attention(query, places, [maps], frames)[0]
    share, inside = seen_in_images(places, frames)
    assert int(inside[0, :, 1].sum()) > 1
    assert not bool(inside[0, :, 2].any())
    for place in range(3):
        seen = [
            attention.attention(
                query[:, place : place + 1], share[:, v, None, place], [maps[v : v + 1]]
            )
            for v in range(6)
            if inside[0, v, place]
        ]
        expected = torch.stack(seen).mean(0)[0, 0] if seen else torch.zeros(32)
        torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=1e-4)


def test_voxels_are_seen_in_an_image_up_to_a_voxel_behind_its_surface() -> None:
    frames = camera_frames(moving_blocks(1, 2), _CPU)
    grid = TINY_NETWORK.grid.grid
    depth_m = torch.tensor([4.0, 2.0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 3)
    seen = seen_voxels(grid, depth_m, frames)[0]
    centres = cell_centres_base(grid, grid.shape_zyx, _CPU)
    _, inside = seen_in_images(centres, frames)
    expected = []
    for place, *looks in zip(centres, inside[0, 0], inside[0, 1], strict=True):
        # One camera looks ahead, the other back, both from the middle.
        away_m = (float(place[0]), -float(place[0]))
        near = [m <= far + 1.0 for m, far in zip(away_m, (4.0, 2.0), strict=True)]
        expected.append(any(bool(look) and close for look, close in zip(looks, near, strict=True)))
    assert seen.flatten().tolist() == expected
    assert 0 < sum(expected) < len(expected)


def _queries(centres_base: torch.Tensor) -> Queries:
    code = torch.zeros(len(centres_base), 32)
    frame = torch.zeros(len(centres_base), dtype=torch.int64)
    return Queries(features=code, positions=code, centres_base=centres_base, frame=frame)


def test_tracks_are_handed_over_by_their_velocity_and_the_vehicles_motion() -> None:
    from dataclasses import replace

    tracks = TrackQueries.fresh(_queries(torch.tensor([[4.0, 0.0, 1.0], [4.0, 0.0, 1.0]])), 4)
    velocities = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    tracks = replace(tracks, velocities_base=velocities, ids=torch.tensor([0, 5]))
    # The vehicle drives 1 m ahead and turns left by 90 degrees.
    base1_T_base0 = torch.tensor(
        [[0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    )
    moved = handed_over(tracks, base1_T_base0[None], torch.tensor([0.5]))
    # Also the track of number 0 is moved.
    torch.testing.assert_close(
        moved.centres_base, torch.tensor([[0.0, -4.0, 1.0], [0.0, -3.0, 1.0]])
    )
    torch.testing.assert_close(moved.velocities_base[0], torch.tensor([0.0, -2.0, 0.0]))


def test_a_track_remembers_its_last_embeddings_and_forgets_older_ones() -> None:
    torch.manual_seed(0)
    update = TrackUpdate(TINY_NETWORK)
    tracks = TrackQueries.fresh(_queries(torch.zeros(2, 3)), 4)
    for number in range(6):
        features = torch.randn(2, 32)
        answers = Answers(
            frame=tracks.frame,
            features=features,
            positions=features,
            class_logits=torch.zeros(2, 4),
            mask_logits=torch.zeros(2, 4, 16, 16),
            centres_base=torch.zeros(2, 3),
            velocities_base=torch.zeros(2, 3),
        )
        before = tracks.memory
        updated = update(tracks, answers, 1.0)
        tracks = handed_over(updated, torch.eye(4)[None], torch.tensor([0.5]))
        stored_now = number % 2 == 0  # every second frame of 0.5 s
        assert bool((tracks.memory != before).any()) == stored_now
    assert tracks.num_stored.tolist() == [3, 3]
    assert bool((tracks.memory[:, 0] == 0).all())  # not filled yet


def test_masks_go_to_the_surer_query_and_remnants_are_dropped() -> None:
    masks = torch.zeros(3, 1, 1, 10)
    masks[0, ..., :6] = 0.9
    masks[1, ..., 4:10] = 0.8
    masks[2, ..., 5:7] = 0.95
    score = torch.tensor([0.9, 0.6, 0.4])
    config = PanopticMergeConfig(min_kept_share=0.7)
    found = segments(masks, score, config)[0, 0].tolist()
    # 0.81 > 0.48 > 0.38: query 0 keeps 6 of 6; query 1 has 4 of 6 left and is dropped.
    assert found == [0, 0, 0, 0, 0, 0, -1, -1, -1, -1]
    kept = segments(masks, score, PanopticMergeConfig(min_kept_share=0.6))[0, 0].tolist()
    assert kept == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_without_queries_nothing_is_there() -> None:
    found = segments(torch.zeros(0, 2, 3, 4), torch.zeros(0), PanopticMergeConfig())
    assert found.shape == (2, 3, 4)
    assert bool((found == -1).all())


def _answers(class_logits: torch.Tensor, masks: torch.Tensor) -> Answers:
    num = len(class_logits)
    return Answers(
        frame=torch.zeros(num, dtype=torch.int64),
        features=torch.zeros(num, 8),
        positions=torch.zeros(num, 8),
        class_logits=class_logits,
        mask_logits=masks,
        centres_base=torch.zeros(num, 3),
        velocities_base=torch.zeros(num, 3),
    )


@pytest.mark.parametrize("stuff_from", ["queries", "dense"])
def test_things_carry_their_identity_and_stuff_has_none(stuff_from: str) -> None:
    logits = torch.full((1, 4), -5.0)
    logits[0, 3] = 5.0  # movable
    thing_mask = torch.full((1, 1, 1, 4), -9.0)
    thing_mask[..., 0] = 9.0
    stuff_logits = torch.full((2, 4), -5.0)
    stuff_logits[0, 1] = 5.0  # ground
    stuff_logits[1, 0] = 5.0  # free: says nothing
    stuff_mask = torch.full((2, 1, 1, 4), -9.0)
    stuff_mask[0, ..., 1:3] = 9.0
    stuff_mask[1, ..., 3] = 9.0
    dense = torch.full((4, 1, 1, 4), -5.0)
    dense[1, ..., 1:3] = 5.0
    dense[0, ..., 3] = 5.0
    dense[3, ..., 3] = 9.0  # a thing without a query is no stuff
    config = PanopticMergeConfig.model_validate({"stuff": stuff_from})
    semantics, instances = merged(
        _answers(logits, thing_mask), torch.tensor([7]), _answers(stuff_logits, stuff_mask), dense,
        (LABEL_FREE, config),
    )  # fmt: skip
    assert semantics[0, 0].tolist() == [3, 1, 1, 0]
    assert instances[0, 0].tolist() == [7, 0, 0, 0]


@pytest.mark.parametrize("volume", ["3d", "bev"])
@pytest.mark.parametrize("compact_stride", [1, 2, 4])
def test_any_number_of_cameras_and_every_form_of_the_volume_give_the_grid_asked_for(
    volume: str, compact_stride: int
) -> None:
    config = TINY_NETWORK.model_copy(update={"volume": volume, "compact_stride": compact_stride})
    torch.manual_seed(0)
    network = TrackOcc(config).eval()
    for num_cameras in (1, 3):
        frames = camera_frames(moving_blocks(1, num_cameras), _CPU)
        with torch.no_grad():
            seen = network.see(frames)
            things, stuff = network.answer(seen, network.asking(seen, None))
        assert seen.semantic_logits.shape == (1, 4, 4, 16, 16)
        assert seen.depth_logits.shape[:3] == (1, num_cameras, 12)
        assert things.mask_logits.shape == (6, 4, 16, 16)
        assert stuff.class_logits.shape == (3, 4)


def test_a_grid_that_cannot_be_cut_is_refused_in_a_sentence() -> None:
    from unsup_track_ros.config import parameters_of

    given = {"grid.half_size_m": 9.0, "grid.voxel_m": 1.0, "compact_stride": 4}
    with pytest.raises(ConfigError, match="cannot be cut into cells of 4 voxels"):
        parameters_of(TrackOccConfig, None, given)
