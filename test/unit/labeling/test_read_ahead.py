# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from unsup_track_ros.labeling.read_ahead import read_ahead


@pytest.mark.parametrize("number", [0, 1, 2, 50])
def test_items_come_in_order(number: int) -> None:
    assert list(read_ahead(iter(range(number)))) == list(range(number))


def test_an_exception_is_raised_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk gone")

    ahead = read_ahead(items())
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)


def test_the_reader_is_at_most_a_few_items_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    ahead = read_ahead(items())
    assert next(ahead) == 0
    assert len(made) <= 5
    ahead.close()  # type: ignore[attr-defined]


def test_a_consumer_that_stops_stops_the_thread() -> None:
    before = threading.active_count()
    ahead = read_ahead(iter(range(1000)))
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
