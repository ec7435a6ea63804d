# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The directory of one training run: what it is of, how far it is, what has come out.

manifest.json           network, parameters, data and code: only equals are resumed
config.yaml             all parameters
state.safetensors       everything that decides how the training goes on
progress.jsonl          the terms of the objective, one line per report
weights-0.safetensors   what was learned, one file per copy of the network
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor

import unsup_track_ros
from unsup_track_ros.config import Config, dump_config
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.atomic_file import remove_partial_files, write_atomically
from unsup_track_ros.labeling.lock import directory_lock
from unsup_track_ros.networks.checkpoint import checkpoint_bytes, read_checkpoint

MANIFEST_NAME: Final = "manifest.json"
CONFIG_NAME: Final = "config.yaml"
STATE_NAME: Final = "state.safetensors"
PROGRESS_NAME: Final = "progress.jsonl"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """What a run is of.

    Attributes:
        network: Name of the network.
        config_sha256: Hash of all parameters.
        data_fingerprint: What the data are, in a form that changes when they do.
        code_version: Version of the package.
        device: "cpu" or "cuda": they round differently.
        format: Version of the layout.
    """

    network: str
    config_sha256: str
    data_fingerprint: str
    code_version: str = unsup_track_ros.__version__
    device: str = "cpu"
    format: int = _FORMAT


class RunDirectory:
    """One training run on disk; every file is whole or absent."""

    def __init__(self, folder: Path, manifest: RunManifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path) -> RunDirectory:
        """Open a run to read from it.

        Raises:
            DataError: There is none, or its manifest is damaged.
        """
        path = folder / MANIFEST_NAME
        if not is_run(folder):
            raise DataError(f"{folder} is no training run: it has no {MANIFEST_NAME} of one.")
        return cls(folder, RunManifest(**json.loads(path.read_text())))

    @classmethod
    @contextmanager
    def open_for_writing(
        cls, folder: Path, manifest: RunManifest, config: Config
    ) -> Iterator[RunDirectory]:
        """Start a run or go on with it; nobody else writes to it meanwhile.

        Raises:
            DataError: The directory holds another run.
            LockError: Another process is training into it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with directory_lock(folder):
            remove_partial_files(folder)
            run = cls(folder, manifest)
            run._claim()
            run.write_text(CONFIG_NAME, dump_config(config))
            yield run

    def _claim(self) -> None:
        path = self.folder / MANIFEST_NAME
        text = json.dumps(dataclasses.asdict(self.manifest), indent=2) + "\n"
        if path.exists() and path.read_text() != text:
            there = json.loads(path.read_text())
            mine = dataclasses.asdict(self.manifest)
            other = sorted(key for key in mine if there.get(key) != mine[key])
            raise DataError(
                f"{self.folder} holds a run that differs in {', '.join(other)}. Choose another "
                "--out, or use the parameters of that run to go on with it."
            )
        self.write_text(MANIFEST_NAME, text)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        write_atomically(self.folder / name, text.encode())

    def save_state(self, state: Mapping[str, Tensor], rows: Sequence[Mapping[str, Any]]) -> None:
        """Store how far the training is, and the reports up to here."""
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self.write_text(PROGRESS_NAME, lines)
        write_atomically(self.folder / STATE_NAME, checkpoint_bytes(state, self._provenance()))

    def load_state(self) -> tuple[dict[str, Tensor], list[dict[str, Any]]] | None:
        """Return the stored state and its reports, None at the start of a run."""
        if not (self.folder / STATE_NAME).exists():
            return None
        state, _ = read_checkpoint(self.folder / STATE_NAME)
        return state, self.progress()

    def progress(self) -> list[dict[str, Any]]:
        """Return the reports."""
        path = self.folder / PROGRESS_NAME
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def save_weights(
        self, copy: int, weights: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> Path:
        """Store what a copy of the network has learned."""
        path = self.weights_path(copy)
        write_atomically(path, checkpoint_bytes(weights, {**self._provenance(), **metadata}))
        return path

    def weights_path(self, copy: int) -> Path:
        """Return where the weights of a copy are."""
        return self.folder / f"weights-{copy}.safetensors"

    def weights_paths(self) -> list[Path]:
        """Return the weights of all copies."""
        return sorted(self.folder.glob("weights-*.safetensors"))

    def finished_weights(self, network: str, name: str, command: str) -> list[Path]:
        """Return the weights of a finished training of one kind of network.

        Args:
            network: The kind, as in the manifest.
            name: What people call it.
            command: What trains it, after `unsup-track train`.

        Raises:
            DataError: The run is of another network, or unfinished.
        """
        paths = self.weights_paths()
        if self.manifest.network != network or not paths:
            raise DataError(
                f"{self.folder} holds no finished training of {name}. "
                f"Finish `unsup-track train {command}` first."
            )
        return paths

    def _provenance(self) -> dict[str, str]:
        return {key: str(value) for key, value in dataclasses.asdict(self.manifest).items()}


def is_run(folder: Path) -> bool:
    """Tell whether a directory is one of a training run."""
    path = folder / MANIFEST_NAME
    if not path.is_file():
        return False
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError:
        return False
    return isinstance(content, dict) and "network" in content
