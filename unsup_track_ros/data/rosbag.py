# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Open recordings of every ROS generation: what is in them, and their raw messages in log order.

ROS 1 `.bag`, rosbag2 folders (sqlite3 or MCAP; split; compressed by file or message) and bare
`.mcap` or `.db3` files. Nothing is interpreted here beyond the header stamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rosbags.interfaces import Connection, ConnectionExtRosbag1, QosDurability, QosReliability
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from unsup_track_ros.data.message_types import (
    LEGACY_TF_MESSAGE,
    TF_MESSAGE,
    RosMessage,
    ros1_types,
    ros2_types,
)
from unsup_track_ros.errors import DataError

# First bytes of the file formats, and the suffix by which the reader library tells them apart.
_MAGIC_SUFFIX = {b"#ROSBAG V": ".bag", b"\x89MCAP0\r\n": ".mcap", b"SQLite format 3\0": ".db3"}
_REPAIR = {
    ".bag": "rosbag reindex",
    ".mcap": "mcap recover",
    ".db3": "sqlite3 .recover",
    "": "ros2 bag reindex",
}
# CDR: 4 bytes of encapsulation, then the stamp. ROS 1: 4 bytes of sequence number, then the stamp.
_STAMP_AT = 4
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedQos:
    """What the publisher of a recorded topic offered.

    Attributes:
        is_reliable: Whether lost samples were sent again.
        is_latched: Whether late subscribers got the last ones (transient local; ROS 1: latched).
        depth: How many samples it kept.
    """

    is_reliable: bool
    is_latched: bool
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of a recording; `qos` is None where it was not recorded."""

    name: str
    msgtype: str
    count: int
    qos: OfferedQos | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """One serialised message.

    Attributes:
        topic: Topic it was recorded from.
        msgtype: Type name in ROS 2 notation, `package/msg/Type`.
        log_ns: Time of recording.
        data: Serialised bytes (CDR, or ROS 1 serialisation).
    """

    topic: str
    msgtype: str
    log_ns: int
    data: bytes


class Bag:
    """An opened recording; use it as a context manager or call `close`.

    Attributes:
        path: Where it lies.
        topics: Topics by name, in the order of their names.
    """

    def __init__(self, path: Path) -> None:
        """Open a recording.

        Raises:
            DataError: There is no such recording, or it cannot be read; one sentence says why.
        """
        self.path = Path(path)
        self._is_ros1 = _check_format(self.path) == ".bag"
        self._types = ros1_types() if self._is_ros1 else ros2_types()
        self._reader = self._open()
        self._connections: dict[str, list[Connection]] = {}
        for connection in self._reader.connections:
            same_topic = self._connections.setdefault(connection.topic, [])
            if not same_topic or same_topic[0].msgtype == connection.msgtype:
                same_topic.append(connection)
        self.topics = {
            name: Topic(
                name=name,
                msgtype=connections[0].msgtype,
                count=sum(connection.msgcount for connection in connections),
                qos=_offered_qos(connections[0]),
            )
            for name, connections in sorted(self._connections.items())
        }

    def _open(self) -> Reader1 | Reader2:
        # The reader library meets arbitrary bytes here and lets many kinds of exceptions escape
        # (its own, struct, zstd, YAML, assertions): all of them mean an unreadable recording.
        try:
            reader = Reader1(self.path) if self._is_ros1 else Reader2(self.path)
            reader.open()
        except Exception as error:
            raise self._unreadable(error) from error
        return reader

    def __enter__(self) -> Bag:
        """Return itself; it is open already."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the recording."""
        self.close()

    def close(self) -> None:
        """Close the recording; closing twice is fine."""
        with suppress(Exception):
            self._reader.close()

    @property
    def message_count(self) -> int:
        """Number of messages of all topics."""
        return sum(topic.count for topic in self.topics.values())

    @property
    def start_log_ns(self) -> int:
        """Log time of the first message, 0 if there is none."""
        return self._reader.start_time if self.message_count else 0

    @property
    def duration_s(self) -> float:
        """Time from the first to the last message, by log time."""
        if self.message_count == 0:
            return 0.0
        return max(self._reader.duration - 1, 0) / _NANOSECONDS

    def topics_of(self, *msgtypes: str) -> list[Topic]:
        """Return the topics of the given types that carry messages."""
        return [
            topic for topic in self.topics.values() if topic.msgtype in msgtypes and topic.count > 0
        ]

    def topic(self, name: str, *msgtypes: str) -> Topic:
        """Return a topic that the user asked for.

        Raises:
            DataError: The recording has no such topic or it is of another type; lists what it has.
        """
        found = self.topics.get(name)
        if found is None:
            raise DataError(
                f"'{self.path}' has no topic '{name}'; it has {self.describe_topics()}."
            )
        if found.msgtype not in msgtypes:
            raise DataError(
                f"Topic '{name}' of '{self.path}' is a {found.msgtype}, but "
                f"{' or '.join(msgtypes)} is needed there; it has {self.describe_topics()}."
            )
        return found

    def describe_topics(self) -> str:
        """List topics, types and counts in one line."""
        if not self.topics:
            return "no topics"
        return ", ".join(
            f"{topic.name} ({topic.msgtype}, {topic.count})" for topic in self.topics.values()
        )

    def messages(
        self, topics: Iterable[str], start_log_ns: int | None = None
    ) -> Iterator[RawMessage]:
        """Yield the raw messages of some topics in log order.

        Args:
            topics: Names; unknown ones yield nothing.
            start_log_ns: Skip messages that were recorded before.

        Raises:
            DataError: The recording is damaged at this place.
        """
        wanted = [c for name in topics for c in self._connections.get(name, ())]
        if not wanted:
            return
        source = self._reader.messages(connections=wanted, start=start_log_ns)
        while True:
            try:
                connection, log_ns, data = next(source)
            except StopIteration:
                return
            except Exception as error:  # arbitrary bytes again, see _open
                raise self._unreadable(error) from error
            yield RawMessage(
                topic=connection.topic, msgtype=connection.msgtype, log_ns=log_ns, data=data
            )

    def decode(self, raw: RawMessage, msgtype: str | None = None) -> RosMessage:
        """Deserialise a message with the standard definition of its type.

        Raises:
            DataError: The type is not a standard one, or the bytes do not fit it.
        """
        name = msgtype or raw.msgtype
        if name not in self._types.fielddefs:
            raise DataError(
                f"Topic '{raw.topic}' of '{self.path}' is of type {name}, which is unknown here; "
                "only the standard sensor and transform messages are read."
            )
        read = self._types.deserialize_ros1 if self._is_ros1 else self._types.deserialize_cdr
        try:
            return read(memoryview(raw.data), name)
        except Exception as error:  # arbitrary bytes again, see _open
            raise DataError(
                f"A message of topic '{raw.topic}' in '{self.path}' is damaged: {_sentence(error)}"
            ) from error

    def to_cdr(self, raw: RawMessage) -> bytes:
        """Return a message as ROS 2 sends it; messages of ROS 1 are converted.

        Raises:
            DataError: The type is not a standard one, or the bytes do not fit it.
        """
        if not self._is_ros1:
            return raw.data
        name = TF_MESSAGE if raw.msgtype == LEGACY_TF_MESSAGE else raw.msgtype
        if name not in ros2_types().fielddefs:
            raise DataError(
                f"Topic '{raw.topic}' of '{self.path}' is of type {name}, which ROS 2 does not "
                "know."
            )
        try:
            return bytes(ros2_types().ros1_to_cdr(raw.data, name))
        except Exception as error:  # arbitrary bytes again, see _open
            raise DataError(
                f"A message of topic '{raw.topic}' in '{self.path}' is damaged: {_sentence(error)}"
            ) from error

    def header_stamp_ns(self, raw: RawMessage) -> int:
        """Read the header stamp of a message that begins with a std_msgs/Header."""
        is_little = self._is_ros1 or raw.data[1] == 1
        order = "little" if is_little else "big"
        at = _STAMP_AT
        seconds = int.from_bytes(raw.data[at : at + 4], order, signed=not self._is_ros1)  # type: ignore[arg-type]
        nanoseconds = int.from_bytes(raw.data[at + 4 : at + 8], order)  # type: ignore[arg-type]
        return seconds * _NANOSECONDS + nanoseconds

    def _unreadable(self, error: Exception) -> DataError:
        suffix = "" if self.path.is_dir() else self.path.suffix
        return DataError(
            f"'{self.path}' cannot be read: {_sentence(error)} It is truncated, damaged or still "
            f"being written; try `{_REPAIR[suffix]}` on it."
        )


