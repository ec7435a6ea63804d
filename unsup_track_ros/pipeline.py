# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The one data flow: `Pipeline.step` turns a sensor frame into a perception result.

Live nodes and the bag labeler feed the same frames to the same `step` and get the same bytes. It is
causal: nothing but the frame and the past goes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.deferred import Deferred
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import LevelScan, level_scan
from unsup_track_ros.occupancy.camera_fusion import CameraFusionConfig, fused_grids
from unsup_track_ros.occupancy.change_image import ChangeImageConfig, change_image
from unsup_track_ros.occupancy.mapper import OccupancyConfig, OccupancyMapper, ScanReading
from unsup_track_ros.perception.box_fitting import BoxFitter, BoxFittingConfig
from unsup_track_ros.perception.detection import DetectionConfig, MotionDetector
from unsup_track_ros.perception.egomotion import (
    EgomotionConfig,
    EgomotionConsistencyCheck,
    EgomotionConsistencyConfig,
    EgomotionEstimator,
)
from unsup_track_ros.perception.image_detection import (
    ImageDetectionConfig,
    RetinaTrackDetector,
    embeddings_of,
)
from unsup_track_ros.perception.learned_detection import LearnedDetectionConfig, LearnedDetector
from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig, MotionSegmenter
from unsup_track_ros.perception.optical_flow import OpticalFlowConfig, OpticalFlowEstimator
from unsup_track_ros.perception.silot_detection import SilotDetectionConfig, SilotDetector
from unsup_track_ros.perception.trackocc_detection import TrackOccDetectionConfig, TrackOccDetector
from unsup_track_ros.shapes import Float64
from unsup_track_ros.stage_clock import StageClock
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.bev_objects import BevObjects
from unsup_track_ros.structures.change import ChangeImage
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.history import MotionMemory, PastFrame
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation
from unsup_track_ros.structures.result import PerceptionResult
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.structures.voxel_scene import CameraScene
from unsup_track_ros.tracking.hidden_objects import HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import TrackerConfig
from unsup_track_ros.tracking.tracking_stage import TrackingStage


class PipelineConfig(Config):
    """Parameters of every stage, and what the stages share."""

    past_baseline_s: float = parameter(
        0.1,
        "Age of the image and scan that optical flow and egomotion compare with.",
        unit="s",
        gt=0,
    )
    history_s: float = parameter(1.0, "How long past frames are kept as evidence.", unit="s", gt=0)
    max_gap_s: float = parameter(
        2.0,
        "A longer pause between two frames starts a new stream: tracks and maps are reset.",
        unit="s",
        gt=0,
    )
    detector: Literal["motion", "silot", "bev", "ensemble", "trackocc"] = parameter(
        "motion",
        "What finds objects: grouped motion evidence, a SILOT network on what has changed, the "
        "bird's-eye-view network of EM, its ensemble with image and motion, or TrackOcc on "
        "all cameras.",
    )
    image_detector: Literal["none", "retinatrack"] = parameter(
        "none", "What follows objects in the image: nothing, or a RetinaTrack network."
    )
    optical_flow: OpticalFlowConfig = OpticalFlowConfig()
    egomotion: EgomotionConfig = EgomotionConfig()
    consistency: EgomotionConsistencyConfig = EgomotionConsistencyConfig()
    motion_segmentation: MotionSegmentationConfig = MotionSegmentationConfig()
    detection: DetectionConfig = DetectionConfig()
    silot: SilotDetectionConfig = SilotDetectionConfig()
    trackocc: TrackOccDetectionConfig = TrackOccDetectionConfig()
    learned: LearnedDetectionConfig = LearnedDetectionConfig()
    retinatrack: ImageDetectionConfig = ImageDetectionConfig()
    change_image: ChangeImageConfig = ChangeImageConfig()
    box_fitting: BoxFittingConfig = BoxFittingConfig()
    tracker: TrackerConfig = TrackerConfig()
    permanence: HiddenObjectsConfig = HiddenObjectsConfig()
    occupancy: OccupancyConfig = OccupancyConfig()
    camera_fusion: CameraFusionConfig = CameraFusionConfig()


