# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The formats' own readers and schemas take what is exported."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from unit.labeling.exporters.test_round_trip import NUM_FRAMES, make_store
from unit.labeling.label_scenes import make_label
from vcd.schema import openlabel_schema

from unsup_track_ros.labeling.exporters.annotations import annotated_frames
from unsup_track_ros.labeling.exporters.export import ExportOptions, export_labels
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.structures.labels import CAUSAL_PASS


@pytest.fixture
def labels_dir(tmp_path: Path) -> Path:
    return make_store(tmp_path / "labels", [make_label(index) for index in range(NUM_FRAMES)])


def test_an_open_label_file_keeps_the_published_schema(labels_dir: Path, tmp_path: Path) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="openlabel"))
    content = json.loads((tmp_path / "out" / "openlabel.json").read_text())
    jsonschema.validate(content, openlabel_schema)
    content["openlabel"]["frames"]["0"]["objects"]["1"]["object_data"]["cuboid"][0]["val"].pop()
    content["openlabel"]["frames"]["0"]["objects"]["1"]["object_data"]["cuboid"][0]["val"].pop()
    with pytest.raises(jsonschema.ValidationError):  # the schema bites
        jsonschema.validate(content, openlabel_schema)


def test_the_tools_of_coco_read_images_and_rectangles_and_score_them_as_perfect(
    labels_dir: Path, tmp_path: Path
) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="coco"))
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    frames = list(annotated_frames(LabelStore.open(labels_dir), CAUSAL_PASS))
    assert coco.getImgIds() == [frame.index for frame in frames]
    for frame in frames:
        found = coco.loadAnns(coco.getAnnIds(imgIds=[frame.index]))
        assert [each["track_id"] for each in found] == frame.ids[frame.in_image].tolist()
        x, y, width, height = np.array([each["bbox"] for each in found]).T
        corners = np.column_stack([x, y, x + width, y + height])
        np.testing.assert_allclose(corners, frame.boxes_pix[frame.in_image], atol=1e-9)
    results = coco.loadRes([dict(each) for each in coco.dataset["annotations"]])
    scores = COCOeval(coco, results, "bbox")
    scores.evaluate()
    scores.accumulate()
    scores.summarize()
    assert scores.stats[0] == pytest.approx(1.0)
