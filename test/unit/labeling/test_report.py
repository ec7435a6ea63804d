# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from unit.labeling.label_scenes import make_label
from unit.labeling.test_store import new_store

from unsup_track_ros.labeling.report import write_report
from unsup_track_ros.labeling.summary import objects_of
from unsup_track_ros.structures.tracks import Tracks


def test_objects_are_plain_json_without_nan() -> None:
    content = json.loads(json.dumps(objects_of(make_label(2)), allow_nan=False))
    assert content["frame"] == 2
    assert content["detections"][0]["velocity_velo_mps"] == [None, None, None]
    assert content["detections"][0]["score"] == 0.333333
    assert [track["id"] for track in content["tracks"]] == [1, 2]
    assert [track["state"] for track in content["tracks"]] == ["confirmed", "coasting"]
    assert content["tracks"][0]["box_odom"] == [12.0, 0.5, -1.0, 4.2, 1.8, 1.5, 0.1]


def test_a_frame_without_pose_and_objects_has_empty_lists() -> None:
    label = make_label(0)
    lost = dataclasses.replace(label.egomotion, odom_T_velo1=None)
    content = objects_of(
        dataclasses.replace(label, egomotion=lost, tracks=Tracks.none(label.stamp_ns))
    )
    assert content["odom_T_velo"] is None
    assert content["tracks"] == []


def test_a_report_lists_every_confirmed_track_once(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    for index in range(3):
        store.write(make_label(index))
    page = write_report(store).read_text()
    assert page.count('<td><span class="chip"') == 2
    # Three frames at x = 12 m in odom: no way travelled, 3 m/s as the tracker says.
    assert "<td>0.0</td><td>3.0</td><td>4.2 x 1.8 x 1.5</td><td>0.90</td>" in page


def test_a_report_of_no_labels_and_of_one_label_can_be_written(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    assert "Labels of drive.mcap" in write_report(store).read_text()
    store.write(make_label(0, with_camera=False))
    assert "#1" in write_report(store).read_text()
