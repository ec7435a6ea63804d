# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""KITTI raw tracklets (XML of boost serialization), as CVAT and other tools import them.

A tracklet has one size and no gap. So a track that is not there in some frames becomes several
tracklets, and one whose size changes (causal labels) gets its median size. Ids are lost: tracklets
have none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, truth_of
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.truth import FrameTruth

_LABELED: Final = 2  # pose state: neither unset nor interpolated
_UNKNOWN: Final = -1  # occlusion and truncation


def write_tracklets(path: Path, export: Export) -> None:
    """Write all tracks; poses are those of the bottom centre in velo, frame by frame."""
    tracklets = list(_tracklets(export))
    root = ET.Element("boost_serialization", signature="serialization::archive", version="9")
    listing = ET.SubElement(root, "tracklets", class_id="0", tracking_level="0", version="0")
    _add(listing, "count", len(tracklets))
    _add(listing, "item_version", 1)
    for number, (first, boxes_velo) in enumerate(tracklets):
        item = ET.SubElement(listing, "item")
        if number == 0:  # as boost does: a class is introduced where it comes first
            item.attrib.update({"class_id": "1", "tracking_level": "0", "version": "1"})
        _add(item, "objectType", export.class_name)
        length, width, height = np.median(boxes_velo[:, 3:6], axis=0)
        for name, value in (("h", height), ("w", width), ("l", length)):
            _add(item, name, _number(value))
        _add(item, "first_frame", first)
        _add_poses(item, boxes_velo, introduced=number == 0)
        _add(item, "finished", 1)
    ET.indent(root, " ")
    path.parent.mkdir(parents=True, exist_ok=True)
    header = '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n'
    doctype = "<!DOCTYPE boost_serialization>\n"
    path.write_text(header + doctype + ET.tostring(root, encoding="unicode") + "\n")


def read_tracklets(path: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read tracklets; each counts as an object of its own.

    Raises:
        DataError: The file is missing or damaged.
    """
    frames: list[list[tuple[int, str, list[float]]]] = [[] for _ in index.stamps_ns]
    try:
        # The file is one that this program wrote or that the user chose to score against.
        items = ET.parse(path).getroot().findall("tracklets/item")
        for number, item in enumerate(items):
            length, width, height = (float(_text(item, name)) for name in ("l", "w", "h"))
            first, kind = int(_text(item, "first_frame")), _text(item, "objectType")
            for step, pose in enumerate(item.findall("poses/item")):
                x, y, z, yaw = (float(_text(pose, name)) for name in ("tx", "ty", "tz", "rz"))
                box_velo = [x, y, z + height / 2, length, width, height, yaw]
                frames[first + step].append((number, kind, box_velo))
    except (OSError, ET.ParseError, ValueError, IndexError) as error:
        raise DataError(f"{path} is no file of tracklets of this drive ({error}).") from error
    return [truth_of(ns, rows) for ns, rows in zip(index.stamps_ns.values(), frames, strict=True)]


def _tracklets(export: Export) -> Iterator[tuple[int, Float64[np.ndarray, "F 7"]]]:
    """Return (first frame, box per frame) of every stretch of every track, by id, then time."""
    rows = [
        (track_id, number, box)
        for number, frame in enumerate(export.frames)
        for track_id, box in zip(frame.ids.tolist(), frame.boxes_velo, strict=True)
    ]
    rows.sort(key=lambda row: row[:2])
    stretch: list[np.ndarray] = []
    for at, (track_id, number, box) in enumerate(rows):
        stretch.append(box)
        following = rows[at + 1][:2] if at + 1 < len(rows) else None
        if following != (track_id, number + 1):
            yield number + 1 - len(stretch), np.stack(stretch)
            stretch = []


def _add_poses(item: ET.Element, boxes_velo: Float64[np.ndarray, "F 7"], introduced: bool) -> None:
    poses = ET.SubElement(item, "poses")
    if introduced:
        poses.attrib.update({"class_id": "2", "tracking_level": "0", "version": "0"})
    _add(poses, "count", len(boxes_velo))
    _add(poses, "item_version", 2)
    height = float(np.median(boxes_velo[:, 5]))
    for number, box in enumerate(boxes_velo):
        pose = ET.SubElement(poses, "item")
        if introduced and number == 0:
            pose.attrib.update({"class_id": "3", "tracking_level": "0", "version": "2"})
        place = {"tx": box[0], "ty": box[1], "tz": box[2] - height / 2}
        for name, value in (place | {"rx": 0.0, "ry": 0.0, "rz": box[6]}).items():
            _add(pose, name, _number(value))
        _add(pose, "state", _LABELED)
        for name in ("occlusion", "occlusion_kf", "truncation", "amt_occlusion"):
            _add(pose, name, _UNKNOWN)
        for name in ("amt_occlusion_kf", "amt_border_l", "amt_border_r", "amt_border_kf"):
            _add(pose, name, _UNKNOWN)


def _add(parent: ET.Element, name: str, value: object) -> None:
    ET.SubElement(parent, name).text = str(value)


def _number(value: float) -> str:
    return f"{value:.6f}"


def _text(item: ET.Element, name: str) -> str:
    text = item.findtext(name)
    if text is None:
        raise ValueError(f"an item has no {name}")
    return text.strip()
