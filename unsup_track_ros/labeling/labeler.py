# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label a recording: step the pipeline over its frames and store what it says.

The loop can die at any moment. The next run continues after the newest snapshot and ends with the
very bytes of an undisturbed run; frames after that snapshot are computed again and compared.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

import unsup_track_ros
from unsup_track_ros.config import Config, config_hash, dump_config, parameter
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.errors import DataError, LabelStoreError
from unsup_track_ros.labeling.completion import CompletionConfig, complete_labels
from unsup_track_ros.labeling.cues import detection_cues
from unsup_track_ros.labeling.disk_space import check_space
from unsup_track_ros.labeling.evidence import EvidenceFolder
from unsup_track_ros.labeling.lock import directory_lock
from unsup_track_ros.labeling.manifest import Manifest, code_fingerprint, recording_fingerprint
from unsup_track_ros.labeling.pictures import PicturesConfig, write_pictures
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.provenance import write_provenance
from unsup_track_ros.labeling.read_ahead import read_ahead
from unsup_track_ros.labeling.report import write_report
from unsup_track_ros.labeling.store import TIMINGS_NAME, LabelStore, remove_labels
from unsup_track_ros.labeling.summary import write_summary
from unsup_track_ros.labeling.timings import Timings
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.result import PerceptionResult

_NS_PER_S: Final = 1e9


class LabelContentConfig(Config):
    """What is kept of a labelled frame, and how often the run can be resumed from."""

    snapshot_interval_s: float = parameter(
        5.0,
        "Recording time between two states that a killed run can continue from.",
        unit="s",
        gt=0,
    )
    grid_interval_s: float = parameter(
        0.0,
        "Recording time between two stored occupancy grids; 0 stores one per frame.",
        unit="s",
        ge=0,
    )
    chunk_s: float = parameter(
        30.0,
        "Where workers share the labelling: recording time of which one of them gathers evidence.",
        unit="s",
        gt=0,
    )
    check_space: bool = parameter(
        True, "Do not begin where the disk is too small for the labels that are expected."
    )
    keep_evidence: bool = parameter(
        False, "Keep residual flow, point velocities, clusters and voxels too: about 2 MB a frame."
    )


class LabelerConfig(Config):
    """All parameters of `unsup-track label`: recording, stages, labels, pictures."""

    recording: RecordingConfig = RecordingConfig()
    pipeline: PipelineConfig = PipelineConfig()
    labels: LabelContentConfig = LabelContentConfig()
    completion: CompletionConfig = CompletionConfig()
    pictures: PicturesConfig = PicturesConfig()


def mode_parameters(mode: str) -> dict[str, object]:
    """Return, by key, what makes up a mode; `tcr` checks the flow of every pixel, as released."""
    values: dict[str, object] = {"pipeline.motion_segmentation.mode": mode}
    if mode == "tcr":
        values["pipeline.optical_flow.check_stride_px"] = 1
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelingOptions:
    """How one run is made; none of it changes what a label says, but for the device's rounding.

    Attributes:
        device: "cpu" or "cuda".
        overwrite: Whether labels of another origin are replaced.
        max_frames: Label only this many frames from the start; None labels all.
        pictures: Whether video, pictures and report are made.
    """

    device: str = "cpu"
    overwrite: bool = False
    max_frames: int | None = None
    pictures: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelingResult:
    """What one run did.

    Attributes:
        folder: The label directory.
        num_frames: Frames with a label now.
        num_new: Labels that this run added.
        num_tracks: Confirmed tracks over all frames.
        warnings: What was missing or odd in the recording, one sentence each.
        frames_per_s: Frames stepped and stored per second, nan when none was.
        real_time_factor: Recording time labelled per second, nan when none was.
    """

    folder: Path
    num_frames: int
    num_new: int
    num_tracks: int
    warnings: tuple[str, ...]
    frames_per_s: float
    real_time_factor: float


