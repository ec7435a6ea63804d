# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`--ros-args`: remapping, parameters and log levels from a command line, as rcl reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from unsup_track_ros.config.loading import EVERY_NODE, PARAMETERS_KEY, RosYamlLoader, read_yaml
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.standalone.logging import get_logging_severity_from_string, set_logger_level

_WITH_VALUE: Final = {
    "-r": "remap", "--remap": "remap", "-p": "parameter", "--param": "parameter",
    "--params-file": "file", "--log-level": "level", "-e": "ignored", "--enclave": "ignored",
    "--log-config-file": "ignored", "--log-file-name": "ignored",
}  # fmt: skip
_FLAG: Final = re.compile(r"--(enable|disable)-(rosout|stdout|external-lib)-logs")
_RULE: Final = re.compile(r"^(?:(?P<node>[A-Za-z_]\w*):(?!=))?(?P<left>[^:]+):=(?P<right>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the command line says to all nodes of a context.

    Attributes:
        remaps: (node or empty, from, to), the first match wins.
        parameters: (pattern of full node names, name, value), the last match wins.
        unparsed: What is not for ROS.
    """

    remaps: list[tuple[str, str, str]] = field(default_factory=list)
    parameters: list[tuple[str, str, Any]] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)

    def remapped(self, node_name: str, name: str) -> str | None:
        """Return what a special name (`__node`, `__ns`) or a full name is replaced by."""
        for node, old, new in self.remaps:
            if node in ("", node_name) and old == name:
                return new
        return None

    def overrides(self, full_name: str) -> dict[str, Any]:
        """Return the parameter values for a node, by dotted name."""
        return {
            name: value
            for pattern, name, value in self.parameters
            if re.fullmatch(pattern, full_name)
        }


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    """Read a command line; log levels take effect at once.

    Raises:
        ConfigError: A ROS argument is unknown or cannot be read.
    """
    parsed = Arguments()
    rest = iter(arguments)
    is_ros = False
    for argument in rest:
        if argument == "--ros-args":
            is_ros = True
        elif not is_ros:
            parsed.unparsed.append(argument)
        elif argument == "--":
            is_ros = False
        elif not _FLAG.fullmatch(argument):
            _take(parsed, argument, rest)
    return parsed


def remove_ros_args(args: Sequence[str]) -> list[str]:
    """Return a command line without what is for ROS."""
    kept, is_ros = [], False
    for argument in args:
        if argument == "--ros-args":
            is_ros = True
        elif is_ros and argument == "--":
            is_ros = False
        elif not is_ros:
            kept.append(argument)
    return kept


def _take(parsed: Arguments, option: str, rest: Iterator[str]) -> None:
    kind = _WITH_VALUE.get(option)
    if kind is None:
        raise ConfigError(
            f"'{option}' is not a ROS argument; expected one of {', '.join(_WITH_VALUE)}."
        )
    value = next(rest, None)
    if value is None:
        raise ConfigError(f"The ROS argument '{option}' needs a value after it, got nothing.")
    if kind == "remap":
        parsed.remaps.append(_rule(option, value, "[node:]from:=to"))
    elif kind == "parameter":
        node, name, text = _rule(option, value, "[node:]name:=value")
        pattern = _pattern(f"/**/{node}" if node else EVERY_NODE)
        parsed.parameters.append((pattern, name, _yaml(name, text)))
    elif kind == "file":
        content = read_yaml(Path(value))
        parsed.parameters.extend(_sections(content, "", Path(value)))
    elif kind == "level":
        name, _, level = value.rpartition(":=")
        set_logger_level(name, get_logging_severity_from_string(level))


def _rule(option: str, value: str, form: str) -> tuple[str, str, str]:
    match = _RULE.match(value)
    if match is None:
        raise ConfigError(f"The ROS argument '{option} {value}' must have the form '{form}'.")
    return match["node"] or "", match["left"], match["right"]


def _yaml(name: str, text: str) -> Any:
    try:
        return yaml.load(text, RosYamlLoader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(
            f"The value '{text}' of the parameter '{name}' is no YAML: {error}"
        ) from error


def _sections(content: Any, prefix: str, path: Path) -> Iterator[tuple[str, str, Any]]:
    """Walk through namespaces and nodes down to `ros__parameters`."""
    if not isinstance(content, Mapping):
        raise ConfigError(
            f"{path}: expected '{EVERY_NODE}:' or a node's name, under it '{PARAMETERS_KEY}:', got "
            f"{content!r}."
        )
    for key, below in content.items():
        if key == PARAMETERS_KEY:
            pattern = _pattern(prefix or EVERY_NODE)
            for name, value in _leaves(below or {}, ""):
                yield pattern, name, value
        else:
            yield from _sections(below, f"{prefix}/{str(key).strip('/')}", path)


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _pattern(name: str) -> str:
    """Turn `/**` (any depth) and `*` (one name) into a pattern of full node names."""
    parts = ["(/[^/]+)*" if p == "**" else f"/{re.escape(p).replace(chr(92) + '*', '[^/]+')}"
             for p in name.strip("/").split("/")]  # fmt: skip
    return "".join(parts)
