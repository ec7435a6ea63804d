# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from unit.labeling.label_scenes import make_label
from unit.labeling.test_store import new_store

from unsup_track_ros.labeling.consistency_history import ConsistencyHistory, table_rows
from unsup_track_ros.structures.consistency import (
    ConsistencyFinding,
    ConsistencyQuantity,
    ConsistencyStatus,
    EgomotionConsistency,
)
from unsup_track_ros.structures.labels import FrameLabel

YAW, JUMP = ConsistencyQuantity.CAMERA_YAW, ConsistencyQuantity.ODOM_JUMP
ALARM, CONSISTENT = ConsistencyStatus.ALARM, ConsistencyStatus.CONSISTENT


def label_with(index: int, *findings: ConsistencyFinding) -> FrameLabel:
    consistency = EgomotionConsistency(findings=findings)
    return dataclasses.replace(make_label(index), consistency=consistency)


def yaw(status: ConsistencyStatus, value: float = 0.02) -> ConsistencyFinding:
    return ConsistencyFinding(
        quantity=YAW, status=status, value=value, sigma=0.001, unit="rad", sentence="Turned."
    )


def jump(stamp_ns: int) -> ConsistencyFinding:
    return ConsistencyFinding(
        quantity=JUMP,
        status=ALARM,
        value=0.5,
        sigma=0.02,
        unit="m",
        stamp_ns=stamp_ns,
        sentence=f"A jump at {stamp_ns}.",
    )


def test_an_alarm_that_is_over_and_every_jump_are_remembered() -> None:
    history = ConsistencyHistory()
    history.add(label_with(0, yaw(CONSISTENT)))
    history.add(label_with(1, yaw(ALARM), jump(100)))
    history.add(label_with(2, yaw(ALARM), jump(100)))
    history.add(label_with(3, yaw(CONSISTENT, 0.001), jump(300)))
    content = history.content()
    assert content["camera_yaw"]["status"] == "consistent"
    assert content["camera_yaw"]["value"] == 0.001
    assert content["camera_yaw"]["alarm_frames"] == 2
    assert [entry["stamp_ns"] for entry in content["odom_jump"]["jumps"]] == [100, 300]
    assert history.warnings == ("Turned.", "A jump at 100.", "A jump at 300.")


def test_values_are_plain_json_and_readable_in_the_table() -> None:
    history = ConsistencyHistory()
    unknown = ConsistencyFinding(
        quantity=ConsistencyQuantity.CAMERA_TIME_OFFSET,
        status=ConsistencyStatus.COLLECTING,
        unit="s",
        sentence="Not yet.",
    )
    history.add(label_with(0, unknown, yaw(ALARM, 0.0261799)))
    content = json.loads(json.dumps(history.content(), allow_nan=False))
    assert content["camera_time_offset"]["value"] is None
    rows = table_rows(content)
    assert rows[0] == ["camera time offset", "collecting", "-", "-", "0", "0"]
    assert rows[1] == ["camera yaw", "alarm", "1.50 deg", "0.06 deg", "0", "1"]


def test_labels_without_a_check_say_nothing() -> None:
    history = ConsistencyHistory()
    history.add(make_label(0))
    assert history.content() == {}
    assert history.warnings == ()


def test_findings_survive_the_label_store(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(label_with(0, yaw(ALARM), jump(100)))
    (label,) = list(store)
    assert label.consistency is not None
    assert [finding.sentence for finding in label.consistency.findings] == [
        "Turned.",
        "A jump at 100.",
    ]
    assert label.consistency.of(YAW).status is ALARM
