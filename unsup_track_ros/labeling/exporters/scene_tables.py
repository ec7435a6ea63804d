# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The relational tables that nuScenes defined and T4 took over: one scene, a sample per frame.

Poses and boxes are global, and global is odom here: frames without a pose cannot be said and are
left out. Tokens are hashes of what they name, so that equal labels give equal files.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
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
    transform_boxes,
    yaw_rad,
)
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, read_json
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.truth import FrameTruth

Row = dict[str, Any]
Tables = dict[str, list[Row]]

_NS_PER_US: Final = 1000
_NS_PER_S: Final = 1e9
# Tables that a truth is read from.
_READ: Final = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "sample",
    "sample_annotation", "sample_data", "sensor",
)  # fmt: skip
MOVING, STANDING = "moving", "standing"


def token(*named: object) -> str:
    """Return the 32 digits that stand for something."""
    return hashlib.md5("/".join(map(str, named)).encode(), usedforsecurity=False).hexdigest()


def placed(export: Export) -> list[AnnotatedFrame]:
    """Return the frames with a pose.

    Raises:
        DataError: There is none.
    """
    frames = [frame for frame in export.frames if frame.odom_T_velo is not None]
    if not frames:
        raise DataError(
            "These labels have no pose, so they cannot be placed in a common frame. Label with "
            "another --egomotion."
        )
    return frames


def unplaced_note(export: Export) -> list[str]:
    """Say how many frames are left out."""
    missing = len(export.frames) - len(placed(export))
    return [f"{missing} frames without a pose are left out."] if missing else []


def description_tables(export: Export, frames: Sequence[AnnotatedFrame], map_file: str) -> Tables:
    """Return log, map, scene, sample, category and attribute."""
    name = export.name
    log, scene = token("log", name), token("scene", name)
    start = datetime.datetime.fromtimestamp(frames[0].stamp_ns / _NS_PER_S, datetime.timezone.utc)
    samples = [token("sample", name, frame.index) for frame in frames]
    return {
        "log": [
            {
                "token": log,
                "logfile": Path(export.manifest.recording_path).name,
                "vehicle": "",
                "date_captured": start.strftime("%Y-%m-%d"),
                "location": "",
            }
        ],
        "map": [
            {
                "token": token("map", name),
                "log_tokens": [log],
                "category": "semantic_prior",
                "filename": map_file,
            }
        ],
        "scene": [
            {
                "token": scene,
                "name": name,
                "description": export.model,
                "log_token": log,
                "nbr_samples": len(samples),
                "first_sample_token": samples[0],
                "last_sample_token": samples[-1],
            }
        ],
        "sample": linked(
            [
                {"token": own, "timestamp": _us(frame), "scene_token": scene}
                for own, frame in zip(samples, frames, strict=True)
            ]
        ),
        **_class_tables(export),
    }


def sensor_tables(
    export: Export, frames: Sequence[AnnotatedFrame], channels: tuple[str, str]
) -> Tables:
    """Return sensor, calibrated_sensor and ego_pose.

    Args:
        export: What is exported.
        frames: Frames with a pose.
        channels: Names of the LiDAR and of the camera.
    """
    lidar, camera = channels
    first = next((frame for frame in frames if frame.camera is not None), None)
    sensors: Tables = {
        "sensor": [{"token": token("sensor", lidar), "channel": lidar, "modality": "lidar"}],
        "calibrated_sensor": [_calibrated(lidar, frames[0].base_T_velo, [])],
    }
    if first is not None and first.camera is not None and first.cam_T_velo is not None:
        row = {"token": token("sensor", camera), "channel": camera, "modality": "camera"}
        sensors["sensor"].append(row)
        base_T_cam = first.base_T_velo @ inverse(first.cam_T_velo)
        intrinsic = first.camera.pix_T_cam.tolist()
        sensors["calibrated_sensor"].append(_calibrated(camera, base_T_cam, intrinsic))
    sensors["ego_pose"] = [
        {
            "token": token("ego_pose", export.name, frame.index),
            "timestamp": _us(frame),
            **_placement(_pose(frame) @ inverse(frame.base_T_velo)),
        }
        for frame in frames
    ]
    return sensors


