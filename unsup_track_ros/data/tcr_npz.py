# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Snippets of Track, Check, Repeat (`.npz`, SPECS 0.1) to a rosbag2 recording and its truth.

A snippet is two consecutive frames of KITTI tracking. Once it is a recording, everything works on
it: `label`, `em`, `evaluate`. Snippets carry no time: the frames of one are 0.1 s apart, the next
snippet comes ten seconds later, which starts a new stream. Human boxes go beside the recording as
truth, for scoring only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.truth import truth_folder, write_frame_truth
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.truth import FrameTruth

POINTS_TOPIC: Final = "/tcr/points"
IMAGE_TOPIC: Final = "/tcr/image_rect"
CAMERA_INFO_TOPIC: Final = "/tcr/camera_info"
VELO_FRAME, CAMERA_FRAME, BASE_FRAME = "velo_link", "camera", "base_link"
_MEMBERS: Final = (
    "rgb_camXs", "xyz_veloXs", "cam_T_velos", "rect_T_cams", "pix_T_rects", "boxlists", "tidlists",
    "clslists", "scorelists",
)  # fmt: skip
_FIRST_NS: Final = 1_000_000_000
_SNIPPET_NS: Final = 10_000_000_000
_FRAME_NS: Final = 100_000_000
_LIDAR_HEIGHT_M: Final = 1.73  # of the KITTI car


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetSummary:
    """What was written.

    Attributes:
        num_snippets: Snippets.
        num_scans: Their frames.
        num_boxes: Human boxes in the truth.
    """

    num_snippets: int
    num_scans: int
    num_boxes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SnippetFrame:
    stamp_ns: int
    image_rgb: np.ndarray
    points_velo: np.ndarray
    camera: PinholeCamera
    cam_T_velo: Float64[np.ndarray, "4 4"]
    truth: FrameTruth