def _offered_qos(connection: Connection) -> OfferedQos | None:
    extension = connection.ext
    if isinstance(extension, ConnectionExtRosbag1):
        return OfferedQos(is_reliable=True, is_latched=bool(extension.latching), depth=10)
    if not extension.offered_qos_profiles:
        return None
    offered = extension.offered_qos_profiles[0]
    return OfferedQos(
        is_reliable=offered.reliability != QosReliability.BEST_EFFORT,
        is_latched=offered.durability == QosDurability.TRANSIENT_LOCAL,
        depth=offered.depth,
    )


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _check_format(path: Path) -> str:
    """Return the suffix of the recording's format, empty for a rosbag2 folder."""
    if not path.exists():
        raise DataError(f"There is no recording '{path}'; check the path.")
    if path.is_dir():
        if not (path / "metadata.yaml").exists():
            raise DataError(
                f"The folder '{path}' is not a rosbag2 recording: it has no metadata.yaml. Name "
                "the .mcap or .db3 file inside, or run `ros2 bag reindex` on the folder."
            )
        return ""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not start:
        raise DataError(f"'{path}' is empty; the recording was never written.")
    expected = next((s for magic, s in _MAGIC_SUFFIX.items() if start.startswith(magic)), None)
    if expected is None:
        raise DataError(
            f"'{path}' is not a ROS recording; expected a ROS 1 .bag, a .mcap or .db3 file, or a "
            "rosbag2 folder."
        )
    if path.suffix != expected:
        raise DataError(
            f"'{path}' holds a {expected[1:]} recording under the name of something else; rename "
            f"it to '{path.with_suffix(expected).name}'."
        )
    return expected
