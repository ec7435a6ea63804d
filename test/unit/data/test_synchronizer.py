# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which messages make one set, and when it is given out."""

from __future__ import annotations

import pytest

from unsup_track_ros.data.synchronizer import (
    MatchedSet,
    Synchronizer,
    SynchronizerConfig,
    SynchronizerInput,
)
from unsup_track_ros.errors import ConfigError

MS = 1_000_000
T0 = 1000 * MS


def make(offset_s: float = 0.0, **settings: float) -> Synchronizer[str]:
    config = SynchronizerConfig(**{"tolerance_s": 0.05, "instant_s": 0.0, **settings})  # type: ignore[arg-type]
    return Synchronizer(config, "lidar", [SynchronizerInput(name="camera", offset_s=offset_s)])


def feed(synchronizer: Synchronizer[str], *messages: tuple[str, int]) -> list[tuple[int, str]]:
    """Add messages of (input, milliseconds); return (milliseconds, camera payload) of the sets."""
    sets: list[MatchedSet[str]] = []
    for name, at_ms in messages:
        sets += synchronizer.add(name, T0 + at_ms * MS, f"{name}{at_ms}")
    return [((s.stamp_ns - T0) // MS, s.payloads.get("camera", "-")) for s in sets]


def test_the_nearest_message_is_taken() -> None:
    found = feed(make(), ("lidar", 100), ("camera", 80), ("camera", 110), ("camera", 140))
    assert found == [(100, "camera110")]


def test_of_two_equally_near_messages_the_earlier_is_taken() -> None:
    assert feed(make(), ("lidar", 100), ("camera", 90), ("camera", 110)) == [(100, "camera90")]


def test_nothing_is_given_out_while_a_nearer_message_may_come() -> None:
    synchronizer = make()
    assert feed(synchronizer, ("camera", 80), ("lidar", 100)) == []
    assert feed(synchronizer, ("camera", 115)) == [(100, "camera115")]


def test_an_instant_message_is_taken_without_waiting() -> None:
    assert feed(make(instant_s=0.01), ("camera", 95), ("lidar", 100)) == [(100, "camera95")]


def test_a_message_outside_of_the_tolerance_is_not_taken() -> None:
    synchronizer = make()
    assert feed(synchronizer, ("lidar", 100), ("camera", 151)) == [(100, "-")]
    sets = synchronizer.flush()
    assert sets == []
    assert synchronizer.drops["camera", "unmatched"] == 1


def test_the_tolerance_itself_is_within() -> None:
    assert feed(make(), ("lidar", 100), ("camera", 150)) == [(100, "camera150")]


def test_an_offset_shifts_the_clock_of_an_input_and_not_the_stamp_it_reports() -> None:
    synchronizer = make(offset_s=0.2)
    sets = synchronizer.add("lidar", T0, "l") + synchronizer.add("camera", T0 + 200 * MS, "c")
    assert sets[0].payloads == {"lidar": "l", "camera": "c"}
    assert sets[0].stamps_ns == {"lidar": T0, "camera": T0 + 200 * MS}


def test_a_message_is_used_once() -> None:
    found = feed(make(), ("lidar", 100), ("camera", 120), ("lidar", 130), ("camera", 220))
    assert found == [(100, "camera120"), (130, "-")]


def test_a_silent_input_leaves_the_set_partial_with_the_reason() -> None:
    synchronizer = make(timeout_s=0.3)
    given_out = [feed(synchronizer, ("lidar", 100 * frame)) for frame in range(4)]
    assert given_out == [[], [], [], []]
    sets = synchronizer.add("lidar", T0 + 400 * MS, "l")
    assert [(s.stamp_ns - T0) // MS for s in sets] == [0, 100, 200, 300, 400]
    assert [s.missing for s in sets] == [{"camera": "late"}] * 5


def test_an_input_that_was_late_is_waited_for_again_once_it_speaks() -> None:
    synchronizer = make(timeout_s=0.3, instant_s=0.01)
    feed(synchronizer, *[("lidar", 100 * frame) for frame in range(5)])
    assert feed(synchronizer, ("lidar", 500)) == [(500, "-")]
    assert feed(synchronizer, ("camera", 600), ("lidar", 600)) == [(600, "camera600")]
    assert feed(synchronizer, ("lidar", 700)) == []
    assert feed(synchronizer, ("camera", 700)) == [(700, "camera700")]


def test_an_input_that_skips_a_moment_is_silent_there() -> None:
    synchronizer = make()
    synchronizer.add("lidar", T0, "l")
    sets = synchronizer.add("camera", T0 + 90 * MS, "c")
    assert [s.missing for s in sets] == [{"camera": "silent"}]


def test_without_a_timeout_a_set_waits_for_ever() -> None:
    synchronizer = make(timeout_s=0.0, queue_size=0)
    assert feed(synchronizer, *[("lidar", 100 * frame) for frame in range(100)]) == []
    assert len(synchronizer.flush()) == 100


def test_incomplete_sets_are_dropped_and_counted_when_partial_ones_are_not_wanted() -> None:
    synchronizer = make(partial=False)
    assert feed(synchronizer, ("lidar", 0), ("lidar", 100), ("camera", 100)) == [(100, "camera100")]
    assert synchronizer.drops["lidar", "incomplete"] == 1


def test_stamp_zero_repeated_stamps_and_small_steps_back_are_dropped_by_reason() -> None:
    synchronizer = make()
    synchronizer.add("lidar", 0, "unset")
    feed(synchronizer, ("lidar", 100), ("lidar", 100), ("lidar", 60), ("camera", 100))
    assert dict(synchronizer.drops) == {
        ("lidar", "zero_stamp"): 1,
        ("lidar", "duplicate"): 1,
        ("lidar", "out_of_order"): 1,
    }


def test_after_a_backward_jump_a_new_timeline_begins_at_once() -> None:
    synchronizer = make()
    before = feed(synchronizer, ("lidar", 9000), ("camera", 9000), ("lidar", 9100))
    jump = synchronizer.add("lidar", T0, "l")
    assert before == [(9000, "camera9000")]
    assert [(s.stamp_ns - T0) // MS for s in jump] == [9100]
    assert [s.epoch for s in jump] == [0]
    after = synchronizer.add("camera", T0, "c")
    assert [(s.epoch, s.payloads) for s in after] == [(1, {"lidar": "l", "camera": "c"})]


def test_messages_that_wait_when_the_clock_jumps_are_counted() -> None:
    synchronizer = make()
    feed(synchronizer, ("camera", 9000), ("camera", 9100), ("camera", 0))
    assert synchronizer.drops["camera", "unmatched"] == 2
    assert synchronizer.epoch == 1


def test_a_full_queue_drops_the_oldest() -> None:
    synchronizer = make(queue_size=2)
    feed(synchronizer, *[("camera", 100 * frame) for frame in range(5)])
    assert synchronizer.drops["camera", "overflow"] == 3
    assert feed(synchronizer, ("lidar", 300)) == [(300, "camera300")]


def test_messages_that_fit_no_reference_do_not_pile_up() -> None:
    synchronizer = make(timeout_s=0.0, queue_size=0)
    for frame in range(100):
        feed(synchronizer, ("camera", 100 * frame - 500), ("lidar", 100 * frame))
    assert len(synchronizer.flush()) == 5
    assert synchronizer.drops["camera", "unmatched"] == 5


def test_without_other_inputs_every_reference_is_a_set() -> None:
    synchronizer: Synchronizer[str] = Synchronizer(SynchronizerConfig(), "lidar", [])
    assert [s.payloads for s in synchronizer.add("lidar", 5, "l")] == [{"lidar": "l"}]


def test_inputs_need_different_names() -> None:
    with pytest.raises(ConfigError, match="lidar, lidar"):
        Synchronizer(SynchronizerConfig(), "lidar", [SynchronizerInput(name="lidar")])
