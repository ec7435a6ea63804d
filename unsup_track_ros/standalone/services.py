# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.service` and `rclpy.client`: requests and replies as rmw_cyclonedds puts them on topics.

Both carry 16 bytes before the message: a number of the client and a number of the request.
USER_DATA names the endpoints that belong to one client or one service.
"""

from __future__ import annotations

import itertools
import secrets
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from cyclonedds.qos import Policy

from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.endpoints import Endpoint, Work
from unsup_track_ros.standalone.messages import serialize
from unsup_track_ros.standalone.qos import QoSProfile, to_dds
from unsup_track_ros.standalone.task import CallbackGroup, Future

_ENCAPSULATION: Final = b"\0\1\0\0"
_HEADER: Final = struct.Struct("<Qq")
_BODY_AT: Final = 4 + _HEADER.size
_POLL_S: Final = 0.005
# How long a service waits for the reader of a client whose writer it has heard.
_CLIENT_READER_S: Final = 0.1


class _Pair(Endpoint):
    """One topic out, one topic in."""

    def __init__(
        self,
        context: Any,
        srv_type: Any,
        srv_name: str,
        qos: QoSProfile,
        callback_group: CallbackGroup,
        *,
        is_service: bool,
    ) -> None:
        super().__init__(callback_group)
        self.srv_type, self.srv_name = srv_type, srv_name
        self._context = context
        self._known: dict[int, str] = {}
        request, response = srv_type.Request.__msgtype__, srv_type.Response.__msgtype__
        requests = (f"rq{srv_name}Request", request)
        replies = (f"rr{srv_name}Reply", response)
        outgoing, incoming = (replies, requests) if is_service else (requests, replies)
        identity = ".".join(f"{byte:x}" for byte in secrets.token_bytes(16))
        self._key = f"{'serviceid' if is_service else 'clientid'}={identity};"
        participant = context.participant
        self.writer: dds.Writer | None = dds.Writer(
            participant, *outgoing, to_dds(qos, self._key + dds.type_hash(outgoing[1])), None
        )
        self.reader: dds.Reader | None = dds.Reader(
            participant, *incoming, to_dds(qos, self._key + dds.type_hash(incoming[1])), None
        )
        self._incoming = incoming[1]
        self.condition = self.reader.condition

    def _take(self) -> tuple[int, int, Any, Any] | None:
        """Return client number, request number, message, and what DDS knows of the sample."""
        while True:
            with self._lock:
                taken = self.reader.take() if self.reader is not None else None
            if taken is None:
                return None
            data, info = taken
            body = data[: len(_ENCAPSULATION)] + data[_BODY_AT:]
            message = self.read(body, self._incoming, self.srv_name)
            if message is not None:
                return *_HEADER.unpack_from(data, len(_ENCAPSULATION)), message, info

    def _send(self, client: int, number: int, message: Any) -> None:
        body = serialize(message)
        with self._lock:
            if self.writer is not None:
                self.writer.write(
                    _ENCAPSULATION + _HEADER.pack(client, number) + body[len(_ENCAPSULATION) :]
                )

    def _identities(self, key: str) -> tuple[set[str], set[str]]:
        """Return who of the other side listens to us, and who speaks to us."""
        if self.reader is None or self.writer is None:
            return set(), set()
        hears, tells = self.writer.entity, self.reader.entity
        listening = {
            self._identity(handle, hears.get_matched_subscription_data, key)
            for handle in hears.get_matched_subscriptions()
        }
        speaking = {
            self._identity(handle, tells.get_matched_publication_data, key)
            for handle in tells.get_matched_publications()
        }
        return listening - {""}, speaking - {""}

    def _identity(self, handle: int, look_up: Callable[[int], Any], key: str) -> str:
        """Return the identity in an endpoint's USER_DATA, looked up once: each look leaks."""
        if handle not in self._known:
            endpoint = look_up(handle)
            if endpoint is None:
                return ""
            has_data = Policy.Userdata in endpoint.qos
            data = endpoint.qos[Policy.Userdata].data if has_data else b""
            parts = data.decode(errors="replace").split(";")
            self._known[handle] = next((part for part in parts if part.startswith(key)), "")
        return self._known[handle]

    def _close(self) -> None:
        if self.reader is not None and self.writer is not None:
            self.reader.close()
            self.writer.close()
            self.reader = self.writer = None


class Service(_Pair):
    """Answers requests: `callback(request, response)` returns the response."""

    def __init__(
        self,
        context: Any,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        qos: QoSProfile,
        callback_group: CallbackGroup,
    ) -> None:
        self.callback = callback
        super().__init__(context, srv_type, srv_name, qos, callback_group, is_service=True)

    def take(self) -> Work | None:
        """Return the answering of the oldest request."""
        taken = self._take()
        if taken is None:
            return None
        client, number, request, info = taken

        def answer() -> None:
            response = self.callback(request, self.srv_type.Response())
            if not isinstance(response, self.srv_type.Response):
                raise TypeError(
                    f"The callback of the service '{self.srv_name}' must return a "
                    f"{self.srv_type.Response.__name__}, got a {type(response).__name__}."
                )
            self._wait_for_client(info.publication_handle)
            self._send(client, number, response)

        return answer

    def _wait_for_client(self, publication: int) -> None:
        """Wait until the client's reader is known: discovery may have found its writer only."""
        deadline_s = time.monotonic() + _CLIENT_READER_S
        while self.reader is not None and time.monotonic() < deadline_s:
            look_up = self.reader.entity.get_matched_publication_data
            asking = self._identity(publication, look_up, "clientid=")
            if not asking or asking in self._identities("clientid=")[0]:
                return  # it tells nothing of itself, has left, or is known
            time.sleep(_POLL_S)


class Client(_Pair):
    """Asks a service."""

    def __init__(
        self,
        context: Any,
        srv_type: Any,
        srv_name: str,
        qos: QoSProfile,
        callback_group: CallbackGroup,
    ) -> None:
        self._number = itertools.count(1)
        self._client = secrets.randbits(64)
        self._pending: dict[int, Future] = {}
        super().__init__(context, srv_type, srv_name, qos, callback_group, is_service=False)

    def call_async(self, request: Any) -> Future:
        """Ask, and return the response to come.

        Raises:
            TypeError: The request is of another type.
        """
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        number, future = next(self._number), Future()
        self._pending[number] = future
        future.add_done_callback(lambda _: self._pending.pop(number, None))
        self._send(self._client, number, request)
        return future

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """Ask and wait; another thread must spin. Returns None after the timeout."""
        future = self.call_async(request)
        if not future.wait(timeout_sec):
            future.cancel()
            return None
        return future.result()

    def service_is_ready(self) -> bool:
        """Tell whether somebody answers."""
        listening, answering = self._identities("serviceid=")
        return bool(listening & answering)

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait until somebody answers; tells whether somebody does."""
        limit_s = float("inf") if timeout_sec is None else timeout_sec
        deadline_s = time.monotonic() + limit_s
        while self._context.ok() and not self.service_is_ready():
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(_POLL_S)
        return bool(self._context.ok())

    def take(self) -> Work | None:
        """Return the handing over of the oldest response, leaving out those to other clients."""
        while (taken := self._take()) is not None:
            client, number, response, _ = taken
            future = self._pending.get(number) if client == self._client else None
            if future is not None:
                waiting = future
                return lambda: waiting.set_result(response)
        return None
