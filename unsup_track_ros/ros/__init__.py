# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 side: messages, parameters and nodes; the only package that imports ROS."""
