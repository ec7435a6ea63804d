# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a label directory was made from: recording, parameters, code. Only equals resume."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from unsup_track_ros.errors import LabelStoreError

MANIFEST_NAME: Final = "manifest.json"
FORMAT: Final = 1
# A recording of many gigabytes is known by sizes and by this much of each file's head and tail.
_SAMPLE_BYTES: Final = 1 << 20
# Folders and modules whose code decides what a label says; pictures, scores and commands do not.
_DECIDING_CODE: Final = (
    "data",
    "geometry",
    "labeling",
    "networks",
    "occupancy",
    "perception",
    "pipeline.py",
    "structures",
    "tracking",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Origin of the labels in a directory.

    Attributes:
        recording_path: Where the recording lay; it may be moved, the fingerprint counts.
        recording_fingerprint: SHA-256 over sizes, heads and tails of the recording's files.
        config_sha256: Hash of the parameters that decide what a label says.
        code_version: Version of the package.
        code_sha256: Hash of the code that decides what a label says.
        device: "cpu" or "cuda": they round differently.
        round: Round of self-training, 0 for motion alone.
        checkpoint_sha256: Networks that took part, by name; none in round 0.
        format: Version of the file layout.
    """

    recording_path: str
    recording_fingerprint: str
    config_sha256: str
    code_version: str
    code_sha256: str
    device: str
    round: int = 0
    checkpoint_sha256: tuple[tuple[str, str], ...] = ()
    format: int = FORMAT

    def to_json(self) -> str:
        """Write as JSON."""
        content = dataclasses.asdict(self) | {"checkpoint_sha256": dict(self.checkpoint_sha256)}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a label directory.

        Raises:
            LabelStoreError: The directory holds no labels, or labels of a newer layout.
        """
        path = folder / MANIFEST_NAME
        try:
            content: dict[str, Any] = json.loads(path.read_text())
            if content["format"] != FORMAT:
                raise LabelStoreError(
                    f"{folder} holds labels of layout {content['format']}, this "
                    f"version reads layout {FORMAT}. Use the version that wrote them: "
                    f"{content.get('code_version')}."
                )
            checkpoints = tuple(sorted(content.pop("checkpoint_sha256").items()))
            return cls(checkpoint_sha256=checkpoints, **content)
        except FileNotFoundError as error:
            raise LabelStoreError(
                f"{folder} is not a label directory: it has no {MANIFEST_NAME}. Pass the --out of "
                "`unsup-track label`."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LabelStoreError(
                f"{path} is damaged ({error}). Label again with --overwrite."
            ) from error

    def difference(self, other: Manifest) -> str:
        """Return what keeps labels of both from being mixed, in words; empty when nothing does."""
        reasons = {
            "recording_fingerprint": f"another recording ({self.recording_path})",
            "config_sha256": "other parameters",
            "code_version": f"version {self.code_version} of this package",
            "code_sha256": "a changed code of this package",
            "device": f"the device {self.device}",
            "round": f"round {self.round}",
            "checkpoint_sha256": "other networks",
        }
        found = [
            text for name, text in reasons.items() if getattr(self, name) != getattr(other, name)
        ]
        return " and ".join(found)


def recording_fingerprint(path: Path) -> str:
    """Return a hash of a bag (a file, or a folder of files), whatever its name and time."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_SAMPLE_BYTES))
            stream.seek(max(size - _SAMPLE_BYTES, 0))
            digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def code_fingerprint() -> str:
    """Return a hash of the modules that decide what a label says."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for name in _DECIDING_CODE:
        root = package / name
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
