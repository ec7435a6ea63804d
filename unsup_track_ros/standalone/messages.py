# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Message classes as rosidl generates them, from the definitions of the type store.

A class is mutable, takes keywords, refuses a value of the wrong type with rosidl's AssertionError
and keeps sequences of numbers in `array.array`, fixed arrays of numbers in numpy. Its CDR is read
and written by rosbags, whose code sees the `_cdr_...` members: what it wants is numpy.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

from unsup_track_ros.data.message_types import ros2_types

_TYPECODES: Final = {
    "char": "B", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
    "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
# Defaults other than zero; type stores do not carry them.
_DEFAULTS: Final = {("geometry_msgs/msg/Quaternion", "w"): 1.0}
_PADDING: Final = "structure_needs_at_least_one_member"  # what an empty message looks like as CDR


class _Field(NamedTuple):
    """How one field of a message behaves.

    Attributes:
        name: As in the definition.
        default: Makes the initial value.
        check: Returns the value to keep, or raises AssertionError with what is wanted.
        to_cdr: What rosbags writes for a kept value; None where it is the value itself.
        from_cdr: What is kept for a value that rosbags read; None where it is the value itself.
    """

    name: str
    default: Callable[[], Any]
    check: Callable[[Any], Any]
    to_cdr: Callable[[Any], Any] | None = None
    from_cdr: Callable[[Any], Any] | None = None


class Message:
    """Base of all message classes."""

    __slots__ = ()
    __msgtype__: ClassVar[str]
    _ros_fields: ClassVar[dict[str, _Field]]

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self._ros_fields.keys()
        if unknown:
            raise AssertionError(
                f"Invalid arguments passed to constructor: {', '.join(sorted(unknown))}"
            )
        for name, field in self._ros_fields.items():
            if name in values:
                setattr(self, name, values[name])
            else:
                object.__setattr__(self, f"_{name}", field.default())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, self.__class__):
            return NotImplemented
        names = self._ros_fields
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]  # mutable, as rosidl's

    def __repr__(self) -> str:
        fields = ", ".join(f"{n}={getattr(self, n)!r}" for n in self._ros_fields if n != _PADDING)
        return f"{self.__msgtype__.replace('/', '.')}({fields})"


@cache
def message_class(msgtype: str) -> Any:
    """Return the class of a message.

    Args:
        msgtype: Name such as `sensor_msgs/msg/Image`; `.../srv/Trigger_Request` for services.

    Raises:
        KeyError: There is no definition of this type.
    """
    constants, described = ros2_types().fielddefs[msgtype]
    fields = {name: _field(msgtype, name, description) for name, description in described}
    namespace: dict[str, Any] = {
        "__slots__": tuple(f"_{name}" for name in fields),
        "__module__": ".".join(msgtype.split("/")[:2]),
        "__doc__": f"{msgtype}.",
        "__msgtype__": msgtype,
        "_ros_fields": fields,
    }
    for name, kind, value in constants:
        namespace[name] = bytes([int(value)]) if kind == "byte" else value
    members = []
    for name, field in fields.items():
        namespace[name] = _property(name, field)
        member = f"_cdr_{name}" if field.to_cdr else f"_{name}"
        members.append(member)
        if field.to_cdr:
            namespace[member] = _cdr_property(name, field.to_cdr)
    built = type(msgtype.rpartition("/")[2], (Message,), namespace)
    _register(built, list(zip(members, (d for _, d in described), strict=True)))
    return built


@cache
def service_class(srvtype: str) -> Any:
    """Return the class of a service, which holds the classes `Request` and `Response`.

    Raises:
        KeyError: There is no definition of this type.
    """
    parts = {
        "Request": message_class(f"{srvtype}_Request"),
        "Response": message_class(f"{srvtype}_Response"),
        "srvtype": srvtype,
        "__module__": ".".join(srvtype.split("/")[:2]),
        "__doc__": f"{srvtype}.",
    }
    return type(srvtype.rpartition("/")[2], (), parts)


def prepare(msgtype: str) -> None:
    """Generate the code for a type now, not with its first message."""
    message_class(msgtype)
    _codec().get_msgdef(msgtype)


def serialize(message: Message) -> bytes:
    """Return the CDR of a message: 4 bytes of encapsulation, then the fields, little-endian."""
    return bytes(_codec().serialize_cdr(message, message.__msgtype__, little_endian=True))


def deserialize(data: bytes, msgtype: str) -> Message:
    """Return the message that CDR bytes hold.

    Raises:
        rosbags.serde.SerdeError: The bytes do not fit the type.
    """
    message_class(msgtype)  # registers the type and those inside it
    read = _codec().deserialize_cdr(memoryview(data), msgtype)
    assert isinstance(read, Message)
    return read


@lru_cache(maxsize=1)
def _codec() -> Typestore:
    """The type store whose fields are the CDR members of our classes; filled class by class."""
    return Typestore()


def _register(built: type[Message], members: list[Any]) -> None:
    loaders = [
        (built.__dict__[f"_{name}"].__set__, field.from_cdr)
        for name, field in built._ros_fields.items()
    ]

    def assemble(*values: Any) -> Message:
        message = built.__new__(built)
        for (keep, convert), value in zip(loaders, values, strict=True):
            keep(message, value if convert is None else convert(value))
        return message

    codec = _codec()
    codec.fielddefs[built.__msgtype__] = ([], members)
    codec.types[built.__msgtype__] = assemble  # type: ignore[assignment]  # called, never inspected


def _property(name: str, field: _Field) -> property:
    slot = f"_{name}"

    def get(self: Message) -> Any:
        return getattr(self, slot)

    def keep(self: Message, value: Any) -> None:
        try:
            setattr(self, slot, field.check(value))
        except AssertionError as error:
            raise AssertionError(f"The '{name}' field must be {error}") from None

    return property(get, keep)


