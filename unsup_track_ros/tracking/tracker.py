# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Three-dimensional multi-object tracker in odom, without learning.

In: the detections of a frame and the pose of the LiDAR. Out: every live track. It does not look at
points or images, and it does not smooth the past: that is the labeler's acausal pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.tracking import association, lifecycle, motion_model
from unsup_track_ros.tracking.appearance import AppearanceConfig, AppearanceMemory
from unsup_track_ros.tracking.association import Assignment, AssociationConfig
from unsup_track_ros.tracking.correction import (
    correct_extent,
    correct_heading,
    correct_velocity,
    found_by_belief,
    joint_extent,
    replaced_by_belief,
)
from unsup_track_ros.tracking.lifecycle import NS_PER_S, LifecycleConfig
from unsup_track_ros.tracking.motion_model import POSITION, VELOCITY, MotionModelConfig
from unsup_track_ros.tracking.observation import Observation, observe
from unsup_track_ros.tracking.permanence import (
    Permanence,
    Recognition,
    Sightings,
    UnseenTracks,
    Whereabouts,
)
from unsup_track_ros.tracking.track_store import TrackTable
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig
from unsup_track_ros.tracking.whole_shape import correct_shape, shape_weights

_LOOKS: Final = "appearance_"  # before the names of its state


class TrackerConfig(Config):
    """Parameters of the tracker."""

    motion: MotionModelConfig = parameter(MotionModelConfig(), "Motion of the objects.")
    extent: VisibleExtentConfig = parameter(VisibleExtentConfig(), "Partly visible objects.")
    association: AssociationConfig = parameter(AssociationConfig(), "Tracks and detections.")
    lifecycle: LifecycleConfig = parameter(LifecycleConfig(), "Birth and death.")
    appearance: AppearanceConfig = parameter(AppearanceConfig(), "Looks, where they are known.")


