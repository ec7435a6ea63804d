# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Panoptic occupancy around the vehicle: what fills each voxel, and which object it belongs to.

Dense volumes `[Z, Y, X]` in `base`: the vehicle's base frame at one stamp (x ahead, y left, z up,
origin on the ground). They are what a network is trained on and answers. `PanopticVoxels` is the
sparse form in axes of odom that a scan gives and that is published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float32, Float64, Int, Int64, UInt8
from unsup_track_ros.structures.voxels import VoxelGrid

NO_INSTANCE = 0
_GROUND_NAMES = ("ground", "road", "walkable")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelClasses:
    """A vocabulary of voxels.

    Attributes:
        names: Name of each class; its place is its index in a volume.
        things: Indices of the classes that are told apart as objects.
        free: Index of the class that says that nothing is there.
        ignored: Indices that neither losses nor scores count.
        weights: One per class in the dense semantic loss; empty for ones.
    """

    names: tuple[str, ...]
    things: tuple[int, ...]
    free: int
    ignored: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        outside = [k for k in (*self.things, self.free, *self.ignored) if k not in range(len(self))]
        if outside or self.free in self.things:
            raise DataError(
                f"Things {self.things}, free {self.free} and ignored {self.ignored} must be "
                f"indices of the {len(self)} classes {self.names}, and free is no thing."
            )
        if self.weights and len(self.weights) != len(self):
            raise DataError(f"{len(self)} classes need as many weights, got {len(self.weights)}.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ground(self) -> tuple[int, ...]:
        """Indices of the classes that one drives or walks on."""
        return tuple(k for k, name in enumerate(self.names) if name in _GROUND_NAMES)

    @property
    def stuff(self) -> tuple[int, ...]:
        """Indices of the classes without objects, free and ignored ones left out."""
        left_out = {*self.things, self.free, *self.ignored}
        return tuple(k for k in range(len(self)) if k not in left_out)

    def index(self, name: str) -> int:
        """Return the index of a class.

        Raises:
            DataError: There is no such class.
        """
        if name not in self.names:
            raise DataError(f"There is no voxel class '{name}'; there are {', '.join(self.names)}.")
        return self.names.index(name)


# What can be known without a human label: what is seen, and whether it moves.
LABEL_FREE = VoxelClasses(
    names=("free", "ground", "structure", "movable"),
    things=(3,),
    free=0,
    weights=(1.0, 2.0, 3.0, 10.0),  # the rarer the heavier, as in Occ3D-Waymo
)
# What the synthetic street knows besides.
STREET = VoxelClasses(
    names=(
        "free",
        "ground",
        "building",
        "vegetation",
        "pole",
        "wall",
        "vehicle",
        "pedestrian",
        "cyclist",
    ),
    things=(6, 7, 8),
    free=0,
)
# Panoptic occupancy of Occ3D-Waymo as TrackOcc trains and scores it, with its weights.
OCC3D_WAYMO = VoxelClasses(
    names=(
        "general_object",
        "vehicle",
        "pedestrian",
        "sign",
        "cyclist",
        "traffic_light",
        "pole",
        "construction_cone",
        "bicycle",
        "motorcycle",
        "building",
        "vegetation",
        "tree_trunk",
        "road",
        "walkable",
        "free",
    ),
    things=(1, 2, 4),
    free=15,
    ignored=(9,),
    weights=(
        *(21.997, 7.504, 10.598, 12.181, 15.144, 13.036, 9.861, 13.644),
        *(15.121, 21.997, 6.202, 5.742, 9.769, 3.461, 4.152, 1.0),
    ),
)
VOCABULARIES = {"label_free": LABEL_FREE, "street": STREET, "occ3d_waymo": OCC3D_WAYMO}


def _check_volume(name: str, volume: np.ndarray, grid: VoxelGrid) -> None:
    if volume.shape != grid.shape_zyx:
        raise DataError(
            f"The {name} of a grid of {grid.shape_zyx} voxels (z, y, x) must have its shape, got "
            f"{volume.shape}."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelLabels:
    """What fills the voxels around the vehicle at one stamp: truth or pseudo-labels.

    Attributes:
        stamp_ns: Stamp of the frame.
        grid: Volume in base.
        semantics: (Z, Y, X) index in the vocabulary; free where `visible` is False and nothing is
            known.
        instances: (Z, Y, X) identity over the recording, from 1; `NO_INSTANCE` for none.
        visible: (Z, Y, X) seen by a camera and known: only there losses and scores count.
        seen_by_lidar: (Z, Y, X) seen by the LiDAR at this stamp, None where nobody asked.
        odom_T_base: (4, 4) pose of the vehicle.
    """

    stamp_ns: int
    grid: VoxelGrid
    semantics: UInt8[np.ndarray, "Z Y X"]
    instances: Int[np.ndarray, "Z Y X"]
    visible: Bool[np.ndarray, "Z Y X"]
    seen_by_lidar: Bool[np.ndarray, "Z Y X"] | None = None
    odom_T_base: Float64[np.ndarray, "4 4"]

    def __post_init__(self) -> None:
        for name in ("semantics", "instances", "visible"):
            _check_volume(name, getattr(self, name), self.grid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PanopticPrediction:
    """An answer for one stamp, on the grid that was asked for.

    Attributes:
        stamp_ns: Stamp of the frame.
        grid: Volume in base.
        semantics: (Z, Y, X) index in the vocabulary.
        instances: (Z, Y, X) identity of things, from 1; of one frame alone, or over time once an
            associator or a tracking network has said so. `NO_INSTANCE` for none.
        odom_T_base: (4, 4) pose of the vehicle.
    """

    stamp_ns: int
    grid: VoxelGrid
    semantics: UInt8[np.ndarray, "Z Y X"]
    instances: Int[np.ndarray, "Z Y X"]
    odom_T_base: Float64[np.ndarray, "4 4"]

    def __post_init__(self) -> None:
        for name in ("semantics", "instances"):
            _check_volume(name, getattr(self, name), self.grid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraScene:
    """What cameras alone say of the space around the vehicle.

    Attributes:
        prediction: Class and identity of every voxel.
        seen: (Z, Y, X) voxels that a camera sees; what is said of others is a guess.
        classes: Vocabulary of the prediction.
        detected: (N,) identity of the thing that each detection of the frame is of, None where
            nobody made detections of things.
    """

    prediction: PanopticPrediction
    seen: Bool[np.ndarray, "Z Y X"]
    classes: VoxelClasses
    detected: Int64[np.ndarray, " N"] | None = None

    def __post_init__(self) -> None:
        _check_volume("seen voxels", self.seen, self.prediction.grid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OccupancyFrame:
    """One frame of a clip: V rectified cameras of one size around the vehicle.

    Attributes:
        stamp_ns: Stamp of the frame, in base of which everything is placed.
        images: (V, H, W, 3) RGB.
        pix_T_cam: (V, 3, 3) intrinsics.
        base_T_cam: (V, 4, 4) pose of each camera, the vehicle's motion since the stamp included.
        depth_m: (V, h, w) nearest LiDAR return of each block of H / h x W / w pixels along the
            optical axis, 0 where there is none; None without a LiDAR.
        odom_T_base: (4, 4) pose of the vehicle.
        labels: What fills the voxels, None where nobody knows.
    """

    stamp_ns: int
    images: UInt8[np.ndarray, "V H W 3"]
    pix_T_cam: Float64[np.ndarray, "V 3 3"]
    base_T_cam: Float64[np.ndarray, "V 4 4"]
    depth_m: Float32[np.ndarray, "V h w"] | None = None
    odom_T_base: Float64[np.ndarray, "4 4"]
    labels: VoxelLabels | None = None

    def __post_init__(self) -> None:
        counts = (len(self.images), len(self.pix_T_cam), len(self.base_T_cam))
        if len(set(counts)) != 1:
            raise DataError(
                f"{counts[0]} images need as many intrinsics and poses, got {counts[1]} and "
                f"{counts[2]}."
            )


def panoptic_of(labels: VoxelLabels) -> PanopticPrediction:
    """Return labels as the answer that would be right."""
    return PanopticPrediction(
        stamp_ns=labels.stamp_ns,
        grid=labels.grid,
        semantics=labels.semantics,
        instances=labels.instances,
        odom_T_base=labels.odom_T_base,
    )
