# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exact panoptic occupancy of the synthetic world: which solid does each voxel touch?

A voxel belongs to what its volume touches, as a voxel of a data set belongs to the returns in it:
things before scenery before ground. Solids count as full; what no sensor sees of them is not
`visible`. Voxels are taken as turned about z like the vehicle, without its slope (below 2 degrees);
their centres are placed with it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.camera import CameraRig
from unsup_track_ros.data.synthetic.ground import ground_heights
from unsup_track_ros.data.synthetic.raycast import NOTHING, aimed, cast
from unsup_track_ros.data.synthetic.solids import Kind, Material, Solids, chosen, joined, placed
from unsup_track_ros.data.synthetic.traffic import actor_states
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.geometry.base_voxels import SMALL_EGO_GRID, EgoGridConfig, base_voxel_centres
from unsup_track_ros.geometry.box_iou import expand_ranges
from unsup_track_ros.geometry.se3 import inverse, transform, yaw_rad
from unsup_track_ros.geometry.voxel_visibility import seen_by_camera, seen_by_lidar
from unsup_track_ros.shapes import Bool, Float64, Int, Int64, UInt8
from unsup_track_ros.structures.voxel_scene import (
    NO_INSTANCE,
    VOCABULARIES,
    VoxelClasses,
    VoxelLabels,
)
from unsup_track_ros.structures.voxels import VoxelGrid

# How far a camera or LiDAR of this world looks for what may hide a voxel.
_REACH_M = 120.0
_SCENERY = {
    Material.FACADE: "building",
    Material.ROOF: "building",
    Material.BARK: "vegetation",
    Material.LEAVES: "vegetation",
    Material.METAL: "pole",
    Material.WALL: "wall",
}
_ACTORS = {"car": "vehicle", "van": "vehicle", "pedestrian": "pedestrian", "cyclist": "cyclist"}


class VoxelTruthConfig(Config):
    """What of the world is told, and where."""

    grid: EgoGridConfig = SMALL_EGO_GRID
    vocabulary: Literal["label_free", "street"] = parameter(
        "label_free", "Classes that are told apart."
    )
    only_moving: bool = parameter(
        False,
        "With label_free: whether what never moves during the drive is structure, as it seems.",
    )

    @property
    def classes(self) -> VoxelClasses:
        """The vocabulary."""
        return VOCABULARIES[self.vocabulary]


def voxel_truth(world: World, stamp_ns: int, config: VoxelTruthConfig) -> VoxelLabels:
    """Return what fills the voxels around the vehicle at a stamp, and what its sensors see of it.

    Instances are 1 + the row of the actor: the ids of `FrameTruth` plus 1.
    """
    time_s = world.time_s(stamp_ns)
    odom_T_base = world.odom_T_base(time_s)
    poses = actor_states(world.actors, world.road, world.ground, time_s).poses
    solids = joined(world.scenery, placed(world.actor_solids, poses))
    around = _near(solids, odom_T_base, _REACH_M)
    grid = config.grid.grid
    owners, semantics = _filled(world, config, around, odom_T_base)
    visible = np.zeros(grid.shape_zyx, bool)
    for rig in world.cameras:
        depth_m, base_T_cam = _true_depth(world, rig, around, odom_T_base)
        visible |= seen_by_camera(grid, depth_m, rig.camera.pix_T_cam, base_T_cam)
    points_velo = _true_scan(world, around, odom_T_base)
    return VoxelLabels(
        stamp_ns=stamp_ns,
        grid=grid,
        semantics=semantics,
        instances=np.where(np.isin(semantics, config.classes.things), owners + 1, NO_INSTANCE),
        visible=visible,
        seen_by_lidar=seen_by_lidar(grid, points_velo, world.base_T_velo),
        odom_T_base=odom_T_base,
    )


def _near(solids: Solids, odom_T_base: Float64[np.ndarray, "4 4"], reach_m: float) -> Solids:
    away = np.linalg.norm(solids.centre - odom_T_base[:3, 3], axis=1) - solids.radius
    return chosen(solids, away < reach_m)


