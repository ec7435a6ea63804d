# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bring the messages of several sensors together by their stamps: online and offline the same sets.

One sensor is the reference (the LiDAR): every one of its stamps becomes one set. Each other input
contributes the message that fits best. What fits depends on the stamps alone and not on the order
in which messages of different inputs arrive. No ROS here, no clock, no threads: `add` a message,
take the sets it completed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import ConfigError

_NS_PER_S = 1_000_000_000

PayloadT = TypeVar("PayloadT")


class SynchronizerConfig(Config):
    """When messages of different sensors belong together."""

    tolerance_s: float = parameter(
        0.05,
        "Largest difference of the stamps of two messages that belong together.",
        unit="s",
        ge=0.0,
    )
    image_offset_s: float = parameter(
        0.0, "By how much image stamps are later than scan stamps at the same moment.", unit="s"
    )
    instant_s: float = parameter(
        0.01,
        "A message this near the reference is taken at once, without waiting for a nearer one.",
        unit="s",
        ge=0.0,
    )
    timeout_s: float = parameter(
        0.5,
        "A set is given out without an input that stays this far behind the newest stamp of any, "
        "and later ones at once until it speaks again; 0 waits for ever.",
        unit="s",
        ge=0.0,
    )
    partial: bool = parameter(True, "Give out sets without the inputs that are silent.")
    jump_s: float = parameter(
        1.0,
        "A stamp this far before its predecessor means that the clock was set back.",
        unit="s",
        gt=0.0,
    )
    queue_size: int = parameter(
        50, "Messages kept per input while the others are silent; 0 keeps all.", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SynchronizerInput:
    """One input beside the reference.

    Attributes:
        name: Name under which its messages are added.
        offset_s: By how much its stamps are later than the reference's at the same moment.
        tolerance_s: Its own tolerance, None for the common one.
    """

    name: str
    offset_s: float = 0.0
    tolerance_s: float | None = None


def synchronizer_inputs(
    clouds: Sequence[str], images: Sequence[str], config: SynchronizerConfig
) -> list[SynchronizerInput]:
    """Return the inputs beside the reference: other LiDARs, and cameras with their offset."""
    return [
        *(SynchronizerInput(name=name) for name in clouds),
        *(SynchronizerInput(name=name, offset_s=config.image_offset_s) for name in images),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedSet(Generic[PayloadT]):
    """Messages of one moment.

    Attributes:
        stamp_ns: Stamp of the reference.
        payloads: Payload by input name; inputs without a fitting message are absent.
        stamps_ns: Stamp by input name, as recorded.
        missing: Reason by name of the inputs that are absent: `silent` (nothing near this stamp) or
            `late` (not arrived within the timeout).
        epoch: Counts the backward jumps of the clock so far; a new number means a new timeline.
    """

    stamp_ns: int
    payloads: dict[str, PayloadT]
    stamps_ns: dict[str, int]
    missing: dict[str, str]
    epoch: int


@dataclass(slots=True)
class _Queue(Generic[PayloadT]):
    """Messages of one input that may still be needed, stamps on the reference's clock."""

    offset_ns: int
    tolerance_ns: int
    newest_ns: int | None = None
    is_lost: bool = False  # was late and has not spoken since: nobody waits for it
    waiting: deque[tuple[int, PayloadT]] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Verdict on one input: the queue position of its message, or why it has none."""

    index: int | None
    missing: str


class Synchronizer(Generic[PayloadT]):
    """Collect messages into sets.

    Per input, the match of a reference stamp is the first message within `instant_s` of it, else
    the nearest within the tolerance (the earlier of two equally near). A message is used once, and
    never after a later one. Sets come out in the order of the reference stamps.

    Attributes:
        drops: Number of messages that went into no set, by (input name, reason): zero_stamp,
            duplicate, out_of_order (before its predecessor), unmatched (near no reference),
            overflow, incomplete (a reference without all inputs while `partial` is off).
        epoch: Number of backward jumps of the clock.
    """

    def __init__(
        self, config: SynchronizerConfig, reference: str, inputs: Sequence[SynchronizerInput]
    ) -> None:
        """Set up the inputs.

        Raises:
            ConfigError: Two inputs share a name.
        """
        names = [reference, *(item.name for item in inputs)]
        if len(set(names)) != len(names):
            raise ConfigError(f"Every input needs its own name, got {', '.join(names)}.")
        self._config = config
        self._reference_name = reference
        self._reference: _Queue[PayloadT] = _Queue(0, 0)
        self._inputs: dict[str, _Queue[PayloadT]] = {
            item.name: _Queue(
                round(item.offset_s * _NS_PER_S),
                round(
                    (config.tolerance_s if item.tolerance_s is None else item.tolerance_s)
                    * _NS_PER_S
                ),
            )
            for item in inputs
        }
        self.drops: Counter[tuple[str, str]] = Counter()
        self.epoch = 0

    def add(self, name: str, stamp_ns: int, payload: PayloadT) -> list[MatchedSet[PayloadT]]:
        """Take one message and return the sets that are complete now.

        Args:
            name: The reference or one of the inputs.
            stamp_ns: Header stamp.
            payload: Whatever is to be handed back in the set.
        """
        queue = self._reference if name == self._reference_name else self._inputs[name]
        if stamp_ns <= 0:
            self.drops[name, "zero_stamp"] += 1
            return []
        moment_ns = stamp_ns - queue.offset_ns
        sets: list[MatchedSet[PayloadT]] = []
        if queue.newest_ns is not None and moment_ns <= queue.newest_ns:
            if queue.newest_ns - moment_ns < round(self._config.jump_s * _NS_PER_S):
                reason = "duplicate" if moment_ns == queue.newest_ns else "out_of_order"
                self.drops[name, reason] += 1
                return []
            sets = self._restart()
        queue.newest_ns = moment_ns
        queue.is_lost = False
        queue.waiting.append((moment_ns, payload))
        self._bound(name, queue)
        return sets + self._release(is_final=False)

    def flush(self) -> list[MatchedSet[PayloadT]]:
        """Return the sets that still wait, with what is there: the streams have ended."""
        sets = self._release(is_final=True)
        self._discard_unused()
        return sets

    def _restart(self) -> list[MatchedSet[PayloadT]]:
        """Finish the old timeline after a backward jump and begin a new one."""
        sets = self._release(is_final=True)
        self._discard_unused()
        for queue in (self._reference, *self._inputs.values()):
            queue.newest_ns = None
        self.epoch += 1
        return sets

    def _discard_unused(self) -> None:
        for name, queue in self._inputs.items():
            self._discard_before(name, queue.waiting[-1][0] + 1 if queue.waiting else 0)

    def _discard_before(self, name: str, moment_ns: int) -> None:
        waiting = self._inputs[name].waiting
        while waiting and waiting[0][0] < moment_ns:
            waiting.popleft()
            self.drops[name, "unmatched"] += 1

    def _bound(self, name: str, queue: _Queue[PayloadT]) -> None:
        while self._config.queue_size and len(queue.waiting) > self._config.queue_size:
            queue.waiting.popleft()
            self.drops[name, "overflow"] += 1

    def _release(self, *, is_final: bool) -> list[MatchedSet[PayloadT]]:
        sets: list[MatchedSet[PayloadT]] = []
        while self._reference.waiting:
            stamp_ns, payload = self._reference.waiting[0]
            choices: dict[str, _Choice] = {}
            for name, queue in self._inputs.items():
                choice = self._choose(queue, stamp_ns, is_final=is_final)
                if choice is None:
                    return sets
                choices[name] = choice
            self._reference.waiting.popleft()
            matched = self._take(stamp_ns, payload, choices)
            if matched.missing and not self._config.partial:
                self.drops[self._reference_name, "incomplete"] += 1
            else:
                sets.append(matched)
        return sets

    def _choose(self, queue: _Queue[PayloadT], stamp_ns: int, *, is_final: bool) -> _Choice | None:
        """Return the verdict on one input, None while a better message may still come."""
        instant_ns = min(round(self._config.instant_s * _NS_PER_S), queue.tolerance_ns)
        best: int | None = None
        best_ns = queue.tolerance_ns
        for index, (moment_ns, _) in enumerate(queue.waiting):
            distance_ns = abs(moment_ns - stamp_ns)
            if distance_ns <= instant_ns:
                return _Choice(index, "")
            if distance_ns < best_ns or (best is None and distance_ns == best_ns):
                best, best_ns = index, distance_ns
            if moment_ns >= stamp_ns + best_ns:
                break
        # Stamps rise: nothing nearer comes once the input has passed the mirror image of the best.
        decided_at_ns = stamp_ns + (best_ns if best is None else max(best_ns - 1, 0))
        if is_final or (queue.newest_ns is not None and queue.newest_ns >= decided_at_ns):
            return _Choice(best, "" if best is not None else "silent")
        if queue.is_lost or self._is_timed_out(stamp_ns):
            return _Choice(best, "" if best is not None else "late")
        return None

    def _is_timed_out(self, stamp_ns: int) -> bool:
        timeout_ns = round(self._config.timeout_s * _NS_PER_S)
        queues = (self._reference, *self._inputs.values())
        newest_ns = max(queue.newest_ns for queue in queues if queue.newest_ns is not None)
        return timeout_ns > 0 and newest_ns - stamp_ns > timeout_ns

    def _take(
        self, stamp_ns: int, payload: PayloadT, choices: dict[str, _Choice]
    ) -> MatchedSet[PayloadT]:
        payloads = {self._reference_name: payload}
        stamps_ns = {self._reference_name: stamp_ns}
        for name, choice in choices.items():
            queue = self._inputs[name]
            queue.is_lost = choice.missing == "late"
            if choice.index is None:  # what lies before this reference fits no later one either
                self._discard_before(name, stamp_ns - queue.tolerance_ns)
                continue
            self._discard_before(name, queue.waiting[choice.index][0])
            moment_ns, payloads[name] = queue.waiting.popleft()
            stamps_ns[name] = moment_ns + queue.offset_ns
        missing = {name: choice.missing for name, choice in choices.items() if choice.index is None}
        return MatchedSet(
            stamp_ns=stamp_ns,
            payloads=payloads,
            stamps_ns=stamps_ns,
            missing=missing,
            epoch=self.epoch,
        )
