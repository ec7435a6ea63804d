# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.lock import LOCK_NAME, LockError, directory_lock

HOLDER = """
import sys, time
from pathlib import Path
from unsup_track_ros.labeling.lock import directory_lock
with directory_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(folder: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_the_lock_names_its_process_and_disappears(tmp_path: Path) -> None:
    with directory_lock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_lock_disappears_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), directory_lock(tmp_path):
        raise ZeroDivisionError
    with directory_lock(tmp_path):
        pass


def test_a_second_process_is_refused_in_one_sentence_and_a_dead_one_holds_nothing(
    tmp_path: Path,
) -> None:
    holder = start_holder(tmp_path)
    try:
        with pytest.raises(LockError, match=f"process {holder.pid}"), directory_lock(tmp_path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK_NAME).exists()  # the dead process could not remove it
    with directory_lock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_directory_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with (
        pytest.raises(LabelStoreError, match="cannot be written to"),
        directory_lock(tmp_path / "no"),
    ):
        pass