def _filled(
    world: World,
    config: VoxelTruthConfig,
    solids: Solids,
    odom_T_base: Float64[np.ndarray, "4 4"],
) -> tuple[Int[np.ndarray, "Z Y X"], UInt8[np.ndarray, "Z Y X"]]:
    """Return the row of the actor in every voxel, -1 for none, and the class of what fills it."""
    grid, classes = config.grid.grid, config.classes
    centres_odom = transform(odom_T_base, base_voxel_centres(grid).reshape(-1, 3))
    above_m = centres_odom[:, 2] - ground_heights(world.ground, centres_odom[:, :2])
    is_ground = np.abs(above_m) <= 0.5 * grid.voxel_m[2]
    semantics = np.where(is_ground, classes.index("ground"), classes.free).astype(np.uint8)
    owners = np.full(len(semantics), -1, np.int32)
    solid, voxel = touched_voxels(grid, _in_base(solids, inverse(odom_T_base)))
    # Of several writes to one voxel the last stays: actors after scenery, by number.
    order = np.argsort(solids.owner[solid], kind="stable")
    solid, voxel = solid[order], voxel[order]
    semantics[voxel] = _classes_of(world, config, solids)[solid]
    owners[voxel] = solids.owner[solid]
    return owners.reshape(grid.shape_zyx), semantics.reshape(grid.shape_zyx)


def _classes_of(world: World, config: VoxelTruthConfig, solids: Solids) -> UInt8[np.ndarray, " M"]:
    """Return the class of every solid."""
    classes = config.classes
    if config.vocabulary == "label_free":
        structure, movable = classes.index("structure"), classes.index("movable")
        told = np.array(
            [
                movable
                if not config.only_moving or actor.route.profile.speeds_mps.any()
                else structure
                for actor in world.actors
            ],
            np.uint8,
        )
        scenery = np.full(len(Material), structure, np.uint8)
    else:
        told = np.array([classes.index(_ACTORS[a.model.name]) for a in world.actors], np.uint8)
        names = [_SCENERY.get(material, "wall") for material in Material]
        scenery = np.array([classes.index(name) for name in names], np.uint8)
    of_solid = scenery[solids.material]
    of_actor = solids.owner >= 0
    of_solid[of_actor] = told[solids.owner[of_actor]]
    return np.asarray(of_solid)


def _in_base(solids: Solids, base_T_odom: Float64[np.ndarray, "4 4"]) -> Solids:
    """Move solids to base, upright there as in the world."""
    turn = yaw_rad(base_T_odom)
    cosine, sine = solids.axis.T
    axis = np.stack(
        [
            np.cos(turn) * cosine - np.sin(turn) * sine,
            np.sin(turn) * cosine + np.cos(turn) * sine,
        ],
        1,
    )
    return solids._replace(centre=transform(base_T_odom, solids.centre), axis=axis)


