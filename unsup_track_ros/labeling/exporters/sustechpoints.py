# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SUSTechPOINTS: a scene to be opened and corrected in that annotation tool.

    NAME/lidar/000000.pcd  NAME/camera/front/000000.png  NAME/label/000000.json
    NAME/calib/camera/front.json

What it saves is read back with `unsup-track evaluate LABELS --truth EXPORT`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.exporters.contract import (
    Export,
    ExportIndex,
    Format,
    read_json,
    truth_of,
    write_json,
)
from unsup_track_ros.structures.truth import FrameTruth

_CAMERA: Final = "front"


def write_sustechpoints(folder: Path, export: Export) -> list[str]:
    """Write labels and calibration of a scene."""
    scene = folder / export.name
    for frame in export.frames:
        objects = [_object(frame, row, export.class_name) for row in range(len(frame))]
        write_json(scene / "label" / f"{frame.index:06d}.json", objects)
    first = next((frame for frame in export.frames if frame.camera is not None), None)
    if first is not None and first.camera is not None and first.cam_T_velo is not None:
        calibration = {
            "extrinsic": first.cam_T_velo.ravel().tolist(),
            "intrinsic": first.camera.pix_T_cam.ravel().tolist(),
        }
        write_json(scene / "calib" / "camera" / f"{_CAMERA}.json", calibration)
    if export.with_sensors:
        return []
    return ["The tool needs the scans to show a scene: export with --sensors."]


def read_sustechpoints(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the labels of the one scene in a folder."""
    files = sorted(folder.glob("*/label/*.json"))
    if not files:
        raise DataError(f"There are no labels in {folder}: expected SCENE/label/000000.json.")
    return [_read_frame(path, index) for path in files]


def _object(frame: AnnotatedFrame, row: int, class_name: str) -> dict[str, Any]:
    x, y, z, length, width, height, yaw = (float(value) for value in frame.boxes_velo[row])
    return {
        "psr": {
            "position": {"x": x, "y": y, "z": z},
            "scale": {"x": length, "y": width, "z": height},
            "rotation": {"x": 0.0, "y": 0.0, "z": yaw},
        },
        "obj_type": class_name,
        "obj_id": str(int(frame.ids[row])),
        "obj_attr": "moving" if frame.moving[row] else "",
    }


def _read_frame(path: Path, index: ExportIndex) -> FrameTruth:
    content = read_json(path)
    try:
        objects = content["objs"] if isinstance(content, dict) else content
        rows = [
            (int(each["obj_id"] or -1), str(each["obj_type"]), _box(each["psr"]))
            for each in objects
        ]
        return truth_of(index.stamp_ns(int(path.stem), path), rows)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a label file of SUSTechPOINTS: {error!r}.") from error


def _box(psr: dict[str, dict[str, float]]) -> list[float]:
    place, size, turn = psr["position"], psr["scale"], psr["rotation"]
    if not np.allclose([turn["x"], turn["y"]], 0.0, atol=1e-3):
        raise ValueError("boxes must stand upright, this one is rolled or pitched")
    return [*(place[axis] for axis in "xyz"), *(size[axis] for axis in "xyz"), turn["z"]]


FORMAT: Final = Format(
    write=write_sustechpoints,
    read=read_sustechpoints,
    scan=lambda export, index: f"{export.name}/lidar/{index:06d}.pcd",
    image=lambda export, index: f"{export.name}/camera/{_CAMERA}/{index:06d}.png",
)
