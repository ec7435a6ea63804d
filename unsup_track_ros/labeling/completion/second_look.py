# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every scan once more, with the scans before and after it.

Only the poses of the causal pass are taken over. The answers are kept on disk until the labels are
complete, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.labeling.cues import object_cues
from unsup_track_ros.labeling.evidence import EvidenceFolder
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.read_ahead import read_ahead
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.perception.box_fitting import BoxFitter
from unsup_track_ros.perception.detection import MotionDetector
from unsup_track_ros.perception.motion_segmentation import MotionSegmenter
from unsup_track_ros.pipeline import PipelineConfig
from unsup_track_ros.shapes import Bool, Int
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame
from unsup_track_ros.structures.motion import MotionSegmentation

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondLook:
    """What one scan shows with the scans around it.

    Attributes:
        detections: Every cluster that could be an object, moving or not.
        point_region: (P,) 0 for none, else 1..N: the detection of each point.
        moving_points: (P,) points seen moving.
        judged_points: (P,) points with evidence either way.
        cues: What LiDAR says of each detection.
    """

    detections: Detections
    point_region: Int[np.ndarray, " P"]
    moving_points: Bool[np.ndarray, " P"]
    judged_points: Bool[np.ndarray, " P"]
    cues: ObjectCues


def read_look(store: LabelStore, index: int) -> SecondLook:
    """Read the stored second look at a frame."""
    return from_arrays(SecondLook, store.read_scratch(index))


def segments(egomotions: Sequence[Egomotion]) -> list[range]:
    """Return the runs of frames that share one odom; frames are numbered from 0."""
    starts = [i for i, motion in enumerate(egomotions) if motion.status is EgomotionStatus.INITIAL]
    bounds = sorted({0, *starts, len(egomotions)})
    return [range(start, stop) for start, stop in itertools.pairwise(bounds)]


class SecondLooker:
    """Looks at the frames of one recording again."""

    def __init__(self, config: PipelineConfig, window_s: float, device: torch.device) -> None:
        self._segmenter = MotionSegmenter(config.motion_segmentation)
        self._detector = MotionDetector(config.detection, device)
        self._fitter = BoxFitter(config.box_fitting)
        self._window_ns = round(window_s * _NS_PER_S)

    def look(
        self,
        recording: Recording,
        egomotions: Sequence[Egomotion],
        store: LabelStore,
        progress: Progress,
        evidence: EvidenceFolder | None = None,
    ) -> None:
        """Look at every frame that has not been looked at, and store what is seen.

        What others saw beforehand, from the same scans and poses, is taken over.
        """
        known = dict(enumerate(egomotions))
        for segment in segments(egomotions):
            done = set(store.scratch_indices)
            for index in segment:
                if evidence is None or index in done or not evidence.holds_look(index):
                    continue
                window = self.window(recording.stamps_ns, known, segment, index)
                arrays = evidence.look(index, window)
                if arrays is not None:
                    store.write_scratch(index, arrays)
                    done.add(index)
            missing = [index for index in segment if index not in done]
            if missing:
                self._look_at(recording, egomotions, store, (segment, missing[0]), progress)

    def _look_at(
        self,
        recording: Recording,
        egomotions: Sequence[Egomotion],
        store: LabelStore,
        place: tuple[range, int],
        progress: Progress,
    ) -> None:
        segment, first = place
        wanted = range(first, segment.stop)
        for index, look in self.looks(recording, dict(enumerate(egomotions)), segment, wanted):
            store.write_scratch(index, to_arrays(look))
            progress("looking back", index + 1, len(egomotions))

    def looks(
        self,
        recording: Recording,
        egomotions: Mapping[int, Egomotion],
        segment: range,
        wanted: range,
    ) -> Iterator[tuple[int, SecondLook]]:
        """Look at frames of a segment; yield the number of each and what it shows.

        Args:
            recording: The recording.
            egomotions: Of the wanted frames and all within the window around them.
            segment: Frames that share one odom, as far as their egomotions are known.
            wanted: Frames of it that are looked at.
        """
        if not len(wanted):
            return
        judged = read_ahead(self._judged(recording, egomotions, segment, wanted.start))
        for frame, motion in judged:
            if frame.index >= wanted.stop:
                return
            regions = self._detector.every_object(frame, motion)
            level = level_scan(frame.base_T_velo, frame.cloud.points_velo)
            yield (
                frame.index,
                SecondLook(
                    detections=self._fitter.step(frame, regions, level),
                    point_region=regions.point_region.astype(np.int32),
                    moving_points=motion.moving_points,
                    judged_points=motion.judged_points,
                    cues=object_cues(
                        regions.point_region, motion, np.full(len(regions.scores), np.nan)
                    ),
                ),
            )

    def window(
        self,
        stamps_ns: Sequence[int],
        egomotions: Mapping[int, Egomotion],
        segment: range,
        index: int,
    ) -> list[Egomotion]:
        """Return the egomotions that the look at a frame depends on, its own last."""
        start = bisect_left(stamps_ns, stamps_ns[index] - self._window_ns, segment.start, index)
        stop = bisect_right(stamps_ns, stamps_ns[index] + self._window_ns, index, segment.stop)
        around = [i for i in range(start, stop) if i != index]
        return [egomotions[i] for i in (*around, index)]

    def _judged(
        self,
        recording: Recording,
        egomotions: Mapping[int, Egomotion],
        segment: range,
        first: int,
    ) -> Iterator[tuple[SensorFrame, MotionSegmentation]]:
        """Yield every frame from the first wanted one on with its motion, as scans come in."""
        stamps_ns = recording.stamps_ns
        start = next(i for i in segment if stamps_ns[i] >= stamps_ns[first] - self._window_ns)
        frames = read_ahead(_scans(recording, start, segment.stop))
        entries: deque[PastFrame] = deque()
        waiting = first
        for frame in frames:
            entries.append(PastFrame(frame=frame, egomotion=egomotions[frame.index]))
            last = frame.index == segment.stop - 1
            while waiting <= frame.index and (
                last or frame.stamp_ns >= stamps_ns[waiting] + self._window_ns
            ):
                yield self._judge_once(entries, waiting)
                waiting += 1
            while (
                entries
                and waiting < segment.stop
                and (entries[0].frame.stamp_ns < stamps_ns[waiting] - self._window_ns)
            ):
                entries.popleft()

    def _judge_once(
        self, entries: Sequence[PastFrame], index: int
    ) -> tuple[SensorFrame, MotionSegmentation]:
        current = next(entry for entry in entries if entry.frame.index == index)
        frame, stamp_ns = current.frame, current.frame.stamp_ns
        posed = [
            entry
            for entry in entries
            if entry.egomotion.odom_T_velo1 is not None
            and abs(entry.frame.stamp_ns - stamp_ns) <= self._window_ns
        ]
        before = tuple(entry for entry in posed if entry.frame.index < index)
        after = tuple(entry for entry in posed if entry.frame.index > index)
        return frame, self._segmenter.look_back(frame, before, after, current.egomotion)


def _scans(recording: Recording, start: int, stop: int) -> Iterator[SensorFrame]:
    for frame in recording.frames(start, images=False):
        if frame.index >= stop:
            return
        yield frame
