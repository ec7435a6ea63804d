# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Renders one moment of the synthetic world: what the sensors see, and what is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.data.synthetic.camera import CameraRig
from unsup_track_ros.data.synthetic.lidar import measure, part_of
from unsup_track_ros.data.synthetic.raycast import GROUND, Hits, aimed, cast
from unsup_track_ros.data.synthetic.shading import View, paint
from unsup_track_ros.data.synthetic.solids import Solids, chosen, joined, placed
from unsup_track_ros.data.synthetic.traffic import ActorStates, actor_states
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.geometry.se3 import inverse, transform, transform_boxes, wrap_angle_rad
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64, Shaped
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.truth import FrameTruth

MOVING_SPEED_MPS = 0.5
# How far the camera sees; beyond, the haze has swallowed everything.
_VIEW_M = 260.0
_CONTACT_REACH_M = 60.0
# The soft darkness starts a little inside the outline of a thing.
_FOOTPRINT_MARGIN = np.array([0.0, 0.0, 0.0, 0.0, 0.12, 0.12])
# Random stream of the LiDAR's noise; the image noise takes the next.
_NOISE_STREAM = 11
# True flow is rounded to this, so that it compresses; a hundred times finer than any estimate.
_FLOW_STEP_PX = 1.0 / 128.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moment:
    """The world at one time.

    Attributes:
        solids: Everything near the ego, in the world; `owner` is the row of the actor.
        now: States of the actors.
        later: Their states at the next frame.
        odom_T_velo: True pose of the LiDAR.
    """

    solids: Solids
    now: ActorStates
    later: ActorStates
    odom_T_velo: Float64[np.ndarray, "4 4"]

    @property
    def moving(self) -> Bool[np.ndarray, " N"]:
        speeds: Float64[np.ndarray, " N"] = np.linalg.norm(self.now.velocities, axis=1)
        return speeds > MOVING_SPEED_MPS

    def displaced(
        self, points_odom: Float64[np.ndarray, "P 3"], owners: Int64[np.ndarray, " P"]
    ) -> Float64[np.ndarray, "P 3"]:
        """Return how far points on actors have moved at the next frame, in odom."""
        now, later = self.now.poses[owners], self.later.poses[owners]
        turn = later[:, 3] - now[:, 3]
        cosine, sine = np.cos(turn), np.sin(turn)
        x, y = (points_odom[:, :2] - now[:, :2]).T
        turned = np.stack([cosine * x - sine * y - x, sine * x + cosine * y - y], 1)
        # Differences of poses, not of places: what stands has moved by exactly nothing.
        return np.concatenate([turned + (later - now)[:, :2], (later - now)[:, 2:3]], 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scan:
    """One scan and what its points lie on."""

    cloud: PointCloud
    owners: Int64[np.ndarray, " P"]
    flow_points_velo: Float32[np.ndarray, "P 3"]
    reached: Int64[np.ndarray, " N"]
    reachable: Int64[np.ndarray, " N"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Picture:
    """One image and what its pixels show."""

    image: CameraImage
    moving_pixels: Bool[np.ndarray, "H W"]
    flow_pix: Float32[np.ndarray, "2 H W"]


def render(
    world: World, stamp_ns: int, camera_late_s: float = 0.0
) -> tuple[SensorFrame, FrameTruth]:
    """Return the frame of a stamp and its truth; a frame does not depend on the ones before it.

    A scan that rolls (`LidarConfig.rolling`) is returned as the sensor delivers it: every point in
    the LiDAR's frame at its own time, which `time_offset_s` tells.

    Args:
        world: World to look at.
        stamp_ns: Stamp of the scan and of the image.
        camera_late_s: By how much that is later than the moment that the image shows; the truth of
            the pixels is that of the image.
    """
    moment = _moment(world, world.time_s(stamp_ns))
    scan = _scan(world, moment, stamp_ns)
    shown_ns = stamp_ns - round(camera_late_s * 1e9)
    shown = moment if shown_ns == stamp_ns else _moment(world, world.time_s(shown_ns))
    pictures = [
        _picture(world, number, shown, (stamp_ns, shown_ns)) for number in range(len(world.cameras))
    ]
    frame = SensorFrame(
        stamp_ns=stamp_ns,
        index=round((stamp_ns - world.config.start_ns) / world.period_ns),
        cloud=scan.cloud,
        cameras=tuple(picture.image for picture in pictures),
        base_T_velo=world.base_T_velo,
        odom_T_velo=moment.odom_T_velo,
    )
    return frame, _truth(world, moment, stamp_ns, (scan, pictures[0]))


def _moment(world: World, time_s: float) -> _Moment:
    odom_T_velo = world.odom_T_base(time_s) @ world.base_T_velo
    now = actor_states(world.actors, world.road, world.ground, time_s)
    period_s = world.period_ns / 1e9
    solids = joined(world.scenery, placed(world.actor_solids, now.poses))
    away = np.linalg.norm(solids.centre - odom_T_velo[:3, 3], axis=1) - solids.radius
    return _Moment(
        solids=chosen(solids, away < _VIEW_M),
        now=now,
        later=actor_states(world.actors, world.road, world.ground, time_s + period_s),
        odom_T_velo=odom_T_velo,
    )


def _scan(world: World, moment: _Moment, stamp_ns: int) -> _Scan:
    """Cast the scan at once, or sector by sector when it rolls."""
    times_s = world.lidar.sector_times_s
    rng = np.random.default_rng([world.seed, _NOISE_STREAM, stamp_ns])
    parts = []
    for time_s in np.unique(times_s):
        then = moment if time_s == 0.0 else _moment(world, world.time_s(stamp_ns) + float(time_s))
        bundles = times_s[world.lidar.sector] == time_s
        parts.append(_sector(world, (moment, then), bundles, float(time_s), rng))
    if len(parts) == 1:
        return parts[0]
    clouds = [part.cloud for part in parts]
    return _Scan(
        cloud=PointCloud(
            points_velo=np.concatenate([cloud.points_velo for cloud in clouds]),
            intensity=_joined([cloud.intensity for cloud in clouds]),
            time_offset_s=_joined([cloud.time_offset_s for cloud in clouds]),
            ring=_joined([cloud.ring for cloud in clouds]),
        ),
        owners=np.concatenate([part.owners for part in parts]),
        flow_points_velo=np.concatenate([part.flow_points_velo for part in parts]),
        reached=np.sum([part.reached for part in parts], 0),
        reachable=np.sum([part.reachable for part in parts], 0),
    )


def _joined(columns: list[np.ndarray | None]) -> np.ndarray:
    return np.concatenate([column for column in columns if column is not None])


def _sector(
    world: World,
    moments: tuple[_Moment, _Moment],
    bundles: Bool[np.ndarray, " B"],
    time_s: float,
    rng: np.random.Generator,
) -> _Scan:
    """Capture the rays of some bundles at once, `time_s` after the stamp of the scan."""
    config = world.config.lidar
    moment, then = moments
    rays_velo, ring = part_of(world.lidar, bundles)
    rays = aimed(rays_velo, then.odom_T_velo, config.range_m)
    hits = cast(rays, then.solids, world.ground, len(world.actors))
    all_owners = _owners(then.solids, hits)
    rows, distance_m, intensity = measure(config, hits, then.solids, rng)
    points_velo = rays_velo.directions[rows] * distance_m[:, None]
    owners = all_owners[rows]
    flow_velo = np.zeros(points_velo.shape, np.float32)
    on_actor = np.flatnonzero(owners >= 0)
    points_odom = transform(then.odom_T_velo, points_velo[on_actor])
    flow_odom = then.displaced(points_odom, owners[on_actor])
    flow_velo[on_actor] = flow_odom @ moment.odom_T_velo[:3, :3]
    return _Scan(
        cloud=PointCloud(
            points_velo=points_velo.astype(np.float32),
            intensity=intensity,
            time_offset_s=np.full(len(rows), time_s, np.float32) if config.rolling else None,
            ring=ring[rows],
        ),
        owners=owners,
        flow_points_velo=flow_velo,
        reached=np.bincount(all_owners[all_owners >= 0], minlength=len(world.actors)),
        reachable=hits.reachable,
    )


def _owners(solids: Solids, hits: Hits) -> Int64[np.ndarray, " R"]:
    owners = np.full(len(hits.solid), -1, np.int64)
    on_solid = hits.solid > GROUND
    owners[on_solid] = solids.owner[hits.solid[on_solid]]
    return owners


def _picture(world: World, number: int, moment: _Moment, stamps_ns: tuple[int, int]) -> _Picture:
    """Look through one camera; `stamps_ns` are that of the image and of what it shows."""
    rig, (stamp_ns, shown_ns) = world.cameras[number], stamps_ns
    camera = rig.camera
    velo_T_cam = inverse(rig.cam_T_velo)
    odom_T_cam = moment.odom_T_velo @ velo_T_cam
    rays = aimed(rig.rays_cam, odom_T_cam, _VIEW_M)
    hits = cast(rays, moment.solids, world.ground, len(world.actors))
    later_s = world.time_s(shown_ns + world.period_ns)
    odom_T_velo = world.odom_T_base(later_s) @ world.base_T_velo
    later_cam_T_odom = rig.cam_T_velo @ inverse(odom_T_velo)
    view = View(
        sun=(float(world.sun[0]), float(world.sun[1]), float(world.sun[2])),
        pixel_rad=1.0 / float(camera.pix_T_cam[0, 0]),
        noise_seed=_noise_seed(world, number, stamp_ns),
        noise=rig.noise,
        footprints=_footprints(world, moment),
        cam_T_odom=later_cam_T_odom,
        pix_T_cam=camera.pix_T_cam,
        motions=_motions(moment),
    )
    colours, next_pix = paint(rays, hits, moment.solids, world.ground, view)
    owners = _owners(moment.solids, hits)
    moving = np.append(moment.moving, False)[owners]
    return _Picture(
        image=CameraImage(
            name=rig.name,
            stamp_ns=stamp_ns,
            image_rgb=_as_image(colours, rig),
            camera=camera,
            cam_T_velo=rig.cam_T_velo,
        ),
        moving_pixels=_as_image(moving, rig),
        flow_pix=_as_flow(next_pix, rig),
    )


def _noise_seed(world: World, number: int, stamp_ns: int) -> int:
    """Return the seed of one image; the first camera has that of a world with one alone."""
    streams = [world.seed, _NOISE_STREAM + 1, stamp_ns, *([number] if number else [])]
    return int(np.random.default_rng(streams).integers(2**31))


def _as_image(values: Shaped[np.ndarray, R * C], rig: CameraRig) -> Shaped[np.ndarray, "H W *C"]:
    camera = rig.camera
    image = np.empty((camera.height_px * camera.width_px, *values.shape[1:]), values.dtype)
    image[rig.order] = values
    return image.reshape(camera.height_px, camera.width_px, *values.shape[1:])


def _as_flow(next_pix: Float32[np.ndarray, "R 2"], rig: CameraRig) -> Float32[np.ndarray, "2 H W"]:
    later = _as_image(next_pix, rig)
    rows, columns = np.indices(later.shape[:2], np.float32)
    flow = np.stack([later[..., 0] - columns, later[..., 1] - rows])
    return (np.round(flow / _FLOW_STEP_PX) * _FLOW_STEP_PX).astype(np.float32)


def _footprints(world: World, moment: _Moment) -> Float64[np.ndarray, "F 6"]:
    """Return where things near the ego stand on the ground."""
    poses = moment.now.poses
    near = np.linalg.norm(poses[:, :2] - moment.odom_T_velo[:2, 3], axis=1) < _CONTACT_REACH_M
    sizes = np.array([actor.model.size_m[:2] for actor in world.actors]).reshape(-1, 2)
    yaw = poses[:, 3]
    table = np.stack(
        [poses[:, 0], poses[:, 1], np.cos(yaw), np.sin(yaw), 0.5 * sizes[:, 0], 0.5 * sizes[:, 1]],
        1,
    )
    footprints: Float64[np.ndarray, "F 6"] = table[near] - _FOOTPRINT_MARGIN
    return footprints


def _motions(moment: _Moment) -> Float64[np.ndarray, "N 7"]:
    now, later = moment.now.poses, moment.later.poses
    return np.concatenate([now[:, :3], later[:, :3], later[:, 3:] - now[:, 3:]], 1)


def _truth(
    world: World, moment: _Moment, stamp_ns: int, seen: tuple[_Scan, _Picture]
) -> FrameTruth:
    scan, picture = seen
    poses, odom_T_velo = moment.now.poses, moment.odom_T_velo
    sizes = np.array([actor.model.size_m for actor in world.actors]).reshape(-1, 3)
    centres = poses[:, :3] + 0.5 * sizes * np.array([0.0, 0.0, 1.0])
    boxes_odom = np.concatenate([centres, sizes, wrap_angle_rad(poses[:, 3:])], 1)
    velo_T_odom = inverse(odom_T_velo)
    boxes_velo = transform_boxes(velo_T_odom, boxes_odom)
    near = np.linalg.norm(boxes_velo[:, :3], axis=1) <= world.config.lidar.range_m
    rows = np.full(len(near) + 1, -1, np.int64)
    rows[:-1][near] = np.arange(near.sum())
    window, corner = world.static_map.around(
        odom_T_velo[0, 3], odom_T_velo[1, 3], world.config.occupancy_half_size_m
    )
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=np.flatnonzero(near),
        classes=tuple(world.actors[k].model.name for k in np.flatnonzero(near)),
        boxes_velo=boxes_velo[near],
        moving=moment.moving[near],
        velocities_velo=moment.now.velocities[near] @ odom_T_velo[:3, :3],
        visibility=(scan.reached / np.maximum(scan.reachable, 1))[near],
        num_points=np.bincount(scan.owners[scan.owners >= 0], minlength=len(near))[near],
        odom_T_velo=odom_T_velo,
        moving_points=np.append(moment.moving, False)[scan.owners],
        point_objects=rows[scan.owners],
        flow_points_velo=scan.flow_points_velo,
        moving_pixels=picture.moving_pixels,
        flow_pix=picture.flow_pix,
        occupied_static_odom=window,
        occupancy_origin_odom=corner,
        occupancy_resolution_m=world.config.occupancy_resolution_m,
    )
