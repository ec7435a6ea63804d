# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings, labels and scores of a benchmark, kept in one folder: a second run is cheap."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsup_track_ros.config import flatten, from_values
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.data.truth import TruthFolder, truth_folder
from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.evaluation.report import EvaluationReport, evaluate
from unsup_track_ros.labeling.labeler import (
    LabelerConfig,
    LabelingOptions,
    label_recording,
    mode_parameters,
)
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.labeling.store import TIMINGS_NAME, LabelStore
from unsup_track_ros.structures.labels import CAUSAL_PASS, COMPLETED_PASS, FrameLabel
from unsup_track_ros.structures.truth import FrameTruth

Overrides = Mapping[str, object]
CAUSAL, COMPLETED = CAUSAL_PASS, COMPLETED_PASS
TCR, IMPROVED = "tcr", "improved"
MODE_KEY = "pipeline.motion_segmentation.mode"
SOURCE_KEY = "pipeline.egomotion.source"
EVIDENCE_KEY = "labels.keep_evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and how a benchmark runs.

    Attributes:
        folder: Recordings and labels; made where it does not exist.
        device: "cpu" or "cuda".
    """

    folder: Path
    device: str

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def world(self, seed: int, seconds: float, *, static_world: bool = False) -> Path:
        """Return the recording of a synthetic world, made where it is not there yet."""
        kind = "static" if static_world else "traffic"
        bag = self.folder / "recordings" / f"{seed}_{kind}_{seconds:g}s.mcap"
        if not (bag.exists() and truth_folder(bag).exists()):
            say(f"recording {bag.stem}")
            config = WorldConfig(duration_s=seconds, static_world=static_world)
            write_world(build_world(config, seed), bag, seconds, overwrite=True)
        return bag

    def label(self, bag: Path, overrides: Overrides) -> LabelStore:
        """Return the labels of a recording; labels of the same code and parameters are kept."""
        key = json.dumps(dict(sorted(overrides.items())), default=str)
        name = f"{bag.stem}_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        out = self.folder / "labels" / name
        say(f"labelling {bag.stem} {key}")
        config = configured(overrides)
        with Recording(bag, config.recording) as recording:
            try:
                options = LabelingOptions(device=self.device, pictures=False)
                label_recording(recording, config, out, options, no_progress)
            except LabelStoreError:  # made by older code
                options = LabelingOptions(device=self.device, pictures=False, overwrite=True)
                label_recording(recording, config, out, options, no_progress)
        return LabelStore.open(out)


def configured(overrides: Overrides) -> LabelerConfig:
    """Return the default parameters with some of them, by dotted key, set to other values."""
    mode = mode_parameters(str(overrides.get(MODE_KEY, IMPROVED)))
    return from_values(LabelerConfig, {**flatten(LabelerConfig()), **mode, **overrides})


def passes_of(mode: object, passes: Iterable[str]) -> list[str]:
    """Return the passes that labels of a mode have: the two-frame test of TCR is not completed."""
    return [name for name in passes if name == CAUSAL or mode == IMPROVED]


def labels_of(store: LabelStore, label_pass: str) -> Iterable[FrameLabel]:
    """Return the labels of one pass."""
    return store if label_pass == CAUSAL else store.completed()


def score(
    store: LabelStore, label_pass: str, truths: Iterable[FrameTruth] | None = None
) -> EvaluationReport:
    """Score one pass, against the truth beside the recording if none is given."""
    if truths is None:
        truths = TruthFolder(truth_folder(Path(store.manifest.recording_path)))
    return evaluate(labels_of(store, label_pass), truths)


def timings(store: LabelStore) -> dict[str, Any]:
    """Return the wall times of the run that made the labels."""
    content: dict[str, Any] = json.loads((store.folder / TIMINGS_NAME).read_text())
    return content


def say(text: str) -> None:
    """Tell what is being done, beside the tables."""
    sys.stderr.write(text + "\n")
