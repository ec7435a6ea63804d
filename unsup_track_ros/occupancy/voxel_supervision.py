# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxel labels without a human: a whole drive's scans, its tracks, and the vehicle's motion.

* Static: returns of the whole drive that neither move nor lie in a track's box, each voxel as
  ground or structure. A voxel counts as occupied if scans that hit it are not far fewer than scans
  that looked through it: what moved and was missed leaves trails that others see through.
* Things: the returns of a track, collected over the drive in the frame of its box and mirrored at
  its middle, laid into its box at the stamp that is asked for.
* Free: the middle of the voxel was seen through by a scan of the drive and nothing says otherwise.
* Everything else is unknown, and so is where something moves at the stamp that no track claims.

Only what is known and not hidden from the cameras by any of it is `visible`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.base_voxels import (
    OUTSIDE,
    SMALL_EGO_GRID,
    EgoGridConfig,
    base_voxel_centres,
    base_voxel_of,
)
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.camera import depth_image, seen_points
from unsup_track_ros.geometry.ground import height_above_ground
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.geometry.se3 import inverse, transform
from unsup_track_ros.geometry.voxel_visibility import seen_by_camera, seen_by_lidar
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, NO_INSTANCE, VoxelLabels
from unsup_track_ros.structures.voxels import VoxelGrid

_MIN_DEPTH_M = 0.1