def sample_data(
    export: Export,
    frames: Sequence[AnnotatedFrame],
    channels: tuple[str, str],
    files: tuple[Callable[[Export, int], str], Callable[[Export, int], str]],
) -> list[Row]:
    """Return the scan and, where there is one, the image of every frame."""
    scans = [_data(export, frame, channels[0], files[0]) for frame in frames]
    images = [
        _data(export, frame, channels[1], files[1]) for frame in frames if frame.camera is not None
    ]
    return linked(scans) + linked(images)


def instances_and_annotations(export: Export, frames: Sequence[AnnotatedFrame]) -> Tables:
    """Return instance and sample_annotation, in the order of the ids and of the frames."""
    rows_of: dict[int, list[Row]] = {}
    for frame in frames:
        for row, track_id in enumerate(frame.ids.tolist()):
            annotation = _annotation(export, frame, row, track_id)
            rows_of.setdefault(track_id, []).append(annotation)
    instances, annotations = [], []
    for track_id, rows in sorted(rows_of.items()):
        annotations += linked(rows)
        instances.append(
            {
                "token": token("instance", export.name, track_id),
                "category_token": token("category", export.class_name),
                "instance_name": f"{export.name}::{track_id}",
                "nbr_annotations": len(rows),
                "first_annotation_token": rows[0]["token"],
                "last_annotation_token": rows[-1]["token"],
            }
        )
    return {"instance": instances, "sample_annotation": annotations}


def linked(rows: list[Row]) -> list[Row]:
    """Give rows of one thing their neighbours in time."""
    tokens = ["", *(row["token"] for row in rows), ""]
    for row, before, after in zip(rows, tokens, tokens[2:], strict=False):
        row |= {"prev": before, "next": after}
    return rows


