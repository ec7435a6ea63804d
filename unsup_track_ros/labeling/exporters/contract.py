# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every exporter gets, gives, and leaves beside its files: export.json, the origin of all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.manifest import Manifest
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.structures.truth import FrameTruth

INDEX_NAME: Final = "export.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported.

    Attributes:
        name: Name of the drive: of scenes, sequences and datasets.
        class_name: What every object is called; without labels nothing has a class.
        manifest: Origin of the labels.
        label_pass: Which labels.
        frames: All frames, in the order of their stamps.
        with_sensors: Whether scans and images are written beside the labels; files of labels name
            them in any case.
    """

    name: str
    class_name: str
    manifest: Manifest
    label_pass: str
    frames: Sequence[AnnotatedFrame]
    with_sensors: bool

    @property
    def model(self) -> str:
        """Who made the labels, with version, parameters and round."""
        origin = self.manifest
        return (
            f"unsup_track_ros {origin.code_version}, parameters {origin.config_sha256[:12]}, "
            f"round {origin.round}, {self.label_pass} labels"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One file format.

    Attributes:
        write: Writes labels into an empty folder; returns what could not be said, one sentence
            each.
        write_from_recording: The same where labels and sensor data are one file; then `write`,
            `scan` and `image` are None.
        read: Reads the labels of a folder back, as a truth that labels can be scored against; None
            where the format lacks what a score needs.
        scan: Where the scan of a frame goes, from its index; None where the format has no scans.
        image: The same for the image of the first camera.
    """

    write: Callable[[Path, Export], list[str]] | None = None
    write_from_recording: Callable[[Path, Export, Recording, Progress], list[str]] | None = None
    read: Callable[[Path, ExportIndex], list[FrameTruth]] | None = None
    scan: Callable[[Export, int], str] | None = None
    image: Callable[[Export, int], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportIndex:
    """The content of export.json.

    Attributes:
        format: Name of the format.
        stamps_ns: Stamp of each exported frame by its index: most formats know no nanoseconds.
        origin: The manifest of the labels and how they were exported, for people.
    """

    format: str
    stamps_ns: dict[int, int]
    origin: dict[str, Any]

    @classmethod
    def of(cls, format_name: str, export: Export) -> ExportIndex:
        """Describe an export."""
        origin = dataclasses.asdict(export.manifest)
        origin["checkpoint_sha256"] = dict(export.manifest.checkpoint_sha256)
        origin |= {"label_pass": export.label_pass, "class_name": export.class_name}
        stamps_ns = {frame.index: frame.stamp_ns for frame in export.frames}
        return cls(format=format_name, stamps_ns=stamps_ns, origin=origin)

    def to_json(self) -> str:
        """Write as JSON."""
        frames = [{"index": i, "stamp_ns": ns} for i, ns in self.stamps_ns.items()]
        content = {"format": self.format, "labels": self.origin, "frames": frames}
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> ExportIndex:
        """Read export.json.

        Raises:
            DataError: It is missing or damaged.
        """
        path = folder / INDEX_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            stamps_ns = {int(f["index"]): int(f["stamp_ns"]) for f in content["frames"]}
            return cls(format=content["format"], stamps_ns=stamps_ns, origin=content["labels"])
        except FileNotFoundError as error:
            raise DataError(
                f"{folder} has no {INDEX_NAME}, which says which stamp each frame has. Keep the "
                "file that `unsup-track export` wrote there when labels are edited in another tool."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error}). Export again.") from error

    def stamp_ns(self, index: int, file: Path) -> int:
        """Return the stamp of a frame.

        Raises:
            DataError: The frame is not one of the export.
        """
        if index not in self.stamps_ns:
            raise DataError(f"{file} speaks of frame {index}, which is not in {INDEX_NAME}.")
        return self.stamps_ns[index]


def truth_of(stamp_ns: int, rows: Sequence[tuple[int, str, Sequence[float]]]) -> FrameTruth:
    """Return the truth of a frame from (id, class, box in velo) of each object."""
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=np.array([row[0] for row in rows], np.int64),
        classes=tuple(row[1] for row in rows),
        boxes_velo=np.array([row[2] for row in rows], np.float64).reshape(len(rows), 7),
    )


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401 - nested lists and dictionaries
    """Write a JSON file, its folder too; equal content gives equal bytes.

    Raises:
        ValueError: A number is not finite: no JSON reader would take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - nested lists and dictionaries
    """Read a JSON file.

    Raises:
        DataError: It is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}). Export again.") from error
