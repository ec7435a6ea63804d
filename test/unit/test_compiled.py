# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unsup_track_ros import compiled
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


_LOOP = """
from unsup_track_ros.compiled import compiled_for

@compiled_for("int64(int64)")
def doubled(number):
    return 2 * number
"""


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("loops", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_start_says_that_it_compiles_and_the_next_ones_need_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "loops.py"
    path.write_text(_LOOP)
    for is_first in (True, False):
        compiled._say_that_it_takes_a_while.cache_clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert _imported(path).doubled(21) == 42
        assert ("Compiling the inner loops" in caplog.text) == is_first


def test_where_no_folder_can_be_written_to_it_compiles_every_time_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As for a user without a home, of a package that root has installed."""
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    compiled._say_that_nothing_is_kept.cache_clear()

    def twice(value: float) -> float:
        return 2 * value

    with caplog.at_level(logging.WARNING):
        assert compiled_for("float64(float64)")(twice)(3.0) == 6.0
    assert "Set NUMBA_CACHE_DIR" in caplog.text
