# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever the order in which the streams arrive, the sets are the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from unsup_track_ros.data.synchronizer import (
    MatchedSet,
    Synchronizer,
    SynchronizerConfig,
    SynchronizerInput,
)

MS = 1_000_000
# Waits for ever and forgets nothing: what remains is a function of the stamps alone.
CONFIG = SynchronizerConfig(tolerance_s=0.05, instant_s=0.005, timeout_s=0.0, queue_size=0)
INPUTS = [
    SynchronizerInput(name="camera"),
    SynchronizerInput(name="radar", offset_s=0.03, tolerance_s=0.08),
]
STREAM = st.lists(st.integers(1, 900), max_size=12)
Message = tuple[str, int]


def run(order: list[Message]) -> tuple[list[MatchedSet[int]], dict[tuple[str, str], int]]:
    synchronizer: Synchronizer[int] = Synchronizer(CONFIG, "lidar", INPUTS)
    sets = [s for name, at in order for s in synchronizer.add(name, at * MS, at)]
    return sets + synchronizer.flush(), dict(+synchronizer.drops)


def interleave(streams: dict[str, list[int]], choices: list[int]) -> list[Message]:
    left = {name: list(stream) for name, stream in streams.items()}
    order = []
    for choice in choices * 40:
        names = sorted(name for name, stream in left.items() if stream)
        if not names:
            break
        name = names[choice % len(names)]
        order.append((name, left[name].pop(0)))
    return order


@settings(max_examples=200, deadline=None)
@given(
    lidar=STREAM,
    camera=STREAM,
    radar=STREAM,
    choices=st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_any_interleaving_of_the_streams_gives_the_same_sets(
    lidar: list[int], camera: list[int], radar: list[int], choices: list[int]
) -> None:
    streams = {"lidar": lidar, "camera": sorted(camera), "radar": sorted(radar)}
    one_by_one = [(name, at) for name, stream in streams.items() for at in stream]
    assert run(interleave(streams, choices)) == run(one_by_one)


@settings(max_examples=100, deadline=None)
@given(lidar=STREAM, camera=STREAM, radar=STREAM)
def test_every_message_is_used_once_or_counted(
    lidar: list[int], camera: list[int], radar: list[int]
) -> None:
    streams = {"lidar": sorted(lidar), "camera": sorted(camera), "radar": sorted(radar)}
    sets, drops = run([(name, at) for name, stream in streams.items() for at in stream])
    for name, stream in streams.items():
        used = [s.payloads[name] for s in sets if name in s.payloads]
        dropped = sum(count for (input_name, _), count in drops.items() if input_name == name)
        assert len(used) == len(set(used))
        assert len(used) + dropped == len(stream)
    assert all(earlier.stamp_ns < later.stamp_ns for earlier, later in pairwise(sets))


@settings(max_examples=100, deadline=None)
@given(lidar=STREAM, camera=STREAM)
def test_a_match_lies_within_the_tolerance_of_its_input(
    lidar: list[int], camera: list[int]
) -> None:
    order = [("camera", at) for at in sorted(camera)] + [("lidar", at) for at in sorted(lidar)]
    for matched in run(order)[0]:
        if "camera" in matched.payloads:
            assert abs(matched.stamps_ns["camera"] - matched.stamp_ns) <= 50 * MS
