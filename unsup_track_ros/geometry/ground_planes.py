# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Height over the ground by Patchwork++ (Lee et al., 2022): planes in rings and sectors.

The optional package pypatchworkpp does the work. Its adaptive thresholds live on from scan to scan
and cannot be stored, so that a resumed run would differ: every scan gets an estimator of its own.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry.ground import ground_height, height_above_ground, lowest_heights
from unsup_track_ros.shapes import Float32


def check_available() -> None:
    """Refuse where the package is not installed.

    Raises:
        ConfigError: pypatchworkpp cannot be imported.
    """
    if importlib.util.find_spec("pypatchworkpp") is None:
        raise ConfigError(
            "Ground by Patchwork++ needs the package pypatchworkpp. Install it with "
            "pip install 'unsup_track_ros[ground]', or set the ground method to lowest."
        )


def height_above_planes(
    points_level: Float32[np.ndarray, "P 3"], sensor_height_m: float
) -> Float32[np.ndarray, " P"]:
    """Return each point's height over the fitted ground, over the lowest return where none is.

    Args:
        points_level: The scan in a level frame; z is up.
        sensor_height_m: Height of the sensor over the origin of that frame.
    """
    import pypatchworkpp

    height_m = height_above_ground(points_level)
    if len(points_level) == 0:
        return height_m
    parameters = pypatchworkpp.Parameters()
    parameters.verbose = False
    parameters.enable_RNR = False  # needs the intensity's scale
    parameters.sensor_height = max(sensor_height_m, 0.1)
    estimator = pypatchworkpp.patchworkpp(parameters)
    seen_from_sensor = points_level - np.array([0.0, 0.0, sensor_height_m], np.float32)
    estimator.estimateGround(seen_from_sensor)
    ground = points_level[np.asarray(estimator.getGroundIndices())]
    if len(ground) == 0:
        return height_m
    below_m = points_level[:, 2] - ground_height(lowest_heights(ground), points_level)
    return np.where(np.isfinite(below_m), below_m, height_m).astype(np.float32)
