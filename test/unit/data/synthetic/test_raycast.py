# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.ground import (
    KERB_D_M,
    KERB_HEIGHT_M,
    Ground,
    build_ground,
    build_road,
    ground_height,
    hill_height,
    surface_at,
)
from unsup_track_ros.data.synthetic.raycast import GROUND, NOTHING, Rays, cast
from unsup_track_ros.data.synthetic.solids import Kind, Material, Part, Solids, solids_of
from unsup_track_ros.shapes import Float64

REACH_M = 80.0


@pytest.fixture(scope="module")
def flat() -> Ground:
    """A straight, level street along +x with its middle at y = 0 and no crossing."""
    rng = np.random.default_rng(0)
    road = build_road(100.0, rng)
    straight = type(road)(
        s=road.s,
        xy=np.stack([road.s, np.zeros_like(road.s)], 1),
        heading_rad=np.zeros_like(road.s),
    )
    ground = build_ground(straight, np.zeros(0), rng)
    surface = ground.surface.copy()
    surface[..., 2] = 0.0
    return ground._replace(surface=surface, waves=np.zeros((1, 4)), steepness=0.0)


@pytest.fixture(scope="module")
def hilly() -> Ground:
    rng = np.random.default_rng(5)
    return build_ground(build_road(150.0, rng), np.array([60.0]), rng)


