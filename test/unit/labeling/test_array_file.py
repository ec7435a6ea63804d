# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.array_file import pack_arrays, read_arrays

ARRAYS = {
    "empty boxes": np.zeros((0, 7)),
    "one number": np.array(3),
    "text": np.array("camera is silent; ü"),
    "no text": np.array(""),
    "float64": np.array([[1 / 3, np.nan], [-0.0, 1e-300]]),
    "float32": np.array([0.1, np.nan], np.float32),
    "few flags": np.array([True, False]),
    "many flags": np.arange(1003) % 3 == 0,
    "many flags of an image": (np.arange(999) % 7 == 0).reshape(27, 37),
    "large grid": np.arange(-50, 50, dtype=np.int8).repeat(20).reshape(40, 50),
    "large floats": np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 100),
    "large with nan": np.full((600,), np.nan),
}


def read_back(tmp_path: Path, data: bytes) -> dict[str, np.ndarray]:
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    return read_arrays(path)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_with_its_type_shape_and_every_bit(tmp_path: Path, name: str) -> None:
    array = ARRAYS[name]
    back = read_back(tmp_path, pack_arrays({name: array}))[name]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    if array.dtype.kind == "f":
        np.testing.assert_array_equal(back, array)
        np.testing.assert_array_equal(np.signbit(back), np.signbit(array))
    else:
        assert back.tobytes() == array.tobytes()


def test_no_array_at_all_comes_back(tmp_path: Path) -> None:
    assert read_back(tmp_path, pack_arrays({})) == {}


def test_bytes_depend_neither_on_the_order_nor_on_the_time() -> None:
    first = pack_arrays(ARRAYS)
    again = pack_arrays(dict(reversed(list(ARRAYS.items()))))
    assert first == again
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_masks_are_stored_as_bits() -> None:
    mask = np.random.default_rng(0).random(80_000) < 0.5
    assert len(pack_arrays({"mask": mask})) < 80_000 / 8 * 1.1


def test_small_members_can_be_read_as_json() -> None:
    with zipfile.ZipFile(io.BytesIO(pack_arrays({"boxes": np.array([[1.5, 2.0]])}))) as archive:
        index = json.loads(archive.read("index.json"))
    assert index["boxes"]["values"] == [1.5, 2.0]
    assert index["boxes"]["shape"] == [1, 2]


@pytest.mark.parametrize("data", [b"", b"not a zip", pack_arrays(ARRAYS)[:-100]])
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(LabelStoreError, match="cannot be read"):
        read_back(tmp_path, data)


def test_a_flipped_byte_in_a_large_member_is_noticed(tmp_path: Path) -> None:
    data = bytearray(pack_arrays({"noise": np.random.default_rng(0).random(2000)}))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(LabelStoreError, match="cannot be read"):
        read_back(tmp_path, bytes(data))


def test_objects_are_refused() -> None:
    with pytest.raises(LabelStoreError, match="numbers or text"):
        pack_arrays({"x": np.array([object()])})
