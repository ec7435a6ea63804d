# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variations of a labelled scan for training the bird's-eye-view network (SPECS 0.9).

As released: part of the view is covered, the scene is scaled and turned. Mode `improved` also
mirrors it, drops rays and adds moving objects of other scans where the ground is free.
Divergence: the released code covers patches of a depth image and makes the scan anew from it; here
patches of the same angular size are cut out of the scan itself, which needs no camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int64
from unsup_track_ros.structures.voxels import VoxelGrid
from unsup_track_ros.training.scan_cache import CachedScan
from unsup_track_ros.training.training_labels import ObjectLabels

_TRIES = 10
_MIN_LEFT = 3  # points that must be left of a covered object
_MIN_LEFT_SHARE = 1 / 8
_PATCH_RAD = (0.02, 0.2)  # 10 to 99 px of TCR's camera
_PASTE_CLEAR_M = 0.3  # nothing higher may stand where an object is pasted
_PASTE_MARGIN_M = 0.5
_ON_OBJECT_MARGIN_M = 0.05


class BevAugmentationConfig(Config):
    """Variations of scans."""

    cover_probability: float = parameter(0.5, "How often part of the view is covered.", ge=0, le=1)
    cover_object_probability: float = parameter(
        0.8, "How often each object is, where it is.", ge=0, le=1
    )
    min_scale: float = parameter(0.7, "Smallest scale.", gt=0)
    max_scale: float = parameter(1.3, "Largest scale.", gt=0)
    max_turn_rad: float = parameter(0.52, "Largest turn to either side.", unit="rad", ge=0)
    mirror_probability: float = parameter(0.0, "How often left and right are swapped.", ge=0, le=1)
    drop_probability: float = parameter(0.0, "How often rays are dropped.", ge=0, le=1)
    max_drop_share: float = parameter(0.5, "Largest share of them.", ge=0, lt=1)
    max_pasted: int = parameter(0, "Most moving objects added from other scans.", ge=0)

    @classmethod
    def improved(cls) -> BevAugmentationConfig:
        """Return the variations of mode `improved`."""
        return cls(
            max_turn_rad=0.79, mirror_probability=0.5, drop_probability=0.3, max_pasted=3,
            min_scale=0.8, max_scale=1.2,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledScan:
    """A scan with its labels.

    Attributes:
        points_bev: (P, 3) the scan.
        heights_m: (P,) above the ground.
        intensity: (P,) or None.
        labels: The objects.
        owner: (P,) the label that each point lies on, -1 for none.
        seen: (P,) what is left when parts are covered and rays dropped, or None for all: the
            network sees it, while the segmentation is taught on the whole scan.
    """

    points_bev: Float32[np.ndarray, "P 3"]
    heights_m: Float32[np.ndarray, " P"]
    intensity: Float32[np.ndarray, " P"] | None
    labels: ObjectLabels
    owner: Int64[np.ndarray, " P"]
    seen: Bool[np.ndarray, " P"] | None = None

    def kept(self, rows: Bool[np.ndarray, " P"]) -> LabelledScan:
        """Return the scan with some of its points."""
        picked = np.flatnonzero(rows)
        return replace(
            self,
            points_bev=self.points_bev.take(picked, axis=0),
            heights_m=self.heights_m.take(picked),
            intensity=None if self.intensity is None else self.intensity.take(picked),
            owner=self.owner.take(picked),
        )

    def hiding(self, hidden: Bool[np.ndarray, " P"]) -> LabelledScan:
        """Return the scan with more of its points hidden from the network."""
        return replace(self, seen=~hidden if self.seen is None else self.seen & ~hidden)


def labelled_scan(scan: CachedScan, labels: ObjectLabels) -> LabelledScan:
    """Join a cached scan with its labels."""
    return LabelledScan(
        points_bev=scan.points_bev,
        heights_m=scan.heights_m,
        intensity=scan.intensity,
        labels=labels,
        owner=box_of_points(scan.points_bev, labels.boxes_bev, _ON_OBJECT_MARGIN_M),
    )


def varied(
    scan: LabelledScan,
    config: BevAugmentationConfig,
    rng: np.random.Generator,
    donor: LabelledScan | None = None,
    grid: VoxelGrid | None = None,
) -> LabelledScan:
    """Return a variation of a scan.

    Args:
        scan: The scan; it is not changed.
        config: What is varied.
        rng: Where chance comes from.
        donor: Another scan, whose moving objects may be pasted.
        grid: Points that end outside of it are left out, for speed; None keeps all.
    """
    if donor is not None and config.max_pasted:
        scan = pasted(scan, donor, config.max_pasted, rng)
    mirror = rng.random() < config.mirror_probability
    scale = rng.uniform(config.min_scale, config.max_scale)
    turn_rad = rng.uniform(-config.max_turn_rad, config.max_turn_rad)
    if grid is not None:
        place = _placement(scan.labels, scale, turn_rad, mirror=mirror)
        scan = scan.kept(_over(place, scan.points_bev, grid))
    if rng.random() < config.cover_probability:
        scan = covered(scan, config, rng)
    if rng.random() < config.drop_probability:
        share = rng.uniform(0, config.max_drop_share)
        scan = scan.hiding(rng.random(len(scan.points_bev)) < share)
    return moved(scan, scale, turn_rad, mirror=mirror)


def _over(
    place: _Placement, points_bev: Float32[np.ndarray, "P 3"], grid: VoxelGrid
) -> Bool[np.ndarray, " P"]:
    """Tell which points end over the grid, at any height."""
    (low_x, low_y, _), (high_x, high_y, _) = grid.minimum_m, grid.maximum_m
    x, y = place.placed_flat(points_bev)
    return np.asarray((x >= low_x) & (x < high_x) & (y >= low_y) & (y < high_y))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placement:
    """Where a scene goes: mirrored, scaled, and turned about the mean of its objects.

    Attributes:
        scale: Of all lengths.
        side: (2,) 1, or -1 for y of a mirrored scene.
        centre: (2,) x, y that stays in place.
        turn: (2, 2) rotation.
    """

    scale: float
    side: Float64[np.ndarray, " 2"]
    centre: Float64[np.ndarray, " 2"]
    turn: Float64[np.ndarray, "2 2"]

    def placed_flat(
        self, points: Float32[np.ndarray, "P 3"]
    ) -> tuple[Float32[np.ndarray, " P"], Float32[np.ndarray, " P"]]:
        """Return x and y of moved points."""
        x, y = points[:, 0], points[:, 1]
        (xx, xy), (yx, yy) = (self.turn * (self.scale * self.side)).astype(np.float32)
        move_x, move_y = (self.centre - self.turn @ self.centre).astype(np.float32)
        return xx * x + xy * y + move_x, yx * x + yy * y + move_y

    def placed(self, points: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, "P 3"]:
        """Move points."""
        moved_points = np.empty_like(points)
        moved_points[:, 0], moved_points[:, 1] = self.placed_flat(points)
        moved_points[:, 2] = points[:, 2] * np.float32(self.scale)
        return moved_points


def _placement(labels: ObjectLabels, scale: float, turn_rad: float, *, mirror: bool) -> _Placement:
    side = np.array([1.0, -1.0 if mirror else 1.0])
    places = labels.boxes_bev[:, :2] * side * scale
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    return _Placement(
        scale=scale,
        side=side,
        centre=places.mean(axis=0) if len(places) else np.zeros(2),
        turn=np.array([[cosine, -sine], [sine, cosine]]),
    )


def moved(scan: LabelledScan, scale: float, turn_rad: float, *, mirror: bool) -> LabelledScan:
    """Mirror, scale and turn a scan and its labels; the turn is about the mean object centre."""
    labels = scan.labels
    place = _placement(labels, scale, turn_rad, mirror=mirror)
    boxes = labels.boxes_bev.copy()
    boxes[:, 1] *= place.side[1]
    boxes[:, 6] *= place.side[1]
    boxes[:, :6] *= scale
    boxes[:, :2] = (boxes[:, :2] - place.centre) @ place.turn.T + place.centre
    boxes[:, 6] = se3.wrap_angle_rad(boxes[:, 6] + turn_rad)
    return replace(
        scan,
        points_bev=place.placed(scan.points_bev),
        heights_m=scan.heights_m * np.float32(scale),
        labels=replace(
            labels,
            boxes_bev=boxes,
            velocities_bev=(labels.velocities_bev * place.side * scale) @ place.turn.T,
        ),
    )


def covered(
    scan: LabelledScan, config: BevAugmentationConfig, rng: np.random.Generator
) -> LabelledScan:
    """Cover parts of the view; the scan as it was if no try leaves enough of every object."""
    boxes = scan.labels.boxes_bev
    if not len(boxes):
        return scan
    on_object = np.flatnonzero(scan.owner >= 0)
    owner = scan.owner[on_object]
    before = np.bincount(owner, minlength=len(boxes))
    place = _directions(scan.points_bev[on_object])
    centres = np.stack(_directions(boxes[:, :3]), axis=1)
    for _ in range(_TRIES):
        patches = _patches(centres, config.cover_object_probability, rng)
        after = np.bincount(owner[~_within(*place, patches)], minlength=len(boxes))
        enough = (after >= _MIN_LEFT) & (after > _MIN_LEFT_SHARE * before)
        if np.all(enough | (before == 0)) and np.any(after < before):
            return scan.hiding(_within(*_directions(scan.points_bev), patches))
    return scan


def _directions(
    points_bev: Float[np.ndarray, "P 3"],
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Return azimuth and elevation as seen from the LiDAR."""
    x, y, z = points_bev.T
    return np.arctan2(y, x), np.arctan2(z, np.sqrt(x * x + y * y))


def _patches(
    centres_rad: Float64[np.ndarray, "N 2"], probability: float, rng: np.random.Generator
) -> Float64[np.ndarray, "M 4"]:
    """Draw patches (azimuth, elevation, width, height): near objects, and one in the open."""
    chosen = centres_rad[rng.random(len(centres_rad)) < probability]
    size = rng.uniform(*_PATCH_RAD, (len(chosen), 2))
    near = chosen + rng.uniform(-0.5, 0.5, size.shape) * size
    open_place = np.array([[rng.uniform(-np.pi, np.pi), rng.uniform(-0.3, 0.05)]])
    open_size = 2 * rng.uniform(*_PATCH_RAD, (1, 2))
    return np.concatenate([np.hstack([near, size]), np.hstack([open_place, open_size])])


def _within(
    azimuth: Float[np.ndarray, " P"],
    elevation: Float[np.ndarray, " P"],
    patches: Float64[np.ndarray, "M 4"],
) -> Bool[np.ndarray, " P"]:
    hidden = np.zeros(len(azimuth), bool)
    # One patch after the other: the table of points times patches costs more to write than to use.
    for middle_azimuth, middle_elevation, width, height in patches:
        near = np.flatnonzero(np.abs(azimuth - middle_azimuth) <= width / 2)
        hidden[near[np.abs(elevation[near] - middle_elevation) <= height / 2]] = True
    return hidden


def pasted(
    scan: LabelledScan, donor: LabelledScan, max_objects: int, rng: np.random.Generator
) -> LabelledScan:
    """Add moving objects of another scan, turned about the LiDAR: their range and rays stay true.

    An object is added where nothing stands and nothing labelled is near.
    """
    sure = np.flatnonzero(donor.labels.weights >= 1.0)
    rows = rng.permutation(sure)[:max_objects]
    turns_rad = rng.uniform(-np.pi, np.pi, len(rows))
    if not len(rows):
        return scan
    boxes = _turned_boxes(donor.labels.boxes_bev[rows], turns_rad)
    free = _is_free(scan, boxes)
    rows, turns_rad, boxes = rows[free], turns_rad[free], boxes[free]
    slot = np.full(len(donor.labels) + 1, -1)  # the last entry answers for "none", -1
    slot[rows] = np.arange(len(rows))
    member = np.flatnonzero((slot[donor.owner] >= 0) & (donor.heights_m > 0))
    if not len(member):
        return scan
    added = slot[donor.owner[member]]
    turn = turns_rad[added]
    x, y, z = donor.points_bev[member].T
    points = np.stack(
        [np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y, z], axis=1
    ).astype(np.float32)
    return _with(scan, donor, (points, member, added), (boxes, rows, turns_rad))


def _with(
    scan: LabelledScan,
    donor: LabelledScan,
    added: tuple[Float32[np.ndarray, "A 3"], Int64[np.ndarray, " A"], Int64[np.ndarray, " A"]],
    objects: tuple[Float64[np.ndarray, "K 7"], Int64[np.ndarray, " K"], Float64[np.ndarray, " K"]],
) -> LabelledScan:
    points, member, slot = added
    boxes, rows, turns_rad = objects
    labels, given = scan.labels, donor.labels
    cosine, sine = np.cos(turns_rad), np.sin(turns_rad)
    vx, vy = given.velocities_bev[rows].T
    velocities = np.stack([cosine * vx - sine * vy, sine * vx + cosine * vy], axis=1)
    intensity = None
    if scan.intensity is not None and donor.intensity is not None:
        intensity = np.concatenate([scan.intensity, donor.intensity[member]])
    return LabelledScan(
        points_bev=np.concatenate([scan.points_bev, points]),
        heights_m=np.concatenate([scan.heights_m, donor.heights_m[member]]),
        intensity=intensity,
        owner=np.concatenate([scan.owner, len(labels) + slot]),
        labels=ObjectLabels(
            boxes_bev=np.concatenate([labels.boxes_bev, boxes]),
            weights=np.concatenate([labels.weights, given.weights[rows]]),
            heading_known=np.concatenate([labels.heading_known, given.heading_known[rows]]),
            velocities_bev=np.concatenate([labels.velocities_bev, velocities]),
        ),
    )


def _turned_boxes(
    boxes: Float64[np.ndarray, "K 7"], turns_rad: Float64[np.ndarray, " K"]
) -> Float64[np.ndarray, "K 7"]:
    turned = boxes.copy()
    cosine, sine = np.cos(turns_rad), np.sin(turns_rad)
    turned[:, 0] = cosine * boxes[:, 0] - sine * boxes[:, 1]
    turned[:, 1] = sine * boxes[:, 0] + cosine * boxes[:, 1]
    turned[:, 6] = se3.wrap_angle_rad(boxes[:, 6] + turns_rad)
    return turned


def _is_free(scan: LabelledScan, boxes: Float64[np.ndarray, "K 7"]) -> Bool[np.ndarray, " K"]:
    """Tell which boxes stand on free ground, apart from labels and from each other."""
    grown = boxes.copy()
    grown[:, 3:5] += 2 * _PASTE_MARGIN_M
    x, y, _ = scan.points_bev.T
    reach_m = (np.hypot(grown[:, 3], grown[:, 4]) / 2).astype(np.float32)[:, None]
    centre_x, centre_y = grown.T[:2, :, None].astype(np.float32)
    near = (np.abs(x - centre_x) <= reach_m) & (np.abs(y - centre_y) <= reach_m)
    tall = scan.points_bev[near.any(axis=0) & (scan.heights_m > _PASTE_CLEAR_M)]
    owner = box_of_points(tall, grown)
    stands = np.bincount(owner[owner >= 0], minlength=len(boxes)) > 0
    labelled = np.any(bev_iou(grown, scan.labels.boxes_bev) > 0, axis=1)
    earlier = np.any(np.tril(bev_iou(grown, grown), -1) > 0, axis=1)
    return np.asarray(~(stands | labelled | earlier))
