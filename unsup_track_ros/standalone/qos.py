# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.qos`: the policies that our topics use, and their form in DDS."""

from __future__ import annotations

import enum
from typing import Any, Final

from cyclonedds.qos import Policy, Qos


class InvalidQoSProfileException(Exception):
    """A profile lacks what it needs."""

    def __init__(self, *args: str) -> None:
        Exception.__init__(self, "Invalid QoSProfile", *args)


class HistoryPolicy(enum.IntEnum):
    """Which samples a queue keeps."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(enum.IntEnum):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3


class DurabilityPolicy(enum.IntEnum):
    """Whether late subscribers get what was published before."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
_DEFAULT_DEPTH: Final = 10


class QoSProfile:
    """Quality of service of one endpoint: history, depth, reliability and durability.

    Deadline, lifespan and liveliness are not there (docs/standalone.md).
    """

    __slots__ = ("depth", "durability", "history", "reliability")

    def __init__(self, **policies: Any) -> None:
        unknown = policies.keys() - set(self.__slots__)
        if unknown:
            raise AssertionError(f"Invalid arguments passed to constructor: {sorted(unknown)}")
        if "history" not in policies and "depth" not in policies:
            raise InvalidQoSProfileException("History and/or depth settings are required.")
        self.history = HistoryPolicy(policies.get("history", HistoryPolicy.KEEP_LAST))
        if self.history == HistoryPolicy.KEEP_LAST and "depth" not in policies:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        self.depth = int(policies.get("depth", _DEFAULT_DEPTH))
        self.reliability = ReliabilityPolicy(
            policies.get("reliability", ReliabilityPolicy.RELIABLE)
        )
        self.durability = DurabilityPolicy(policies.get("durability", DurabilityPolicy.VOLATILE))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QoSProfile):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # mutable, as rclpy's

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"QoSProfile({values})"


def _latest(depth: int, **policies: Any) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, **policies)


qos_profile_default: Final = _latest(_DEFAULT_DEPTH)
qos_profile_system_default: Final = _latest(
    1,
    reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
    durability=DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_sensor_data: Final = _latest(5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default: Final = _latest(10)
qos_profile_parameters: Final = _latest(1000)
qos_profile_parameter_events: Final = _latest(1000)


def as_profile(qos: QoSProfile | int) -> QoSProfile:
    """Return a profile; a number is a depth."""
    if isinstance(qos, QoSProfile):
        return qos
    if not isinstance(qos, int) or qos < 0:
        raise ValueError(f"Expected a QoSProfile or a depth of 0 or more, got {qos!r}.")
    return QoSProfile(depth=qos)


def to_dds(profile: QoSProfile, user_data: str) -> Qos:
    """Map a profile as rmw_cyclonedds does; `user_data` carries the type hash."""
    history = (
        Policy.History.KeepAll
        if profile.history == HistoryPolicy.KEEP_ALL
        else Policy.History.KeepLast(max(1, profile.depth))
    )
    is_reliable = profile.reliability != ReliabilityPolicy.BEST_EFFORT
    policies = [
        history,
        Policy.Reliability.Reliable(_FOREVER_NS) if is_reliable else Policy.Reliability.BestEffort,
        Policy.Durability.Volatile,
        Policy.WriterDataLifecycle(autodispose=False),
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.Userdata(user_data.encode()),
    ]
    if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        policies[2] = Policy.Durability.TransientLocal
        policies.append(Policy.DurabilityService(0, history, -1, -1, -1))
    return Qos(*policies)


def from_dds(qos: Qos) -> QoSProfile:
    """Return what a discovered endpoint offers or requests; its depth is not announced."""
    best_effort = qos[Policy.Reliability] == Policy.Reliability.BestEffort
    volatile = qos[Policy.Durability] == Policy.Durability.Volatile
    return QoSProfile(
        depth=_DEFAULT_DEPTH,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE if volatile else DurabilityPolicy.TRANSIENT_LOCAL,
    )


_FOREVER_NS: Final = (1 << 63) - 1
