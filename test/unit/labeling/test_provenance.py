# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.labeling.label_scenes import make_label
from unit.labeling.test_store import new_store

from unsup_track_ros.labeling.provenance import write_provenance
from unsup_track_ros.labeling.store import PROVENANCE_NAME, LabelStore
from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.labels import COMPLETED_PASS
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import TrackState


def lines_of(store: LabelStore) -> list[dict[str, Any]]:
    write_provenance(store, "improved")
    text = (store.folder / PROVENANCE_NAME).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_the_first_line_is_the_origin_of_all(tmp_path: Path) -> None:
    (first,) = lines_of(new_store(tmp_path / "labels"))
    origin = first["origin"]
    assert isinstance(origin, dict)
    assert {"round", "config_sha256", "code_sha256", "code_version", "mode"} <= origin.keys()
    assert origin["checkpoint_sha256"] == {}


def test_every_box_says_how_sure_it_is_and_why_it_is_believed(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    label = make_label(0)
    # The scene matches its second track; here it is the first, which is the one that was seen.
    tracks = dataclasses.replace(label.tracks, detection_index=np.array([0, -1]))
    cues = ObjectCues(
        motion=np.array([0.8]),
        free_space=np.array([0.4]),
        flow=np.array([0.5]),
        appearance=np.array([np.nan]),
    )
    store.write(dataclasses.replace(label, tracks=tracks, cues=cues))
    _, seen, coasting = lines_of(store)
    assert seen == {
        "frame": 0,
        "id": 1,
        "pass": "causal",
        "score": 0.9,
        "existence": 0.9,
        "position_std_m": pytest.approx(3**-0.5, abs=1e-6),
        "cues": ["motion", "flow", "track"],
        "values": {
            "motion": 0.8,
            "free_space": 0.4,
            "flow": 0.5,
            "appearance": None,
            "track": 0.9,
        },
        "accepted": True,
    }
    assert (coasting["id"], coasting["cues"]) == (2, ["track"])
    assert coasting["values"] == dict.fromkeys(seen["values"]) | {"track": 0.9}


def test_what_was_seen_but_did_not_move_was_sighted(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    label = make_label(0)
    detections = dataclasses.replace(label.detections, motion=np.array([int(MotionState.STANDING)]))
    states = np.array([TrackState.CONFIRMED, TrackState.TENTATIVE], np.int64)
    tracks = dataclasses.replace(label.tracks, detection_index=np.array([0, -1]), states=states)
    store.write(dataclasses.replace(label, detections=detections, tracks=tracks))
    _, seen = lines_of(store)
    assert seen["cues"] == ["sighting", "track"]


def test_rejected_objects_come_last_with_the_reason(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    label = make_label(0)
    store.write(label)
    store.write_completed(dataclasses.replace(label, label_pass=COMPLETED_PASS))
    rows = [
        {"id": 1, "weight": 1.0, "doubt": "", "frames": [0, 0]},
        {"id": 7, "weight": 0.0, "doubt": "It did not get far enough.", "frames": [0, 0]},
    ]
    common = {"sightings": 3, "moving_sightings": 1}
    store.write_text("trajectories.jsonl", "".join(json.dumps(row | common) + "\n" for row in rows))
    *_, last = lines_of(store)
    assert last["id"] == 7
    assert last["accepted"] is False
    assert last["reason"] == "It did not get far enough."
