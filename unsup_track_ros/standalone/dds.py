# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cyclone DDS as rmw_cyclonedds uses it: names, types and settings on the wire.

Samples are CDR bytes that rosbags has made or will read. A topic type is an empty `IdlStruct` under
the name that ROS uses; overridden, it hands the bytes through.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

from cyclonedds.core import (
    DDSException,
    Entity,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
    WaitSet,
)
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct, make_idl_struct
from cyclonedds.internal import dds_c_t
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from unsup_track_ros.data.message_types import ros2_types
from unsup_track_ros.errors import ConfigError

_ANY: Final = SampleState.Any | ViewState.Any | InstanceState.Any
_MAX_DOMAIN: Final = 232
# Two thirds of a minute of LiDAR would fit; the kernel caps it at net.core.rmem_max.
_SOCKET: Final = '<Internal><SocketReceiveBufferSize max="8MB"/></Internal>'
# On loopback a datagram may be 64 KiB: a cloud is 30 of them instead of 1,400 and none gets lost in
# the kernel's buffer, where one lost costs 100 ms (measured: 1.9 MB in 3 ms, else 3 or 105 ms).
_LOOPBACK: Final = (
    '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    "<AllowMulticast>false</AllowMulticast>"
    "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>64000B</FragmentSize>"
)
_DISCOVERY: Final = (
    "<ParticipantIndex>auto</ParticipantIndex>"
    "<MaxAutoParticipantIndex>119</MaxAutoParticipantIndex>"
)
_PEER: Final = '<Peers><Peer address="127.0.0.1"/></Peers>'

_domains: Final[dict[int, Domain | None]] = {}
_lock: Final = threading.Lock()


def domain_id(given: int | None = None) -> int:
    """Return the domain: as given, from ROS_DOMAIN_ID, or 0.

    Raises:
        ConfigError: It is not a domain.
    """
    text = os.environ.get("ROS_DOMAIN_ID", "").strip() if given is None else str(given)
    if not text:
        return 0
    if not text.isdigit() or int(text) > _MAX_DOMAIN:
        raise ConfigError(f"ROS_DOMAIN_ID must be a number in [0, {_MAX_DOMAIN}], got '{text}'.")
    return int(text)


def join(domain: int) -> DomainParticipant:
    """Create the participant of a context.

    Everything stays on this machine unless ROS_AUTOMATIC_DISCOVERY_RANGE says SUBNET; whoever sets
    CYCLONEDDS_URI decides all of it.
    """
    with _lock:
        if domain not in _domains:
            own = os.environ.get("CYCLONEDDS_URI", "").strip()
            _domains[domain] = None if own else Domain(domain, settings())
    return DomainParticipant(domain, Qos(Policy.Userdata(b"enclave=/;")))


def settings() -> str:
    """Return Cyclone's configuration for the reach that the environment asks for.

    Raises:
        ConfigError: It asks for something else.
    """
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").strip().upper() or "LOCALHOST"
    if os.environ.get("ROS_LOCALHOST_ONLY", "").strip() == "1":
        reach = "LOCALHOST"
    if reach not in ("LOCALHOST", "SUBNET", "SYSTEM_DEFAULT", "OFF"):
        raise ConfigError(
            "ROS_AUTOMATIC_DISCOVERY_RANGE must be LOCALHOST, SUBNET, SYSTEM_DEFAULT or OFF, got "
            f"'{reach}'."
        )
    general, discovery = "", _DISCOVERY
    if reach in ("LOCALHOST", "OFF"):
        general = f"<General>{_LOOPBACK}</General>"
        discovery += _PEER if reach == "LOCALHOST" else ""
    return (
        f'<CycloneDDS><Domain id="any">{general}<Discovery>{discovery}</Discovery>{_SOCKET}'
        "</Domain></CycloneDDS>"
    )