def label_recording(
    recording: Recording,
    config: LabelerConfig,
    out: Path,
    options: LabelingOptions,
    progress: Progress,
    finish: Callable[[Recording, LabelStore, Progress], object] | None = None,
) -> LabelingResult:
    """Label a recording into a directory, or go on where a former run stopped.

    Args:
        recording: The opened recording; it must have been opened with `config.recording`.
        config: Parameters; written to the directory.
        out: The label directory, created where it does not exist.
        options: How this run is made.
        progress: Told after every frame and every picture.
        finish: Called with the finished labels while the directory is still locked; what it writes
            there is derived from them (`store.DERIVED`).

    Raises:
        LabelStoreError: The directory belongs to something else or the disk is full.
        LockError: Another labeler writes to the directory.
        DataError: The recording has no poses although they are asked for, or it is unreadable at
            some point; the labels up to there stand.
    """
    _check_poses(recording, config)
    _make_folder(out)
    with directory_lock(out):
        if options.overwrite:
            remove_labels(out)
        manifest = manifest_of(recording, config, options)
        evidence = EvidenceFolder(out, manifest)
        store = LabelStore.open_for_writing(out, manifest, dump_config(config))
        _check_space(recording, config, store, options)
        timings = Timings()
        observers = _Observers(timings, progress, evidence)
        num_new = _label_frames(recording, config, store, options, observers)
        _complete(recording, config, store, options, observers)
        evidence.remove()
        summary = write_summary(store, recording)
        write_provenance(store, config.pipeline.motion_segmentation.mode)
        if timings.num_frames or not (out / TIMINGS_NAME).exists():
            store.write_text(TIMINGS_NAME, timings.to_json())
        if options.pictures:
            with_voxels = config.pipeline.detector == "trackocc"
            write_pictures(recording, store, config.pictures, progress, with_voxels=with_voxels)
            write_report(store)
        if finish is not None:
            finish(recording, store, progress)
        return LabelingResult(
            folder=out,
            num_frames=summary.num_frames,
            num_new=num_new,
            num_tracks=summary.num_tracks,
            warnings=summary.warnings,
            frames_per_s=timings.frames_per_s,
            real_time_factor=timings.real_time_factor,
        )


def _check_space(
    recording: Recording, config: LabelerConfig, store: LabelStore, options: LabelingOptions
) -> None:
    if not config.labels.check_space:
        return
    wanted = len(recording) if options.max_frames is None else options.max_frames
    left = max(min(wanted, len(recording)) - len(store), 0)
    evidence, pictures = config.labels.keep_evidence, options.pictures
    check_space(store.folder, left, evidence=evidence, pictures=pictures)


def _check_poses(recording: Recording, config: LabelerConfig) -> None:
    """Refuse a run in which no frame could get a pose, before anything is written."""
    lost = len(recording.missing_poses)
    if config.pipeline.egomotion.source == "tf" and lost == len(recording):
        raise DataError(
            f"Egomotion is to come from TF, but none of the {lost} frames has a pose: "
            f"{recording.missing_poses[0].rstrip('.')}. Choose --egomotion lidar or flow, or name "
            "the frames in recording.frames."
        )


@dataclass(frozen=True, slots=True)
class _Observers:
    timings: Timings
    progress: Progress
    evidence: EvidenceFolder


def _label_frames(
    recording: Recording,
    config: LabelerConfig,
    store: LabelStore,
    options: LabelingOptions,
    observers: _Observers,
) -> int:
    """Step over the frames that have no label yet; return how many labels were added."""
    total = len(recording.stamps_ns)
    wanted = total if options.max_frames is None else min(options.max_frames, total)
    num_new = 0
    if set(store.indices).issuperset(range(wanted)):
        observers.progress("labelling", wanted, wanted)
    else:
        store.drop_derived()
        pipeline = Pipeline(config.pipeline, torch.device(options.device))
        start, snapshot_ns = _resume(pipeline, store, recording.stamps_ns)
        content = _ContentFilter(config, recording.stamps_ns)
        frames = _timed(read_ahead(_frames(recording, start, wanted)), observers.timings)
        interval_ns = config.labels.snapshot_interval_s * _NS_PER_S
        for frame in frames:
            result = pipeline.step(frame, memory=observers.evidence)
            with observers.timings.storing():
                num_new += store.write(content.label(result))
                if frame.stamp_ns - snapshot_ns >= interval_ns:
                    store.save_snapshot(frame.index, pipeline.state())
                    snapshot_ns = frame.stamp_ns
            observers.timings.add(frame.stamp_ns, result.stage_seconds)
            observers.progress("labelling", frame.index + 1, wanted)
    if wanted == total:
        store.drop_snapshot()
    return num_new


def _complete(
    recording: Recording,
    config: LabelerConfig,
    store: LabelStore,
    options: LabelingOptions,
    observers: _Observers,
) -> None:
    """Add the completed labels; the two-frame test of TCR is left as it was released."""
    mode = config.pipeline.motion_segmentation.mode
    if config.completion.enabled and mode == "improved" and len(store):
        configs = (config.completion, config.pipeline)
        device, progress = torch.device(options.device), observers.progress
        complete_labels(recording, store, configs, device, progress, observers.evidence)


