# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""provenance.jsonl: where every single label comes from, and why others are none.

The first line is the origin of all (recording, parameters, code, round, networks, mode). Then comes
one line per object and frame of the best pass, in the order of the frames, with

    score, existence, position_std_m   how sure it is
    cues      why it is believed there:
              motion      it moves in this frame (docs/decisions/0012)
              free_space  it entered or left space that a scan saw through
              flow        its pixels move as no standing thing's would
              appearance  a network knows it by its looks
              sighting    it was seen in this frame, standing or unsure, where it was expected
              track       it was seen in other frames
    values    what each of these says, 0 to 1: shares of its points (`structures.cues`), the score
              of the network, the existence of the track; null where the witness did not see it
    accepted  true

and last, for completed labels, one line per object that was rejected, with the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from unsup_track_ros.labeling.completion.overview import read_trajectories
from unsup_track_ros.labeling.store import PROVENANCE_NAME, LabelStore
from unsup_track_ros.structures.labels import COMPLETED_PASS, FrameLabel
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import TrackState

_DECIMALS: Final = 6
_WITNESSES: Final = ("motion", "free_space", "flow", "appearance")
_SPEAKS: Final = 0.5  # from here on a witness speaks for an object


def write_provenance(store: LabelStore, mode: str) -> None:
    """Write the file from the stored labels; equal labels give equal bytes.

    Args:
        store: The labels, completed if they will be.
        mode: How motion was judged.
    """
    is_completed = bool(store.completed_indices) and store.is_completed
    origin = {**json.loads(store.manifest.to_json()), "mode": mode}
    del origin["recording_path"]  # where a copy of it lay is no origin: its fingerprint is
    lines = [json.dumps({"origin": origin})]
    for label in store.completed() if is_completed else store:
        lines += [json.dumps(row, allow_nan=False) for row in _accepted(label)]
    if is_completed:
        lines += [json.dumps(row, allow_nan=False) for row in _rejected(store)]
    store.write_text(PROVENANCE_NAME, "".join(f"{line}\n" for line in lines))


def _accepted(label: FrameLabel) -> Iterator[dict[str, Any]]:
    tracks, detections = label.tracks, label.detections
    spread = np.linalg.eigvalsh(tracks.position_covariances_odom)[:, -1]
    for row in np.flatnonzero(tracks.states != TrackState.TENTATIVE):
        at = int(tracks.detection_index[row])
        is_seen = at >= 0 and tracks.states[row] == TrackState.CONFIRMED
        score = tracks.existence[row]
        if at >= 0 and label.label_pass == COMPLETED_PASS:
            score = detections.scores[at]
        yield {
            "frame": label.index,
            "id": int(tracks.ids[row]),
            "pass": label.label_pass,
            "score": round(float(score), _DECIMALS),
            "existence": round(float(tracks.existence[row]), _DECIMALS),
            "position_std_m": round(math.sqrt(max(float(spread[row]), 0.0)), _DECIMALS),
            **_cues(label, int(row), at if is_seen else None),
            "accepted": True,
        }


def _cues(label: FrameLabel, row: int, seen_at: int | None) -> dict[str, Any]:
    """Return why a track's box is believed in a frame: by which witnesses, and what each says.

    Args:
        label: Label of the frame.
        row: The track.
        seen_at: Its detection, None where it was not seen.
    """
    values: dict[str, float | None] = dict.fromkeys(_WITNESSES)
    values["track"] = round(float(label.tracks.existence[row]), _DECIMALS)
    if seen_at is None:
        return {"cues": ["track"], "values": values}
    if label.cues is not None:
        for name in _WITNESSES:
            value = float(getattr(label.cues, name)[seen_at])
            values[name] = None if math.isnan(value) else round(value, _DECIMALS)
    moves = label.detections.motion[seen_at] == MotionState.MOVING
    spoke = [name for name in _WITNESSES[1:] if (values[name] or 0.0) >= _SPEAKS]
    return {"cues": ["motion" if moves else "sighting", *spoke, "track"], "values": values}


def _rejected(store: LabelStore) -> Iterator[dict[str, Any]]:
    for each in read_trajectories(store.folder):
        if each["weight"] == 0:
            yield {
                "id": each["id"],
                "frames": each["frames"],
                "pass": COMPLETED_PASS,
                "sightings": each["sightings"],
                "moving_sightings": each["moving_sightings"],
                "accepted": False,
                "reason": each["doubt"],
            }