def _cdr_property(name: str, to_cdr: Callable[[Any], Any]) -> property:
    slot = f"_{name}"
    return property(lambda self: to_cdr(getattr(self, slot)))


def _field(msgtype: str, name: str, description: Any) -> _Field:
    kind, detail = description
    if kind == Nodetype.NAME:
        nested = message_class(detail)
        return _Field(name, nested, _instance(nested))
    if kind == Nodetype.BASE:
        default, check = _scalar(*detail)
        start = _DEFAULTS.get((msgtype, name), default)
        if detail[0] == "byte":
            return _Field(name, lambda: start, check, _signed, lambda value: bytes([value & 0xFF]))
        return _Field(name, lambda: start, check)
    element, size = detail
    if kind == Nodetype.ARRAY and element[1][0] in _TYPECODES:
        return _fixed_numbers(name, np.dtype(_TYPECODES[element[1][0]]), size)
    return _sequence(name, element, size, is_fixed=kind == Nodetype.ARRAY)


def _fixed_numbers(name: str, dtype: np.dtype[Any], size: int) -> _Field:
    def check(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            _demand(value.dtype == dtype and value.shape == (size,), f"{size} of {dtype}", value)
            return value
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        _demand(is_list and len(value) == size, f"a sequence of {size} numbers", value)
        return np.array(value, dtype)

    return _Field(name, lambda: np.zeros(size, dtype), check, np.ascontiguousarray, np.array)


def _sequence(name: str, element: Any, size: int, *, is_fixed: bool) -> _Field:
    code = _TYPECODES.get(element[1][0]) if element[0] == Nodetype.BASE else None
    if code is not None:
        return _numbers(name, code, size)
    if element[0] == Nodetype.NAME:
        nested = message_class(element[1])
        default: Callable[[], Any] = nested
        check_one = _instance(nested)
    else:
        zero, check_one = _scalar(*element[1])
        default = lambda: zero  # noqa: E731 - two makers of one value
    kind = element[1][0] if element[0] == Nodetype.BASE else ""

    def check(value: Any) -> Any:
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes | array.array)
        fits = is_list and (len(value) == size if is_fixed else not size or len(value) <= size)
        _demand(fits, _wanted_size("a sequence of messages or values", size, is_fixed), value)
        for one in value:
            check_one(one)
        return value

    def start() -> list[Any]:
        return [default() for _ in range(size)] if is_fixed else []

    if kind == "byte":
        return _Field(
            name, start, check, lambda v: np.frombuffer(b"".join(v), np.uint8), _byte_list
        )
    if kind == "bool":
        return _Field(name, start, check, lambda v: np.array(v, bool), lambda v: v.tolist())
    return _Field(name, start, check)


def _numbers(name: str, code: str, size: int) -> _Field:
    def check(value: Any) -> Any:
        wanted = _wanted_size(f"an array.array('{code}') or a sequence of its numbers", size, False)
        if isinstance(value, array.array):
            _demand(value.typecode == code, wanted, value)
        else:
            _demand(isinstance(value, Sequence) and not isinstance(value, str), wanted, value)
            try:
                value = array.array(code, value)
            except (TypeError, OverflowError):
                _demand(False, wanted, value)
        _demand(not size or len(value) <= size, wanted, value)
        return value

    def from_cdr(value: Any) -> Any:
        kept = array.array(code)
        kept.frombytes(value.view(np.uint8))
        return kept

    def to_cdr(value: Any) -> Any:
        return np.frombuffer(value, code) if len(value) else np.zeros(0, code)

    return _Field(name, lambda: array.array(code), check, to_cdr, from_cdr)


def _scalar(kind: str, limit: int) -> tuple[Any, Callable[[Any], Any]]:
    """Return the default and the check of a single value."""
    if kind == "string":
        return "", lambda v: _demand(
            isinstance(v, str) and (not limit or len(v) <= limit), "of type 'str'", v
        )
    if kind == "bool":
        return False, lambda v: _demand(isinstance(v, bool), "of type 'bool'", v)
    if kind == "byte":
        wanted = "of type 'bytes' and of length 1"
        return b"\0", lambda v: _demand(isinstance(v, bytes) and len(v) == 1, wanted, v)
    if kind.startswith("float"):
        return 0.0, lambda v: _demand(isinstance(v, float), "of type 'float'", v)
    bounds = np.iinfo(_TYPECODES[kind])
    low, high = int(bounds.min), int(bounds.max)
    wanted = f"of type 'int' in [{low}, {high}]"
    return 0, lambda v: _demand(isinstance(v, int) and low <= v <= high, wanted, v)


def _instance(wanted: type[Message]) -> Callable[[Any], Any]:
    return lambda v: _demand(isinstance(v, wanted), f"of type '{wanted.__name__}'", v)


def _demand(holds: bool, wanted: str, value: Any) -> Any:
    if not holds:
        raise AssertionError(f"{wanted}, got a {type(value).__name__}")
    return value


def _wanted_size(what: str, size: int, is_fixed: bool) -> str:
    return f"{what}, {'' if is_fixed else 'at most '}{size} of them" if size else what


def _signed(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


def _byte_list(value: Any) -> list[bytes]:
    return [bytes([one]) for one in value.view(np.uint8).tolist()]


def serialize_message(message: Message) -> bytes:
    """Return the CDR of a message, as `rclpy.serialization` does."""
    return serialize(message)


def deserialize_message(serialized_message: bytes, message_type: type[Message]) -> Message:
    """Return the message of a class that CDR bytes hold, as `rclpy.serialization` does."""
    return deserialize(serialized_message, message_type.__msgtype__)
