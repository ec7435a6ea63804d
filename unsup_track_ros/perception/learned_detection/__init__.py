# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Detection by the networks of EM: boxes of the bird's-eye-view network alone, or an ensemble."""

from __future__ import annotations

from unsup_track_ros.perception.learned_detection.detector import (
    LearnedDetectionConfig,
    LearnedDetector,
)

__all__ = ["LearnedDetectionConfig", "LearnedDetector"]
