# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Completing a label directory whose second looks are made up; killed at any write."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from unit.data.bags import write_bag
from unit.labeling.completion.stretches import (
    Sighting,
    cues_of,
    detections_of,
    egomotion_of,
    parked,
    passing_car,
)
from unit.labeling.label_scenes import NUM_POINTS, make_label
from unit.labeling.test_store import CONFIG, MANIFEST

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.completion import CompletionConfig, complete_labels
from unsup_track_ros.labeling.completion.objects import ObjectConfig
from unsup_track_ros.labeling.completion.second_look import SecondLook
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.pipeline import PipelineConfig
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel

NUM_FRAMES = 14
Scene = Callable[[int], Sequence[Sighting]]


def look_at(index: int, scene: Scene) -> SecondLook:
    seen = scene(index)
    region = np.zeros(NUM_POINTS, np.int32)
    region[: 10 * len(seen)] = np.repeat(np.arange(1, len(seen) + 1), 10)
    return SecondLook(
        detections=detections_of(index, seen),
        point_region=region,
        moving_points=np.zeros(NUM_POINTS, bool),
        judged_points=np.ones(NUM_POINTS, bool),
        cues=cues_of(np.ones(len(seen))),
    )


class Killed(Exception):
    """A process that ends between two writes."""


class FragileStore(LabelStore):
    """A store whose process is killed after some more writes."""

    writes_left = 10**9

    def _count(self) -> None:
        if self.writes_left == 0:
            raise Killed
        self.writes_left -= 1

    def write_completed(self, label: FrameLabel) -> bool:
        """Write or die."""
        self._count()
        return super().write_completed(label)

    def write_text(self, name: str, text: str) -> None:
        """Write or die."""
        self._count()
        super().write_text(name, text)

    def drop_scratch(self) -> None:
        """Drop or die."""
        self._count()
        super().drop_scratch()


def store_of(
    folder: Path, scene: Scene, statuses: Mapping[int, EgomotionStatus] | None = None
) -> FragileStore:
    """Return causal labels of a sensor that stands, and second looks at what is there."""
    folder.mkdir()
    store = FragileStore.open_for_writing(folder, MANIFEST, CONFIG)
    assert isinstance(store, FragileStore)
    statuses = {0: EgomotionStatus.INITIAL, **(statuses or {})}
    for k in range(NUM_FRAMES):
        egomotion = egomotion_of(k, status=statuses.get(k, EgomotionStatus.OK))
        label = make_label(k, with_camera=False)
        store.write(dataclasses.replace(label, egomotion=egomotion, grids=None))
    look(store, scene)
    return store


