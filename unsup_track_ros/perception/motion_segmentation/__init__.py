# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion segmentation: which points of the scan and pixels of the image move by themselves."""

from unsup_track_ros.perception.motion_segmentation.segmenter import (
    MotionSegmentationConfig,
    MotionSegmenter,
)

__all__ = ["MotionSegmentationConfig", "MotionSegmenter"]
