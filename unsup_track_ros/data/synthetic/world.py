# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic driving world: everything that is fixed before the first frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.camera import (
    CameraConfig,
    CameraRig,
    SurroundConfig,
    build_camera,
    build_surround,
)
from unsup_track_ros.data.synthetic.ground import (
    Ground,
    Road,
    build_ground,
    build_road,
    hill_height,
    hill_slope,
)
from unsup_track_ros.data.synthetic.lidar import LidarConfig, LidarRig, build_lidar
from unsup_track_ros.data.synthetic.occupancy import StaticMap, build_static_map
from unsup_track_ros.data.synthetic.population import (
    EGO_LANE_D_M,
    TrafficConfig,
    populate,
    stop_and_go,
)
from unsup_track_ros.data.synthetic.scenery import build_scenery
from unsup_track_ros.data.synthetic.shadows import with_shadows
from unsup_track_ros.data.synthetic.solids import Solids, chosen, joined, placed, solids_of
from unsup_track_ros.data.synthetic.traffic import Actor, Route, SpeedProfile, actor_states, steady
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.shapes import Float64

# Street behind the start and beyond the end of the drive.
_BEHIND_M = 80.0
_BEYOND_M = 220.0
_CROSSING_EVERY_M = 110.0
_EGO_ACCELERATION_MPS2 = 1.5
_SUN_ELEVATION_RAD = 0.75
# Random streams of the parts of a world, so that a change of one leaves the others alone.
_ROAD_STREAM, _SCENERY_STREAM, _TRAFFIC_STREAM = 1, 2, 3


