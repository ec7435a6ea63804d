# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TrackOcc: camera-only panoptic occupancy with identities over time."""

from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.model import TrackOcc
from unsup_track_ros.networks.trackocc.volume import SeenVolumes

__all__ = ["SeenVolumes", "TrackOcc", "TrackOccConfig"]
