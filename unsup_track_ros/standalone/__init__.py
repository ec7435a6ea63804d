# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes without a ROS 2 installation: the part of rclpy and tf2_ros they use, on Cyclone DDS.

`provide_ros()` is the door; on a machine with ROS 2 it does nothing. docs/standalone.md says what
is there and what is not.
"""

from unsup_track_ros.standalone.installation import StandaloneError, provide_ros

__all__ = ["StandaloneError", "provide_ros"]