class WorldConfig(Config):
    """What a synthetic world contains and how it is recorded."""

    duration_s: float = parameter(
        20.0, "Longest drive for which the world has street and traffic.", unit="s", gt=0.0
    )
    ego_speed_mps: float = parameter(
        8.0, "Cruising speed of the ego; it slows down now and then.", unit="m/s", ge=0.0, le=20.0
    )
    static_world: bool = parameter(False, "Whether nothing but the ego moves.")
    trees_per_100m: float = parameter(7.0, "Trees on each side.", ge=0.0)
    start_ns: int = parameter(
        1_700_000_000_000_000_000, "Stamp of the first frame.", unit="ns", ge=0
    )
    occupancy_resolution_m: float = parameter(
        0.2, "Cell side of the true static occupancy.", unit="m", gt=0.0
    )
    occupancy_half_size_m: float = parameter(
        50.0, "Half the side of the square of true occupancy around the ego.", unit="m", gt=0.0
    )
    obstacle_low_m: float = parameter(
        0.3, "Height above the road from which things are obstacles.", unit="m"
    )
    obstacle_high_m: float = parameter(
        2.0, "Height above the road up to which things are obstacles.", unit="m"
    )
    traffic: TrafficConfig = TrafficConfig()
    lidar: LidarConfig = LidarConfig()
    camera: CameraConfig = CameraConfig()
    surround: SurroundConfig = SurroundConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A street with its traffic, the ego's drive through it, and the ego's sensors.

    Attributes:
        config: What it was built from, with
        seed: the source of every choice.
        road: Centre line of the road.
        ground: Surface of the ground.
        scenery: Solids that never move and are no objects.
        actors: Objects, in the order of their truth ids.
        actor_solids: Their solids in their own frames, `owner` = row in `actors`.
        ego: Route of the ego.
        sun: (3,) direction towards the sun.
        static_map: True static occupancy.
        lidar: Rays of a scan.
        cameras: Rays and models of the cameras, the one ahead first.
    """

    config: WorldConfig
    seed: int
    road: Road
    ground: Ground
    scenery: Solids
    actors: tuple[Actor, ...]
    actor_solids: Solids
    ego: Route
    sun: Float64[np.ndarray, " 3"]
    static_map: StaticMap
    lidar: LidarRig
    cameras: tuple[CameraRig, ...]

    @property
    def period_ns(self) -> int:
        """Time from one frame to the next."""
        return round(1e9 / self.config.lidar.rate_hz)

    @property
    def base_T_velo(self) -> Float64[np.ndarray, "4 4"]:
        """Mounting of the LiDAR; base lies on the ground below it."""
        return rigid(np.eye(3), np.array([0.0, 0.0, self.config.lidar.height_m]))

    def time_s(self, stamp_ns: int) -> float:
        """Return the time since the first frame."""
        return (stamp_ns - self.config.start_ns) / 1e9

    def odom_T_base(self, time_s: float) -> Float64[np.ndarray, "4 4"]:
        """Return the true pose of the ego: on the ground, level with its slope."""
        s, d = self.ego.street_position(time_s)
        x, y, heading = (float(v[0]) for v in self.road.place(np.array([s]), np.array([d])))
        slope_x, slope_y = hill_slope(self.ground, x, y)
        up = np.array([-slope_x, -slope_y, 1.0])
        up /= np.linalg.norm(up)
        left = np.cross(up, [np.cos(heading), np.sin(heading), 0.0])
        left /= np.linalg.norm(left)
        rotation = np.stack([np.cross(left, up), left, up], 1)
        return rigid(rotation, np.array([x, y, hill_height(self.ground, x, y)]))


def build_world(config: WorldConfig, seed: int) -> World:
    """Build the world of a seed: equal arguments give equal worlds."""
    road_rng, scenery_rng, traffic_rng = (
        np.random.default_rng([seed, stream])
        for stream in (_ROAD_STREAM, _SCENERY_STREAM, _TRAFFIC_STREAM)
    )
    ego = _ego_profile(config, road_rng)
    road = build_road(_BEHIND_M + ego.distance_m(config.duration_s) + _BEYOND_M, road_rng)
    start = _BEHIND_M + road_rng.uniform(30.0, 60.0)
    ground = build_ground(road, np.arange(start, road.length_m, _CROSSING_EVERY_M), road_rng)
    azimuth = road_rng.uniform(-np.pi, np.pi)
    level = np.cos(_SUN_ELEVATION_RAD)
    sun = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(_SUN_ELEVATION_RAD)])
    scenery = build_scenery(road, ground, config.trees_per_100m, scenery_rng)
    actors = populate(
        config.traffic,
        (road, ground),
        (ego, _BEHIND_M, config.duration_s),
        frozen=config.static_world,
        rng=traffic_rng,
    )
    actor_solids = solids_of([actor.model.parts for actor in actors], range(len(actors)))
    standing = joined(scenery, _standing(actors, actor_solids, road, ground))
    band_m = (config.obstacle_low_m, config.obstacle_high_m)
    return World(
        config=config,
        seed=seed,
        road=road,
        ground=with_shadows(ground, road, standing, sun),
        scenery=scenery,
        actors=actors,
        actor_solids=actor_solids,
        ego=Route(s=_BEHIND_M, d=EGO_LANE_D_M, course_rad=0.0, profile=ego),
        sun=sun,
        static_map=build_static_map(standing, ground, config.occupancy_resolution_m, band_m),
        lidar=build_lidar(config.lidar),
        cameras=_cameras(config),
    )


def _cameras(config: WorldConfig) -> tuple[CameraRig, ...]:
    if config.surround.enabled:
        return build_surround(config.surround, config.camera.noise)
    return (build_camera(config.camera),)


def _ego_profile(config: WorldConfig, rng: np.random.Generator) -> SpeedProfile:
    if config.ego_speed_mps == 0.0:
        return steady(0.0)
    return stop_and_go(config.ego_speed_mps, config.duration_s, _EGO_ACCELERATION_MPS2, rng)


def _standing(actors: tuple[Actor, ...], solids: Solids, road: Road, ground: Ground) -> Solids:
    """Return the solids of the actors that never move, in the world and without owner."""
    poses = actor_states(actors, road, ground, 0.0).poses
    still = np.array([not actor.route.profile.speeds_mps.any() for actor in actors], bool)
    world = chosen(placed(solids, poses), still[solids.owner])
    return world._replace(owner=np.full(len(world.owner), -1, np.int32))
