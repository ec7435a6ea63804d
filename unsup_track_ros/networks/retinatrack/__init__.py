# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack: joint detection and tracking in images by per-anchor embeddings."""

from unsup_track_ros.networks.retinatrack.config import RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.model import RetinaTrack, RetinaTrackOutput

__all__ = ["RetinaTrack", "RetinaTrackConfig", "RetinaTrackOutput"]
