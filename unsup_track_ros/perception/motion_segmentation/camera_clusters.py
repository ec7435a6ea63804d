# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Does the flow of a whole LiDAR cluster fit a motion over the ground better than standing still?

LiDAR cannot see a long even side slide along itself: the side of a truck that passes looks the
same in both scans, and the verdict "stands" is no evidence. Its texture in the image does move. One
velocity on the ground is fitted to the flow of all points of a cluster; noise and flow errors do
not agree on one, so a cluster moves only if the velocity explains most of what standing still
leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.motion_segmentation.projected_scan import FlowView, sample_bilinear
from unsup_track_ros.shapes import Bool, Float32, Float64, Int, Int64
from unsup_track_ros.structures.frame import SensorFrame

_OUTLIER_SIGMAS = 3.0  # Cauchy scale of the later fits: larger departures lose their weight
_ITERATIONS = 4  # Gauss-Newton: a near truck's past place is far from where standing still puts it
_MIN_DEPTH_M = 0.5  # a trial velocity may put a past place behind the camera


class CameraClusterConfig(Config):
    """Parameters of the cluster test."""

    min_points: int = parameter(30, "Fewest judged points of a cluster that is tested.", ge=3)
    min_significant_share: float = parameter(
        0.6, "Share of a moving cluster's judged points that must show motion.", ge=0, le=1
    )
    max_left_share: float = parameter(
        0.5, "Share of the squared residual that the velocity may leave.", ge=0, le=1
    )
    min_speed_mps: float = parameter(0.5, "Slower clusters count as standing.", unit="m/s", ge=0)
    min_past_share: float = parameter(
        0.7,
        "Share of a moving cluster that the oldest past scan must show where its velocity puts it.",
        ge=0,
        le=1,
    )
    prior_speed_mps: float = parameter(
        20.0,
        "Standard deviation of the velocity where the view does not show it.",
        unit="m/s",
        gt=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowSample:
    """Judged points of the projected scan, as the cluster test needs them.

    Attributes:
        row: (J,) their row in the projected scan.
        cluster: (J,) their cluster, 0 for none.
        sigma_px: (J,) standard deviation of their residual.
        significant: (J,) their residual alone shows motion.
    """

    row: Int64[np.ndarray, " J"]
    cluster: Int[np.ndarray, " J"]
    sigma_px: Float32[np.ndarray, " J"]
    significant: Bool[np.ndarray, " J"]


def cluster_velocities(
    config: CameraClusterConfig,
    view: FlowView,
    frame: SensorFrame,
    sample: FlowSample,
    num_clusters: int,
) -> Float32[np.ndarray, "C1 3"]:
    """Test clusters 1..num_clusters of the current scan.

    Returns:
        (C + 1, 3) velocity over ground in axes of the current velo (m/s) of each cluster that
        moves, nan for the others and in row 0, which is no cluster.
    """
    num = num_clusters + 1
    rays = _rays(view, frame, sample)
    sure = 1.0 / sample.sigma_px.astype(np.float64) ** 2
    velocity, weight = np.zeros((num, 2)), sure
    before_px, _ = _residual(rays, velocity[sample.cluster])
    for _ in range(_ITERATIONS):
        left_px, slope_px = _residual(rays, velocity[sample.cluster])
        weight = sure if not velocity.any() else _robust(left_px, sure)
        velocity += _least_squares(config, slope_px, left_px, weight, sample.cluster, num)
    left_px, _ = _residual(rays, velocity[sample.cluster])
    before = _sum(weight * (before_px**2).sum(axis=1), sample.cluster, num)
    after = _sum(weight * (left_px**2).sum(axis=1), sample.cluster, num)
    size = np.bincount(sample.cluster, minlength=num)
    shown = _sum(sample.significant.astype(np.float64), sample.cluster, num)
    moves = (
        (size >= config.min_points)
        & (shown >= config.min_significant_share * size)
        & (after <= config.max_left_share * before)
        & (np.linalg.norm(velocity, axis=1) >= config.min_speed_mps)
    )
    moves[0] = False
    velocities_velo = np.column_stack([velocity, np.zeros(num)]) @ frame.base_T_velo[:3, :3]
    velocities_velo[~moves] = np.nan
    return np.asarray(velocities_velo, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rays:
    """Where judged points would have been in the past, and where their flow says they were.

    Attributes:
        points_cam0: (J, 3) their past place, had they stood still.
        step_cam0: (3, 2) change of the past place (m) per velocity on the ground (m/s).
        places_pix0: (J, 2) past pixels that the flow leads to.
        pix_T_cam: (3, 3) intrinsics.
    """

    points_cam0: Float64[np.ndarray, "J 3"]
    step_cam0: Float64[np.ndarray, "3 2"]
    places_pix0: Float64[np.ndarray, "J 2"]
    pix_T_cam: Float64[np.ndarray, "3 3"]


def _rays(view: FlowView, frame: SensorFrame, sample: FlowSample) -> _Rays:
    scan, image1, image0 = view.scan1, frame.camera, view.past.frame.camera
    assert image1 is not None  # a view has both images
    assert image0 is not None
    seconds = (image1.stamp_ns - image0.stamp_ns) * 1e-9
    cam1_T_base = image1.cam_T_velo @ se3.inverse(frame.base_T_velo)
    cam0_T_base = view.cam0_T_cam1 @ cam1_T_base
    places_pix1 = scan.points_pix[sample.row]
    return _Rays(
        points_cam0=se3.transform(view.cam0_T_cam1, scan.points_cam[sample.row].astype(np.float64)),
        step_cam0=-seconds * cam0_T_base[:3, :2],  # the past place lies behind the motion
        places_pix0=(places_pix1 + sample_bilinear(view.flow10_px, places_pix1)).astype(np.float64),
        pix_T_cam=scan.camera.pix_T_cam,
    )


def _residual(
    rays: _Rays, velocity: Float64[np.ndarray, "J 2"]
) -> tuple[Float64[np.ndarray, "J 2"], Float64[np.ndarray, "J 2 2"]]:
    """Return the flow left by a velocity per point (px), and the pixels' change per velocity."""
    x, y, z = (rays.points_cam0 + velocity @ rays.step_cam0.T).T
    z = np.maximum(z, _MIN_DEPTH_M)
    fx, fy = rays.pix_T_cam[0, 0], rays.pix_T_cam[1, 1]
    predicted = np.stack(
        [fx * x / z + rays.pix_T_cam[0, 2], fy * y / z + rays.pix_T_cam[1, 2]], axis=1
    )
    (dx, dy, dz) = rays.step_cam0
    slope = np.stack(
        [
            fx / z[:, None] * dx - (fx * x / z**2)[:, None] * dz,
            fy / z[:, None] * dy - (fy * y / z**2)[:, None] * dz,
        ],
        axis=1,
    )
    return rays.places_pix0 - predicted, slope


def _robust(
    left_px: Float64[np.ndarray, "J 2"], weight: Float64[np.ndarray, " J"]
) -> Float64[np.ndarray, " J"]:
    """Take weight from outliers (Cauchy)."""
    return np.asarray(weight / (1 + (left_px**2).sum(axis=1) * weight / _OUTLIER_SIGMAS**2))


def _least_squares(
    config: CameraClusterConfig,
    slope_px: Float64[np.ndarray, "J 2 2"],
    residual_px: Float64[np.ndarray, "J 2"],
    weight: Float64[np.ndarray, " J"],
    cluster: Int[np.ndarray, " J"],
    num: int,
) -> Float64[np.ndarray, "C1 2"]:
    """Solve for the change of every cluster's velocity on the ground at once."""
    normal = np.empty((num, 2, 2))
    right = np.empty((num, 2))
    for a in range(2):
        right[:, a] = _sum(weight * (slope_px[:, :, a] * residual_px).sum(axis=1), cluster, num)
        for b in range(2):
            product = (slope_px[:, :, a] * slope_px[:, :, b]).sum(axis=1)
            normal[:, a, b] = _sum(weight * product, cluster, num)
    normal += np.eye(2) / config.prior_speed_mps**2
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0])


def _sum(
    values: Float64[np.ndarray, " J"], cluster: Int[np.ndarray, " J"], num: int
) -> Float64[np.ndarray, " C1"]:
    return np.bincount(cluster, weights=values, minlength=num)