def read_tables(folder: Path, index: ExportIndex, channel: str) -> list[FrameTruth]:
    """Read boxes, ids, what moves and the points on it from the tables in a folder."""
    try:
        tables = {
            name: {row["token"]: row for row in read_json(folder / f"{name}.json")}
            for name in _READ
        }
        poses = _sensor_poses(tables, channel)
        rows_of: dict[str, list[Row]] = {sample: [] for sample in tables["sample"]}
        for row in tables["sample_annotation"].values():
            rows_of[row["sample_token"]].append(row)
        stamps_ns = {stamp_ns // _NS_PER_US: stamp_ns for stamp_ns in index.stamps_ns.values()}
        return [
            _truth(tables, rows, poses[sample], stamps_ns[tables["sample"][sample]["timestamp"]])
            for sample, rows in rows_of.items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The tables in {folder} do not fit each other: {error!r}.") from error


def _sensor_poses(
    tables: dict[str, dict[str, Row]], channel: str
) -> dict[str, Float64[np.ndarray, "4 4"]]:
    """Return odom_T_velo by sample."""
    poses = {}
    for data in tables["sample_data"].values():
        calibrated = tables["calibrated_sensor"][data["calibrated_sensor_token"]]
        if tables["sensor"][calibrated["sensor_token"]]["channel"] == channel:
            odom_T_base = _matrix(tables["ego_pose"][data["ego_pose_token"]])
            poses[data["sample_token"]] = odom_T_base @ _matrix(calibrated)
    return poses


def _truth(
    tables: dict[str, dict[str, Row]],
    rows: list[Row],
    odom_T_velo: Float64[np.ndarray, "4 4"],
    stamp_ns: int,
) -> FrameTruth:
    instances = [tables["instance"][row["instance_token"]] for row in rows]
    attributes = [
        [tables["attribute"][each]["name"] for each in row["attribute_tokens"]] for row in rows
    ]
    boxes_odom = np.zeros((len(rows), 7))
    for at, row in enumerate(rows):
        width, length, height = row["size"]
        boxes_odom[at] = [*row["translation"], length, width, height, yaw_rad(_matrix(row))]
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=np.array([int(i["instance_name"].rpartition("::")[2]) for i in instances], np.int64),
        classes=tuple(tables["category"][i["category_token"]]["name"] for i in instances),
        boxes_velo=transform_boxes(inverse(odom_T_velo), boxes_odom),
        moving=np.array([MOVING in names for names in attributes], bool),
        num_points=np.array([row["num_lidar_pts"] for row in rows], np.int64),
        odom_T_velo=odom_T_velo,
    )


def _class_tables(export: Export) -> Tables:
    """Return category and attribute."""
    return {
        "category": [
            {
                "token": token("category", export.class_name),
                "name": export.class_name,
                "description": "Whatever moves by itself; found without labels.",
            }
        ],
        "attribute": [
            {
                "token": token("attribute", each),
                "name": each,
                "description": f"The object is {each}.",
            }
            for each in (MOVING, STANDING)
        ],
    }


def _annotation(export: Export, frame: AnnotatedFrame, row: int, track_id: int) -> Row:
    box = frame.boxes_odom[row]
    length, width, height = (float(side) for side in box[3:6])
    pose = rigid(rotation_about_z(float(box[6])), box[:3])
    attribute = MOVING if frame.moving[row] else STANDING
    return {
        "token": token("annotation", export.name, frame.index, track_id),
        "sample_token": token("sample", export.name, frame.index),
        "instance_token": token("instance", export.name, track_id),
        "attribute_tokens": [token("attribute", attribute)],
        "visibility_token": "",
        **_placement(pose),
        "size": [width, length, height],
        "velocity": [float(value) for value in frame.velocities_odom[row]],
        "num_lidar_pts": int(frame.num_points[row]),
        "num_radar_pts": 0,
        "score": float(frame.scores[row]),
        "existence": float(frame.existence[row]),
    }


def _calibrated(
    channel: str, base_T_sensor: Float64[np.ndarray, "4 4"], intrinsic: list[list[float]]
) -> Row:
    return {
        "token": token("calibrated_sensor", channel),
        "sensor_token": token("sensor", channel),
        **_placement(base_T_sensor),
        "camera_intrinsic": intrinsic,
    }


def _data(
    export: Export, frame: AnnotatedFrame, channel: str, file: Callable[[Export, int], str]
) -> Row:
    filename = file(export, frame.index)
    is_camera = not filename.endswith(".bin")
    camera = frame.camera if is_camera else None
    return {
        "token": token("sample_data", export.name, channel, frame.index),
        "sample_token": token("sample", export.name, frame.index),
        "ego_pose_token": token("ego_pose", export.name, frame.index),
        "calibrated_sensor_token": token("calibrated_sensor", channel),
        "filename": filename,
        "fileformat": "png" if is_camera else "pcd.bin",
        "width": 0 if camera is None else camera.width_px,
        "height": 0 if camera is None else camera.height_px,
        "timestamp": _us(frame),
        "is_key_frame": True,
    }


def _placement(a_T_b: Float64[np.ndarray, "4 4"]) -> Row:
    x, y, z, w = (float(value) for value in quaternion_xyzw(a_T_b))
    return {"translation": [float(v) for v in a_T_b[:3, 3]], "rotation": [w, x, y, z]}


def _matrix(row: Row) -> Float64[np.ndarray, "4 4"]:
    w, x, y, z = row["rotation"]
    place = np.array(row["translation"], np.float64)
    return from_quaternion(np.array([x, y, z, w], np.float64), place)


def _pose(frame: AnnotatedFrame) -> Float64[np.ndarray, "4 4"]:
    if frame.odom_T_velo is None:
        raise DataError(f"Frame {frame.index} has no pose.")
    return frame.odom_T_velo


def _us(frame: AnnotatedFrame) -> int:
    return frame.stamp_ns // _NS_PER_US
