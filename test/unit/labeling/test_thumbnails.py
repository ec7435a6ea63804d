# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
from unit.labeling.label_scenes import make_frame, make_label
from unit.labeling.test_store import new_store

from unsup_track_ros.labeling.report import write_report
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.labeling.thumbnails import Thumbnails, thumbnails
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.video import encode_jpeg

AHEAD = [8.0, 0.0, -1.0, 4.0, 1.8, 1.5, 0.0]
BEHIND = [-12.0, 0.0, -1.0, 4.0, 1.8, 1.5, 0.0]


def store_with(folder: Path, boxes_odom: list[list[float]]) -> LabelStore:
    store = new_store(folder)
    store.write(make_label(0))
    rows = [
        {
            "id": number,
            "frames": [0, 0],
            "moved": True,
            "weight": 1.0,
            "doubt": "Was it there?" if number == 2 else "",
            "size_m": [4.0, 1.8, 1.5],
            "size_seen": [True, True, True],
            "sightings": 1,
            "moving_sightings": 1,
            "travel_m": 0.0,
            "best": {"frame": 0, "box_odom": box},
        }
        for number, box in enumerate(boxes_odom, 1)
    ]
    store.write_text("trajectories.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return store


def test_what_the_camera_sees_is_cut_out_of_its_image_and_the_rest_drawn_from_above(
    tmp_path: Path,
) -> None:
    frame = make_frame(0)
    camera = frame.camera
    assert camera is not None
    image = np.zeros((80, 160, 3), np.uint8)
    image[40:] = 200  # the car stands in the lower half
    frame = dataclasses.replace(frame, cameras=(dataclasses.replace(camera, image_rgb=image),))
    drawn = dict(Thumbnails(store_with(tmp_path / "labels", [AHEAD, BEHIND])).draw(frame))
    assert list(drawn) == ["objects/000001.jpg", "objects/000002.jpg"]
    seen, above = drawn.values()
    assert seen.shape == above.shape == (96, 96, 3)
    assert (seen[-30:, 40:56] == 200).all()
    assert (above == colors.MOVING).all(axis=2).any()
    # The outline is upright: it is longer ahead than it is wide.
    rows, columns = np.nonzero((above.astype(int) - colors.PANEL)[..., 0] > 100)
    assert np.ptp(rows) > np.ptp(columns)


def test_nothing_is_drawn_in_other_frames_or_without_completed_objects(tmp_path: Path) -> None:
    store = store_with(tmp_path / "labels", [AHEAD])
    assert Thumbnails(store).draw(make_frame(1)) == []
    empty = new_store(tmp_path / "empty")
    assert Thumbnails(empty).draw(make_frame(0)) == []


def test_the_report_shows_doubtful_objects_first_each_with_its_picture(tmp_path: Path) -> None:
    store = store_with(tmp_path / "labels", [AHEAD, BEHIND])
    folder = store.folder / "pictures" / "objects"
    folder.mkdir(parents=True)
    (folder / "000002.jpg").write_bytes(encode_jpeg(np.zeros((96, 96, 3), np.uint8), 80))
    with_picture, without = thumbnails(store.folder, [2, 1])
    assert with_picture[:2] == b"\xff\xd8"
    assert without == b""
    page = write_report(store).read_text()
    assert page.index("#2</td>") < page.index("#1</td>")
    assert page.count('<img class="thumb"') == 1
