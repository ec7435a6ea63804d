# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""T4, the data set format of Autoware's tools: every box is marked as made by a program.

    annotation/*.json  data/LIDAR_CONCAT/0.pcd.bin  data/CAM_FRONT/0.png  status.json

Each annotation has `automatic_annotation` true and in `autolabel_metadata` who made it, its score
and its uncertainty, which is one less the belief in the object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from unsup_track_ros.labeling.exporters import scene_tables
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, Format, write_json
from unsup_track_ros.structures.truth import FrameTruth

_LIDAR, _CAMERA = "LIDAR_CONCAT", "CAM_FRONT"
_TABLES: Final = "annotation"
_UNJUDGED: Final = scene_tables.token("visibility", "unavailable")


def write_t4(folder: Path, export: Export) -> list[str]:
    """Write the tables."""
    frames = scene_tables.placed(export)
    tables = scene_tables.description_tables(export, frames, "")
    tables |= scene_tables.sensor_tables(export, frames, (_LIDAR, _CAMERA))
    tables["sample_data"] = scene_tables.sample_data(
        export, frames, (_LIDAR, _CAMERA), (_scan, _image)
    )
    tables |= scene_tables.instances_and_annotations(export, frames)
    _adapt(tables, export)
    for name, rows in tables.items():
        write_json(folder / _TABLES / f"{name}.json", rows)
    write_json(folder / "status.json", {"autolabel": export.model})
    return scene_tables.unplaced_note(export)


def read_t4(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the tables."""
    return scene_tables.read_tables(folder / _TABLES, index, _LIDAR)


def _adapt(tables: scene_tables.Tables, export: Export) -> None:
    """Say in T4's columns what nuScenes has no column for, and leave out what T4 has none for.

    T4's optional columns (index of a category, twist of a pose ...) are left out: its older readers
    refuse a column that they do not know.
    """
    for row in tables["log"]:
        row["data_captured"] = row.pop("date_captured") + "-00-00-00"
    for row in tables["calibrated_sensor"]:
        row["camera_distortion"] = [0.0] * 5 if row["camera_intrinsic"] else []
    for row in tables["sample_data"]:
        row["is_valid"] = True
    tables["visibility"] = [
        {"token": _UNJUDGED, "level": "unavailable", "description": "Nobody judged it."}
    ]
    for row in tables["sample_annotation"]:
        score, existence = row.pop("score"), row.pop("existence")
        row["visibility_token"] = _UNJUDGED
        row["automatic_annotation"] = True
        row["autolabel_metadata"] = [
            {"name": export.model, "score": score, "uncertainty": 1.0 - existence}
        ]


def _scan(_: Export, index: int) -> str:
    return f"data/{_LIDAR}/{index}.pcd.bin"


def _image(_: Export, index: int) -> str:
    return f"data/{_CAMERA}/{index}.png"


FORMAT: Final = Format(write=write_t4, read=read_t4, scan=_scan, image=_image)