class VoxelSupervisionConfig(Config):
    """How scans and tracks become voxels."""

    grid: EgoGridConfig = SMALL_EGO_GRID
    box_margin_m: float = parameter(
        0.2, "Returns this close to a track's box belong to the object.", unit="m", ge=0
    )
    ground_m: float = parameter(
        0.25, "Returns lower than this over the local ground are ground.", unit="m", gt=0
    )
    evidence_period_s: float = parameter(
        0.4, "Time between the scans that say what is static and free.", unit="s", gt=0
    )
    min_hit_share: float = parameter(
        0.2, "Fewest hits of a static voxel, as a share of hits and looks through.", gt=0, le=1
    )
    through_margin_m: float = parameter(
        0.3, "A return must be this far behind a voxel's middle to prove it free.", unit="m", ge=0
    )
    mirrored: bool = parameter(True, "Whether the side of an object that nobody saw is added.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledScan:
    """One scan of a drive and what its pseudo-labels say.

    Attributes:
        stamp_ns: Stamp.
        points_velo: (P, 3) returns.
        base_T_velo: (4, 4) mounting.
        odom_T_velo: (4, 4) pose.
        moving: (P,) judged to move.
        ids: (N,) identities of the tracks at this stamp.
        boxes_odom: (N, 7) their boxes.
    """

    stamp_ns: int
    points_velo: Float32[np.ndarray, "P 3"]
    base_T_velo: Float64[np.ndarray, "4 4"]
    odom_T_velo: Float64[np.ndarray, "4 4"]
    moving: Bool[np.ndarray, " P"]
    ids: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N 7"]


# A camera and its pose in base.
PlacedCamera = tuple[PinholeCamera, Float64[np.ndarray, "4 4"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Evidence:
    """One scan's part of what is static and free."""

    range_image: RangeImage
    velo_T_odom: Float64[np.ndarray, "4 4"]
    ground_odom: Float32[np.ndarray, "G 3"]
    structure_odom: Float32[np.ndarray, "S 3"]


class VoxelSupervisor:
    """Keeps the evidence of a drive and answers for any of its stamps.

    Args:
        scans: Of the drive, ascending; all of them, for things are collected from each.
        config: How they become voxels.
    """

    def __init__(self, scans: Sequence[LabelledScan], config: VoxelSupervisionConfig) -> None:
        self._config = config
        self._scans = {scan.stamp_ns: scan for scan in scans}
        collected: dict[int, list[np.ndarray]] = {}
        self._evidence: list[_Evidence] = []
        due_ns = scans[0].stamp_ns if scans else 0
        for scan in scans:
            points_odom = transform(scan.odom_T_velo, scan.points_velo.astype(np.float64))
            box = box_of_points(points_odom, scan.boxes_odom, config.box_margin_m)
            for row, identity in enumerate(scan.ids.tolist()):
                local = _in_box(points_odom[box == row], scan.boxes_odom[row])
                collected.setdefault(identity, []).append(local.astype(np.float32))
            if scan.stamp_ns >= due_ns:
                still = ~scan.moving & (box < 0)
                self._evidence.append(self._read(scan, points_odom.astype(np.float32), still))
                due_ns = scan.stamp_ns + round(config.evidence_period_s * 1e9)
        self._things = {k: self._thing(parts) for k, parts in collected.items()}

    def _read(
        self,
        scan: LabelledScan,
        points_odom: Float32[np.ndarray, "P 3"],
        still: Bool[np.ndarray, " P"],
    ) -> _Evidence:
        height_m = height_above_ground(transform(scan.base_T_velo, scan.points_velo))
        is_ground = height_m < self._config.ground_m
        return _Evidence(
            range_image=RangeImage(scan.points_velo),
            velo_T_odom=inverse(scan.odom_T_velo),
            ground_odom=points_odom[still & is_ground],
            structure_odom=points_odom[still & ~is_ground],
        )

    def _thing(self, parts: list[np.ndarray]) -> Float32[np.ndarray, "Q 3"]:
        """Join the returns of an object, one per decimetre."""
        points = np.concatenate(parts)
        if self._config.mirrored:
            points = np.concatenate([points, points * np.array([1, -1, 1], np.float32)])
        _, first = np.unique(np.floor(points * 10).astype(np.int64), axis=0, return_index=True)
        return np.asarray(points[np.sort(first)])

    def labels(self, stamp_ns: int, cameras: Sequence[PlacedCamera]) -> VoxelLabels:
        """Return the voxel labels at the stamp of one of the scans.

        Args:
            stamp_ns: Stamp of the scan.
            cameras: What the network will see through; none means that all that is known counts.
        """
        scan, grid = self._scans[stamp_ns], self._config.grid.grid
        odom_T_base = scan.odom_T_velo @ inverse(scan.base_T_velo)
        semantics, known = self._static(grid, odom_T_base)
        instances = np.full(len(semantics), NO_INSTANCE, np.int32)
        self._leave_open(scan, grid, known)
        things_odom = self._things_at(scan)
        for identity, points_odom in things_odom:
            voxel = base_voxel_of(grid, transform(inverse(odom_T_base), points_odom))
            voxel = voxel[voxel != OUTSIDE]
            semantics[voxel] = LABEL_FREE.index("movable")
            instances[voxel] = identity
            known[voxel] = True
        known = known.reshape(grid.shape_zyx)
        if cameras:
            moved = [points for _, points in things_odom]
            known &= self._seen(grid, odom_T_base, cameras, moved)
        return VoxelLabels(
            stamp_ns=stamp_ns,
            grid=grid,
            semantics=semantics.reshape(grid.shape_zyx),
            instances=instances.reshape(grid.shape_zyx),
            visible=known,
            seen_by_lidar=seen_by_lidar(grid, scan.points_velo, scan.base_T_velo),
            odom_T_base=odom_T_base,
        )

    def _static(
        self, grid: VoxelGrid, odom_T_base: Float64[np.ndarray, "4 4"]
    ) -> tuple[np.ndarray, Bool[np.ndarray, " V"]]:
        """Return the class of every voxel without things, and whether anything is known of it."""
        base_T_odom = inverse(odom_T_base).astype(np.float32)
        centres_odom = transform(odom_T_base, base_voxel_centres(grid).reshape(-1, 3))
        num = len(centres_odom)
        ground, structure, through = (np.zeros(num, np.int32) for _ in range(3))
        for scan in self._evidence:
            hit = [
                _voxels_hit(grid, transform(base_T_odom, points))
                for points in (scan.ground_odom, scan.structure_odom)
            ]
            ground[hit[0]] += 1
            structure[hit[1]] += 1
            centres_velo = transform(scan.velo_T_odom, centres_odom)
            passed = scan.range_image.sees_through(centres_velo, self._config.through_margin_m)
            passed[hit[0]] = passed[hit[1]] = False
            through += passed
        share = self._config.min_hit_share
        semantics = np.full(num, LABEL_FREE.free, np.uint8)
        hits = np.maximum(ground, structure)
        semantics[(ground > 0) & (ground >= share * (ground + through))] = LABEL_FREE.index(
            "ground"
        )
        solid = (structure > 0) & (structure >= share * (hits + through))
        semantics[solid] = LABEL_FREE.index("structure")
        return semantics, (semantics != LABEL_FREE.free) | (through > 0)

    def _leave_open(
        self, scan: LabelledScan, grid: VoxelGrid, known: Bool[np.ndarray, " V"]
    ) -> None:
        """Take back what is known of voxels where something moves right now."""
        moving = scan.points_velo[scan.moving]
        voxel = base_voxel_of(grid, transform(scan.base_T_velo, moving))
        known[voxel[voxel != OUTSIDE]] = False

    def _things_at(self, scan: LabelledScan) -> list[tuple[int, np.ndarray]]:
        """Return identity (from 1) and returns in odom of every track at a stamp."""
        return [
            (identity + 1, _out_of_box(self._things[identity].astype(np.float64), box))
            for identity, box in zip(scan.ids.tolist(), scan.boxes_odom, strict=True)
        ]

    def _seen(
        self,
        grid: VoxelGrid,
        odom_T_base: Float64[np.ndarray, "4 4"],
        cameras: Sequence[PlacedCamera],
        things_odom: list[np.ndarray],
    ) -> Bool[np.ndarray, "Z Y X"]:
        """Tell which voxels no return of the drive hides from all cameras."""
        parts = [p for e in self._evidence for p in (e.ground_odom, e.structure_odom)]
        points_odom = np.concatenate([*parts, *(p.astype(np.float32) for p in things_odom)])
        points_base = transform(inverse(odom_T_base).astype(np.float32), points_odom)
        seen = np.zeros(grid.shape_zyx, bool)
        # A return hides as much as half a voxel behind it leaves open.
        tolerance_m = 0.5 * max(grid.voxel_m)
        for camera, base_T_cam in cameras:
            coarse = camera.resized(camera.width_px // 2, camera.height_px // 2)
            _, points_cam, points_pix = seen_points(
                points_base, inverse(base_T_cam), coarse, _MIN_DEPTH_M
            )
            depth_m = depth_image(points_pix, points_cam[:, 2], coarse.width_px, coarse.height_px)
            seen |= seen_by_camera(grid, depth_m, coarse.pix_T_cam, base_T_cam, tolerance_m)
        return seen


def _voxels_hit(grid: VoxelGrid, points_base: Float[np.ndarray, "P 3"]) -> Int64[np.ndarray, " V"]:
    flat = base_voxel_of(grid, points_base)
    return np.unique(flat[flat != OUTSIDE])


def _in_box(
    points: Float64[np.ndarray, "P 3"], box: Float64[np.ndarray, " 7"]
) -> Float64[np.ndarray, "P 3"]:
    """Move points to the frame of a box: its middle, its length along x."""
    cosine, sine = np.cos(box[6]), np.sin(box[6])
    x, y, z = (points - box[:3]).T
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z], 1)


def _out_of_box(
    points: Float64[np.ndarray, "P 3"], box: Float64[np.ndarray, " 7"]
) -> Float64[np.ndarray, "P 3"]:
    """Undo `_in_box`."""
    cosine, sine = np.cos(box[6]), np.sin(box[6])
    x, y, z = points.T
    return np.asarray(np.stack([cosine * x - sine * y, sine * x + cosine * y, z], 1) + box[:3])
