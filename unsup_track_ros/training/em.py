# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""EM: label by motion, train both networks, label with their help, and again (SPECS 0.0).

RUN/
  manifest.json config.yaml   what the run is of: only equals are resumed
  scans/BAG/                  cached scans and images, without labels
  report.md                   the rounds side by side
  round_NN/
    labels/BAG/               label directory of the round, as of `unsup-track label`
    training/{bev,segmentor}/ run directories: state to resume from, curves
    checkpoints/              bev.safetensors, segmentor.safetensors
    config.yaml provenance.json metrics.json report.md

A round is finished when its metrics.json is there. Whatever kills a run, the next call goes on and
ends with the same labels and weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

import unsup_track_ros
from unsup_track_ros.config import config_hash, dump_config, flatten, from_values
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.labeling.fleet import LabelingTask, label_here, label_tasks, local_workers
from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions
from unsup_track_ros.labeling.manifest import recording_fingerprint
from unsup_track_ros.labeling.progress import Progress, named_progress
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.networks.bev_inference import BevPredictor, SegmentorPredictor
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.training.em_config import EmConfig, ensemble_labeler
from unsup_track_ros.training.em_evaluation import (
    Scores,
    detector_labels,
    detector_scores,
    mean_scores,
)
from unsup_track_ros.training.em_report import label_change, round_report, run_report
from unsup_track_ros.training.expectation import expected_labels
from unsup_track_ros.training.maximization import (
    BevRunConfig,
    SegmentorRunConfig,
    TrainingPlace,
    file_sha256,
    train_bev,
    train_segmentor,
)
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.scan_cache import ScanCache, ScanCacheConfig
from unsup_track_ros.training.training_labels import ObjectLabels, TrainingSet, labels_by_index

