# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO: rectangles in the images of the first camera, for detectors in 2-D.

Besides what COCO demands, an annotation carries `track_id` and `score`. The rectangles enclose the
3-D boxes, so a hidden side counts; nothing is said of what no track explains.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.exporters.contract import Export, Format, write_json

_FILE: Final = "annotations.json"
_CATEGORY: Final = 1


def write_coco(folder: Path, export: Export) -> list[str]:
    """Write the file.

    Raises:
        DataError: No frame has a camera.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for frame in export.frames:
        if frame.camera is None:
            continue
        images.append(
            {
                "id": frame.index,
                "file_name": _image(export, frame.index),
                "width": frame.camera.width_px,
                "height": frame.camera.height_px,
                "stamp_ns": frame.stamp_ns,
            }
        )
        for row in np.flatnonzero(frame.in_image):
            left, top, right, bottom = (float(edge) for edge in frame.boxes_pix[row])
            width, height = right - left, bottom - top
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": frame.index,
                    "category_id": _CATEGORY,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "track_id": int(frame.ids[row]),
                    "score": float(frame.scores[row]),
                }
            )
    if not images:
        raise DataError("COCO labels images, and no frame of these labels has a camera.")
    content = {
        "info": {"description": export.name, "contributor": export.model},
        "licenses": [],
        "categories": [{"id": _CATEGORY, "name": export.class_name, "supercategory": ""}],
        "images": images,
        "annotations": annotations,
    }
    write_json(folder / _FILE, content)
    missing = len(export.frames) - len(images)
    return [f"{missing} frames have no image and are left out."] if missing else []


def _image(_: Export, index: int) -> str:
    return f"images/{index:06d}.png"


FORMAT: Final = Format(write=write_coco, image=_image)
