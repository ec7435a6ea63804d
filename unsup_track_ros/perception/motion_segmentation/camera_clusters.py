# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the flow of a whole LiDAR cluster says about its motion over the ground.

LiDAR errs in two ways that the image sees through. It cannot see a long even side slide along
itself: a truck that passes looks the same in both scans. And it can lay a car on another car's old
place. So the flow of every cluster is compared with what LiDAR claims, with standing still, and
with the one velocity on the ground that fits it best; noise and flow errors do not agree on one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.group_sampling import evenly_picked
from unsup_track_ros.perception.motion_segmentation.camera_evidence import CameraEvidence
from unsup_track_ros.perception.motion_segmentation.projected_scan import FlowView, sample_bilinear
from unsup_track_ros.shapes import Bool, Float32, Float64, Int, Int64
from unsup_track_ros.structures.frame import SensorFrame

_OUTLIER_SIGMAS = 3.0  # Cauchy scale of the later fits: larger departures lose their weight
_ITERATIONS = 4  # Gauss-Newton: a near truck's past place is far from where standing still puts it
_MIN_DEPTH_M = 0.5  # a trial velocity may put a past place behind the camera


class CameraClusterConfig(Config):
    """Parameters of the cluster test."""

    min_points: int = parameter(30, "Fewest judged points of a cluster that is tested.", ge=3)
    min_agreeing_share: float = parameter(
        0.6,
        "Share of a cluster's judged points that must contradict a velocity, or fit it, to count.",
        gt=0,
        le=1,
    )
    max_points: int = parameter(200, "So many of them, evenly picked, are tested.", ge=3)
    min_judged_share: float = parameter(
        0.3, "Share of a cluster's points in the image that must be judged.", ge=0, le=1
    )
    rest_ratio: float = parameter(
        0.5, "Share of its limit up to which a point's residual fits a velocity.", gt=0, le=1
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
    """Some judged points of the projected scan of each cluster that is tested.

    Attributes:
        row: (J,) their row in the projected scan.
        cluster: (J,) their cluster.
        sigma_px: (J,) standard deviation of their residual.
        limit_px: (J,) residual beyond which a point contradicts a velocity.
    """

    row: Int64[np.ndarray, " J"]
    cluster: Int[np.ndarray, " J"]
    sigma_px: Float32[np.ndarray, " J"]
    limit_px: Float32[np.ndarray, " J"]


def flow_sample(
    config: CameraClusterConfig, image: CameraEvidence, cluster: Int[np.ndarray, " V"]
) -> FlowSample:
    """Sample the clusters of which the camera judged enough.

    Args:
        config: Parameters.
        image: Verdicts of the camera on single points.
        cluster: (V,) cluster of each point of the projected scan, 0 for none.
    """
    seen = np.bincount(cluster, minlength=1)
    judged = np.bincount(cluster[image.judged], minlength=len(seen))
    tested = (judged >= config.min_points) & (judged >= config.min_judged_share * seen)
    tested[0] = False
    row = np.flatnonzero(image.judged & tested[cluster])
    row = row[np.argsort(cluster[row], kind="stable")]
    row = row[evenly_picked(cluster[row], config.max_points)]
    return FlowSample(
        row=row,
        cluster=cluster[row],
        sigma_px=image.sigma_px[row],
        limit_px=image.limit_px[row],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterVerdict:
    """Answer of the cluster test; row c is cluster c, row 0 no cluster.

    Attributes:
        rejects_claim: (C + 1,) the flow contradicts the claimed velocity.
        fits_rest: (C + 1,) the flow fits standing still.
        velocities_velo: (C + 1, 3) the velocity that explains the flow instead of rest, over ground
            in axes of the current velo (m/s); nan where there is none.
    """

    rejects_claim: Bool[np.ndarray, " C1"]
    fits_rest: Bool[np.ndarray, " C1"]
    velocities_velo: Float32[np.ndarray, "C1 3"]


def cluster_verdict(
    config: CameraClusterConfig,
    view: FlowView,
    frame: SensorFrame,
    sample: FlowSample,
    claimed_velo: Float32[np.ndarray, "C1 3"],
) -> ClusterVerdict:
    """Test the clusters of the current scan.

    Args:
        config: Parameters.
        view: Flow and ego motion.
        frame: Current frame.
        sample: Judged points.
        claimed_velo: (C + 1, 3) velocity of each cluster by another sensor, zero where it stands.
    """
    rest = np.zeros((len(claimed_velo), 2))
    claimed = (claimed_velo.astype(np.float64) @ frame.base_T_velo[:3, :3].T)[:, :2]
    rays = _rays(view, frame, sample)
    velocity, weight = _fit(config, rays, sample, rest)
    before = _squares(rays, sample, weight, rest)
    after = _squares(rays, sample, weight, velocity)
    rejects_rest, fits_rest = _judged(config, rays, sample, rest)
    rejects_claim, _ = _judged(config, rays, sample, claimed)
    found = (
        rejects_rest
        & (after <= config.max_left_share * before)
        & (np.linalg.norm(velocity, axis=1) >= config.min_speed_mps)
    )
    velocities_velo = np.column_stack([velocity, rest[:, 0]]) @ frame.base_T_velo[:3, :3]
    velocities_velo[~found] = np.nan
    return ClusterVerdict(
        rejects_claim=rejects_claim,
        fits_rest=fits_rest,
        velocities_velo=velocities_velo.astype(np.float32),
    )


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
    places_pix1 = scan.points_pix.take(sample.row, axis=0)
    points_cam1 = scan.points_cam.take(sample.row, axis=0).astype(np.float64)
    return _Rays(
        points_cam0=se3.transform(view.cam0_T_cam1, points_cam1),
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


def _fit(
    config: CameraClusterConfig,
    rays: _Rays,
    sample: FlowSample,
    start: Float64[np.ndarray, "C1 2"],
) -> tuple[Float64[np.ndarray, "C1 2"], Float64[np.ndarray, " J"]]:
    """Fit every cluster's velocity; return it and the points' weights without outliers (Cauchy)."""
    sure = 1.0 / sample.sigma_px.astype(np.float64) ** 2
    velocity, weight = start, sure
    left_px, slope_px = _residual(rays, velocity.take(sample.cluster, axis=0))
    for _ in range(_ITERATIONS):
        velocity = velocity + _least_squares(
            config, slope_px, left_px, weight, sample.cluster, len(start)
        )
        left_px, slope_px = _residual(rays, velocity.take(sample.cluster, axis=0))
        weight = sure / (1 + (left_px**2).sum(axis=1) * sure / _OUTLIER_SIGMAS**2)
    return velocity, weight


def _squares(
    rays: _Rays,
    sample: FlowSample,
    weight: Float64[np.ndarray, " J"],
    velocity: Float64[np.ndarray, "C1 2"],
) -> Float64[np.ndarray, " C1"]:
    """Return the weighted sum of squares that velocities leave of each cluster's flow."""
    left_px, _ = _residual(rays, velocity.take(sample.cluster, axis=0))
    return _sum(weight * (left_px**2).sum(axis=1), sample.cluster, len(velocity))


def _judged(
    config: CameraClusterConfig,
    rays: _Rays,
    sample: FlowSample,
    velocity: Float64[np.ndarray, "C1 2"],
) -> tuple[Bool[np.ndarray, " C1"], Bool[np.ndarray, " C1"]]:
    """Tell which clusters' flow contradicts their velocity, and which one's fits it."""
    num = len(velocity)
    left_px, _ = _residual(rays, velocity.take(sample.cluster, axis=0))
    distance_px = np.linalg.norm(left_px, axis=1)
    least = config.min_agreeing_share * np.bincount(sample.cluster, minlength=num)
    against = np.bincount(sample.cluster[distance_px > sample.limit_px], minlength=num)
    fitting = distance_px <= config.rest_ratio * sample.limit_px
    for_it = np.bincount(sample.cluster[fitting], minlength=num)
    return (least > 0) & (against >= least), (least > 0) & (for_it >= least)


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
    return np.bincount(cluster, weights=values, minlength=num).astype(np.float64)  # int if empty