class Pipeline:
    """Egomotion, flow, motion segmentation, boxes, tracks and grids, frame by frame."""

    def __init__(
        self,
        config: PipelineConfig,
        device: torch.device | None = None,
        *,
        with_occupancy: bool = True,
    ) -> None:
        """Build the stages.

        Args:
            config: Parameters of every stage.
            device: What torch computes on, the CPU unless told.
            with_occupancy: Whether grids are made; without, `PerceptionResult.grids` is None.
        """
        device = device or torch.device("cpu")
        self._config = config
        self._device = device
        self._with_occupancy = with_occupancy
        self._optical_flow = OpticalFlowEstimator(config.optical_flow, device)
        self._egomotion = EgomotionEstimator(config.egomotion, device)
        self._consistency = EgomotionConsistencyCheck(config.consistency)
        self._motion_segmentation = MotionSegmenter(config.motion_segmentation)
        self._detection = MotionDetector(config.detection, device)
        self._silot = SilotDetector(config.silot, device) if config.detector == "silot" else None
        self._trackocc = (
            TrackOccDetector(config.trackocc, device) if config.detector == "trackocc" else None
        )
        self._learned: LearnedDetector | None = None
        if config.detector == "bev" or config.detector == "ensemble":
            self._learned = LearnedDetector(config.learned, config.detector, device)
        self._image_detector = (
            RetinaTrackDetector(config.retinatrack, device)
            if config.image_detector == "retinatrack"
            else None
        )
        self._box_fitting = BoxFitter(config.box_fitting)
        self._tracking = TrackingStage(config.tracker, config.permanence)
        self._occupancy = OccupancyMapper(config.occupancy, device)
        # What does not wait for each other runs side by side (docs/decisions/0007).
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside")
        self._put_off: tuple[Deferred[Any], ...] = ()
        self._history: tuple[PastFrame, ...] = ()
        self._last_stamp_ns: int | None = None

    def step(self, frame: SensorFrame, memory: MotionMemory | None = None) -> PerceptionResult:
        """Process one frame; a backward stamp or a long pause starts a new stream first.

        Args:
            frame: The next frame.
            memory: Motion that was found before, by the same means.
        """
        self._finish_last()
        past = self._past_of(frame)
        clock = StageClock()
        preparing = self._beside.submit(self._prepare, frame, memory)
        find_flow = clock.timed("optical_flow", self._optical_flow.step)
        flow = self._beside.submit(find_flow, frame, past)
        with clock("egomotion"):
            egomotion = self._egomotion.step(frame, past, flow.result)
        if egomotion.status is EgomotionStatus.INITIAL:
            self._start_odom()
        looking = self._beside.submit(clock.timed("image_detection", self._look), frame)
        with clock("motion_segmentation"):
            level = preparing.result()
            motion = self._moving(frame, flow, egomotion, memory)
        scan = self._beside.submit(self._read_scan, frame, egomotion)
        self._prepare_next(frame, memory)
        check = partial(self._consistency.step, frame, self._history, flow.result(), egomotion)
        checking = Deferred(clock.timed("consistency", check))
        self._beside.submit(checking)
        with clock("detection"):
            change = self._changed(scan)
            objects, regions, detections, panoptic = self._detect(frame, motion, egomotion, change)
        with clock("box_fitting"):
            if detections is None:
                detections = self._box_fitting.step(frame, regions, level)
        with clock("tracking"):
            tracks = self._track(frame, detections, egomotion, looking.result())
        add_to_map = partial(self._map, scan, regions, tracks, panoptic)
        mapping = Deferred(clock.timed("occupancy", add_to_map))
        self._put_off = (checking, mapping)
        self._remember(PastFrame(frame=frame, egomotion=egomotion))
        clock.stop()
        return PerceptionResult(
            frame=frame,
            flow=flow.result(),
            egomotion=egomotion,
            checking=checking,
            motion=motion,
            regions=regions,
            detections=detections,
            tracks=tracks,
            mapping=mapping,
            change=change,
            bev_objects=objects,
            panoptic=panoptic,
            image_objects=looking.result(),
            clock=clock,
        )

    def _prepare(self, frame: SensorFrame, memory: MotionMemory | None) -> LevelScan:
        """Level the scan; let motion segmentation do what needs no pose, where it will be asked."""
        level = level_scan(frame.base_T_velo, frame.cloud.points_velo)
        if memory is None or not memory.holds(frame.index):
            self._motion_segmentation.prepare(frame, level)
        return level

    def _prepare_next(self, frame: SensorFrame, memory: MotionMemory | None) -> None:
        """Have on another thread what only the next frame will ask for."""
        if memory is None or not memory.holds(frame.index):
            self._beside.submit(self._motion_segmentation.prepare_as_past, frame)
        self._egomotion.join_map(self._beside)

    def _finish_last(self) -> None:
        """Do what was put off of the last frame and nobody asked for; if it failed, it says so."""
        last, self._put_off = self._put_off, ()
        for work in last:
            work()

    def _moving(
        self,
        frame: SensorFrame,
        flow: Future[OpticalFlow],
        egomotion: Egomotion,
        memory: MotionMemory | None,
    ) -> MotionSegmentation:
        """Return what moves, as remembered if that is of the same frames and poses."""
        motion = None if memory is None else memory.motion(frame, self._history, egomotion)
        if motion is None:
            motion = self._motion_segmentation.step(frame, self._history, flow.result, egomotion)
        return motion

    def _look(self, frame: SensorFrame) -> ImageObjects | None:
        """Follow objects in the image, where a network for it is configured."""
        return None if self._image_detector is None else self._image_detector.step(frame)

    def _detect(
        self,
        frame: SensorFrame,
        motion: MotionSegmentation,
        egomotion: Egomotion,
        change: ChangeImage | None,
    ) -> tuple[BevObjects | None, MotionRegions, Detections | None, CameraScene | None]:
        """Find objects by the configured detector; some name them, give boxes or voxels too."""
        if self._silot is not None:
            return *self._silot.step(frame, change, egomotion.odom_T_velo1), None, None
        if self._trackocc is not None:
            seen = self._trackocc.step(frame, egomotion.odom_T_velo1)
            return None, seen.regions, seen.detections, seen.panoptic
        if self._learned is not None:
            group_motion = partial(self._detection.step, frame, motion)
            return None, *self._learned.step(frame, motion, group_motion), None
        expected = self._expected(frame, egomotion)
        return None, self._detection.step(frame, motion, expected), None, None

    def _track(
        self,
        frame: SensorFrame,
        detections: Detections,
        egomotion: Egomotion,
        objects: ImageObjects | None,
    ) -> Tracks:
        """Advance the tracks, which may know objects by their looks in the image."""
        looks = embeddings_of(detections, objects, self._config.retinatrack.min_shared_iou)
        ranges = partial(self._motion_segmentation.ranges, frame)
        return self._tracking.step(detections, egomotion, ranges, looks)

    def _map(
        self,
        scan: Future[ScanReading | None],
        regions: MotionRegions,
        tracks: Tracks,
        panoptic: CameraScene | None,
    ) -> OccupancyGrids | None:
        """Return the LiDAR's grids, and what cameras say of the cells that it does not know."""
        grids = self._occupancy.step(scan.result(), regions, tracks)
        if grids is None or panoptic is None:
            return grids
        return fused_grids(grids, panoptic, self._config.camera_fusion)

    def _expected(
        self, frame: SensorFrame, egomotion: Egomotion
    ) -> Float64[np.ndarray, "T 7"] | None:
        """Return where the tracks should be in the current frame, None without a pose."""
        if egomotion.odom_T_velo1 is None:
            return None
        boxes_odom = self._tracking.expected(frame.stamp_ns)
        return se3.transform_boxes(se3.inverse(egomotion.odom_T_velo1), boxes_odom)

    def _changed(self, reading: Future[ScanReading | None]) -> ChangeImage | None:
        """Return what of a scan the map does not explain, where it is wanted and can be told."""
        if self._silot is None and not self._config.change_image.always:
            return None
        scan = reading.result()
        past = None if scan is None else self._occupancy.map_before(scan)
        if scan is None or past is None:
            return None
        return change_image(scan, past, self._config.change_image)

    def reset(self) -> None:
        """Forget everything: the next frame is the first of a stream."""
        self._start_odom()
        self._last_stamp_ns = None
        self._egomotion.reset()
        self._consistency.reset()

    def moved(
        self, config: PipelineConfig | None = None, device: torch.device | None = None
    ) -> Pipeline:
        """Return a pipeline that goes on from here with other parameters or on another device.

        Raises:
            DataError: The state does not fit the new parameters.
        """
        follower = Pipeline(
            config or self._config, device or self._device, with_occupancy=self._with_occupancy
        )
        follower.restore(self.state())
        return follower

    def _read_scan(self, frame: SensorFrame, egomotion: Egomotion) -> ScanReading | None:
        return self._occupancy.read_scan(frame, egomotion) if self._with_occupancy else None

    def _start_odom(self) -> None:
        """Forget all that is placed in odom: a new odom begins."""
        self._finish_last()
        self._history = ()
        self._tracking.reset()
        self._occupancy.reset()
        if self._silot is not None:
            self._silot.reset()
        if self._trackocc is not None:
            self._trackocc.reset()
        if self._image_detector is not None:
            self._image_detector.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, as flat arrays."""
        self._finish_last()
        arrays = {
            "last_stamp_ns": np.array(-1 if self._last_stamp_ns is None else self._last_stamp_ns)
        }
        arrays["history"] = np.array(len(self._history))
        for i, entry in enumerate(self._history):
            arrays.update(to_arrays(entry, f"history/{i}/"))
        for name, stage in self._stateful().items():
            arrays.update({f"{name}/{key}": value for key, value in stage.state().items()})
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        stamp_ns = int(arrays["last_stamp_ns"])
        self._last_stamp_ns = None if stamp_ns < 0 else stamp_ns
        self._history = tuple(
            from_arrays(PastFrame, arrays, f"history/{i}/") for i in range(int(arrays["history"]))
        )
        for name, stage in self._stateful().items():
            prefix = name + "/"
            stage.restore({k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)})

    def _stateful(
        self,
    ) -> dict[
        str,
        EgomotionEstimator
        | EgomotionConsistencyCheck
        | TrackingStage
        | OccupancyMapper
        | SilotDetector
        | TrackOccDetector
        | RetinaTrackDetector,
    ]:
        return {
            "egomotion": self._egomotion,
            "consistency": self._consistency,
            "tracker": self._tracking,
            "occupancy": self._occupancy,
            **({} if self._silot is None else {"silot": self._silot}),
            **({} if self._trackocc is None else {"trackocc": self._trackocc}),
            **({} if self._image_detector is None else {"retinatrack": self._image_detector}),
        }

    def _starts_new_stream(self, stamp_ns: int) -> bool:
        if self._last_stamp_ns is None:
            return False
        step_ns = stamp_ns - self._last_stamp_ns
        if step_ns == 0:
            raise DataError(
                f"Two frames carry the stamp {stamp_ns} ns. Feed frames through the synchronizer, "
                "which drops duplicates."
            )
        return step_ns < 0 or step_ns > self._config.max_gap_s * 1e9

    def _past_of(self, frame: SensorFrame) -> PastFrame | None:
        """Return the remembered frame whose age is nearest to the baseline; none in a new stream.

        A frame that starts a new stream makes the pipeline forget the old one.
        """
        if self._starts_new_stream(frame.stamp_ns):
            self.reset()
        wanted_ns = frame.stamp_ns - round(self._config.past_baseline_s * 1e9)
        return min(
            self._history, key=lambda past: abs(past.frame.stamp_ns - wanted_ns), default=None
        )

    def _remember(self, entry: PastFrame) -> None:
        """Keep the frame as evidence, if it has a pose, and drop what is too old."""
        self._last_stamp_ns = entry.frame.stamp_ns
        if entry.egomotion.odom_T_velo1 is not None:
            self._history = (*self._history, entry)
        oldest_ns = entry.frame.stamp_ns - round(self._config.history_s * 1e9)
        self._history = tuple(p for p in self._history if p.frame.stamp_ns >= oldest_ns)
