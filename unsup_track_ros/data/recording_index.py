# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One pass over a recording: all transforms and calibrations, and which messages form a frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import NamedTuple

from unsup_track_ros.data.bag_writer import TF_STATIC_TOPIC
from unsup_track_ros.data.calibration_history import CalibrationHistory
from unsup_track_ros.data.message_types import TF_MESSAGE
from unsup_track_ros.data.rosbag import Bag, RawMessage
from unsup_track_ros.data.synchronizer import (
    MatchedSet,
    Synchronizer,
    SynchronizerConfig,
    synchronizer_inputs,
)
from unsup_track_ros.data.topic_selection import TopicSelection
from unsup_track_ros.data.transforms import TransformConfig, TransformTree
from unsup_track_ros.errors import DataError

# Encapsulation (or sequence number) and stamp; the rest tells whether two messages say the same.
_STAMPED_BYTES = 12


class MessageKey(NamedTuple):
    """Identity of a message: topic, log time, and its number among those of the same time."""

    topic: str
    log_ns: int
    occurrence: int


class MessageCounter:
    """Give every message of a pass its key; passes that start later give the same keys."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, int]] = {}

    def key(self, raw: RawMessage) -> MessageKey:
        """Return the key of the next message of the pass."""
        log_ns, count = self._latest.get(raw.topic, (-1, 0))
        count = count + 1 if log_ns == raw.log_ns else 0
        self._latest[raw.topic] = (raw.log_ns, count)
        return MessageKey(raw.topic, raw.log_ns, count)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingIndex:
    """What one pass over a recording tells.

    Attributes:
        sets: Messages of every frame in the order of their stamps.
        tree: All transforms.
        calibrations: By camera_info topic.
        drops: Messages that belong to no frame, by (topic, reason).
        warnings: One sentence per thing the user should know.
    """

    sets: tuple[MatchedSet[MessageKey], ...]
    tree: TransformTree
    calibrations: dict[str, CalibrationHistory]
    drops: Counter[tuple[str, str]]
    warnings: tuple[str, ...]


def index_recording(
    bag: Bag,
    topics: TopicSelection,
    synchronizer_config: SynchronizerConfig,
    transform_config: TransformConfig,
) -> RecordingIndex:
    """Read every message once, decoding only transforms and calibrations.

    The synchronizer is the one of the nodes. It waits for ever here, as nothing is late in a file.

    Raises:
        DataError: The recording is damaged, or nothing of its reference can be used.
    """
    patient = synchronizer_config.model_copy(update={"timeout_s": 0.0, "queue_size": 0})
    reference, others = topics.reference, [*topics.other_clouds, *topics.other_images]
    inputs = synchronizer_inputs(topics.other_clouds, topics.other_images, synchronizer_config)
    synchronizer: Synchronizer[MessageKey] = Synchronizer(patient, reference, inputs)
    tree = TransformTree(transform_config)
    calibrations = {
        camera.camera_info.name: CalibrationHistory(is_rectified=camera.is_rectified)
        for camera in topics.cameras
    }
    transform_names = {topic.name for topic in topics.transforms}
    counter = MessageCounter()
    sets: list[MatchedSet[MessageKey]] = []
    for raw in bag.messages([reference, *others, *calibrations, *transform_names]):
        if raw.topic in transform_names:
            is_static = raw.topic.endswith(TF_STATIC_TOPIC)
            tree.insert_message(bag.decode(raw, TF_MESSAGE), static=is_static)
            continue
        stamp_ns = bag.header_stamp_ns(raw)
        if raw.topic in calibrations:
            content = bytes(raw.data[_STAMPED_BYTES:])
            calibrations[raw.topic].add(content, stamp_ns, partial(bag.decode, raw))
        else:
            sets += synchronizer.add(raw.topic, stamp_ns, counter.key(raw))
    sets += synchronizer.flush()
    timeline, warnings = _longest_timeline(sets, bag)
    if not timeline:
        raise DataError(_no_frames(bag, reference, synchronizer.drops))
    return RecordingIndex(
        sets=timeline,
        tree=tree,
        calibrations=calibrations,
        drops=synchronizer.drops,
        warnings=(*warnings, *tree.conflicts.values()),
    )


def _longest_timeline(
    sets: list[MatchedSet[MessageKey]], bag: Bag
) -> tuple[tuple[MatchedSet[MessageKey], ...], tuple[str, ...]]:
    """Keep the frames between two backward jumps of the clock: stamps must rise."""
    timelines = [tuple(group) for _, group in groupby(sets, key=lambda matched: matched.epoch)]
    if len(timelines) <= 1:
        return tuple(sets), ()
    longest = max(timelines, key=len)
    return longest, (
        f"The clock of '{bag.path}' jumps back {len(timelines) - 1} times; only the longest part, "
        f"{len(longest)} of {len(sets)} scans, is used. Split the recording to use the rest.",
    )


def _no_frames(bag: Bag, reference: str, drops: Counter[tuple[str, str]]) -> str:
    reasons = ", ".join(
        f"{count} {reason}" for (name, reason), count in drops.items() if name == reference
    )
    return (
        f"None of the {bag.topics[reference].count} messages of '{reference}' in '{bag.path}' can "
        f"be used ({reasons or 'no messages'}); their headers need rising, non-zero stamps."
    )
