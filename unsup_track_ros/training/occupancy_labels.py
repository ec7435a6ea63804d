# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy clips of label directories: what `unsup-track label` found, as voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from unsup_track_ros.config import Config, flatten, load_config, parameter
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse
from unsup_track_ros.geometry.surround_view import SurroundViewConfig, occupancy_frame
from unsup_track_ros.labeling.labeler import LabelerConfig
from unsup_track_ros.labeling.store import CONFIG_NAME, LabelStore
from unsup_track_ros.occupancy.voxel_supervision import (
    LabelledScan,
    VoxelSupervisionConfig,
    VoxelSupervisor,
)
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.training.occupancy_clips import ClipFolder, ClipsOrigin, write_clips


class LabelClipsConfig(Config):
    """Which frames of a labelled recording are kept, and what cameras they show."""

    period_s: float = parameter(0.5, "Time from one frame to the next.", unit="s", gt=0)
    images: tuple[str, ...] = parameter(
        (), "Image topics, the same for every recording; empty: those it was labelled with."
    )
    view: SurroundViewConfig = SurroundViewConfig()
    supervision: VoxelSupervisionConfig = VoxelSupervisionConfig()


def label_frames(folder: Path, config: LabelClipsConfig) -> Iterator[OccupancyFrame]:
    """Turn one label directory into frames with voxel labels; completed labels are preferred.

    Frames without a pose, or without one of the cameras, are left out.

    Raises:
        DataError: The recording is not where it was labelled, or it has not one of the images.
        LabelStoreError: The folder holds no labels.
    """
    store = LabelStore.open(folder)
    path = Path(store.manifest.recording_path)
    if not path.exists():
        raise DataError(
            f"The labels in {folder} were made from {path}, which is not there any more. Put the "
            "recording back: voxel labels need its scans."
        )
    chosen = store.completed() if store.is_completed else iter(store)
    labels = {label.index: label for label in chosen}
    recorded = _with_images(load_config(folder / CONFIG_NAME, LabelerConfig).recording, config)
    with Recording(path, recorded) as recording:
        supervisor = VoxelSupervisor(_scans(recording, labels), config.supervision)
        num_cameras = len(recording.topics.cameras)
        due_ns = 0
        for frame in recording:
            pose = labels[frame.index].egomotion.odom_T_velo1 if frame.index in labels else None
            if frame.stamp_ns < due_ns or pose is None or len(frame.cameras) < num_cameras:
                continue
            due_ns = frame.stamp_ns + round(config.period_s * 1e9)
            placed = [
                (
                    image.camera.resized(config.view.width_px, config.view.height_px),
                    frame.base_T_velo @ inverse(image.cam_T_velo),
                )
                for image in frame.cameras
            ]
            voxels = supervisor.labels(frame.stamp_ns, placed)
            yield occupancy_frame(frame, pose, config.view, voxels)


def write_label_clips(
    folder: Path, label_folders: Sequence[Path], config: LabelClipsConfig
) -> ClipFolder:
    """Write one sequence per label directory, named after it; those that are there stay.

    Raises:
        DataError: Two directories are of one name, or one cannot be used.
    """
    names = [labels.name for labels in label_folders]
    if len(set(names)) < len(names):
        raise DataError(f"Every label directory needs a name of its own, got {', '.join(names)}.")
    origin = ClipsOrigin(
        vocabulary="label_free",
        grid=config.supervision.grid.grid,
        period_s=config.period_s,
        parameters=flatten(config),
    )
    return write_clips(
        folder,
        origin,
        [(labels.name, partial(label_frames, labels, config)) for labels in label_folders],
    )


def _with_images(recorded: RecordingConfig, config: LabelClipsConfig) -> RecordingConfig:
    if not config.images:
        return recorded
    topics = recorded.topics.model_copy(update={"images": config.images, "camera_infos": ()})
    return recorded.model_copy(update={"topics": topics})


def _scans(recording: Recording, labels: dict[int, FrameLabel]) -> list[LabelledScan]:
    """Return the labelled scans with a pose; tracks that are only tentative are no objects."""
    scans = []
    for frame in recording.frames(images=False):
        label = labels.get(frame.index)
        if label is None or label.egomotion.odom_T_velo1 is None:
            continue
        believed = label.tracks.states != TrackState.TENTATIVE
        scans.append(
            LabelledScan(
                stamp_ns=frame.stamp_ns,
                points_velo=frame.cloud.points_velo,
                base_T_velo=frame.base_T_velo,
                odom_T_velo=label.egomotion.odom_T_velo1,
                moving=label.motion.moving_points,
                ids=label.tracks.ids[believed],
                boxes_odom=label.tracks.boxes_odom[believed],
            )
        )
    return scans
