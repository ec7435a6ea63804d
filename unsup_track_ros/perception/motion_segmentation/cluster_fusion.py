# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Join LiDAR's and the camera's verdicts on whole clusters.

LiDAR's answer stands unless the camera sees enough of the cluster and its flow contradicts that
answer. Then the camera's own answer counts, if it has one: the cluster stands if its flow fits
standing still, and moves if one velocity explains the flow and a past scan does not contradict it.

The past scan is asked because flow can be wrong for all of an object at once: the side of a parked
car fills the border of the image and moves further than block matching reaches. Its wrong velocity
then puts the car where the past scan saw road. A truck that slides along its own side does not
contradict the past scan.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unsup_track_ros.perception.motion_segmentation.camera_clusters import (
    CameraClusterConfig,
    cluster_verdict,
    flow_sample,
)
from unsup_track_ros.perception.motion_segmentation.camera_evidence import CameraEvidence
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import PointEvidence
from unsup_track_ros.perception.motion_segmentation.projected_scan import FlowView
from unsup_track_ros.shapes import Float32, Float64
from unsup_track_ros.structures.frame import SensorFrame


def fuse_clusters(
    config: CameraClusterConfig,
    lidar: PointEvidence,
    image: CameraEvidence,
    view: FlowView,
    frame: SensorFrame,
    explained_shares: Callable[[Float32[np.ndarray, "C1 3"]], Float64[np.ndarray, " C1"]],
) -> PointEvidence:
    """Return LiDAR's evidence, corrected where the camera contradicts it.

    Args:
        config: Parameters.
        lidar: Verdicts of LiDAR.
        image: Verdicts of the camera on single points.
        view: What the camera saw.
        frame: Current frame.
        explained_shares: Returns the share of each cluster that a past scan has points for, given
            (C + 1, 3) velocities in velo, m/s; nan where the velocity is nan.
    """
    claims_velo = _claims(lidar)
    sample = flow_sample(config, image, lidar.cluster[view.scan1.point_index])
    verdict = cluster_verdict(config, view, frame, sample, claims_velo)
    found_velo = np.where(verdict.rejects_claim[:, None], verdict.velocities_velo, np.nan)
    shares = explained_shares(found_velo)
    admitted = shares >= config.min_past_share
    rests = verdict.rejects_claim & verdict.fits_rest
    row = np.flatnonzero((admitted | rests)[lidar.cluster])
    if not len(row):
        return lidar
    cluster = lidar.cluster[row]
    moves, stops = admitted[cluster] & lidar.judged[row], rests[cluster] & lidar.moving[row]
    moving, standing = lidar.moving.copy(), lidar.standing.copy()
    velocity_velo, confidence = lidar.velocity_velo.copy(), lidar.confidence.copy()
    moving[row[moves]], standing[row[moves]] = True, False
    velocity_velo[row[moves]] = found_velo[cluster[moves]]
    confidence[row[moves]] = shares[cluster[moves]]
    moving[row[stops]], standing[row[stops]] = False, True
    velocity_velo[row[stops]], confidence[row[stops]] = np.nan, 0.0
    return PointEvidence(
        moving=moving,
        judged=lidar.judged,
        velocity_velo=velocity_velo,
        confidence=confidence,
        standing=standing,
        free_space=lidar.free_space,
        cluster=lidar.cluster,
    )


def _claims(lidar: PointEvidence) -> Float32[np.ndarray, "C1 3"]:
    """Return LiDAR's velocity of each cluster, zero where it stands; row 0 is no cluster."""
    claims = np.zeros((int(lidar.cluster.max(initial=0)) + 1, 3), np.float32)
    moving = np.flatnonzero(lidar.moving)
    claims[lidar.cluster[moving]] = lidar.velocity_velo[moving]  # equal over a cluster
    claims[0] = 0.0
    return claims
