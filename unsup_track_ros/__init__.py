# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label-free 3-D detection, tracking and occupancy mapping from camera, LiDAR and TF."""

from pkgutil import extend_path

# The colcon build generates `unsup_track_ros.msg` into the install tree. Extending the path lets
# the source checkout and the generated package resolve together (docs/decisions/0001).
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
