# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `Pipeline.step` answers for one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unsup_track_ros.deferred import Deferred
from unsup_track_ros.stage_clock import StageClock
from unsup_track_ros.structures.bev_objects import BevObjects
from unsup_track_ros.structures.change import ChangeImage
from unsup_track_ros.structures.consistency import EgomotionConsistency
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.structures.voxel_scene import CameraScene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerceptionResult:
    """Every stage's answer for one frame.

    What no vehicle waits for is worked out when somebody asks, or before the next frame.

    Attributes:
        frame: The input.
        flow: Optical flow between the past and the current image.
        egomotion: Motion and pose of the sensor.
        motion: What moves by itself.
        regions: Connected moving regions of the scan.
        detections: Boxes in velo.
        tracks: Tracks in odom.
        change: What the static map does not explain of the scan, None where nobody asked for it.
        bev_objects: Objects with identities of the detector `silot`, None with another detector.
        panoptic: Voxels around the vehicle of the detector `trackocc`, None with another detector.
        image_objects: What is followed in the image, None without an image detector or an image.
        mapping: Works `grids` out.
        checking: Works `consistency` out.
        clock: Measured `stage_seconds`; the only member that differs between equal runs.
    """

    frame: SensorFrame
    flow: OpticalFlow
    egomotion: Egomotion
    motion: MotionSegmentation
    regions: MotionRegions
    detections: Detections
    tracks: Tracks
    mapping: Deferred[OccupancyGrids | None]
    checking: Deferred[EgomotionConsistency | None]
    change: ChangeImage | None = None
    bev_objects: BevObjects | None = None
    panoptic: CameraScene | None = None
    image_objects: ImageObjects | None = None
    clock: StageClock = field(default_factory=StageClock)

    @property
    def grids(self) -> OccupancyGrids | None:
        """Occupancy, or None while there is no pose."""
        return self.mapping()

    @property
    def consistency(self) -> EgomotionConsistency | None:
        """Whether TF, LiDAR and camera agree so far, None where nobody checks."""
        return self.checking()

    @property
    def stage_seconds(self) -> Mapping[str, float]:
        """Wall time of each stage, which overlap; "step" is the time until there were tracks."""
        self.mapping()
        self.checking()
        return self.clock.seconds
