# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One writer per label directory, held by the operating system: a dead process holds nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from unsup_track_ros.errors import LabelStoreError

LOCK_NAME: Final = "label.lock"


class LockError(LabelStoreError):
    """Another process writes to the same label directory."""


@contextmanager
def directory_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a directory; the lock file names the process and disappears afterwards.

    Raises:
        LockError: Another living process holds it.
        LabelStoreError: The directory cannot be written to.
    """
    path = folder / LOCK_NAME
    descriptor = _acquire(path)
    try:
        with suppress(OSError):  # the name is for people; a full disk must not hide behind it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        # Removed while still held: whoever waits opens a new file, see `_acquire`.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LabelStoreError(
                f"The label directory {path.parent} cannot be written to: {error.strerror}."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise LockError(
                f"Another labeler (process {_owner(path)}) is writing to {path.parent}. Wait until "
                "it has finished, stop it, or choose another --out."
            ) from error
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)  # the former owner removed the file between open and lock


def _owner(path: Path) -> str:
    try:
        return path.read_text().strip() or "unknown"
    except OSError:
        return "unknown"


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
