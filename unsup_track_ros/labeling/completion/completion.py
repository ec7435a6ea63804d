# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the completed labels: from second looks to whole objects to one label per frame."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.labeling.completion.frame_labels import (
    FrameObjects,
    completed_label,
    uncompleted_label,
)
from unsup_track_ros.labeling.completion.objects import ObjectConfig, Objects, find_objects
from unsup_track_ros.labeling.completion.second_look import SecondLooker, read_look, segments
from unsup_track_ros.labeling.evidence import EvidenceFolder
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.store import TRAJECTORIES_NAME, LabelStore
from unsup_track_ros.pipeline import PipelineConfig
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.tracking.trajectories import frames_to_sighting

_DECIMALS = 3


class CompletionConfig(Config):
    """The acausal second pass of the labeler."""

    enabled: bool = parameter(True, "Whether labels are completed (mode `improved` only).")
    window_s: float = parameter(1.0, "How far before and after a frame is looked.", unit="s", gt=0)
    max_gap_frames: int = parameter(
        5, "So many frames from the nearest sighting an object is still labelled.", ge=0
    )
    moving_speed_mps: float = parameter(
        0.5, "From this speed on a labelled object moves.", unit="m/s", gt=0
    )
    objects: ObjectConfig = ObjectConfig()


def complete_labels(
    recording: Recording,
    store: LabelStore,
    configs: tuple[CompletionConfig, PipelineConfig],
    device: torch.device,
    progress: Progress,
    evidence: EvidenceFolder | None = None,
) -> None:
    """Write the completed label of every frame that has a causal one.

    The result depends on the causal labels and the recording alone; a killed run goes on.
    """
    config, pipeline = configs
    if store.is_completed:
        return
    egomotions = [label.egomotion for label in store]
    looker = SecondLooker(pipeline, config.window_s, device)
    looker.look(recording, egomotions, store, progress, evidence)
    sensor_odom = _positions(egomotions)
    rows: list[dict[str, Any]] = []
    first_id = 1
    for segment in segments(egomotions):
        frames = [(read_look(store, i).detections, egomotions[i]) for i in segment]
        found = find_objects(frames, config.objects, pipeline.tracker)
        _write_segment(store, segment, (found, first_id), config)
        if found is not None:
            rows += _rows(found, first_id, segment.start, sensor_odom[segment.start : segment.stop])
            first_id += len(found.weights)
    store.write_text(TRAJECTORIES_NAME, "".join(json.dumps(row) + "\n" for row in rows))
    store.drop_scratch()


def _write_segment(
    store: LabelStore,
    segment: range,
    found: tuple[Objects | None, int],
    config: CompletionConfig,
) -> None:
    objects, first_id = found
    if objects is None:
        for index in segment:
            store.write_completed(uncompleted_label(store.read(index), read_look(store, index)))
        return
    near = frames_to_sighting(objects.trajectories)
    stamps_ns = np.zeros(len(segment), np.int64)
    start = 0
    for frame, index in enumerate(segment):
        label, look = store.read(index), read_look(store, index)
        stamps_ns[frame] = label.stamp_ns
        shown = _shown(objects, near, frame, config.max_gap_frames)
        first = objects.trajectories.first[shown]
        here = FrameObjects(
            objects=objects,
            shown=shown,
            place=frame - first,
            owner=objects.sighting_of[start : start + len(look.detections)],
            ids=first_id + shown,
            ages_s=(label.stamp_ns - stamps_ns[first]) * 1e-9,
        )
        start += len(look.detections)
        store.write_completed(completed_label(label, look, here, config.moving_speed_mps))


def _shown(
    objects: Objects, near: Int64[np.ndarray, "N F"], frame: int, max_gap_frames: int
) -> Int64[np.ndarray, " K"]:
    """Return the objects that are labelled in a frame of the segment."""
    trajectories = objects.trajectories
    place = frame - trajectories.first
    here = (place >= 0) & (place < trajectories.length) & (objects.weights > 0)
    here &= near[np.arange(len(place)), np.clip(place, 0, near.shape[1] - 1)] <= max_gap_frames
    return np.flatnonzero(here)


def _positions(egomotions: list[Egomotion]) -> Float64[np.ndarray, "F 3"]:
    """Return where the sensor was in each frame, nan where nobody knows."""
    poses = [egomotion.odom_T_velo1 for egomotion in egomotions]
    unknown = np.full(3, np.nan)
    return np.array([unknown if pose is None else pose[:3, 3] for pose in poses]).reshape(-1, 3)


def _best_view(
    objects: Objects, n: int, first_frame: int, sensor_odom: Float64[np.ndarray, "F 3"]
) -> dict[str, Any] | None:
    """Return the frame where an object was seen from nearest, and its box there."""
    whole = objects.trajectories
    first, length = int(whole.first[n]), int(whole.length[n])
    boxes_odom = whole.boxes_odom[n, :length]
    away = boxes_odom[:, :2] - sensor_odom[first : first + length, :2]
    distance_m = np.where(whole.seen[n, :length], np.hypot(away[:, 0], away[:, 1]), np.inf)
    distance_m = np.nan_to_num(distance_m, nan=np.inf)
    place = int(np.argmin(distance_m))
    if not np.isfinite(distance_m[place]):
        return None
    box = [round(float(value), _DECIMALS) for value in boxes_odom[place]]
    return {"frame": first_frame + first + place, "box_odom": box}


def _rows(
    objects: Objects, first_id: int, first_frame: int, sensor_odom: Float64[np.ndarray, "F 3"]
) -> list[dict[str, Any]]:
    """Return one readable line per object: the doubtful ones too, but not the background."""
    whole = objects.trajectories
    kept = np.flatnonzero(objects.mover | (objects.weights > 0))
    return [
        {
            "id": first_id + int(n),
            "frames": [
                first_frame + int(whole.first[n]),
                first_frame + int(whole.first[n] + whole.length[n]) - 1,
            ],
            "moved": bool(objects.mover[n]),
            "weight": round(float(objects.weights[n]), _DECIMALS),
            "doubt": objects.doubts[n],
            "size_m": [round(float(side), _DECIMALS) for side in whole.boxes_odom[n, 0, 3:6]],
            "size_seen": [bool(seen) for seen in whole.size_seen[n]],
            "sightings": int(objects.sightings[n]),
            "moving_sightings": int(objects.moving_sightings[n]),
            "travel_m": round(float(objects.travel_m[n]), _DECIMALS),
            "best": _best_view(objects, int(n), first_frame, sensor_odom),
        }
        for n in kept
    ]
