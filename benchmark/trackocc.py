# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Panoptic occupancy, measured: `python -m benchmark.trackocc`.

    supervision LABELS...   pseudo-labels of `unsup-track label` on recordings of synthetic worlds
                            (name of the label directory: anything that ends in the seed)
    fusion LABELS...        the LiDAR's grid of such labels, and with degraded truth as cameras
    network WEIGHTS SEEDS... the LiDAR's grid of worlds, and with a network's answers as cameras
    cost CLIPS              processor time of a frame, by number of cameras and of voxels
    association CLIPS       both baselines on truth that is degraded in a known way, three seeds

An answerer turns frames into answers; `association_rows` scores any of them by `OccStq`.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmark.tables import number, share, table
from unsup_track_ros.data.synthetic.camera import SurroundConfig
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.voxel_truth import VoxelTruthConfig, voxel_truth
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world
from unsup_track_ros.data.truth import TruthFolder, truth_folder
from unsup_track_ros.evaluation.occ_stq import OccStq, OccStqRules
from unsup_track_ros.evaluation.occupancy import OccupancyEvaluationConfig
from unsup_track_ros.geometry.base_voxels import SMALL_EGO_GRID, EgoGridConfig
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.networks.trackocc import TrackOcc, TrackOccConfig
from unsup_track_ros.networks.trackocc.tracker import TrackOccTracker, TrackOccTrackingConfig
from unsup_track_ros.occupancy.camera_fusion import CameraFusionConfig, fused_grids
from unsup_track_ros.occupancy.mapper import OccupancyConfig, OccupancyMapper
from unsup_track_ros.perception.trackocc_detection import (
    TrackOccDetectionConfig,
    TrackOccDetector,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.structures.voxel_scene import (
    LABEL_FREE,
    CameraScene,
    OccupancyFrame,
    PanopticPrediction,
    VoxelLabels,
    panoptic_of,
)
from unsup_track_ros.tracking.voxel_association import VoxelAssociationConfig, VoxelAssociator
from unsup_track_ros.training.occupancy_clips import ClipFolder
from unsup_track_ros.training.occupancy_labels import LabelClipsConfig, label_frames

Answerer = Callable[[Iterable[OccupancyFrame]], Iterator[PanopticPrediction]]
_SEEDS = (0, 1, 2)
_COMPARED_FRAMES = 5  # every so many frames
_TIMED_FRAMES = 6  # the first is not counted
# What a mediocre network does to the truth: misses objects, and voxels at their rim.
_MISSED_OBJECTS, _MISSED_VOXELS = 0.15, 0.2


def main() -> None:
    """Print the tables of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    supervision = parts.add_parser("supervision")
    supervision.add_argument("labels", type=Path, nargs="+")
    fusion = parts.add_parser("fusion")
    fusion.add_argument("labels", type=Path, nargs="+")
    association = parts.add_parser("association")
    association.add_argument("clips", type=Path)
    network = parts.add_parser("network")
    network.add_argument("weights", type=Path)
    network.add_argument("seeds", type=int, nargs="+")
    cost = parts.add_parser("cost")
    cost.add_argument("clips", type=Path)
    given = parser.parse_args()
    if given.part == "cost":
        sys.stdout.write(cost_table(ClipFolder.open(given.clips)) + "\n")
        return
    if given.part == "network":
        text = network_fusion_table(given.weights, given.seeds)
    elif given.part == "association":
        text = association_table(ClipFolder.open(given.clips))
    else:
        text = (supervision_table if given.part == "supervision" else fusion_table)(given.labels)
    sys.stdout.write(text + "\n")


def cost_table(clips: ClipFolder) -> str:
    """Time untrained networks, whose frames cost what those of trained ones do, on one core."""
    torch.set_num_threads(1)
    frames = list(clips.frames(clips.sequences[0]))[:_TIMED_FRAMES]
    forms = {"3d": {}, "bev": {"volume": "bev", "encoder_layers": 0}}
    wide = EgoGridConfig(half_size_m=40.0, bottom_m=-1.0, layers=8, voxel_m=0.8)
    rows = []
    for cameras, grid in ((1, SMALL_EGO_GRID), (3, SMALL_EGO_GRID), (5, SMALL_EGO_GRID), (5, wide)):
        networks = [
            TrackOccConfig.model_validate({"grid": grid, **form}) for form in forms.values()
        ]
        size = " x ".join(str(side) for side in reversed(grid.grid.shape_zyx))
        rows.append(
            [str(cameras), size, *(f"{_frame_ms(one, frames, cameras):.0f}" for one in networks)]
        )
    return table(["cameras", "voxels", *(f"{name} [ms]" for name in forms)], rows)


def _frame_ms(network: TrackOccConfig, frames: list[OccupancyFrame], cameras: int) -> float:
    tracker = TrackOccTracker(
        TrackOcc(network), TrackOccTrackingConfig(birth_score=0.99), torch.device("cpu")
    )
    times_s = []
    for frame in frames:
        fewer = replace(
            frame,
            images=frame.images[:cameras],
            pix_T_cam=frame.pix_T_cam[:cameras],
            base_T_cam=frame.base_T_cam[:cameras],
            depth_m=None,
        )
        start_s = time.process_time()
        tracker.step(fewer)
        times_s.append(time.process_time() - start_s)
    return 1e3 * float(np.median(times_s[1:]))


def supervision_table(folders: list[Path]) -> str:
    """Compare pseudo-labels voxel by voxel with the truth of what moves."""
    rows = []
    for folder in folders:
        numbers = re.findall(r"\d+", folder.name)
        hits, union, seen = np.zeros(len(LABEL_FREE)), np.zeros(len(LABEL_FREE)), np.zeros(3)
        for labels, truth in _label_pairs(folder, int(numbers[-1])):
            both = labels.visible & truth.visible
            seen += [truth.visible.sum(), both.sum(), labels.visible.sum()]
            for index in range(len(LABEL_FREE)):
                said, true = labels.semantics[both] == index, truth.semantics[both] == index
                hits[index] += (said & true).sum()
                union[index] += (said | true).sum()
        ious = [number(h / u if u else None) for h, u in zip(hits, union, strict=True)]
        rows.append(
            [folder.name, *ious, share(seen[1], seen[0]), share(seen[2] - seen[1], seen[2])]
        )
    header = ["labels", *LABEL_FREE.names, "known of visible", "wrongly visible"]
    return table(header, rows)


def _label_pairs(folder: Path, seed: int) -> Iterator[tuple[VoxelLabels, VoxelLabels]]:
    """Return voxel labels and their truth, frame by frame."""
    world = _world_of(folder, seed)
    images = tuple(rig.name for rig in world.cameras)
    for frame in label_frames(folder, LabelClipsConfig(images=images)):
        assert frame.labels is not None
        config = VoxelTruthConfig(only_moving=True)
        yield frame.labels, voxel_truth(world, frame.stamp_ns, config)


def fusion_table(folders: list[Path]) -> str:
    """Compare the static grid with the true static world, with and without cameras."""
    rows = []
    for folder in folders:
        seed = int(re.findall(r"\d+", folder.name)[-1])
        rng = np.random.default_rng(seed)
        truths = TruthFolder(truth_folder(Path(LabelStore.open(folder).manifest.recording_path)))
        counts = np.zeros(9, np.int64)
        for stored, truth in _voxel_truths(folder, seed):
            grids = stored.grids
            assert grids is not None
            answer = degraded(panoptic_of(truth), rng)
            scene = CameraScene(prediction=answer, seen=truth.visible, classes=LABEL_FREE)
            fused = fused_grids(grids, scene, CameraFusionConfig())
            occupied = _occupied_at_cells(grids, truths.at(stored.stamp_ns))
            counts += _cell_counts(grids.static, fused.static, occupied)
        rows.append(_fusion_row(folder.name, counts))
    return _fusion_markdown(rows)


def network_fusion_table(weights: Path, seeds: list[int]) -> str:
    """Drive through worlds: the LiDAR's static grid, and with what a network says of its cameras.

    Poses are those of TF; what the network says moves is left out of the static grid of both.
    """
    rows = []
    surround = SurroundConfig(enabled=True)
    for seed in seeds:
        world = build_world(WorldConfig(duration_s=10.0, surround=surround), seed)
        config = TrackOccDetectionConfig(weights_path=str(weights))
        detector = TrackOccDetector(config, torch.device("cpu"))
        mapper = OccupancyMapper(OccupancyConfig(), torch.device("cpu"))
        counts = np.zeros(9, np.int64)
        for index in range(round(world.config.duration_s * 1e9 / world.period_ns)):
            frame, truth = render(world, world.config.start_ns + index * world.period_ns)
            seen = detector.step(frame, frame.odom_T_velo)
            egomotion = Egomotion(
                status=EgomotionStatus.OK,
                source=EgomotionSource.TF,
                stamp0_ns=frame.stamp_ns - world.period_ns,
                stamp1_ns=frame.stamp_ns,
                velo1_T_velo0=np.eye(4),
                odom_T_velo1=frame.odom_T_velo,
            )
            scan = mapper.read_scan(frame, egomotion)
            grids = mapper.step(scan, seen.regions, Tracks.none(frame.stamp_ns))
            if index % _COMPARED_FRAMES or grids is None or seen.panoptic is None:
                continue
            fused = fused_grids(grids, seen.panoptic, CameraFusionConfig())
            counts += _cell_counts(grids.static, fused.static, _occupied_at_cells(grids, truth))
        rows.append(_fusion_row(f"world {seed}", counts))
    return _fusion_markdown(rows)


def _fusion_row(name: str, counts: np.ndarray) -> list[str]:
    known, changed, before, after, told, hits, claims, true, right = counts.tolist()
    return [
        name,
        *(str(value) for value in (known, changed, before, after, told)),
        *(share(*pair) for pair in ((hits, claims), (hits, true), (right, told))),
    ]


def _fusion_markdown(rows: list[list[str]]) -> str:
    header = [
        "labels",
        "known to LiDAR",
        "changed",
        "of these right before",
        "after",
        "blind, told",
    ]
    return table([*header, "occupied: precision", "recall", "right of all told"], rows)


def _cell_counts(lidar: np.ndarray, fused: np.ndarray, occupied: np.ndarray) -> tuple[int, ...]:
    """Count cells: known, changed, right before, after; told, hits, claims, occupied, right."""
    least = OccupancyEvaluationConfig().occupied_from
    changed = (lidar >= 0) & (fused != lidar)
    told = (lidar < 0) & (fused >= 0)
    claimed = told & (fused >= least)
    return (
        int((lidar >= 0).sum()),
        int(changed.sum()),
        int((changed & ((lidar >= least) == occupied)).sum()),
        int((changed & ((fused >= least) == occupied)).sum()),
        int(told.sum()),
        int((claimed & occupied).sum()),
        int(claimed.sum()),
        int((told & occupied).sum()),
        int((told & (claimed == occupied)).sum()),
    )


def _occupied_at_cells(grids: OccupancyGrids, truth: FrameTruth) -> np.ndarray:
    """Look the middles of a grid's cells up in the true static occupancy; outside is free."""
    occupied, side_m = truth.occupied_static_odom, truth.occupancy_resolution_m
    assert occupied is not None
    assert side_m is not None
    assert truth.occupancy_origin_odom is not None
    index = []
    for axis, num in ((1, grids.static.shape[0]), (0, grids.static.shape[1])):
        place = grids.origin_odom[axis] + (np.arange(num) + 0.5) * grids.resolution_m
        index.append(np.floor((place - truth.occupancy_origin_odom[axis]) / side_m).astype(int))
    padded = np.pad(occupied > 0, 1)
    row, column = (
        np.clip(i + 1, 0, size + 1) for i, size in zip(index, occupied.shape, strict=True)
    )
    return np.asarray(padded[np.ix_(row, column)])


def _voxel_truths(folder: Path, seed: int) -> Iterator[tuple[FrameLabel, VoxelLabels]]:
    """Return every fifth label with a grid, and what truly fills the voxels."""
    world = _world_of(folder, seed)
    for stored in LabelStore.open(folder):
        if stored.grids is not None and stored.index % 5 == 0:
            yield stored, voxel_truth(world, stored.stamp_ns, VoxelTruthConfig(only_moving=True))


def _world_of(folder: Path, seed: int) -> World:
    stamps = [label.stamp_ns for label in LabelStore.open(folder)]
    duration_s = round((stamps[-1] - stamps[0]) / 1e9 + 0.1, 3)
    surround = SurroundConfig(enabled=True)
    return build_world(WorldConfig(duration_s=duration_s, surround=surround), seed)


def association_table(clips: ClipFolder) -> str:
    """Score both baselines, and identities that are right, on degraded truth."""
    rows = []
    for name, motion in (("voxel IoU", "none"), ("voxel IoU + Kalman", "kalman"), ("truth", "")):
        rows += [
            [f"{name}, seed {seed}", *association_row(clips, _answerer(motion, seed))]
            for seed in _SEEDS
        ]
    header = ["identities by", "OccSTQ", "OccSQ", "OccAQ", "OccSTQ official"]
    return table(header, rows)


def association_row(clips: ClipFolder, answerer: Answerer) -> list[str]:
    """Return the scores of an answerer on all sequences of a folder."""
    metrics = [
        OccStq(clips.classes, OccStqRules(variant="corrected")),
        OccStq(clips.classes, OccStqRules(variant="official")),
    ]
    for sequence in clips.sequences:
        answers = answerer(clips.frames(sequence))
        for frame, answer in zip(clips.frames(sequence), answers, strict=True):
            assert frame.labels is not None
            for metric in metrics:
                metric.add(sequence, frame.labels, answer)
    corrected, official = (metric.scores() for metric in metrics)
    return [number(v) for v in (corrected.stq, corrected.sq, corrected.aq, official.stq)]


def _answerer(motion: str, seed: int) -> Answerer:
    """Return degraded truth with identities of a baseline, or with the right ones."""

    def answers(frames: Iterable[OccupancyFrame]) -> Iterator[PanopticPrediction]:
        rng = np.random.default_rng(seed)
        config = VoxelAssociationConfig.model_validate({"motion": motion or "none"})
        associator = VoxelAssociator(config)
        for frame in frames:
            assert frame.labels is not None
            answer = degraded(panoptic_of(frame.labels), rng)
            yield answer if not motion else associator.step(_shuffled(answer, rng))

    return answers


def degraded(answer: PanopticPrediction, rng: np.random.Generator) -> PanopticPrediction:
    """Lose some objects and some voxels of the others; identities start at 2."""
    ids = np.unique(answer.instances)
    lost = np.isin(answer.instances, ids[rng.random(len(ids)) < _MISSED_OBJECTS])
    lost |= rng.random(answer.instances.shape) < _MISSED_VOXELS
    gone = lost & (answer.instances > 0)
    return replace(
        answer,
        semantics=np.where(gone, LABEL_FREE.free, answer.semantics).astype(np.uint8),
        instances=np.where(gone | (answer.instances == 0), 0, answer.instances + 1),
    )


def _shuffled(answer: PanopticPrediction, rng: np.random.Generator) -> PanopticPrediction:
    """Give the objects of a frame new numbers: nothing of their identity is left."""
    ids, row = np.unique(answer.instances, return_inverse=True)
    names = np.append(0, 1 + rng.permutation(len(ids) - 1)).astype(np.int32)
    return replace(answer, instances=names[row].reshape(answer.instances.shape))


if __name__ == "__main__":
    main()
