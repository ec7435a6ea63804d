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

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.grouped_rows import rows_by_group
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
    picked, cluster_of_picked = rows_by_group(cluster[row], config.max_points)
    row = row[picked]
    return FlowSample(
        row=row,
        cluster=cluster_of_picked,
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
    claimed = (claimed_velo.astype(np.float64) @ frame.base_T_velo[:3, :3].T)[:, :2]
    camera, points = _rays(config, view, frame, sample)
    answer = np.zeros((len(claimed), 8))
    _test(camera, points, sample.cluster, np.ascontiguousarray(claimed), answer)
    velocity = answer[:, :2]
    num, before, after, against_rest, for_rest, against_claim = answer[:, 2:].T
    least = config.min_agreeing_share * num
    rejects_rest, fits_rest, rejects_claim = (
        (num > 0) & (count >= least) for count in (against_rest, for_rest, against_claim)
    )
    found = (
        rejects_rest
        & (after <= config.max_left_share * before)
        & (np.linalg.norm(velocity, axis=1) >= config.min_speed_mps)
    )
    velocities_velo = (
        np.column_stack([velocity, np.zeros(len(velocity))]) @ frame.base_T_velo[:3, :3]
    )
    velocities_velo[~found] = np.nan
    return ClusterVerdict(
        rejects_claim=rejects_claim,
        fits_rest=fits_rest,
        velocities_velo=velocities_velo.astype(np.float32),
    )


def _rays(
    config: CameraClusterConfig, view: FlowView, frame: SensorFrame, sample: FlowSample
) -> tuple[Float64[np.ndarray, " 11"], Float64[np.ndarray, "J 8"]]:
    """Return the camera and the sampled points as `_test` takes them."""
    scan, image1, image0 = view.scan1, frame.camera, view.past.frame.camera
    assert image1 is not None  # a view has both images
    assert image0 is not None
    seconds = (image1.stamp_ns - image0.stamp_ns) * 1e-9
    cam1_T_base = image1.cam_T_velo @ se3.inverse(frame.base_T_velo)
    step_cam0 = -seconds * (view.cam0_T_cam1 @ cam1_T_base)[:3, :2]  # the past lies behind
    pix_T_cam = scan.camera.pix_T_cam
    lens = (pix_T_cam[0, 0], pix_T_cam[1, 1], pix_T_cam[0, 2], pix_T_cam[1, 2])
    camera = np.array([*lens, *step_cam0.ravel(), 1.0 / config.prior_speed_mps**2])
    places_pix1 = scan.points_pix.take(sample.row, axis=0)
    points_cam1 = scan.points_cam.take(sample.row, axis=0).astype(np.float64)
    points = np.empty((len(sample.row), 8))
    points[:, :3] = se3.transform(view.cam0_T_cam1, points_cam1)
    points[:, 3:5] = places_pix1 + sample_bilinear(view.flow10_px, places_pix1)
    points[:, 5] = 1.0 / sample.sigma_px.astype(np.float64) ** 2
    points[:, 6] = sample.limit_px
    points[:, 7] = config.rest_ratio * sample.limit_px
    return camera, points


@compiled_inner
def _left(
    camera: np.ndarray, point: np.ndarray, velocity: np.ndarray
) -> tuple[float, float, float, float, float]:
    """Return the flow that a velocity leaves (px), and depth and place it puts the point at."""
    fx, fy, centre_x, centre_y = camera[:4]
    vx, vy = velocity
    x = point[0] + (vx * camera[4] + vy * camera[5])
    y = point[1] + (vx * camera[6] + vy * camera[7])
    z = max(point[2] + (vx * camera[8] + vy * camera[9]), _MIN_DEPTH_M)
    return point[3] - (fx * x / z + centre_x), point[4] - (fy * y / z + centre_y), x, y, z


@compiled_inner
def _improve(
    camera: np.ndarray, points: np.ndarray, weight: np.ndarray, velocity: np.ndarray
) -> None:
    """Move a velocity by one Gauss-Newton step over a cluster's points."""
    fx, fy = camera[:2]
    normal_xx, normal_xy, normal_yy, right_x, right_y = camera[10], 0.0, camera[10], 0.0, 0.0
    for k in range(len(points)):
        left_u, left_v, x, y, z = _left(camera, points[k], velocity)
        # Change of the pixel (u, v) per velocity along x and y.
        ux = fx / z * camera[4] - fx * x / (z * z) * camera[8]
        uy = fx / z * camera[5] - fx * x / (z * z) * camera[9]
        vx = fy / z * camera[6] - fy * y / (z * z) * camera[8]
        vy = fy / z * camera[7] - fy * y / (z * z) * camera[9]
        normal_xx += weight[k] * (ux * ux + vx * vx)
        normal_xy += weight[k] * (ux * uy + vx * vy)
        normal_yy += weight[k] * (uy * uy + vy * vy)
        right_x += weight[k] * (ux * left_u + vx * left_v)
        right_y += weight[k] * (uy * left_u + vy * left_v)
    determinant = normal_xx * normal_yy - normal_xy * normal_xy
    velocity[0] += (normal_yy * right_x - normal_xy * right_y) / determinant
    velocity[1] += (normal_xx * right_y - normal_xy * right_x) / determinant


@compiled_inner
def _weigh(
    camera: np.ndarray, points: np.ndarray, weight: np.ndarray, velocity: np.ndarray
) -> None:
    """Give each point of a cluster its weight without outliers (Cauchy)."""
    for k in range(len(points)):
        left_u, left_v, _, _, _ = _left(camera, points[k], velocity)
        sure = points[k, 5]
        squared = left_u * left_u + left_v * left_v
        weight[k] = sure / (1 + squared * sure / _OUTLIER_SIGMAS**2)


@compiled_for(
    f"void(float64[::1], float64[:, ::1], {read_only('int64')}, float64[:, ::1], float64[:, ::1])"
)
def _test(
    camera: np.ndarray,
    points: np.ndarray,
    cluster: np.ndarray,
    claimed: np.ndarray,
    answer: np.ndarray,
) -> None:
    """Fit every cluster's velocity and hold its flow against that, rest and the claim.

    Args:
        camera: Focal lengths (2), centre (2), change of the past place per velocity on the ground
            (3 x 2, row by row), and the certainty that there is no motion (s^2/m^2).
        points: (J, 8) past place in cam had the point stood still (3), past pixel by its flow (2),
            certainty of the flow (1/px^2), residual beyond which a point contradicts a velocity and
            up to which it fits one (px).
        cluster: (J,) ascending cluster of each point.
        claimed: (C + 1, 2) velocities on the ground.
        answer: (C + 1, 8) zeros. Is written: the velocity that fits (2), points, their weighted
            squared residual at rest and with the velocity, points that contradict rest, that fit
            it, and that contradict the claim.
    """
    rest, weight = np.zeros(2), np.empty(len(points))
    first = 0
    while first < len(points):
        c, last = cluster[first], first
        while last < len(points) and cluster[last] == c:
            weight[last] = points[last, 5]
            last += 1
        velocity = answer[c, :2]
        for _ in range(_ITERATIONS):
            _improve(camera, points[first:last], weight[first:last], velocity)
            _weigh(camera, points[first:last], weight[first:last], velocity)
        answer[c, 2] = last - first
        for k in range(first, last):
            point = points[k]
            left_u, left_v, _, _, _ = _left(camera, point, rest)
            squared = left_u * left_u + left_v * left_v
            answer[c, 3] += weight[k] * squared
            answer[c, 5] += np.sqrt(squared) > point[6]
            answer[c, 6] += np.sqrt(squared) <= point[7]
            left_u, left_v, _, _, _ = _left(camera, point, velocity)
            answer[c, 4] += weight[k] * (left_u * left_u + left_v * left_v)
            left_u, left_v, _, _, _ = _left(camera, point, claimed[c])
            answer[c, 7] += np.sqrt(left_u * left_u + left_v * left_v) > point[6]
        first = last