def touched_voxels(
    grid: VoxelGrid, solids: Solids
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    """Return (row, flat voxel) of every solid and each voxel that it touches, both in one frame.

    Exact for upright boxes and cylinders; a tapered box counts with the widest section that a
    voxel cuts of it, an ellipsoid with the point of the voxel next to its middle.
    """
    cosine, sine = np.abs(solids.axis.T)
    half = np.where((solids.kind == Kind.CYLINDER)[:, None], solids.half[:, [0, 0, 2]], solids.half)
    reach = np.stack(
        [cosine * half[:, 0] + sine * half[:, 1], sine * half[:, 0] + cosine * half[:, 1]], 1
    )
    reach = np.concatenate([reach, half[:, 2:]], 1)
    lower, side = np.array(grid.minimum_m), np.array(grid.voxel_m)
    limit = np.array(grid.shape_zyx[::-1])
    first = np.clip(np.floor((solids.centre - reach - lower) / side), 0, limit).astype(np.int64)
    end = np.clip(np.ceil((solids.centre + reach - lower) / side), 0, limit).astype(np.int64)
    counts = end - first
    row, x = expand_ranges(first[:, 0], counts[:, 0])
    strip, y = expand_ranges(first[row, 1], counts[row, 1])
    row, x = row[strip], x[strip]
    column, z = expand_ranges(first[row, 2], counts[row, 2])
    row, x, y = row[column], x[column], y[column]
    index = np.stack([x, y, z], 1)
    offset = lower + (index + 0.5) * side - solids.centre[row]
    kept = _touches(solids, row, offset, 0.5 * side)
    flat = (z * limit[1] + y) * limit[0] + x
    return row[kept], flat[kept]


def _touches(
    solids: Solids,
    row: Int64[np.ndarray, " K"],
    offset: Float64[np.ndarray, "K 3"],
    half_voxel_m: Float64[np.ndarray, " 3"],
) -> Bool[np.ndarray, " K"]:
    """Tell which voxels, given by their middles relative to those of solids, touch them."""
    cosine, sine = solids.axis[row].T
    half, kind = solids.half[row], solids.kind[row]
    room_x = half_voxel_m[0] * np.abs(cosine) + half_voxel_m[1] * np.abs(sine)
    room_y = half_voxel_m[0] * np.abs(sine) + half_voxel_m[1] * np.abs(cosine)
    along = cosine * offset[:, 0] + sine * offset[:, 1]
    across = cosine * offset[:, 1] - sine * offset[:, 0]
    above_foot_m = np.maximum(offset[:, 2] - half_voxel_m[2] + half[:, 2], 0.0)
    front, rear, sides = (half[:, [0, 0, 1]] - solids.taper[row] * above_foot_m[:, None]).T
    in_box = (along <= front + room_x) & (-along <= rear + room_x)
    in_box &= np.abs(across) <= sides + room_y
    nearest = np.sign(offset) * np.maximum(np.abs(offset) - half_voxel_m, 0.0)
    along = cosine * nearest[:, 0] + sine * nearest[:, 1]
    across = cosine * nearest[:, 1] - sine * nearest[:, 0]
    level = (along / half[:, 0]) ** 2
    in_cylinder = level + (across / half[:, 0]) ** 2 <= 1.0
    in_ellipsoid = level + (across / half[:, 1]) ** 2 + (nearest[:, 2] / half[:, 2]) ** 2 <= 1.0
    round_one = np.where(kind == Kind.CYLINDER, in_cylinder, in_ellipsoid)
    return np.asarray(np.where(kind == Kind.BOX, in_box, round_one))


def _true_depth(
    world: World, rig: CameraRig, solids: Solids, odom_T_base: Float64[np.ndarray, "4 4"]
) -> tuple[Float64[np.ndarray, "H W"], Float64[np.ndarray, "4 4"]]:
    """Return the depth of every pixel of a camera, inf where there is nothing, and its pose."""
    base_T_cam = world.base_T_velo @ inverse(rig.cam_T_velo)
    rays = aimed(rig.rays_cam, odom_T_base @ base_T_cam, _REACH_M)
    hits = cast(rays, solids, world.ground, len(world.actors))
    depth_m = hits.distance * rig.rays_cam.directions[:, 2]
    depth_m[hits.solid == NOTHING] = np.inf
    image = np.empty(len(depth_m))
    image[rig.order] = depth_m
    return image.reshape(rig.camera.height_px, rig.camera.width_px), base_T_cam


def _true_scan(
    world: World, solids: Solids, odom_T_base: Float64[np.ndarray, "4 4"]
) -> Float64[np.ndarray, "P 3"]:
    """Return where the rays of the LiDAR end, without noise and losses."""
    rays_velo = world.lidar.rays_velo
    rays = aimed(rays_velo, odom_T_base @ world.base_T_velo, world.config.lidar.range_m)
    hits = cast(rays, solids, world.ground, len(world.actors))
    found = hits.solid != NOTHING
    return np.asarray(rays_velo.directions[found] * hits.distance[found, None])