def convert_snippets(
    folder: Path,
    out: Path,
    *,
    overwrite: bool = False,
    first_frames_only: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SnippetSummary:
    """Write a folder of snippets as a recording, with the human boxes as truth beside it.

    Args:
        folder: Folder of `.npz` files, converted in the order of their names.
        out: Recording to write, a file `*.mcap`.
        overwrite: Replace an existing recording.
        first_frames_only: Truth of the first frame of each snippet only, as TCR scores (SPECS
            0.11); else of both.
        progress: Called with the number of snippets written so far and in all.

    Raises:
        DataError: There are no snippets, or one lacks a member or has it in another shape.
    """
    files = sorted(Path(folder).glob("*.npz"))
    if not files:
        raise DataError(f"There are no .npz files in '{folder}'. Give a folder of TCR's snippets.")
    num_scans = num_boxes = 0
    with BagWriter(Path(out), overwrite=overwrite) as writer:
        base_T_velo = se3.rigid(np.eye(3), np.array([0.0, 0.0, _LIDAR_HEIGHT_M]))
        writer.write_transform(BASE_FRAME, VELO_FRAME, _FIRST_NS, base_T_velo, static=True)
        for number, file in enumerate(files):
            for place, frame in enumerate(_frames_of(file, _FIRST_NS + number * _SNIPPET_NS)):
                if number == place == 0:
                    velo_T_cam = se3.inverse(frame.cam_T_velo)
                    writer.write_transform(
                        VELO_FRAME, CAMERA_FRAME, _FIRST_NS, velo_T_cam, static=True
                    )
                _write(writer, frame)
                if place == 0 or not first_frames_only:
                    write_frame_truth(truth_folder(Path(out)), frame.truth)
                    num_boxes += len(frame.truth.ids)
                num_scans += 1
            if progress is not None:
                progress(number + 1, len(files))
    return SnippetSummary(num_snippets=len(files), num_scans=num_scans, num_boxes=num_boxes)


def recording_of(
    path: Path,
    folder: Path,
    *,
    first_frames_only: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Return a recording as it is, or the one made of a folder of snippets, made where it is not.

    Args:
        path: Recording, or folder of `.npz` files.
        folder: Where recordings of snippets are kept.
        first_frames_only: As of `convert_snippets`.
        progress: As of `convert_snippets`.

    Raises:
        DataError: As of `convert_snippets`.
    """
    if not (path.is_dir() and any(path.glob("*.npz"))):
        return path
    out = folder / f"{path.resolve().name}.mcap"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        convert_snippets(path, out, first_frames_only=first_frames_only, progress=progress)
    return out


def _write(writer: BagWriter, frame: _SnippetFrame) -> None:
    stamp_ns = frame.stamp_ns
    writer.write_camera_info(CAMERA_INFO_TOPIC, CAMERA_FRAME, stamp_ns, frame.camera)
    writer.write_image(IMAGE_TOPIC, CAMERA_FRAME, stamp_ns, frame.image_rgb)
    cloud = PointCloud(points_velo=frame.points_velo)
    writer.write_cloud(POINTS_TOPIC, VELO_FRAME, stamp_ns, cloud)


def _frames_of(file: Path, first_ns: int) -> Iterator[_SnippetFrame]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            members = {name: archive[name] for name in _MEMBERS if name in archive}
    except (OSError, ValueError) as error:
        raise DataError(
            f"'{file}' cannot be read ({error}); it is no snippet or damaged."
        ) from error
    missing = [name for name in _MEMBERS if name not in members]
    if missing:
        raise DataError(
            f"The snippet '{file}' lacks {', '.join(missing)}; expected the members "
            f"{', '.join(_MEMBERS)}."
        )
    _check_shapes(file, members)
    for place in range(len(members["rgb_camXs"])):
        yield _frame(members, place, first_ns + place * _FRAME_NS)


def _check_shapes(file: Path, members: dict[str, np.ndarray]) -> None:
    num = len(members["rgb_camXs"])
    ends = {
        "rgb_camXs": (3,), "xyz_veloXs": (3,), "cam_T_velos": (4, 4), "rect_T_cams": (4, 4),
        "pix_T_rects": (4, 4), "boxlists": (9,),
    }  # fmt: skip
    for name, end in ends.items():
        shape = members[name].shape
        if len(shape) < 1 + len(end) or shape[0] != num or shape[-len(end) :] != end:
            wanted = f"({num}, ..., {', '.join(map(str, end))})"
            raise DataError(f"'{name}' of '{file}' must have the shape {wanted}, got {shape}.")


def _frame(members: dict[str, np.ndarray], place: int, stamp_ns: int) -> _SnippetFrame:
    image_rgb = np.ascontiguousarray(members["rgb_camXs"][place], np.uint8)
    pix_T_rect = members["pix_T_rects"][place].astype(np.float64)
    rect_T_velo = members["rect_T_cams"][place].astype(np.float64) @ members["cam_T_velos"][
        place
    ].astype(np.float64)
    intrinsics = pix_T_rect[:3, :3]
    # The colour camera's displacement is in the fourth column; it belongs to the pose, so that the
    # camera is a pure pinhole.
    displacement = np.linalg.solve(intrinsics, pix_T_rect[:3, 3])
    shifted_T_rect = se3.rigid(np.eye(3), displacement)
    points_velo = members["xyz_veloXs"][place].astype(np.float32)
    kept = np.isfinite(points_velo).all(axis=1) & (points_velo != 0).any(axis=1)
    return _SnippetFrame(
        stamp_ns=stamp_ns,
        image_rgb=image_rgb,
        points_velo=points_velo[kept],
        camera=PinholeCamera(
            width_px=image_rgb.shape[1], height_px=image_rgb.shape[0], pix_T_cam=intrinsics
        ),
        cam_T_velo=shifted_T_rect @ rect_T_velo,  # frames: the shifted rect is this camera's cam
        truth=_truth(members, place, stamp_ns, se3.inverse(rect_T_velo)),
    )


def _truth(
    members: dict[str, np.ndarray],
    place: int,
    stamp_ns: int,
    velo_T_rect: Float64[np.ndarray, "4 4"],
) -> FrameTruth:
    """Return the valid boxes in velo: lengths are (width, height, length), forward is +z."""
    valid = members["scorelists"][place] > 0
    boxes = members["boxlists"][place][valid].astype(np.float64)
    classes = members["clslists"][place][valid]
    forward_rect = _forward_rect(boxes[:, 6:])
    forward = forward_rect @ velo_T_rect[:3, :3].T
    width_m, height_m, length_m = boxes[:, 3:6].T
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=members["tidlists"][place][valid].astype(np.int64),
        classes=tuple(f"class {number}" for number in classes.tolist()),
        boxes_velo=np.column_stack(
            [
                se3.transform(velo_T_rect, boxes[:, :3]),
                length_m,
                width_m,
                height_m,
                np.arctan2(forward[:, 1], forward[:, 0]),
            ]
        ),
    )


def _forward_rect(euler_rad: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, "N 3"]:
    """Return R z for R = Rz Ry Rx."""
    rx, ry, rz = euler_rad.T
    x, y, z = np.cos(rx) * np.sin(ry), -np.sin(rx), np.cos(rx) * np.cos(ry)
    return np.stack([np.cos(rz) * x - np.sin(rz) * y, np.sin(rz) * x + np.cos(rz) * y, z], axis=1)
