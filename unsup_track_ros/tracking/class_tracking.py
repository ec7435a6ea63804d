# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the tracker for the detections of trained detectors, class by class."""

from __future__ import annotations

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.tracking.association import AssociationConfig
from unsup_track_ros.tracking.lifecycle import LifecycleConfig
from unsup_track_ros.tracking.motion_model import MotionModelConfig
from unsup_track_ros.tracking.sequence_tracking import SequenceTrackingConfig
from unsup_track_ros.tracking.tracker import TrackerConfig
from unsup_track_ros.tracking.trajectories import TrajectoryConfig
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig

# How well boxes of a trained detector are placed. That sure ones are better, and by how much, shows
# without truth: in the third differences of positions along tracks, where the motion cancels.
_VEHICLE = MotionModelConfig(position_std_m=0.3, score_trust=0.1, reupdate_gap_s=0.25)
_WALKER = MotionModelConfig(
    position_std_m=0.3,
    score_trust=0.1,
    reupdate_gap_s=0.25,
    initial_speed_std_mps=1.5,
    acceleration_std_mps2=0.8,
)


def _of_class(motion: MotionModelConfig, association: AssociationConfig) -> SequenceTrackingConfig:
    """Return the parameters of a class that moves and is told apart like this.

    Chosen on the nine sequences of docs/results/tracking.md together, the same for all sequences.
    What differs between classes is how they move and how far apart their boxes may lie.
    """
    extent = VisibleExtentConfig(whole_boxes=True, growth_time_s=1.0)
    return SequenceTrackingConfig(
        tracker=TrackerConfig(
            motion=motion,
            extent=extent,
            association=association,
            lifecycle=LifecycleConfig(
                confirm_hits=1,
                score_log_odds=0.5,
                miss_log_odds_per_s=10.0,
                stopped_miss_log_odds_per_s=10.0,
                miss_half_range_m=40.0,
                stopped_deviations=1.0,
                max_existence=0.9999,
            ),
        ),
        report_existence=0.3,
        report_confidence=0.0,
        length_gain=1.0,
        trajectories=TrajectoryConfig(
            motion=motion, extent=extent, size_quantile=0.5, min_facing=0.0, rounds=1
        ),
    )


class ClassTrackingConfig(Config):
    """Tracking of the detections of a trained detector, by class."""

    car: SequenceTrackingConfig = parameter(_of_class(_VEHICLE, AssociationConfig()), "Cars.")
    pedestrian: SequenceTrackingConfig = parameter(
        _of_class(_WALKER, AssociationConfig()), "Pedestrians."
    )
    cyclist: SequenceTrackingConfig = parameter(
        _of_class(_VEHICLE, AssociationConfig()), "Cyclists."
    )

    def of(self, class_name: str) -> SequenceTrackingConfig:
        """Return the parameters of a class by the name that data sets give it."""
        config: SequenceTrackingConfig = getattr(self, class_name.lower())
        return config
