# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a label directory holds, in files that a person can read: objects.jsonl and summary.json."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.labeling.completion.overview import trajectory_counts
from unsup_track_ros.labeling.consistency_history import ConsistencyHistory
from unsup_track_ros.labeling.store import OBJECTS_NAME, SUMMARY_NAME, LabelStore
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState

_DECIMALS: Final = 6  # a micrometre or microradian; the frame files hold every digit


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """Counts over all labelled frames.

    Attributes:
        num_frames: Frames with a label.
        num_tracks: Different ids that were confirmed at some time.
        warnings: What was missing or odd, one sentence each.
    """

    num_frames: int
    num_tracks: int
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Counts:
    """Running counts while the labels are read."""

    egomotion: Counter[str] = field(default_factory=Counter)
    motion: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    detections: int = 0
    moving_points: int = 0
    confirmed: set[int] = field(default_factory=set)
    consistency: ConsistencyHistory = field(default_factory=ConsistencyHistory)

    def add(self, label: FrameLabel) -> None:
        self.egomotion[f"{label.egomotion.source.value}: {label.egomotion.status.value}"] += 1
        self.motion[label.motion.status.value] += 1
        self.missing.update(label.missing_inputs)
        self.consistency.add(label)
        self.detections += len(label.detections)
        self.moving_points += int(label.motion.moving_points.sum())
        self.confirmed.update(
            label.tracks.ids[label.tracks.states != TrackState.TENTATIVE].tolist()
        )


def write_summary(store: LabelStore, recording: Recording) -> LabelSummary:
    """Write both files from the stored labels; equal labels give equal bytes."""
    counts, lines = _Counts(), []
    for label in store:
        counts.add(label)
        lines.append(json.dumps(objects_of(label), allow_nan=False))
    store.write_text(OBJECTS_NAME, "".join(line + "\n" for line in lines))
    warnings = (
        *recording.warnings,
        *_missing_sentences(counts.missing, len(lines)),
        *counts.consistency.warnings,
    )
    content = {
        "frames": len(lines),
        "frames_in_recording": len(recording.stamps_ns),
        "detections": counts.detections,
        "confirmed_tracks": len(counts.confirmed),
        "moving_points": counts.moving_points,
        "egomotion": dict(sorted(counts.egomotion.items())),
        "motion": dict(sorted(counts.motion.items())),
        "completed_objects": trajectory_counts(store.folder),
        "consistency": counts.consistency.content(),
        "dropped": {f"{topic}: {why}": n for (topic, why), n in sorted(recording.drops.items())},
        "warnings": list(warnings),
    }
    store.write_text(SUMMARY_NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return LabelSummary(num_frames=len(lines), num_tracks=len(counts.confirmed), warnings=warnings)


def objects_of(label: FrameLabel) -> dict[str, Any]:
    """Return the boxes and tracks of one frame as plain, rounded values."""
    tracks, detections = label.tracks, label.detections
    return {
        "frame": label.index,
        "stamp_ns": label.stamp_ns,
        "pass": label.label_pass,
        "egomotion": label.egomotion.status.value,
        "odom_T_velo": _plain(label.egomotion.odom_T_velo1),
        "detections": [
            {
                "box_velo": _plain(detections.boxes_velo[row]),
                "score": _plain(detections.scores[row]),
                "velocity_velo_mps": _plain(detections.velocities_velo[row]),
                "points": int(detections.num_points[row]),
                "box_pix": _plain(detections.boxes_pix[row]),
            }
            for row in range(len(detections))
        ],
        "tracks": [
            {
                "id": int(tracks.ids[row]),
                "state": TrackState(int(tracks.states[row])).name.lower(),
                "box_odom": _plain(tracks.boxes_odom[row]),
                "velocity_odom_mps": _plain(tracks.velocities_odom[row]),
                "existence": _plain(tracks.existence[row]),
                "age_s": _plain(tracks.ages_s[row]),
                "detection": int(tracks.detection_index[row]),
            }
            for row in range(len(tracks))
        ],
    }


def _plain(values: np.ndarray | float | None) -> Any:  # noqa: ANN401 - nested lists of numbers
    """Return rounded numbers, null where there is none."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.ndim:
        return [_plain(value) for value in array]
    number = float(array)
    return round(number, _DECIMALS) + 0.0 if math.isfinite(number) else None


def _missing_sentences(missing: Mapping[str, int], num_frames: int) -> list[str]:
    return [
        f"{sentence.rstrip('.')} (in {count} of {num_frames} frames)."
        for sentence, count in sorted(missing.items())
    ]
