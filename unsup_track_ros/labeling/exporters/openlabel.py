# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ASAM OpenLABEL 1.0.0: one JSON file with cuboids in velo, image boxes, poses and provenance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import (
    from_quaternion,
    inverse,
    quaternion_xyzw,
    rigid,
    rotation_about_z,
    yaw_rad,
)
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.exporters.contract import (
    Export,
    ExportIndex,
    Format,
    read_json,
    write_json,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.truth import FrameTruth

_FILE: Final = "openlabel.json"
_NS_PER_S: Final = 1_000_000_000
_ODOM, _VELO, _CAMERA, _LIDAR = "odom", "velo", "camera", "lidar"


def write_openlabel(folder: Path, export: Export) -> list[str]:
    """Write the file."""
    first = next((frame for frame in export.frames if frame.camera is not None), None)
    present: dict[int, list[int]] = {}
    for frame in export.frames:
        for track_id in frame.ids.tolist():
            present.setdefault(track_id, []).append(frame.index)
    content = {
        "metadata": {
            "schema_version": "1.0.0",
            "name": export.name,
            "annotator": export.model,
            "comment": "Made by a program, without human labels.",
        },
        "coordinate_systems": _coordinate_systems(first),
        "streams": _streams(export, first),
        "objects": {
            str(track_id): {
                "name": f"{export.class_name} {track_id}",
                "type": export.class_name,
                "frame_intervals": _intervals(indices),
            }
            for track_id, indices in sorted(present.items())
        },
        "frame_intervals": _intervals([frame.index for frame in export.frames]),
        "frames": {str(frame.index): _frame(frame, export) for frame in export.frames},
    }
    write_json(folder / _FILE, {"openlabel": content})
    return []


def read_openlabel(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read cuboids, ids, velocities and what moves; nothing but a cuboid is demanded."""
    path = folder / _FILE
    content = read_json(path)
    try:
        content = content["openlabel"]
        types = {uid: str(each["type"]) for uid, each in content["objects"].items()}
        return [
            _truth(frame, index.stamp_ns(int(number), path), types)
            for number, frame in content["frames"].items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not an OpenLABEL file with cuboids: {error!r}.") from error


def _frame(frame: AnnotatedFrame, export: Export) -> dict[str, Any]:
    seconds, nanoseconds = divmod(frame.stamp_ns, _NS_PER_S)
    properties: dict[str, Any] = {"timestamp": f"{seconds}.{nanoseconds:09d}", "transforms": {}}
    if frame.odom_T_velo is not None:
        properties["transforms"]["velo_to_odom"] = {
            "src": _VELO,
            "dst": _ODOM,
            "transform_src_to_dst": {"matrix4x4": _flat(frame.odom_T_velo)},
        }
    properties["streams"] = _files(frame, export)
    objects = {
        str(track_id): {"object_data": _object_data(frame, row)}
        for row, track_id in enumerate(frame.ids.tolist())
    }
    return {"frame_properties": properties, "objects": objects}


def _files(frame: AnnotatedFrame, export: Export) -> dict[str, Any]:
    streams = {_LIDAR: {"uri": _scan(export, frame.index)}}
    if frame.camera is not None:
        streams[_CAMERA] = {"uri": _image(export, frame.index)}
    return streams


def _object_data(frame: AnnotatedFrame, row: int) -> dict[str, Any]:
    box = frame.boxes_velo[row]
    pose = rigid(rotation_about_z(float(box[6])), box[:3])
    values = [*_flat(box[:3]), *_flat(quaternion_xyzw(pose)), *_flat(box[3:6])]
    data: dict[str, Any] = {
        "cuboid": [{"name": "box", "coordinate_system": _VELO, "val": values}],
        "num": [
            {"name": "score", "val": float(frame.scores[row])},
            {"name": "existence", "val": float(frame.existence[row])},
            {"name": "position_std_m", "val": float(frame.position_std_m[row])},
            {"name": "num_points", "val": int(frame.num_points[row])},
        ],
        "boolean": [
            {"name": "moving", "val": bool(frame.moving[row])},
            {"name": "seen", "val": bool(frame.seen[row])},
        ],
        "vec": [{"name": "velocity_odom_mps", "val": _flat(frame.velocities_odom[row])}],
    }
    if frame.in_image[row]:
        left, top, right, bottom = _flat(frame.boxes_pix[row])
        centre = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        data["bbox"] = [{"name": "image", "coordinate_system": _CAMERA, "val": centre}]
    return data


def _coordinate_systems(first: AnnotatedFrame | None) -> dict[str, Any]:
    systems: dict[str, Any] = {
        _ODOM: {"type": "scene_cs", "parent": "", "children": [_VELO]},
        _VELO: {"type": "sensor_cs", "parent": _ODOM, "children": []},
    }
    if first is not None and first.cam_T_velo is not None:
        systems[_VELO]["children"] = [_CAMERA]
        systems[_CAMERA] = {
            "type": "sensor_cs",
            "parent": _VELO,
            "children": [],
            "pose_wrt_parent": {"matrix4x4": _flat(inverse(first.cam_T_velo))},
        }
    return systems


def _streams(export: Export, first: AnnotatedFrame | None) -> dict[str, Any]:
    streams: dict[str, Any] = {_LIDAR: {"type": "lidar", "description": f"Scans of {export.name}"}}
    if first is not None and first.camera is not None:
        camera = first.camera
        streams[_CAMERA] = {
            "type": "camera",
            "description": f"First camera of {export.name}, rectified",
            "stream_properties": {
                "intrinsics_pinhole": {
                    "width_px": camera.width_px,
                    "height_px": camera.height_px,
                    "camera_matrix": _flat(np.hstack([camera.pix_T_cam, np.zeros((3, 1))])),
                    "distortion_coeffs": [0.0] * 5,
                }
            },
        }
    return streams


def _intervals(indices: Sequence[int]) -> list[dict[str, int]]:
    """Return the runs of consecutive numbers."""
    intervals: list[dict[str, int]] = []
    for index in indices:
        if intervals and intervals[-1]["frame_end"] == index - 1:
            intervals[-1]["frame_end"] = index
        else:
            intervals.append({"frame_start": index, "frame_end": index})
    return intervals


def _truth(frame: dict[str, Any], stamp_ns: int, types: dict[str, str]) -> FrameTruth:
    objects = frame.get("objects", {})
    boxes = [_box(each["object_data"]["cuboid"][0]["val"]) for each in objects.values()]
    moving = [_named(each["object_data"].get("boolean", ()), "moving") for each in objects.values()]
    transform = frame.get("frame_properties", {}).get("transforms", {}).get("velo_to_odom")
    pose = None
    if transform is not None:
        matrix = transform["transform_src_to_dst"]["matrix4x4"]
        pose = np.array(matrix, np.float64).reshape(4, 4)
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=np.array([int(uid) for uid in objects], np.int64),
        classes=tuple(types[uid] for uid in objects),
        boxes_velo=np.array(boxes, np.float64).reshape(len(objects), 7),
        moving=None if None in moving else np.array(moving, bool),
        odom_T_velo=pose,
    )


def _box(values: Sequence[float]) -> list[float]:
    if len(values) != 10:
        raise ValueError(f"a cuboid needs 10 values (with a quaternion), got {len(values)}")
    turn = from_quaternion(np.array(values[3:7], np.float64), np.zeros(3))
    return [*values[:3], *values[7:10], yaw_rad(turn)]


def _named(values: Iterable[dict[str, Any]], name: str) -> Any:  # noqa: ANN401 - a JSON value
    return next((each["val"] for each in values if each.get("name") == name), None)


def _flat(values: Float64[np.ndarray, "*A"]) -> list[float]:
    return [float(value) for value in np.asarray(values).ravel()]


def _scan(_: Export, index: int) -> str:
    return f"lidar/{index:06d}.pcd"


def _image(_: Export, index: int) -> str:
    return f"camera/{index:06d}.png"


FORMAT: Final = Format(write=write_openlabel, read=read_openlabel, scan=_scan, image=_image)
