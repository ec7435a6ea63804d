# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from unsup_track_ros.labeling.manifest import code_fingerprint, recording_fingerprint


def write_split_bag(folder: Path, first: bytes, second: bytes) -> Path:
    folder.mkdir()
    (folder / "a_0.mcap").write_bytes(first)
    (folder / "a_1.mcap").write_bytes(second)
    return folder


def test_a_renamed_recording_keeps_its_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"frames")
    (tmp_path / "b.mcap").write_bytes(b"frames")
    assert recording_fingerprint(tmp_path / "a.mcap") == recording_fingerprint(tmp_path / "b.mcap")


def test_a_changed_byte_at_either_end_or_another_size_changes_the_fingerprint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.mcap"
    seen = set()
    content = bytearray(3 << 20)
    for place in (0, len(content) - 1):
        changed = content.copy()
        changed[place] = 1
        path.write_bytes(changed)
        seen.add(recording_fingerprint(path))
    path.write_bytes(content)
    seen.add(recording_fingerprint(path))
    path.write_bytes(content + b"\0")
    seen.add(recording_fingerprint(path))
    assert len(seen) == 4


def test_a_split_recording_depends_on_all_files_and_their_order(tmp_path: Path) -> None:
    one = recording_fingerprint(write_split_bag(tmp_path / "x", b"1", b"2"))
    other = recording_fingerprint(write_split_bag(tmp_path / "y", b"2", b"1"))
    assert one != other


def test_the_code_has_one_fingerprint() -> None:
    assert code_fingerprint() == code_fingerprint()
    assert len(code_fingerprint()) == 64
