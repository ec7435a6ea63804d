# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of coordinate frames over time: whole recordings at once, or grown message by message.

A lookup answers at the stamp it is asked for, by interpolation, or says why it cannot: there are
four different reasons with four different cures. Nothing is extrapolated.
"""

from __future__ import annotations

import difflib
import math
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.errors import TransformError
from unsup_track_ros.geometry.se3 import from_quaternion, interpolate, inverse
from unsup_track_ros.shapes import Float64

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000


class UnknownFrameError(TransformError):
    """A frame never appeared in any transform: a wrong name, or its publisher is missing."""


class NotConnectedError(TransformError):
    """Both frames exist but no transforms join them: a publisher in between is missing."""


class OutsideKnownTimeError(TransformError):
    """The stamp lies where a link is not known.

    Attributes:
        limit_ns: Stamp from which, or until which, the link is known.
        is_single: Whether only that one pose is known.
    """

    def __init__(self, sentence: str, limit_ns: int, *, is_single: bool) -> None:
        super().__init__(sentence)
        self.limit_ns = limit_ns
        self.is_single = is_single


class TransformTooOldError(OutsideKnownTimeError):
    """The stamp lies before the first known pose: the recording or the buffer starts too late."""


class TransformTooNewError(OutsideKnownTimeError):
    """The stamp lies after the last known pose: the transforms come late, or have stopped."""


class TransformConfig(Config):
    """How the tree of frames answers."""

    tolerance_s: float = parameter(
        0.0,
        "How far outside the known poses a stamp may lie; the nearest pose is then held.",
        unit="s",
        ge=0.0,
    )
    buffer_s: float = parameter(
        0.0, "How long poses are kept, 0 for ever (needed offline).", unit="s", ge=0.0
    )


@dataclass(slots=True)
class _Edge:
    """Poses of one child in its parent, in the order of their stamps."""

    parent: str
    is_static: bool
    stamps_ns: list[int] = field(default_factory=list)
    parent_T_child: list[Float64[np.ndarray, "4 4"]] = field(default_factory=list)

    def insert(self, stamp: int, pose: Float64[np.ndarray, "4 4"]) -> None:
        at = bisect_left(self.stamps_ns, stamp)
        if at < len(self.stamps_ns) and self.stamps_ns[at] == stamp:
            self.parent_T_child[at] = pose
        else:
            self.stamps_ns.insert(at, stamp)
            self.parent_T_child.insert(at, pose)

    def forget(self) -> None:
        self.stamps_ns.clear()
        self.parent_T_child.clear()

    def forget_before(self, stamp: int) -> None:
        # One pose before the limit stays, so that the limit itself can be interpolated.
        old = max(bisect_left(self.stamps_ns, stamp) - 1, 0)
        del self.stamps_ns[:old], self.parent_T_child[:old]


class TransformTree:
    """Frames and the transforms between them.

    Attributes:
        conflicts: One sentence per child frame that was published under a second parent; the first
            parent counts.
    """

    def __init__(self, config: TransformConfig | None = None, jump_s: float = math.inf) -> None:
        """Start empty.

        Args:
            config: How the tree answers.
            jump_s: A pose this far before the newest of its link means that time was set back: the
                older poses of that link are forgotten. Offline, never.
        """
        self._config = config or TransformConfig()
        self._jump_ns = jump_s * _NS_PER_S
        self._edges: dict[str, _Edge] = {}
        self._names: set[str] = set()
        self.conflicts: dict[str, str] = {}

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of all frames, sorted."""
        return tuple(sorted(self._names))

    def __contains__(self, frame: str) -> bool:
        """Tell whether a frame is known."""
        return frame.lstrip("/") in self._names

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        self._edges.clear()
        self._names.clear()
        self.conflicts.clear()

    def insert(
        self,
        parent: str,
        child: str,
        stamp: int,
        parent_T_child: Float64[np.ndarray, "4 4"],
        *,
        static: bool = False,
    ) -> None:
        """Add one pose; a static one holds at every time."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        edge = self._edges.get(child)
        if edge is None:
            edge = self._edges[child] = _Edge(parent, static)
            self._names |= {parent, child}
        if edge.parent != parent:
            self.conflicts[child] = (
                f"Frame '{child}' is published under both '{edge.parent}' and '{parent}'; "
                f"'{edge.parent}' counts."
            )
            return
        if static or edge.is_static:
            edge.is_static = True
            edge.stamps_ns, edge.parent_T_child = [stamp], [parent_T_child]
            return
        if edge.stamps_ns and edge.stamps_ns[-1] - stamp >= self._jump_ns:
            edge.forget()
        edge.insert(stamp, parent_T_child)
        if self._config.buffer_s > 0:
            edge.forget_before(edge.stamps_ns[-1] - round(self._config.buffer_s * _NS_PER_S))

    def insert_message(self, message: RosMessage, *, static: bool) -> None:
        """Add the transforms of a tf2_msgs/TFMessage; unusable rotations (all zero) are skipped."""
        for item in message.transforms:
            shift, turn = item.transform.translation, item.transform.rotation
            numbers = np.array([shift.x, shift.y, shift.z, turn.x, turn.y, turn.z, turn.w])
            if not (np.isfinite(numbers).all() and np.any(numbers[3:])):
                continue
            parent_T_child = from_quaternion(numbers[3:], numbers[:3])
            self.insert(
                item.header.frame_id,
                item.child_frame_id,
                stamp_ns(item),
                parent_T_child,
                static=static,
            )

    def lookup(self, target: str, source: str, stamp: int) -> Float64[np.ndarray, "4 4"]:
        """Return target_T_source at a stamp: it moves points from `source` to `target`.

        A frame seen from itself needs no transforms at all.

        Raises:
            UnknownFrameError: One of the frames is not in the tree; names the nearest.
            NotConnectedError: No chain joins them.
            TransformTooOldError: The stamp lies before the first pose of a link in between.
            TransformTooNewError: The stamp lies after the last pose of a link in between.
        """
        if target.lstrip("/") == source.lstrip("/"):
            return np.eye(4)
        target_chain, source_chain = self._chain(target), self._chain(source)
        common = next((frame for frame in source_chain if frame in set(target_chain)), None)
        if common is None:
            raise NotConnectedError(
                f"No transforms connect '{source}' to '{target}': one belongs to the tree of "
                f"'{source_chain[-1]}', the other to that of '{target_chain[-1]}'. Record or "
                "publish the link between the two trees."
            )
        common_T_target = self._climb(target_chain, common, stamp, (target, source))
        common_T_source = self._climb(source_chain, common, stamp, (target, source))
        target_T_common = inverse(common_T_target)
        target_T_source: Float64[np.ndarray, "4 4"] = target_T_common @ common_T_source
        return target_T_source

    def newest_common_stamp(self, target: str, source: str) -> int:
        """Return the newest stamp at which every link between two frames is known; 0 if always.

        Raises:
            UnknownFrameError: One of the frames is not in the tree.
        """
        links = set(self._chain(target)) ^ set(self._chain(source))
        moving = [edge for name in links if (edge := self._edges.get(name)) and not edge.is_static]
        return min((edge.stamps_ns[-1] for edge in moving), default=0)

    def lookup_between(
        self, target: tuple[str, int], source: tuple[str, int], fixed: str
    ) -> Float64[np.ndarray, "4 4"]:
        """Return target_T_source between two stamps, through a frame that stands still meanwhile.

        Args:
            target: Frame and stamp in nanoseconds that points are moved to.
            source: Frame and stamp they come from.
            fixed: Frame fixed in the world, for example odom.

        Raises:
            TransformError: As `lookup`.
        """
        fixed_T_target = self.lookup(fixed, *target)
        fixed_T_source = self.lookup(fixed, *source)
        target_T_fixed = inverse(fixed_T_target)
        target_T_source: Float64[np.ndarray, "4 4"] = target_T_fixed @ fixed_T_source
        return target_T_source

    def _chain(self, frame: str) -> list[str]:
        """Return the frame and its ancestors up to the root of its tree."""
        name = frame.lstrip("/")
        if name not in self._names:
            frames = self.frames
            nearest = difflib.get_close_matches(name, frames, n=1)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(frames)}."
            raise UnknownFrameError(
                f"Frame '{name}' is not in the transform tree; {hint}"
                if frames
                else f"Frame '{name}' is unknown: no transforms were received at all."
            )
        chain = [name]
        while (edge := self._edges.get(chain[-1])) is not None:
            if edge.parent in chain:
                raise NotConnectedError(
                    f"The transforms form a loop: {' -> '.join([*chain, edge.parent])}. One of "
                    "these links must go."
                )
            chain.append(edge.parent)
        return chain

    def _climb(
        self, chain: list[str], common: str, stamp: int, asked: tuple[str, str]
    ) -> Float64[np.ndarray, "4 4"]:
        """Return common_T_frame for the first frame of a chain."""
        common_T_parent = np.eye(4)
        for child in reversed(chain[: chain.index(common)]):
            parent_T_child = self._pose(child, stamp, asked)
            common_T_child = common_T_parent @ parent_T_child
            common_T_parent = common_T_child  # frames: this child is the parent of the next
        return common_T_parent

    def _pose(self, child: str, stamp: int, asked: tuple[str, str]) -> Float64[np.ndarray, "4 4"]:
        edge = self._edges[child]
        if edge.is_static:
            return edge.parent_T_child[0]
        first, last = edge.stamps_ns[0], edge.stamps_ns[-1]
        if not first <= stamp <= last:
            self._check_tolerated(child, stamp, asked)
            stamp = min(max(stamp, first), last)
        after = bisect_left(edge.stamps_ns, stamp)
        if edge.stamps_ns[after] == stamp:
            return edge.parent_T_child[after]
        start, end = edge.stamps_ns[after - 1], edge.stamps_ns[after]
        ratio = (stamp - start) / (end - start)
        return interpolate(edge.parent_T_child[after - 1], edge.parent_T_child[after], ratio)

    def _check_tolerated(self, child: str, stamp: int, asked: tuple[str, str]) -> None:
        edge = self._edges[child]
        tolerance_ns = round(self._config.tolerance_s * _NS_PER_S)
        early_ns, late_ns = edge.stamps_ns[0] - stamp, stamp - edge.stamps_ns[-1]
        is_single = len(edge.stamps_ns) == 1
        question = (
            f"The transform from '{asked[1]}' to '{asked[0]}' at {stamp / _NS_PER_S:.3f} s needs "
            f"'{child}' in '{edge.parent}', which is known only"
        )
        if early_ns > tolerance_ns:
            raise TransformTooOldError(
                f"{question} from {early_ns / _NS_PER_MS:.1f} ms later on (extrapolation into the "
                "past).",
                edge.stamps_ns[0],
                is_single=is_single,
            )
        if late_ns > tolerance_ns:
            raise TransformTooNewError(
                f"{question} until {late_ns / _NS_PER_MS:.1f} ms earlier (extrapolation into the "
                "future).",
                edge.stamps_ns[-1],
                is_single=is_single,
            )
