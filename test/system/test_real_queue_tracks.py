# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline on a real rolling queue (KITTI raw 0052): who moves is tracked, and nobody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.data.kitti import convert_drive
from unsup_track_ros.data.kitti.labels import read_drive_labels
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.structures.tracks import TrackState

LABELLED_FRAME = 14
TRUCK_VELO, CAR_VELO = (7.0, -3.9), (9.1, -0.3)


@pytest.mark.system
def test_truck_and_car_ahead_are_tracked_with_their_speeds_and_nobody_who_stands(
    shared_data: Path, tmp_path: Path
) -> None:
    drive = shared_data / "kitti_raw_0052"
    convert_drive(drive, tmp_path / "queue.mcap")
    pipeline = Pipeline(PipelineConfig(), torch.device("cpu"))
    with Recording(tmp_path / "queue.mcap") as recording:
        for frame in recording:
            result = pipeline.step(frame)
            if frame.index == LABELLED_FRAME:
                break
    assert result.egomotion.odom_T_velo1 is not None
    velo_T_odom = se3.inverse(result.egomotion.odom_T_velo1)
    tracks = result.tracks
    boxes_velo = se3.transform_boxes(velo_T_odom, tracks.boxes_odom)
    # What people labelled: ahead, and no farther than where things hide each other.
    kept = (tracks.states != TrackState.TENTATIVE) & (boxes_velo[:, 0] > 0)
    kept &= (boxes_velo[:, 0] < 15) & (np.abs(boxes_velo[:, 1]) < 10)
    boxes, speed = boxes_velo[kept], np.hypot(*tracks.velocities_odom[kept, :2].T)
    assert len(boxes) == 2
    truth = read_drive_labels(drive)[1].boxes_velo
    wanted = [np.argmin(np.hypot(*(truth[:, :2] - at).T)) for at in (TRUCK_VELO, CAR_VELO)]
    iou = bev_iou(boxes, truth[wanted])
    truck, car = np.argmax(iou, axis=0)
    assert iou[truck, 0] > 0.5
    assert iou[car, 1] > 0.5
    assert speed[truck] == pytest.approx(3.5, abs=0.6)
    assert speed[car] == pytest.approx(1.3, abs=0.6)
