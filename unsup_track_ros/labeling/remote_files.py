# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings and label directories on remote storage (s3://, gs://, ...), through fsspec.

What is remote is worked on in a local copy: a recording is fetched, labels are fetched (so that
they resume), and sent back when the run is over, whole or not; the manifest goes last, as a label
directory without it is not one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from unsup_track_ros.errors import ConfigError, DataError, LabelStoreError
from unsup_track_ros.labeling.manifest import MANIFEST_NAME


def is_remote(location: str) -> bool:
    """Tell a URL from a path."""
    return "://" in location


@contextmanager
def local_recording(location: str) -> Iterator[Path]:
    """Give a recording as a local path; a fetched copy is removed afterwards.

    Raises:
        DataError: It cannot be fetched.
    """
    if not is_remote(location):
        yield Path(location)
        return
    with tempfile.TemporaryDirectory(prefix="recording_") as scratch:
        path = Path(scratch) / PurePosixPath(location.rstrip("/")).name
        try:
            files, root = _opened(location)
            files.get(root, str(path), recursive=files.isdir(root))
        except (OSError, ValueError) as error:
            raise DataError(f"The recording {location} cannot be fetched: {error}.") from error
        yield path


@contextmanager
def local_labels(location: str) -> Iterator[Path]:
    """Give a label directory as a local one; what is in it at the end goes back where it belongs.

    Raises:
        LabelStoreError: It cannot be fetched or stored.
    """
    if not is_remote(location):
        yield Path(location)
        return
    with tempfile.TemporaryDirectory(prefix="labels_") as scratch:
        folder = Path(scratch) / "labels"
        try:
            files, root = _opened(location)
            if files.exists(f"{root}/{MANIFEST_NAME}"):
                files.get(root, str(folder), recursive=True)
        except (OSError, ValueError) as error:
            raise LabelStoreError(f"The labels {location} cannot be fetched: {error}.") from error
        try:
            yield folder
        finally:
            _send(folder, location)


def _send(folder: Path, location: str) -> None:
    """Copy a label directory away; what is there and no longer here is removed."""
    if not (folder / MANIFEST_NAME).exists():
        return
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    names.sort(key=lambda name: name == MANIFEST_NAME)
    try:
        files, root = _opened(location)
        before = files.find(root) if files.exists(root) else []
        for name in names:
            files.makedirs(str(PurePosixPath(f"{root}/{name}").parent), exist_ok=True)
            files.put_file(str(folder / name), f"{root}/{name}")
        kept = {f"{root}/{name}" for name in names}
        for stale in before:
            if stale not in kept:
                files.rm_file(stale)
    except (OSError, ValueError) as error:
        raise LabelStoreError(
            f"The labels could not be stored at {location}: {error}. Mend the access and run the "
            "same command again."
        ) from error


def _opened(location: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it.

    Raises:
        ConfigError: fsspec, or what it needs for this kind of URL, is not installed.
    """
    try:
        import fsspec

        files, root = fsspec.core.url_to_fs(location)
    except ImportError as error:
        raise ConfigError(
            f"{location} needs fsspec and its driver ({error}): run `pip install "
            "'unsup_track_ros[cluster]'`, and s3fs for s3:// or gcsfs for gs://."
        ) from error
    return files, str(root).rstrip("/")
