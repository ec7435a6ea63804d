# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evidence that others gathered chunk by chunk: taken where it fits to the byte, else not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from system.label_directory import tree

from unsup_track_ros.config import from_values
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.labeling.chunks import gather_chunk, plan_chunks
from unsup_track_ros.labeling.evidence import EvidenceFolder
from unsup_track_ros.labeling.labeler import (
    LabelerConfig,
    LabelingOptions,
    label_recording,
    manifest_of,
)
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.perception.motion_segmentation import MotionSegmenter
from unsup_track_ros.pipeline import Pipeline
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame
from unsup_track_ros.structures.motion import MotionSegmentation

pytestmark = pytest.mark.system

CONFIG = from_values(LabelerConfig, {"labels.chunk_s": 0.5})
OPTIONS = LabelingOptions(pictures=False)
CHUNKS = [range(5), range(5, 10), range(10, 14)]


@pytest.fixture
def recording(tiny_drive: Path) -> Iterator[Recording]:
    with Recording(tiny_drive, CONFIG.recording) as opened:
        yield opened


@pytest.fixture(scope="module")
def alone(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of the labels that one process makes without any evidence."""
    out = tmp_path_factory.mktemp("alone") / "labels"
    with Recording(tiny_drive, CONFIG.recording) as opened:
        label_recording(opened, CONFIG, out, OPTIONS, no_progress)
    return tree(out)


def test_labels_from_chunks_are_those_of_one_process_and_judge_no_scan_again(
    recording: Recording, alone: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "labels"
    assert plan_chunks(recording, CONFIG, out, OPTIONS) == CHUNKS
    for chunk in reversed(CHUNKS):  # they may be gathered in any order
        gather_chunk(recording, CONFIG, out, OPTIONS, chunk)
    judged: list[int] = []
    for name in ("step", "look_back"):
        monkeypatch.setattr(MotionSegmenter, name, counted(getattr(MotionSegmenter, name), judged))
    label_recording(recording, CONFIG, out, OPTIONS, no_progress)
    assert judged == []
    assert tree(out) == alone
    assert plan_chunks(recording, CONFIG, out, OPTIONS) == []


def counted(work: Callable[..., MotionSegmentation], judged: list[int]) -> Callable[..., Any]:
    """Return a method that notes the frames it is asked about."""

    def noting(self: MotionSegmenter, frame: SensorFrame, *rest: object) -> MotionSegmentation:
        judged.append(frame.index)
        return work(self, frame, *rest)

    return noting


def test_evidence_that_is_missing_or_damaged_is_worked_out_by_the_labeler(
    recording: Recording, alone: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    gather_chunk(recording, CONFIG, out, OPTIONS, CHUNKS[1])
    (out / "evidence" / "motion" / "000006.npz").write_bytes(b"torn")
    (out / "evidence" / "look" / "000007.npz").unlink()
    label_recording(recording, CONFIG, out, OPTIONS, no_progress)
    assert tree(out) == alone


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_a_chunk_gathered_again_when_all_is_labelled_leaves_nothing_behind(
    recording: Recording,
    alone: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """A pool does so when the worker dies that had gathered it; the labeler has gone on by then."""
    out = tmp_path / "labels"

    def label() -> None:
        label_recording(recording, CONFIG, out, OPTIONS, no_progress)

    if moment == "before":
        label()
        monkeypatch.setattr(Pipeline, "step", None)  # it is not even worked out
    else:
        monkeypatch.setattr(EvidenceFolder, "write_look", after(EvidenceFolder.write_look, label))
    gather_chunk(recording, CONFIG, out, OPTIONS, CHUNKS[1])
    assert tree(out) == alone


def after(work: Callable[..., None], then: Callable[[], None]) -> Callable[..., None]:
    """Return a method behind whose first call something else happens."""
    left = [then]

    def working(*arguments: object) -> None:
        work(*arguments)
        if left:
            left.pop()()

    return working


def test_evidence_of_other_poses_is_not_taken(recording: Recording, tmp_path: Path) -> None:
    """The same frame with a history that lacks its oldest scan."""
    folder = EvidenceFolder(tmp_path, manifest_of(recording, CONFIG, OPTIONS))
    pipeline = Pipeline(CONFIG.pipeline, torch.device("cpu"))
    frames = recording.frames(0)
    past, now = (pipeline.step(next(frames)) for _ in range(2))
    history = (PastFrame(frame=past.frame, egomotion=past.egomotion),)
    folder.write_motion(now.frame.index, [past.egomotion, now.egomotion], now.motion)
    assert folder.motion(now.frame, history, now.egomotion) is not None
    assert folder.motion(now.frame, (), now.egomotion) is None


def test_evidence_made_with_other_parameters_is_not_taken(
    recording: Recording, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    gather_chunk(recording, CONFIG, out, OPTIONS, CHUNKS[0])
    changed = from_values(LabelerConfig, {"pipeline.motion_segmentation.lidar.min_points": 7})
    pipeline = Pipeline(CONFIG.pipeline, torch.device("cpu"))
    frame = next(recording.frames(0))
    egomotion = pipeline.step(frame).egomotion
    for config, is_taken in ((CONFIG, True), (changed, False)):
        folder = EvidenceFolder(out, manifest_of(recording, config, OPTIONS))
        assert (folder.motion(frame, (), egomotion) is not None) == is_taken


def test_estimated_egomotion_is_left_to_one_labeler(
    drive_without_poses: Path, recording: Recording, tmp_path: Path
) -> None:
    with Recording(drive_without_poses, CONFIG.recording) as blind:
        assert plan_chunks(blind, CONFIG, tmp_path, OPTIONS) == []
    lidar = from_values(
        LabelerConfig, {"labels.chunk_s": 0.5, "pipeline.egomotion.source": "lidar"}
    )
    assert plan_chunks(recording, lidar, tmp_path, OPTIONS) == []
