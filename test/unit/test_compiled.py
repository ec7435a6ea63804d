# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.compiled import compiled_for, on_all_cores, sources_digest
from unsup_track_ros.data.synthetic import raycast


@pytest.mark.parametrize("num", [0, 1, 7, 1000])
def test_every_index_is_worked_on_once(num: int) -> None:
    done = [0] * num

    def work(first: int, last: int) -> None:
        for k in range(first, last):
            done[k] += 1

    on_all_cores(work, num)
    assert done == [1] * num


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def work(first: int, last: int) -> None:
        raise ValueError(f"{first} to {last}")

    with pytest.raises(ValueError, match="0 to"):
        on_all_cores(work, 100)


def test_an_edit_in_any_file_gives_compiled_code_another_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "b.py").write_text("y = 1")
    before = sources_digest(tmp_path)
    assert sources_digest(tmp_path) == before
    (tmp_path / "b.py").write_text("y = 2")
    assert sources_digest(tmp_path) != before
    digest = sources_digest(Path(raycast.__file__).parent)
    assert raycast._cast_bundles.__qualname__.endswith(digest)


@compiled_for("float64(float64[::1])")
def _sum(values: np.ndarray) -> float:
    total = 0.0
    for k in range(len(values)):
        total += values[k]
    return total


def test_a_function_compiled_for_types_is_ready_and_refuses_others() -> None:
    assert len(_sum.signatures) == 1  # type: ignore[attr-defined]
    assert _sum(np.arange(4.0)) == 6.0
    with pytest.raises(TypeError, match="No matching definition"):
        _sum(np.arange(4))
