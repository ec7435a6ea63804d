# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Work out the evidence of a stretch of a recording, with the scans around it that it needs.

Where poses come from TF, everything up to motion segmentation and the second look is bound to a
window of scans: a chunk begins earlier by that window, and ends later. Odometry, tracks, grids and
completed objects depend on all that came before; they stay with the one labeler of the recording,
and so does a recording whose egomotion is estimated.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.labeling.completion.second_look import SecondLooker, segments
from unsup_track_ros.labeling.evidence import EvidenceFolder
from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions, manifest_of
from unsup_track_ros.labeling.store import COMPLETED_NAME, FRAMES_NAME, stored_indices
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus

_NS_PER_S: Final = 1e9


def plan_chunks(
    recording: Recording, config: LabelerConfig, out: Path, options: LabelingOptions
) -> list[range]:
    """Return the frames of each chunk; none where chunks cannot help.

    That is where egomotion is not from TF, all is labelled, or there would be one chunk only.
    """
    total = len(recording)
    wanted = total if options.max_frames is None else min(options.max_frames, total)
    if not _poses_are_given(recording, config) or _is_labelled(out, range(wanted)):
        return []
    chunk_ns = config.labels.chunk_s * _NS_PER_S
    start_ns = recording.stamps_ns[0]
    number = [int((ns - start_ns) // chunk_ns) for ns in recording.stamps_ns[:wanted]]
    groups = [list(group) for _, group in itertools.groupby(range(wanted), number.__getitem__)]
    chunks = [range(group[0], group[-1] + 1) for group in groups]
    return chunks if len(chunks) > 1 else []


def gather_chunk(
    recording: Recording,
    config: LabelerConfig,
    out: Path,
    options: LabelingOptions,
    chunk: range,
) -> None:
    """Work out the evidence of a chunk's frames and keep it in the label directory.

    It may be done twice, and by two processes at once: both write the same bytes. Where a pool
    does it again after the frames were labelled, nothing stays behind.
    """
    folder = EvidenceFolder(out, manifest_of(recording, config, options))
    completes = config.completion.enabled
    completes &= config.pipeline.motion_segmentation.mode == "improved"
    passes = (FRAMES_NAME, COMPLETED_NAME) if completes else (FRAMES_NAME,)
    if all(folder.holds(i) and (folder.holds_look(i) or not completes) for i in chunk):
        return
    if _is_labelled(out, chunk, passes):
        return
    device = torch.device(options.device)
    around = _around(recording.stamps_ns, chunk, config)
    egomotions = _gather_motion(recording, config, folder, (chunk, around), device)
    if completes:
        _gather_looks(recording, config, folder, (chunk, around.start), (egomotions, device))
    # The labeler removes all evidence when it is done; what was written later has no other owner.
    if _is_labelled(out, chunk, passes):
        folder.remove_frames(chunk)


def _gather_motion(
    recording: Recording,
    config: LabelerConfig,
    folder: EvidenceFolder,
    frames: tuple[range, range],
    device: torch.device,
) -> list[Egomotion]:
    """Keep what moves in the chunk's frames; return the egomotions of all frames around it."""
    chunk, around = frames
    pipeline = Pipeline(_evidence_only(config.pipeline), device, with_occupancy=False)
    window = _Window(chunk)
    egomotions = []
    for frame in recording.frames(around.start):
        if frame.index >= around.stop:
            break
        result = pipeline.step(frame, memory=window)
        egomotions.append(result.egomotion)
        if frame.index in chunk:
            folder.write_motion(frame.index, window.egomotions, result.motion)
    return egomotions


class _Window:
    """Spares the frames around a chunk, and keeps in mind which scans the others are judged by."""

    def __init__(self, chunk: range) -> None:
        self._chunk = chunk
        self.egomotions: list[Egomotion] = []

    def holds(self, index: int) -> bool:
        """Tell whether a frame is spared."""
        return index not in self._chunk

    def motion(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> MotionSegmentation | None:
        """Return that nothing was judged, None in the chunk: there it is to be worked out."""
        self.egomotions = [*(past.egomotion for past in history), egomotion]
        if frame.index in self._chunk:
            return None
        nothing = np.zeros(len(frame.cloud.points_velo), bool)
        reason = "The frame lies outside of the chunk."
        return MotionSegmentation(
            status=MotionStatus.NO_EVIDENCE_SOURCE,
            moving_points=nothing,
            judged_points=nothing.copy(),
            reason=reason,
        )


def _gather_looks(
    recording: Recording,
    config: LabelerConfig,
    folder: EvidenceFolder,
    place: tuple[range, int],
    known: tuple[Sequence[Egomotion], torch.device],
) -> None:
    """Keep the second looks at the chunk's frames."""
    (chunk, first), (egomotions, device) = place, known
    looker = SecondLooker(config.pipeline, config.completion.window_s, device)
    motions = {first + i: egomotion for i, egomotion in enumerate(egomotions)}
    for local in segments(egomotions):
        segment = range(local.start + first, local.stop + first)
        wanted = range(max(segment.start, chunk.start), min(segment.stop, chunk.stop))
        for index, look in looker.looks(recording, motions, segment, wanted):
            window = looker.window(recording.stamps_ns, motions, segment, index)
            folder.write_look(index, window, to_arrays(look))


def _evidence_only(config: PipelineConfig) -> PipelineConfig:
    """Leave out what motion evidence does not depend on."""
    return config.model_copy(
        update={
            "detector": "motion",
            "image_detector": "none",
            "egomotion": config.egomotion.model_copy(update={"source": "tf"}),
            "consistency": config.consistency.model_copy(update={"enabled": False}),
        }
    )


def _around(stamps_ns: Sequence[int], chunk: range, config: LabelerConfig) -> range:
    """Return the frames that must be read for a chunk."""
    window_ns = round(config.completion.window_s * _NS_PER_S)
    history_ns = round(config.pipeline.history_s * _NS_PER_S)
    # The earliest scan that is looked back to must know what the one before it remembered.
    earliest = bisect_left(stamps_ns, stamps_ns[chunk.start] - window_ns)
    first = bisect_left(stamps_ns, stamps_ns[max(earliest - 1, 0)] - history_ns)
    # The first scan that is late enough is needed too: it ends the window.
    last = bisect_left(stamps_ns, stamps_ns[chunk.stop - 1] + window_ns)
    return range(first, min(last + 1, len(stamps_ns)))


def _poses_are_given(recording: Recording, config: LabelerConfig) -> bool:
    """Tell whether TF gives all poses, so that nobody has to go on from the pose before."""
    source = config.pipeline.egomotion.source
    return source == "tf" or (source == "auto" and not recording.missing_poses)


def _is_labelled(
    out: Path, frames: Iterable[int], passes: tuple[str, ...] = (FRAMES_NAME,)
) -> bool:
    return all(set(stored_indices(out / name)).issuperset(frames) for name in passes)
