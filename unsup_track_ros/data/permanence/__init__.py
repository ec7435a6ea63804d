# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A table-top world where things hide: behind others, under cones, and carried along in them."""

from unsup_track_ros.data.permanence.videos import (
    PermanenceConfig,
    PermanenceVideos,
    State,
    permanence_videos,
)

__all__ = ["PermanenceConfig", "PermanenceVideos", "State", "permanence_videos"]