class _Sample(IdlStruct):
    """CDR bytes in the clothes of a struct."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self, *_: Any, **__: Any) -> bytes:
        """Return the bytes."""
        return self.data

    @classmethod
    def deserialize(cls, data: bytes, *_: Any, **__: Any) -> Any:
        """Keep the bytes."""
        return cls(data)

    @classmethod
    def deserialize_key(cls, data: bytes, *_: Any, **__: Any) -> Any:
        """Keep nothing: a sample without data says that a writer has gone."""
        del data
        return cls(b"")


@cache
def _sample_class(type_name: str) -> Any:
    return make_idl_struct("Sample", type_name, {}, dataclassify=False, bases=(_Sample,))


def dds_type_name(msgtype: str) -> str:
    """Return `package::msg::dds_::Type_` for `package/msg/Type`."""
    package, kind, name = msgtype.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def ros_type_name(type_name: str) -> str:
    """Return `package/msg/Type` for `package::msg::dds_::Type_`; other names stay as they are."""
    parts = type_name.split("::")
    if len(parts) != 4 or parts[2] != "dds_":
        return type_name
    return f"{parts[0]}/{parts[1]}/{parts[3].removesuffix('_')}"


@cache
def type_hash(msgtype: str) -> str:
    """Return what USER_DATA says of a type, so that ROS 2 can tell whether both mean the same."""
    return f"typehash={ros2_types().hash_rihs01(msgtype)};"


class Writer:
    """Writes CDR bytes to a topic."""

    def __init__(
        self, participant: DomainParticipant, topic: str, msgtype: str, qos: Qos, listener: Any
    ) -> None:
        self._sample = _sample_class(dds_type_name(msgtype))
        self._topic = Topic(participant, topic, self._sample)
        self.entity = DataWriter(participant, self._topic, qos, listener)

    def write(self, data: bytes) -> None:
        """Hand a sample to the network."""
        self.entity.write(self._sample(data))

    def close(self) -> None:
        """Leave the network."""
        close(self.entity)
        close(self._topic)


class Reader:
    """Reads CDR bytes from a topic.

    Attributes:
        condition: Triggers a wait set while there are samples.
    """

    def __init__(
        self, participant: DomainParticipant, topic: str, msgtype: str, qos: Qos, listener: Any
    ) -> None:
        self._topic = Topic(participant, topic, _sample_class(dds_type_name(msgtype)))
        self.entity = DataReader(participant, self._topic, qos, listener)
        self.condition = ReadCondition(self.entity, _ANY)

    def take(self) -> tuple[bytes, Any] | None:
        """Return the oldest sample and what is known of it, or None."""
        while samples := self.entity.take(1):
            if samples[0].sample_info.valid_data:
                return samples[0].data, samples[0].sample_info
        return None

    def close(self) -> None:
        """Leave the network."""
        for entity in (self.condition, self.entity, self._topic):
            close(entity)


class ConditionSet:
    """Waits for conditions and says which were triggered, where cyclonedds only counts them.

    To ask every reader after every wait costs more than all messages on /clock.
    """

    def __init__(self, participant: DomainParticipant) -> None:
        self._wait_set = WaitSet(participant)
        self._watched: dict[int, Entity] = {}
        self._keys: dict[int, int] = {}
        self._lock = threading.Lock()

    def watch(self, wanted: Mapping[int, Entity]) -> None:
        """Wait for these conditions, by any key, from now on, and for no others."""
        with self._lock:
            if wanted.keys() == self._watched.keys():
                return
            for key in self._watched.keys() - wanted.keys():
                self._detach(key)
            for key in wanted.keys() - self._watched.keys():
                with suppress(DDSException):  # it was destroyed meanwhile
                    self._wait_set.attach(wanted[key])
                    self._watched[key] = wanted[key]
            self._find_keys()

    def forget(self, key: int) -> None:
        """Wait no more for a condition that is about to be deleted."""
        with self._lock:
            if key in self._watched:
                self._detach(key)
                self._find_keys()

    def wait(self, limit_ns: int) -> set[int]:
        """Wait until a condition is triggered or the time is over; return the triggered ones' keys.

        Raises:
            DDSException: The context has left the network.
        """
        keys = self._keys
        places = (dds_c_t.attach * len(keys))()
        num = self._wait_set._waitset_wait(self._wait_set._ref, places, len(keys), limit_ns)
        if num < 0:
            raise DDSException(num, "Occurred while waiting for conditions")
        return {keys[place] for place in places[:num] if place in keys}

    def _detach(self, key: int) -> None:
        condition = self._watched.pop(key)
        try:
            self._wait_set.detach(condition)
        except DDSException:  # it was deleted meanwhile
            attached = self._wait_set.attached
            self._wait_set.attached = [entry for entry in attached if entry[0] is not condition]

    def _find_keys(self) -> None:
        """Note by which address DDS names each condition: that of a number cyclonedds keeps."""
        keys = {id(condition): key for key, condition in self._watched.items()}
        self._keys = {
            ctypes.addressof(place): keys[id(condition)]
            for condition, place in self._wait_set.attached
        }


def gid(entity: Entity) -> bytes:
    """Return the 16 bytes that identify an endpoint or participant in the graph."""
    return entity.guid.bytes


def close(entity: Entity) -> None:
    """Delete an entity now; cyclonedds deletes with the last reference, whenever that goes."""
    entity.__del__()
