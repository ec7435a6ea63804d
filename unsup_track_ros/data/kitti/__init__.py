# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""KITTI raw drives: conversion to a recording, and their human labels for scoring."""

from __future__ import annotations

from unsup_track_ros.data.kitti.calibration import KittiCalibration, read_calibration
from unsup_track_ros.data.kitti.conversion import ConversionSummary, convert_drive
from unsup_track_ros.data.kitti.drive import KittiDrive, open_drive
from unsup_track_ros.data.kitti.labels import read_drive_labels, read_kitti_labels

__all__ = [
    "ConversionSummary",
    "KittiCalibration",
    "KittiDrive",
    "convert_drive",
    "open_drive",
    "read_calibration",
    "read_drive_labels",
    "read_kitti_labels",
]
