# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The choice that leave-one-out makes, and the crowd that speed is measured on."""

from __future__ import annotations

import numpy as np

from benchmark.tracking import ALTERNATIVES, choice, crowd
from unsup_track_ros.config import from_values
from unsup_track_ros.config.model import flatten
from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig
from unsup_track_ros.tracking.sequence_tracking import SequenceTrackingConfig
from unsup_track_ros.tracking.tracker import Tracker


def test_what_is_left_out_has_no_say() -> None:
    """Of 100 objects in each of two sequences, errors at the one cut-off: (10, 90) and (50, 20)."""
    counts = {
        "a": np.array([[[10, 100]], [[90, 100]]]),
        "b": np.array([[[50, 100]], [[20, 100]]]),
    }
    assert choice(counts, left_out=1) == "a"
    assert choice(counts, left_out=0) == "b"


def test_the_best_cut_off_counts_and_it_is_the_same_for_all_sequences() -> None:
    counts = {
        "steady": np.array([[[0, 1]], [[30, 100]], [[30, 100]]]).repeat(2, axis=1),
        "torn": np.array([[[0, 1], [0, 1]], [[0, 100], [80, 100]], [[80, 100], [0, 100]]]),
    }
    assert choice(counts, left_out=0) == "steady"


def test_the_crowd_keeps_its_identities_however_large_it_is() -> None:
    for num in (1, 50):
        tracker = Tracker(ClassTrackingConfig().car.tracker)
        for detections, pose in crowd(num)[:8]:
            tracks = tracker.step(detections, pose)
        assert tracks.ids.tolist() == list(range(1, num + 1))


def test_every_alternative_is_a_change_of_the_shipped_parameters() -> None:
    shipped = flatten(ClassTrackingConfig().car)
    for name, values in ALTERNATIVES.items():
        other = from_values(SequenceTrackingConfig, {**shipped, **values})
        assert (other == ClassTrackingConfig().car) is (name == "default")