class Tracker:
    """Follows objects through frames; owns the IDs it gives out and never reuses one.

    Constant-velocity Kalman filter on position, separate filters for size and heading (MCTrack),
    Hungarian assignment on Ro-GDIoU in two score stages (ByteTrack) with recovery by distance
    (OC-SORT), existence by log-odds over time. Divergences: thresholds are durations instead of
    frame counts, since scans come irregularly; the measured position is that of the visible face,
    not of the visible box's centre; fragments of one object are joined, since motion is often found
    on parts.
    """

    def __init__(self, config: TrackerConfig, permanence: Permanence | None = None) -> None:
        """Start without tracks.

        Args:
            config: Parameters.
            permanence: Is asked about tracks without a detection; None: they coast and fade.
        """
        self._config = config
        self._permanence = permanence
        self._appearance = AppearanceMemory(config.appearance)
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all tracks and stamps; IDs go on, so that none is used twice."""
        self._table = TrackTable.empty(self._config.lifecycle.confirm_hits)
        self._stamp_ns: int | None = None
        self._appearance.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        stamps = [] if self._stamp_ns is None else [self._stamp_ns]
        return {
            **{name: column.copy() for name, column in self._table.columns().items()},
            "stamp_ns": np.array(stamps, np.int64),
            "next_id": np.array(self._next_id, np.int64),
            **{_LOOKS + name: array for name, array in self._appearance.state().items()},
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`.

        Raises:
            DataError: A member is missing, or it was made with another `confirm_hits`.
        """
        missing = sorted(self.state().keys() - state.keys())
        if missing:
            raise DataError(f"The tracker state lacks {missing}; restore what `state()` returned.")
        num_hits = self._config.lifecycle.confirm_hits
        if state["hit_ns"].shape[1] != num_hits:
            raise DataError(
                f"The tracker state remembers {state['hit_ns'].shape[1]} hits a track, expected "
                f"{num_hits}; restore it with the configuration it was made with."
            )
        self._table = TrackTable.from_columns(state)
        self._stamp_ns = int(state["stamp_ns"][0]) if len(state["stamp_ns"]) else None
        self._next_id = int(state["next_id"])
        looks = {k.removeprefix(_LOOKS): v for k, v in state.items() if k.startswith(_LOOKS)}
        self._appearance.restore(looks)

    def step(
        self,
        detections: Detections,
        egomotion: Egomotion,
        embeddings: Float64[np.ndarray, "D E"] | None = None,
    ) -> Tracks:
        """Advance all tracks to the stamp of the detections.

        Without a pose the detections cannot be placed: tracks are predicted, nothing is associated,
        and not being seen does not count against them.

        Args:
            detections: Boxes in velo at the current stamp.
            egomotion: Pose of the LiDAR at the same stamp.
            embeddings: How the detections look, nan where it is not known; None: of none.

        Raises:
            DataError: The stamp is not after the last one, differs from the pose's, or a box is not
                finite.
        """
        duration_s = self._check(detections, egomotion)
        stamp_ns = detections.stamp_ns
        table = self._predict(self._table, duration_s)
        main_row = np.full(len(table), -1, np.int64)
        is_hidden = np.zeros(len(table), bool)
        odom_T_velo = _pose(egomotion)
        if odom_T_velo is not None:
            seen = observe(detections, odom_T_velo)
            recognition = self._recognise(table, seen)
            looks = np.zeros((len(seen), 0)) if embeddings is None else embeddings[seen.row]
            assignment = self._associate(table, seen, recognition, looks)
            table = found_by_belief(table, assignment.detection_of_track, recognition)
            hit = assignment.detection_of_track >= 0
            table = self._corrected(table, seen, assignment, duration_s)
            table, exposure, is_hidden = self._remembered(table, hit, stamp_ns, odom_T_velo)
            hit_scores = np.full(len(table), np.nan)
            hit_scores[hit] = seen.scores[assignment.detection_of_track[hit]]
            table = lifecycle.observe(
                table, hit_scores, exposure, stamp_ns, duration_s, self._config.lifecycle
            )
            born = self._births(table, seen, assignment)
            main_row[hit] = seen.row[assignment.detection_of_track[hit]]
            main_row = np.concatenate([main_row, seen.row[born]])
            is_hidden = np.concatenate([is_hidden, np.zeros(len(born), bool)])
            table = table.followed_by(self._newborn(seen, born))
        keep = lifecycle.alive(table, stamp_ns, self._config.lifecycle)
        keep &= ~lifecycle.duplicates(table, self._config.lifecycle)
        self._table, self._stamp_ns = table.rows(keep), stamp_ns
        if embeddings is not None:
            self._appearance.see(self._table.ids, main_row[keep], embeddings)
        return _tracks(self._table, main_row[keep], is_hidden[keep], stamp_ns)

    def expected(self, stamp_ns: int) -> Float64[np.ndarray, "T 7"]:
        """Return the boxes (odom) of confirmed tracks at a later stamp; changes nothing."""
        if self._stamp_ns is None or stamp_ns <= self._stamp_ns:
            return np.zeros((0, 7))
        table = self._table.rows(self._table.confirmed)
        return self._predict(table, (stamp_ns - self._stamp_ns) / NS_PER_S).boxes_odom

    def _check(self, detections: Detections, egomotion: Egomotion) -> float:
        """Refuse input that does not fit, and return the time since the last step."""
        if detections.stamp_ns != egomotion.stamp1_ns:
            raise DataError(
                f"Detections and pose must have the same stamp, got {detections.stamp_ns} ns and "
                f"{egomotion.stamp1_ns} ns. Pass the egomotion of the same frame."
            )
        if not (np.isfinite(detections.boxes_velo).all() and np.isfinite(detections.scores).all()):
            raise DataError("Every detection needs a finite box and score, got nan or infinity.")
        if self._stamp_ns is None:
            return 0.0
        if detections.stamp_ns <= self._stamp_ns:
            raise DataError(
                f"Stamps must increase: expected one after {self._stamp_ns} ns, got "
                f"{detections.stamp_ns} ns. Call reset() when the clock jumps."
            )
        return (detections.stamp_ns - self._stamp_ns) / NS_PER_S

    def _predict(self, table: TrackTable, duration_s: float) -> TrackTable:
        motion = self._config.motion
        start = table.mean.copy()
        # What stood when last seen still stands: its velocity is noise and would let it creep away.
        unseen = table.seen_ns < (self._stamp_ns or 0)
        start[unseen & lifecycle.standing(table, self._config.lifecycle), 3:] = 0.0
        mean, covariance = motion_model.predict(start, table.covariance, duration_s, motion)
        yaw_density = 2 * motion.acceleration_time_s * motion.yaw_rate_std_radps**2
        yaw_variance = table.yaw_variance + yaw_density * duration_s
        return replace(table, mean=mean, covariance=covariance, yaw_variance=yaw_variance)

    def _recognise(self, table: TrackTable, seen: Observation) -> Recognition:
        """Ask how well detections fit what is believed of hidden tracks."""
        if self._permanence is None:
            return Recognition.none(len(seen))
        unseen = table.seen_ns < (self._stamp_ns or 0)
        sightings = Sightings(
            stamp_ns=seen.stamp_ns,
            boxes_odom=seen.boxes_odom,
            velocities_odom=seen.velocities_odom,
        )
        return self._permanence.recognise(table.ids[unseen], sightings)

    def _associate(
        self,
        table: TrackTable,
        seen: Observation,
        recognition: Recognition,
        looks: Float64[np.ndarray, "D E"],
    ) -> Assignment:
        config = self._config.association
        boxes = table.boxes_odom
        candidates = association.find_candidates(
            boxes,
            table.covariance[:, POSITION, POSITION],
            seen.boxes_odom,
            seen.sensor_odom,
            self._config.motion.position_std_m,
            (config, self._config.extent),
        )
        candidates = association.without(candidates, self._contradictions(table, seen))
        believed = np.searchsorted(table.ids, recognition.ids)
        candidates = association.with_beliefs(
            candidates, believed, recognition.log_densities, config
        )
        alike = self._appearance.costs(table.ids, looks)
        candidates = replace(candidates, appearance_cost=alike)
        grown = boxes.copy()
        grown[:, 3:5] += 2 * config.fragment_margin_m
        inside = association.share_inside(seen.boxes_odom, grown)
        inside *= association.agreeing(table.mean[:, 3:], seen.velocities_odom, config)
        return association.associate(
            candidates, inside, table.confirmed, (seen.scores, seen.motion), config
        )

    def _contradictions(self, table: TrackTable, seen: Observation) -> Bool[np.ndarray, "T D"]:
        """Tell which detections stand although the track moves: what it passes is not it."""
        speed = np.hypot(table.mean[:, 3], table.mean[:, 4])
        fast = speed > self._config.association.standing_speed_mps
        return np.asarray(fast[:, None] & (seen.motion == MotionState.STANDING))

    def _corrected(
        self, table: TrackTable, seen: Observation, assignment: Assignment, duration_s: float
    ) -> TrackTable:
        """Return the table with its matched rows corrected by all that was seen of them."""
        hit = assignment.detection_of_track >= 0
        if not hit.any():
            return table
        motion, extent = configs = self._config.motion, self._config.extent
        low, high = joint_extent(table.boxes_odom, seen.boxes_odom, self._parts(assignment))
        main = assignment.detection_of_track[hit]
        boxes, known = seen.boxes_odom[main], seen.heading_known[main]
        factors = motion_model.noise_factors(seen.scores[main], motion)
        part = correct_extent(
            table.rows(hit), (low[hit], high[hit]), seen, factors, duration_s, configs
        )
        part = correct_velocity(part, seen.velocities_odom[main], motion)
        if extent.whole_boxes:
            unseen_s = (seen.stamp_ns - part.seen_ns) / NS_PER_S
            part = correct_shape(part, boxes, known, factors, unseen_s, configs)
        else:
            part = correct_heading(part, boxes[:, 6], known, motion)
        part = replace(part, seen_mean=part.mean, seen_covariance=part.covariance)
        return table.with_rows(hit, part)

    def _parts(self, assignment: Assignment) -> Int64[np.ndarray, " D"]:
        """Return the track that each detection shows a part of, -1 for none.

        Of whole boxes only the main one counts: another one in its place is a second guess.
        """
        if not self._config.extent.whole_boxes:
            return assignment.track_of_detection
        main = np.full(len(assignment.track_of_detection), -1, np.int64)
        tracks = np.flatnonzero(assignment.detection_of_track >= 0)
        main[assignment.detection_of_track[tracks]] = tracks
        return main

    def _remembered(
        self,
        table: TrackTable,
        hit: Bool[np.ndarray, " N"],
        stamp_ns: int,
        odom_T_velo: Float64[np.ndarray, "4 4"],
    ) -> tuple[TrackTable, Float64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
        """Move unseen tracks to where permanence believes them.

        Returns:
            The tracks, their exposure, and which are hidden.
        """
        is_hidden = np.zeros(len(table), bool)
        offset = table.mean[:, :2] - odom_T_velo[:2, 3]
        exposure = lifecycle.exposure_by_range(
            np.hypot(offset[:, 0], offset[:, 1]), self._config.lifecycle
        )
        if self._permanence is None or hit.all():
            return table, exposure, is_hidden
        unseen = table.rows(~hit)
        told = self._permanence.whereabouts(_unseen_tracks(unseen, stamp_ns, odom_T_velo))
        _check_answer(unseen, told)
        exposure[~hit] *= told.exposure
        is_hidden[~hit] = told.is_hidden
        return table.with_rows(~hit, replaced_by_belief(unseen, told)), exposure, is_hidden

    def _births(
        self, table: TrackTable, seen: Observation, assignment: Assignment
    ) -> Int64[np.ndarray, " B"]:
        """Return the detections that start a track."""
        config = self._config.lifecycle
        free = (assignment.track_of_detection < 0) & (seen.scores >= config.birth_score)
        free &= seen.motion == MotionState.MOVING
        matched = table.rows(table.seen_ns == seen.stamp_ns)
        inside = association.share_inside(seen.boxes_odom, matched.boxes_odom)
        inside *= association.agreeing(
            matched.mean[:, 3:], seen.velocities_odom, self._config.association
        )
        return np.flatnonzero(free & ~(inside >= config.birth_overlap).any(1))

    def _newborn(self, seen: Observation, born: Int64[np.ndarray, " B"]) -> TrackTable:
        motion, config = self._config.motion, self._config.lifecycle
        num, boxes = len(born), seen.boxes_odom[born]
        factors = motion_model.noise_factors(seen.scores[born], motion)
        noise = np.eye(3) * (motion.position_std_m * factors[:, None, None]) ** 2
        mean, covariance = motion_model.initial_state(
            boxes[:, :3], seen.velocities_odom[born], noise, motion
        )
        ids = np.arange(self._next_id, self._next_id + num)
        self._next_id += num
        odds = lifecycle.log_odds(config.birth_existence) + lifecycle.score_gain(
            seen.scores[born], config
        )
        return TrackTable(
            ids=ids,
            mean=mean,
            covariance=covariance,
            size=boxes[:, 3:6],
            yaw_rad=boxes[:, 6],
            yaw_variance=(motion.yaw_std_rad * factors) ** 2,
            shape_weight=shape_weights(factors),
            heading_known=seen.heading_known[born],
            log_odds=odds,
            confirmed=lifecycle.is_sure(odds, config) | (config.confirm_hits == 1),
            birth_ns=np.full(num, seen.stamp_ns, np.int64),
            seen_ns=np.full(num, seen.stamp_ns, np.int64),
            hit_ns=lifecycle.first_hits(num, seen.stamp_ns, config),
            seen_mean=mean,
            seen_covariance=covariance,
        )


def _unseen_tracks(
    unseen: TrackTable, stamp_ns: int, odom_T_velo: Float64[np.ndarray, "4 4"]
) -> UnseenTracks:
    return UnseenTracks(
        stamp_ns=stamp_ns,
        ids=unseen.ids,
        boxes_odom=unseen.boxes_odom,
        velocities_odom=unseen.mean[:, VELOCITY],
        state_covariances_odom=unseen.covariance,
        born_ns=unseen.birth_ns,
        seen_ns=unseen.seen_ns,
        confirmed=unseen.confirmed,
        odom_T_velo=odom_T_velo,
    )


def _check_answer(unseen: TrackTable, told: Whereabouts) -> None:
    if len(told) != len(unseen):
        raise DataError(
            f"Permanence was asked about {len(unseen)} tracks and answered for {len(told)}; it "
            "must answer for each, `Whereabouts.unknown` where it knows nothing."
        )


def _pose(egomotion: Egomotion) -> Float64[np.ndarray, "4 4"] | None:
    if egomotion.status in (EgomotionStatus.OK, EgomotionStatus.INITIAL):
        return egomotion.odom_T_velo1
    return None


def _tracks(
    table: TrackTable,
    main_row: Int64[np.ndarray, " N"],
    is_hidden: Bool[np.ndarray, " N"],
    stamp_ns: int,
) -> Tracks:
    """Publish the table."""
    unseen = np.where(is_hidden, TrackState.OCCLUDED, TrackState.COASTING)
    seen = np.where(table.seen_ns == stamp_ns, TrackState.CONFIRMED, unseen)
    return Tracks(
        stamp_ns=stamp_ns,
        ids=table.ids.copy(),
        boxes_odom=table.boxes_odom,
        velocities_odom=table.mean[:, 3:].copy(),
        position_covariances_odom=table.covariance[:, POSITION, POSITION].copy(),
        velocity_covariances_odom=table.covariance[:, VELOCITY, VELOCITY].copy(),
        existence=lifecycle.existence(table),
        states=np.where(table.confirmed, seen, TrackState.TENTATIVE).astype(np.int64),
        heading_known=table.heading_known.copy(),
        ages_s=(stamp_ns - table.birth_ns) / NS_PER_S,
        detection_index=main_row,
    )
