# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SILOT: label-free discovery and tracking of many objects by a structured autoencoder."""

from unsup_track_ros.networks.silot.config import SilotConfig, SilotInferenceConfig
from unsup_track_ros.networks.silot.model import FrameOutcome, Noise, Schedule, Silot
from unsup_track_ros.networks.silot.objects import Objects

__all__ = [
    "FrameOutcome",
    "Noise",
    "Objects",
    "Schedule",
    "Silot",
    "SilotConfig",
    "SilotInferenceConfig",
]
