# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, whenever the process dies and even when the power fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from unsup_track_ros.errors import LabelStoreError

PARTIAL_SUFFIX: Final = ".partial"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, then rename it.

    Raises:
        LabelStoreError: The disk is full or refuses; a file that was there before stands.
    """
    # A name of its own: a task that is started anew may write the same file at the same time.
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LabelStoreError(
            f"{path} could not be written: {error.strerror or error}. Nothing is lost: free some "
            "space or fix the permissions and run the same command again, it goes on from there."
        ) from error


def remove_partial_files(folder: Path) -> None:
    """Remove what a killed writer left under temporary names."""
    for partial in sorted(folder.glob(f"*{PARTIAL_SUFFIX}*")):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)
