# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Structures to ROS messages and back: nothing else knows the layout of a message."""