def look(store: LabelStore, scene: Scene) -> None:
    for k in range(NUM_FRAMES):
        store.write_scratch(k, to_arrays(look_at(k, scene)))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The looks are there already, so no scan of it is read."""
    return Recording(write_bag(tmp_path_factory.mktemp("bag") / "a.mcap"))


def run(store: LabelStore, recording: Recording, **values: object) -> None:
    configs = (CompletionConfig.model_validate(values), PipelineConfig())
    complete_labels(recording, store, configs, torch.device("cpu"), no_progress)


def rows(store: LabelStore) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (store.folder / "trajectories.jsonl").read_text().splitlines()
    ]


def street(index: int) -> list[Sighting]:
    return [passing_car(index), parked(3, -5)]


def test_every_frame_has_a_completed_label_of_movers_and_of_what_is_like_them(
    tmp_path: Path, recording: Recording
) -> None:
    store = store_of(tmp_path / "labels", street)
    run(store, recording)
    assert store.is_completed
    assert not (store.folder / "scratch").exists()
    for label in store.completed():
        assert label.label_pass == "completed"
        assert label.tracks.ids.tolist() == [1, 2]
        assert label.track_weights is not None
        assert label.track_weights.tolist() == [1.0, 0.5]
        assert label.detections.moving.tolist() == [True, False]
        assert label.motion.moving_points[:10].all()  # on the car
        assert not label.motion.moving_points[10:].any()
    mover, static = rows(store)
    assert mover["frames"] == static["frames"] == [0, NUM_FRAMES - 1]
    assert (mover["moved"], static["moved"]) == (True, False)
    assert (mover["weight"], static["weight"]) == (1.0, 0.5)
    assert mover["travel_m"] == pytest.approx(13, abs=0.3)


def test_an_object_in_doubt_is_a_row_with_the_reason_and_no_label(
    tmp_path: Path, recording: Recording
) -> None:
    store = store_of(
        tmp_path / "labels",
        lambda k: [passing_car(k), Sighting(x=10 + 0.6 * np.sin(0.5 * k), y=-6.0)],
    )
    run(store, recording)
    assert {id_ for label in store.completed() for id_ in label.tracks.ids.tolist()} == {1}
    doubtful = rows(store)[1]
    assert doubtful["weight"] == 0.0
    assert doubtful["doubt"] == "It did not get far enough to be sure that it moved."


@pytest.mark.parametrize(("most", "shown"), [(1, [0, 3]), (2, [0, 1, 2, 3]), (0, [])])
def test_an_object_is_labelled_some_frames_from_its_nearest_sighting(
    tmp_path: Path, recording: Recording, most: int, shown: list[int]
) -> None:
    """Hidden in the four frames 5 to 8, which are 1, 2, 2 and 1 frames away from a sighting."""
    store = store_of(tmp_path / "labels", lambda k: [] if 5 <= k <= 8 else [passing_car(k)])
    run(store, recording, max_gap_frames=most)
    there = [len(label.tracks) for label in store.completed()]
    assert [k for k in range(4) if there[5 + k]] == shown
    assert all(there[:5])
    assert all(there[9:])


def test_a_new_odom_starts_new_objects_with_new_ids(tmp_path: Path, recording: Recording) -> None:
    store = store_of(tmp_path / "labels", street, {7: EgomotionStatus.INITIAL})
    run(store, recording, objects=ObjectConfig(static_weight=0.0).model_dump())
    ids = [label.tracks.ids.tolist() for label in store.completed()]
    assert ids == [[1]] * 7 + [[2]] * 7
    assert [row["frames"] for row in rows(store)] == [[0, 6], [7, 13]]
    ages = [float(label.tracks.ages_s[0]) for label in store.completed()]
    assert ages[0] == ages[7] == 0.0
    assert ages[13] == pytest.approx(0.6)


def test_a_recording_in_which_nothing_moves_has_completed_labels_without_objects(
    tmp_path: Path, recording: Recording
) -> None:
    store = store_of(tmp_path / "labels", lambda _: [parked(3, -5)])
    run(store, recording)
    assert store.is_completed
    assert all(len(label.tracks) == 0 for label in store.completed())
    assert rows(store) == []


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_killed_completion_ends_with_the_bytes_of_an_undisturbed_one(
    tmp_path: Path, recording: Recording
) -> None:
    """Killed in turn before the first label, amid them, before the table, before the clearing."""
    undisturbed = store_of(tmp_path / "a", street)
    store = store_of(tmp_path / "b", street)
    for writes in (0, 9, NUM_FRAMES, NUM_FRAMES + 1):
        store.writes_left = writes
        with pytest.raises(Killed):
            run(store, recording)
        assert not store.is_completed
        with pytest.raises(LabelStoreError, match="no completed labels"):
            store.completed()
    resumed = LabelStore.open_for_writing(tmp_path / "b", MANIFEST, CONFIG)
    run(resumed, recording)
    run(undisturbed, recording)
    assert files(tmp_path / "b") == files(tmp_path / "a")
    assert resumed.is_completed


def test_completed_labels_are_not_made_twice(tmp_path: Path, recording: Recording) -> None:
    store = store_of(tmp_path / "labels", street)
    run(store, recording)
    before = {p: p.stat().st_mtime_ns for p in (store.folder / "completed").iterdir()}
    run(store, recording)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert not (store.folder / "scratch").exists()
