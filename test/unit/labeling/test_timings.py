# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math

import pytest

from unsup_track_ros.labeling.timings import Timings


def test_no_frame_gives_no_numbers() -> None:
    content = json.loads(Timings().to_json())
    assert content["frames"] == 0
    assert content["frames_per_s"] is None
    assert content["milliseconds"]["storing"] == {"median": None, "p95": None, "max": None}


def test_one_frame_has_times_but_no_real_time_factor() -> None:
    timings = Timings()
    timings.add(0, {"optical_flow": 0.010, "tracking": 0.002})
    content = json.loads(timings.to_json())
    assert content["milliseconds"]["optical_flow"]["median"] == pytest.approx(10.0)
    assert content["milliseconds"]["tracking"]["max"] == pytest.approx(2.0)
    assert content["real_time_factor"] is None
    assert math.isnan(timings.real_time_factor)


def test_stages_are_summarised_each_for_itself() -> None:
    timings = Timings()
    timings.add(0, {"a": 0.001, "step": 0.010})
    timings.add(1, {"a": 0.002, "step": 0.004})
    timings.add(2, {"a": 0.009, "step": 0.012})
    rows = json.loads(timings.to_json())["milliseconds"]
    assert rows["a"]["median"] == pytest.approx(2.0)
    assert rows["step"]["median"] == pytest.approx(10.0)
    assert rows["step"]["max"] == pytest.approx(12.0)
