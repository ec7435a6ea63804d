# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS graph: which nodes, topics and services there are, told and heard on the network.

DDS knows participants and endpoints, not nodes. Every participant says on `ros_discovery_info`
which of its endpoints belong to which node (rmw_dds_common/ParticipantEntitiesInfo).
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import numpy as np
from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState
from cyclonedds.domain import DomainParticipant

from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.messages import deserialize, message_class, serialize
from unsup_track_ros.standalone.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    to_dds,
)

_TOPIC: Final = "ros_discovery_info"
_TYPE: Final = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_BATCH: Final = 100
_HEAR_PERIOD_S: Final = 1.0
_Info: Final = message_class(_TYPE)
_NodeInfo: Final = message_class("rmw_dds_common/msg/NodeEntitiesInfo")
_Gid: Final = message_class("rmw_dds_common/msg/Gid")


class Graph:
    """One participant's part in the graph."""

    def __init__(self, participant: DomainParticipant) -> None:
        own = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        all_of_others = QoSProfile(
            history=HistoryPolicy.KEEP_ALL, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        user_data = dds.type_hash(_TYPE)
        self._lock = threading.RLock()
        self._gid = _gid_message(dds.gid(participant))
        self._nodes: dict[tuple[str, str], Any] = {}
        self._heard: dict[bytes, Any] = {}
        self._writer = dds.Writer(participant, _TOPIC, _TYPE, to_dds(own, user_data), None)
        self._reader = dds.Reader(
            participant, _TOPIC, _TYPE, to_dds(all_of_others, user_data), None
        )
        self._participants = _Census(participant, BuiltinTopicDcpsParticipant)
        self._publications = _Census(participant, BuiltinTopicDcpsPublication)
        self._subscriptions = _Census(participant, BuiltinTopicDcpsSubscription)
        self._heard_s = 0.0

    def add_node(self, namespace: str, name: str) -> None:
        """Tell of a node."""
        with self._lock:
            self._nodes[namespace, name] = _NodeInfo(node_namespace=namespace, node_name=name)
            self._tell()

    def remove_node(self, namespace: str, name: str) -> None:
        """Tell that a node has gone."""
        with self._lock:
            if self._nodes.pop((namespace, name), None) is not None:
                self._tell()

    def is_empty(self) -> bool:
        """Tell whether we have no nodes."""
        return not self._nodes

    def add_endpoints(
        self, node: tuple[str, str], readers: tuple[Any, ...], writers: tuple[Any, ...]
    ) -> None:
        """Tell which DDS readers and writers belong to a node."""
        with self._lock:
            info = self._nodes[node]
            info.reader_gid_seq.extend(_gid_message(dds.gid(reader)) for reader in readers)
            info.writer_gid_seq.extend(_gid_message(dds.gid(writer)) for writer in writers)
            self._tell()

    def remove_endpoints(self, node: tuple[str, str], *entities: Any) -> None:
        """Tell that readers and writers have gone; to be called before they are deleted."""
        gone = {dds.gid(entity) for entity in entities}
        with self._lock:
            info = self._nodes.get(node)
            if info is None:
                return
            for listed in (info.reader_gid_seq, info.writer_gid_seq):
                listed[:] = [kept for kept in listed if kept.data.tobytes() not in gone]
            self._tell()

    def hear(self) -> None:
        """Take note of what others have told, at most once a second."""
        if time.monotonic() - self._heard_s >= _HEAR_PERIOD_S:
            with self._lock:
                self._hear()
                for census in (self._participants, self._publications, self._subscriptions):
                    census.follow()

    def node_names(self) -> list[tuple[str, str]]:
        """Return namespace and name of every node, our own included."""
        with self._lock:
            self._hear()
            alive = {sample.key.bytes for sample in self._participants.members()}
            found = [
                (node.node_namespace, node.node_name)
                for identity, info in self._heard.items()
                if identity in alive
                for node in info.node_entities_info_seq
            ]
        return sorted(found)

    def endpoints(self, *, writers: bool) -> list[Any]:
        """Return what DDS knows of every writer or reader in the domain (`DcpsEndpoint`)."""
        with self._lock:
            return (self._publications if writers else self._subscriptions).members()

    def topics(self) -> dict[str, list[str]]:
        """Return the types by ROS topic."""
        found: dict[str, set[str]] = {}
        for endpoint in [*self.endpoints(writers=True), *self.endpoints(writers=False)]:
            if endpoint.topic_name.startswith("rt/"):
                types = found.setdefault(endpoint.topic_name.removeprefix("rt"), set())
                types.add(dds.ros_type_name(endpoint.type_name))
        return {topic: sorted(types) for topic, types in sorted(found.items())}

    def _hear(self) -> None:
        self._heard_s = time.monotonic()
        while taken := self._reader.take():
            info: Any = deserialize(taken[0], _TYPE)
            self._heard[info.gid.data.tobytes()] = info

    def _tell(self) -> None:
        message = _Info(gid=self._gid, node_entities_info_seq=list(self._nodes.values()))
        self._writer.write(serialize(message))


def _gid_message(identity: bytes) -> Any:
    return _Gid(data=np.frombuffer(identity, np.uint8).copy())


class _Census:
    """What DDS says of participants or endpoints, each sample taken once.

    A sample costs cyclonedds 1 ms and some 150 bytes for ever, so that nothing is taken before
    somebody asks.
    """

    def __init__(self, participant: DomainParticipant, topic: Any) -> None:
        self._participant, self._topic = participant, topic
        self._reader: BuiltinDataReader | None = None
        self._known: dict[Any, Any] = {}

    def members(self) -> list[Any]:
        """Return those that are there now."""
        if self._reader is None:
            self._reader = BuiltinDataReader(self._participant, self._topic)
        self.follow()
        return list(self._known.values())

    def follow(self) -> None:
        """Take note of who has come and gone, if anybody has ever asked."""
        while self._reader is not None and (samples := self._reader.take(_BATCH)):
            for sample in samples:
                if sample.sample_info.instance_state == InstanceState.Alive:
                    self._known[sample.key] = sample
                else:
                    self._known.pop(sample.key, None)
