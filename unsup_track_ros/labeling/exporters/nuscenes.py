# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""nuScenes: the tables of one scene, version `v1.0-NAME`, read by the nuScenes devkit.

    v1.0-NAME/*.json  samples/LIDAR_TOP/*.pcd.bin  samples/CAM_FRONT/*.png  maps/none.png

Annotations carry `velocity`, `score` and `existence` besides; the devkit leaves them alone. The
visibility of nuScenes is judged by people: it is empty here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.labeling.exporters import scene_tables
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, Format, write_json
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.visualization.video import encode_png

_LIDAR, _CAMERA = "LIDAR_TOP", "CAM_FRONT"
_MAP: Final = "maps/none.png"
_LEVELS: Final = ("v0-40", "v40-60", "v60-80", "v80-100")


def write_nuscenes(folder: Path, export: Export) -> list[str]:
    """Write the tables."""
    frames = scene_tables.placed(export)
    tables = scene_tables.description_tables(export, frames, _MAP)
    tables |= scene_tables.sensor_tables(export, frames, (_LIDAR, _CAMERA))
    tables["sample_data"] = scene_tables.sample_data(
        export, frames, (_LIDAR, _CAMERA), (_scan, _image)
    )
    tables |= scene_tables.instances_and_annotations(export, frames)
    tables["visibility"] = [
        {"token": str(number), "level": level, "description": "Not used: nobody judged it."}
        for number, level in enumerate(_LEVELS, 1)
    ]
    for name, rows in tables.items():
        write_json(folder / f"v1.0-{export.name}" / f"{name}.json", rows)
    # The devkit opens the map of every log: one pixel that says nothing.
    path = folder / _MAP
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_png(np.zeros((1, 1, 3), np.uint8)))
    return scene_tables.unplaced_note(export)


def read_nuscenes(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the tables of the one version in a folder."""
    versions = sorted(path for path in folder.glob("v1.0-*") if path.is_dir())
    return scene_tables.read_tables((versions or [folder])[0], index, _LIDAR)


def _scan(export: Export, index: int) -> str:
    return f"samples/{_LIDAR}/{export.name}__{_LIDAR}__{index:06d}.pcd.bin"


def _image(export: Export, index: int) -> str:
    return f"samples/{_CAMERA}/{export.name}__{_CAMERA}__{index:06d}.png"


FORMAT: Final = Format(write=write_nuscenes, read=read_nuscenes, scan=_scan, image=_image)