def _resume(pipeline: Pipeline, store: LabelStore, stamps_ns: tuple[int, ...]) -> tuple[int, int]:
    """Restore the newest snapshot; return the next frame and the stamp of the snapshot.

    A snapshot behind which a label is missing (removed by hand, or damaged) is of no use.
    """
    snapshot = store.load_snapshot()
    if snapshot is None or not set(store.indices).issuperset(range(snapshot[0] + 1)):
        return 0, stamps_ns[0]
    index, state = snapshot
    pipeline.restore(state)
    return index + 1, stamps_ns[index]


def _frames(recording: Recording, start: int, end: int) -> Iterator[SensorFrame]:
    for frame in recording.frames(start):
        if frame.index >= end:
            return
        yield frame


def _timed(frames: Iterator[SensorFrame], timings: Timings) -> Iterator[SensorFrame]:
    """Pass frames on, counting the time spent on waiting for them."""
    while True:
        start_s = time.perf_counter()
        frame = next(frames, None)
        timings.waited(time.perf_counter() - start_s)
        if frame is None:
            return
        yield frame


class _ContentFilter:
    """Turns results into labels, leaving out what the parameters do not ask for."""

    def __init__(self, config: LabelerConfig, stamps_ns: tuple[int, ...]) -> None:
        self._config = config.labels
        self._network_finds = config.pipeline.detector != "motion"
        self._stamps_ns = stamps_ns

    def label(self, result: PerceptionResult) -> FrameLabel:
        frame, camera = result.frame, result.frame.camera
        motion = result.motion
        if not self._config.keep_evidence:
            motion = dataclasses.replace(
                motion,
                residual_px=None,
                velocity_velo=None,
                confidence=None,
                standing_points=None,
                free_space=None,
                point_cluster=None,
                voxels=None,
            )
        return FrameLabel(
            stamp_ns=frame.stamp_ns,
            index=frame.index,
            base_T_velo=frame.base_T_velo,
            camera=None if camera is None else camera.camera,
            cam_T_velo=None if camera is None else camera.cam_T_velo,
            egomotion=result.egomotion,
            motion=motion,
            detections=result.detections,
            tracks=result.tracks,
            grids=self._grids(result),
            cues=detection_cues(result, network_found=self._network_finds),
            missing_inputs=frame.missing_inputs,
            consistency=result.consistency,
            panoptic=result.panoptic,
        )

    def _grids(self, result: PerceptionResult) -> OccupancyGrids | None:
        if result.grids is None or not self._grid_is_due(result.frame.index):
            return None
        # The percentages say the same in an eighth of the space.
        return dataclasses.replace(result.grids, log_odds=None)

    def _grid_is_due(self, index: int) -> bool:
        """Tell from the stamps alone, so that a resumed run decides as an undisturbed one."""
        if index == 0 or self._config.grid_interval_s == 0:
            return True
        start_ns, interval_ns = self._stamps_ns[0], self._config.grid_interval_s * _NS_PER_S
        before = (self._stamps_ns[index - 1] - start_ns) // interval_ns
        return (self._stamps_ns[index] - start_ns) // interval_ns > before


def manifest_of(recording: Recording, config: LabelerConfig, options: LabelingOptions) -> Manifest:
    """Return the origin of the labels that a run makes."""
    # Pictures, the check of space and who gathers the evidence do not decide what a label says:
    # changing them must not disown the labels.
    usual = LabelContentConfig()
    labels = config.labels.model_copy(
        update={"check_space": usual.check_space, "chunk_s": usual.chunk_s}
    )
    deciding = config.model_copy(update={"pictures": PicturesConfig(), "labels": labels})
    return Manifest(
        recording_path=str(recording.path.resolve()),
        recording_fingerprint=recording_fingerprint(recording.path),
        config_sha256=config_hash(deciding),
        code_version=unsup_track_ros.__version__,
        code_sha256=code_fingerprint(),
        device=options.device,
        checkpoint_sha256=_checkpoints(config.pipeline),
    )


def _checkpoints(config: PipelineConfig) -> tuple[tuple[str, str], ...]:
    """Return the networks of EM that take part, by name, with the hash of their weights."""
    if config.detector not in ("bev", "ensemble"):
        return ()
    paths = {"bev": config.learned.bev_path}
    if config.detector == "ensemble":
        paths["segmentor"] = config.learned.segmentor_path
    return tuple(
        (name, hashlib.sha256(Path(path).read_bytes()).hexdigest())
        for name, path in sorted(paths.items())
        if path and Path(path).is_file()
    )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabelStoreError(
            f"The label directory {out} cannot be made: {error.strerror}."
        ) from error