METRICS_NAME: Final = "metrics.json"
REPORT_NAME: Final = "report.md"
RUN_KIND: Final = "em"
AnyRun = TypeVar("AnyRun", BevRunConfig, SegmentorRunConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmOptions:
    """How a run is made.

    Attributes:
        bags: Recordings to learn from.
        evaluation_bags: Recordings with truth beside them to score the detector on; none of their
            truth, and nothing else of them, is learned from.
        truth: Per evaluation recording its truth, where it does not lie beside it.
        num_rounds: Rounds in all.
        device: "cpu" or "cuda": where networks are trained and asked.
        label_device: The same for the labeler; None for the same.
        num_workers: Processes that label recordings and draw samples beside this one; 0 for none.
            The result does not depend on them.
    """

    bags: tuple[Path, ...]
    evaluation_bags: tuple[Path, ...] = ()
    truth: Mapping[Path, Sequence[FrameTruth]] | None = None
    num_rounds: int = 3
    device: str = "cpu"
    label_device: str | None = None
    num_workers: int = 0


def run_em(
    config: EmConfig, out: Path, options: EmOptions, progress: Progress
) -> list[dict[str, Any]]:
    """Run EM into a directory, or go on where a former run stopped; return a row per round.

    Raises:
        DataError: The directory holds another run, or a round has no labels to learn from.
        LockError: Another process is writing to the directory.
    """
    names = _names(options.bags)
    manifest = RunManifest(
        network=RUN_KIND,
        config_sha256=config_hash(config),
        data_fingerprint=json.dumps(
            {name: recording_fingerprint(bag) for name, bag in names.items()}, sort_keys=True
        ),
        device=options.device,
    )
    with RunDirectory.open_for_writing(out, manifest, config) as run:
        rows = []
        for number in range(1, options.num_rounds + 1):
            rounds = _Rounds(config, out, options, named_progress(f"round {number}", progress))
            rows.append(rounds.finished(number) or rounds.perform(number))
        run.write_text(REPORT_NAME, run_report(rows))
    return rows


def _names(bags: Sequence[Path]) -> dict[str, Path]:
    names = {bag.stem: bag for bag in bags}
    if len(names) < len(bags):
        raise DataError(
            f"{len(bags)} recordings share {len(names)} names: {sorted(names)}. Give every "
            "recording a file name of its own."
        )
    return names


def _keep_scans(
    scans: ScanCache,
    config: ScanCacheConfig,
    recording: Recording,
    store: LabelStore,  # noqa: ARG001 - as of `label_recording`
    progress: Progress,
) -> None:
    """Cache the scans of a recording that was just labelled."""
    scans.fill(recording, config, progress)


class _Rounds:
    """The rounds of one run."""

    def __init__(self, config: EmConfig, out: Path, options: EmOptions, progress: Progress) -> None:
        self._config = config
        self._out = out
        self._options = options
        self._progress = progress
        self._bags = _names(options.bags)

    def folder(self, number: int) -> Path:
        return self._out / f"round_{number:02d}"

    def finished(self, number: int) -> dict[str, Any] | None:
        """Return the row of a finished round, None if it is not."""
        path = self.folder(number) / METRICS_NAME
        return dict(json.loads(path.read_text())) if path.exists() else None

    def perform(self, number: int) -> dict[str, Any]:
        """E step, M step, evaluation; each part goes on where it stopped."""
        folder = self.folder(number)
        if number > 1 and self._config.mode == "improved":
            for name in self._bags:
                self._refine(number, name)
        else:
            self._label(number)
        labels = self._labels(number)
        try:
            checkpoints = self._maximize(number, labels)
        except DataError as error:
            raise DataError(f"Round {number}: {error}") from error
        before = self._labels(number - 1) if number > 1 else {}
        change = label_change(before, labels)
        by_recording = self._detector_scores(checkpoints[0])
        detector = mean_scores(list(by_recording.values()))
        taught = self._label_scores(number)
        row = {
            "round": number,
            "mode": self._config.mode,
            "labels": {k: v for k, v in asdict(change).items() if k != "doubtful"},
            "detector": detector,
            "detector_by_recording": by_recording,
            "label_scores": taught,
        }
        self._write(folder, "config.yaml", dump_config(self._config))
        self._write(folder, "provenance.json", self._provenance(number, checkpoints))
        self._write(folder, REPORT_NAME, round_report(number, change, detector, taught))
        self._write(folder, METRICS_NAME, json.dumps(row, indent=1) + "\n")
        return row

    def _labeler(self, number: int) -> LabelerConfig:
        config = self._config
        if number == 1 or config.mode == "improved" or not config.expectation.enabled:
            return config.label
        last = self.folder(number - 1) / "checkpoints"
        return ensemble_labeler(
            config.label, last / "bev.safetensors", last / "segmentor.safetensors"
        )

    def _store_folder(self, number: int, name: str) -> Path:
        return self.folder(number) / "labels" / name

    def _label(self, number: int) -> None:
        """The E step of the labeler: by motion, or by the last networks with it (mode `tcr`)."""
        device = self._options.label_device or self._options.device
        options = LabelingOptions(device=device, pictures=False)
        tasks = [
            LabelingTask(
                recording=str(bag),
                out=str(self._store_folder(number, name)),
                config=self._labeler(number),
                options=options,
                finish=partial(_keep_scans, self._scans(name), self._config.scans),
            )
            for name, bag in self._bags.items()
        ]
        if self._options.num_workers:
            with local_workers(self._options.num_workers) as executor:
                results = label_tasks(tasks, executor, self._progress)
        else:
            results = label_here(tasks, self._progress)
        for result in results:
            if result.problem:
                raise DataError(f"Round {number}: {result.recording}: {result.problem}")

    def _refine(self, number: int, name: str) -> None:
        """Write the labels of motion once more, with what the last round's networks say."""
        motion = LabelStore.open(self._store_folder(1, name))
        last = self.folder(number - 1) / "checkpoints"
        networks = self._networks(last)
        used = [last / "bev.safetensors", last / "segmentor.safetensors"]
        manifest = replace(
            motion.manifest,
            round=number,
            checkpoint_sha256=tuple((p.stem, file_sha256(p)) for p in used if p.exists()),
        )
        folder = self._store_folder(number, name)
        folder.mkdir(parents=True, exist_ok=True)
        store = LabelStore.open_for_writing(folder, manifest, dump_config(self._config.label))
        if len(store) == len(motion) and store.completed_indices == motion.indices:
            return
        labels = list(motion.completed())
        expected = expected_labels(
            labels, self._scans(name), networks, self._config.expectation, self._progress
        )
        for causal, label in zip(motion, expected, strict=True):
            store.write(replace(causal, grids=None))
            store.write_completed(label)

    def _networks(self, folder: Path) -> tuple[BevPredictor, SegmentorPredictor | None]:
        device = torch.device(self._options.device)
        # The E step looks at doubtful boxes too, whatever the detector answers.
        decoding = self._config.decoding.model_copy(update={"min_score": 0.05})
        bev = BevPredictor.load(str(folder / "bev.safetensors"), decoding, device)
        path = folder / "segmentor.safetensors"
        return bev, SegmentorPredictor.load(str(path), device) if path.exists() else None

    def _scans(self, name: str) -> ScanCache:
        return ScanCache(self._out / "scans" / name)

    def _frame_labels(self, number: int, name: str) -> Iterator[FrameLabel]:
        store = LabelStore.open(self._store_folder(number, name))
        completed = self._config.mode == "improved" and store.is_completed
        return store.completed() if completed else iter(store)

    def _labels(self, number: int) -> dict[str, dict[int, ObjectLabels]]:
        return {name: labels_by_index(self._frame_labels(number, name)) for name in self._bags}

    def _maximize(
        self, number: int, labels: Mapping[str, dict[int, ObjectLabels]]
    ) -> tuple[Path, Path]:
        config = self._config
        has_images = self._has_images()
        if config.mode == "tcr" and not has_images:
            raise DataError(
                "No recording has images, and mode 'tcr' needs them. Use mode 'improved', which "
                "learns from LiDAR alone."
            )
        grid = config.bev.grid
        frames = TrainingSet(
            [(self._scans(name), labels[name]) for name in self._bags],
            (grid.x_min_m, grid.y_min_m),
            (grid.x_max_m, grid.y_max_m),
        )
        names = ("bev", "segmentor")
        bev, segmentor = (self._place(number, name) for name in names)
        run = BevRunConfig(
            network=config.bev,
            training=config.bev_training,
            scans=config.scans,
            loop=config.loop,
        )
        train_bev(self._longer(run, number), frames, bev, self._progress)
        if has_images:
            seen = SegmentorRunConfig(
                network=config.segmentor,
                training=config.segmentor_training,
                scans=config.scans,
                grid=config.bev.grid,
                loop=config.loop,
            )
            train_segmentor(self._longer(seen, number), frames, segmentor, self._progress)
        return bev.checkpoint, segmentor.checkpoint

    def _place(self, number: int, name: str) -> TrainingPlace:
        """Return where a network of a round is trained, and what it starts from."""
        folder = self.folder(number)
        start = self.folder(number - 1) / "checkpoints" / f"{name}.safetensors"
        goes_on = number > 1 and self._config.warm_start
        return TrainingPlace(
            folder=folder / "training" / name,
            checkpoint=folder / "checkpoints" / f"{name}.safetensors",
            start=start if goes_on else None,
            device=self._options.device,
            num_workers=self._options.num_workers,
        )

    def _longer(self, config: AnyRun, number: int) -> AnyRun:
        """Return the training of a round: each may be longer than the one before."""
        if number == 1 or self._config.later_step_factor == 1:
            return config
        factor = self._config.later_step_factor ** (number - 1)
        steps = config.training.optimizer.num_steps * factor
        return from_values(
            type(config),
            flatten(config) | {"training.optimizer.num_steps": max(1, round(steps))},
        )

    def _has_images(self) -> bool:
        scans = [self._scans(name) for name in self._bags]
        return any(cache.read(cache.indices[0]).image_rgb is not None for cache in scans)

    def _detector_scores(self, checkpoint: Path) -> dict[str, Scores]:
        config = self._config
        device = torch.device(self._options.device)
        predictor = BevPredictor.load(str(checkpoint), config.decoding, device)
        scores = {}
        for bag in self._options.evaluation_bags:
            truth = self._truth(bag)
            if truth is None:
                continue
            scans = ScanCache(self._out / "scans" / f"{bag.stem}_evaluation")
            with Recording(bag, config.label.recording) as recording:
                scans.fill(recording, config.scans, self._progress)
            found = detector_labels(scans, predictor, config.evaluation_views, self._progress)
            scores[bag.stem] = detector_scores(found, truth)
        return scores

    def _label_scores(self, number: int) -> Scores:
        """Score the labels themselves where their recordings have truth."""
        scores = []
        for name, bag in self._bags.items():
            truth = self._truth(bag)
            if truth is not None:
                scores.append(detector_scores(self._frame_labels(number, name), truth))
        return mean_scores(scores)

    def _truth(self, bag: Path) -> Sequence[FrameTruth] | None:
        given = self._options.truth or {}
        if bag in given:
            return given[bag]
        folder = truth_folder(bag)
        return read_truth(folder) if folder.is_dir() else None

    def _provenance(self, number: int, checkpoints: tuple[Path, Path]) -> str:
        content = {
            "round": number,
            "mode": self._config.mode,
            "recordings": {
                name: {"path": str(bag.resolve()), "fingerprint": recording_fingerprint(bag)}
                for name, bag in self._bags.items()
            },
            "evaluated_on": [str(bag.resolve()) for bag in self._options.evaluation_bags],
            "checkpoints": {p.stem: file_sha256(p) for p in checkpoints if p.exists()},
            "config_sha256": config_hash(self._config),
            "code_version": unsup_track_ros.__version__,
            "device": self._options.device,
        }
        return json.dumps(content, indent=1) + "\n"

    @staticmethod
    def _write(folder: Path, name: str, text: str) -> None:
        write_atomically(folder / name, text.encode())
