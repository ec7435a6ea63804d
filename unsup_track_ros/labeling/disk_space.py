# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether the labels of a recording will fit on the disk, asked before the first is made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from unsup_track_ros.errors import LabelStoreError

# A frame of 120 000 points takes 50 kB as labels of both passes and 220 kB in the result bag; its
# picture 130 kB in the video, and more in the report while the recording is short.
_LABEL_BYTES: Final = 300_000
_EVIDENCE_BYTES: Final = 2_000_000
_PICTURE_BYTES: Final = 200_000
_BYTES_PER_MB: Final = 1e6


def check_space(folder: Path, num_frames: int, *, evidence: bool, pictures: bool) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        folder: The label directory, which exists.
        num_frames: Frames that have no label yet.
        evidence: Whether the evidence of motion is kept too.
        pictures: Whether video, pictures and report are made.

    Raises:
        LabelStoreError: There is less space than the labels are expected to take.
    """
    each = _LABEL_BYTES + _EVIDENCE_BYTES * evidence + _PICTURE_BYTES * pictures
    needed, free = num_frames * each, shutil.disk_usage(folder).free
    if free < needed:
        raise LabelStoreError(
            f"The labels of {num_frames} frames need about {needed / _BYTES_PER_MB:.0f} MB in "
            f"{folder}, where {free / _BYTES_PER_MB:.0f} MB are free. Make space, label fewer "
            "frames (--max-frames), store fewer grids (labels.grid_interval_s) or set "
            "labels.check_space to false."
        )
