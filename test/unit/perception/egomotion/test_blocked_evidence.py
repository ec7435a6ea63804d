# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.egomotion.blocked_evidence import BlockConfig, BlockedEvidence

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


def mean_of(sums: np.ndarray) -> np.ndarray:
    """Evidence (count, sum) to its mean."""
    mean: np.ndarray = sums[1:] / sums[:1]
    return mean


def filled(values: dict[float, float], config: BlockConfig | None = None) -> BlockedEvidence:
    evidence = BlockedEvidence((2,), config or BlockConfig())
    for time_s, value in values.items():
        evidence.add(START_NS + round(time_s * SECOND_NS), np.array([1.0, value]))
    return evidence


def test_the_deviation_of_a_mean_of_blocks_is_that_of_statistics() -> None:
    # 1, 2 and 3 have variance 1, so that their mean has 1 / 3.
    value, sigma = filled({0.0: 1.0, 1.0: 2.0, 2.0: 3.0}).estimate(mean_of)
    np.testing.assert_allclose(value, [2.0])
    np.testing.assert_allclose(sigma, [np.sqrt(1.0 / 3.0)])


def test_frames_of_one_second_count_as_one_block() -> None:
    # Ten times the same within a second says no more than once: without blocks the deviation would
    # be 0.17.
    values = {second + k / 20: float(second + 1) for second in range(3) for k in range(10)}
    evidence = filled(values)
    assert evidence.num_frames == 30
    value, sigma = evidence.estimate(mean_of)
    np.testing.assert_allclose(value, [2.0])
    np.testing.assert_allclose(sigma, [np.sqrt(1.0 / 3.0)])


def test_old_blocks_are_forgotten() -> None:
    config = BlockConfig(num_blocks=4)
    evidence = filled({0.0: 100.0, 1.0: 100.0, 9.0: 1.0, 10.0: 2.0}, config)
    assert evidence.num_frames == 2
    np.testing.assert_allclose(evidence.total, [2.0, 3.0])


def test_a_block_takes_the_place_of_the_one_that_is_as_old_as_the_memory() -> None:
    evidence = filled({0.0: 100.0, 3.0: 1.0, 4.0: 2.0}, BlockConfig(num_blocks=4))
    np.testing.assert_allclose(evidence.total, [2.0, 3.0])


@pytest.mark.parametrize(("seconds", "enough"), [(0, False), (2, False), (3, True)])
def test_an_estimate_needs_a_number_of_blocks(seconds: int, enough: bool) -> None:
    assert filled({float(k): 1.0 for k in range(seconds)}).is_enough is enough


def test_a_restored_memory_goes_on_with_the_same_bytes() -> None:
    first, second = filled({0.0: 1 / 3, 1.0: 1 / 7}), BlockedEvidence((2,), BlockConfig())
    second.restore(first.state())
    for evidence in (first, second):
        evidence.add(START_NS + 5 * SECOND_NS, np.array([1.0, 0.1]))
    for key, value in first.state().items():
        assert value.tobytes() == second.state()[key].tobytes()


def test_a_state_is_not_changed_by_what_comes_later() -> None:
    evidence = filled({0.0: 1.0})
    state = evidence.state()
    evidence.add(START_NS, np.array([1.0, 1.0]))
    assert state["sum"].sum() == 2.0