def rays_from(origin: list[float], directions: Float64[np.ndarray, "R 3"]) -> Rays:
    """Each ray is a bundle of its own."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    starts = np.arange(len(unit) + 1, dtype=np.int64)
    return Rays(np.array(origin), unit, starts, unit, np.ones(len(unit)), REACH_M)


def one(kind: Kind, half: tuple[float, float, float], **more: tuple[float, float, float]) -> Solids:
    part = Part(
        kind=kind,
        material=Material.WALL,
        centre_m=more.pop("centre", (10.0, 0.0, 1.0)),
        half_m=half,
        **more,
    )
    return solids_of([[part]], [0])


@pytest.mark.parametrize(
    ("kind", "expected_m"), [(Kind.BOX, 8.0), (Kind.CYLINDER, 8.0), (Kind.ELLIPSOID, 8.0)]
)
def test_a_ray_through_the_middle_meets_the_near_face(
    flat: Ground, kind: Kind, expected_m: float
) -> None:
    hits = cast(rays_from([0, 0, 1], np.array([[1.0, 0, 0]])), one(kind, (2.0, 1.0, 0.5)), flat, 1)
    assert hits.distance[0] == pytest.approx(expected_m)
    assert hits.solid[0] == 0


def test_a_leaning_face_is_met_later_higher_up(flat: Ground) -> None:
    # The rear face leans in by 0.5 m per metre from its foot at x = 8, z = 0.
    solids = one(Kind.BOX, (2.0, 1.0, 1.0), taper=(0.0, 0.5, 0.0))
    for height, expected in ((0.2, 8.1), (1.0, 8.5), (1.8, 8.9)):
        hits = cast(rays_from([0, 0, height], np.array([[1.0, 0, 0]])), solids, flat, 1)
        assert hits.distance[0] == pytest.approx(expected)


def test_a_ray_beside_above_behind_or_inside_a_solid_misses_it(flat: Ground) -> None:
    box = one(Kind.BOX, (2.0, 1.0, 1.0))
    ahead = np.array([[1.0, 0, 0]])
    for origin in ([0, 1.1, 1.0], [0, 0, 2.1], [20.0, 0, 1], [10.0, 0, 1]):
        assert cast(rays_from(origin, ahead), box, flat, 1).solid[0] == NOTHING


def test_a_ray_down_meets_the_level_road_where_trigonometry_says(flat: Ground) -> None:
    angle = np.deg2rad([5.0, 20.0, 89.0])
    down = np.stack([np.cos(angle), 0 * angle, -np.sin(angle)], 1)
    hits = cast(rays_from([0, 0, 1.7], down), one(Kind.BOX, (1, 1, 1), centre=(0, 50, 0)), flat, 1)
    np.testing.assert_allclose(hits.distance, 1.7 / np.sin(angle), rtol=1e-4)
    assert (hits.solid == GROUND).all()


def test_a_ray_across_the_road_meets_the_upright_kerb(flat: Ground) -> None:
    far = one(Kind.BOX, (1, 1, 1), centre=(-50, 0, 0))
    origin = [50.0, 0.0, 0.5]
    target = np.array([50.0, KERB_D_M, 0.5 * KERB_HEIGHT_M])
    hits = cast(rays_from(origin, (target - origin)[None]), far, flat, 1)
    assert hits.distance[0] == pytest.approx(np.linalg.norm(target - origin), abs=1e-3)
    assert hits.solid[0] == GROUND


def test_every_hit_on_the_hills_lies_on_the_ground_and_nothing_lies_before_it(
    hilly: Ground,
) -> None:
    rng = np.random.default_rng(3)
    heading, fall = rng.uniform(-np.pi, np.pi, 300), rng.uniform(-0.02, 0.4, 300)
    directions = np.stack(
        [np.cos(fall) * np.cos(heading), np.cos(fall) * np.sin(heading), -np.sin(fall)], 1
    )
    start = [30.0, -1.75, hill_height(hilly, 30.0, -1.75) + 1.7]
    far = one(Kind.BOX, (0.1, 0.1, 0.1), centre=(0, 0, 500))
    rays = rays_from(start, directions)
    hits = cast(rays, far, hilly, 1)
    assert (hits.solid == GROUND).sum() > 200
    for k in np.flatnonzero(hits.solid == GROUND):
        at = rays.origin + hits.distance[k] * rays.directions[k]
        above = at[2] - ground_height(hilly, at[0], at[1])
        assert -KERB_HEIGHT_M - 1e-3 < above < KERB_HEIGHT_M + 1e-3
        s, d, height = surface_at(hilly, at[0], at[1])
        if abs(abs(d) - KERB_D_M) > 0.05 and abs(abs(s - 60.0) - 4.0) > 0.05:
            assert above == pytest.approx(0.0, abs=1e-3)
        assert height == pytest.approx(hill_height(hilly, at[0], at[1]), abs=1e-3)
        for share in np.linspace(0.02, 0.98, 25):
            on = rays.origin + share * hits.distance[k] * rays.directions[k]
            assert on[2] > hill_height(hilly, on[0], on[1]) - 1e-3


def test_what_stands_before_something_hides_it_but_it_stays_reachable(flat: Ground) -> None:
    def wall(x: float) -> list[Part]:
        return [
            Part(kind=Kind.BOX, material=Material.WALL, centre_m=(x, 0, 1), half_m=(0.1, 1, 1)),
            Part(kind=Kind.BOX, material=Material.WALL, centre_m=(x + 1, 0, 1), half_m=(0.1, 1, 1)),
        ]

    solids = solids_of([wall(10.0), wall(20.0)], [0, 1])
    rays = rays_from([0, 0, 1], np.array([[1.0, 0, 0], [1.0, 0.01, 0], [1.0, 0.07, 0]]))
    hits = cast(rays, solids, flat, 2)
    np.testing.assert_array_equal(solids.owner[hits.solid], [0, 0, 0])
    np.testing.assert_array_equal(hits.reachable, [3, 2])  # two parts on one ray count once
    np.testing.assert_array_equal(
        cast(rays, solids._replace(owner=np.full(4, -1, np.int32)), flat, 0).distance, hits.distance
    )


def test_without_solids_only_the_ground_is_met(flat: Ground) -> None:
    rays = rays_from([0, 0, 1.7], np.array([[1.0, 0, 0.2], [1.0, 0, -0.2]]))
    hits = cast(rays, solids_of([], []), flat, 0)
    np.testing.assert_array_equal(hits.solid, [NOTHING, GROUND])
    assert hits.distance[0] == REACH_M
