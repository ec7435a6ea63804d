# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From ROS parameter files and plain values to a checked parameter tree."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from unsup_track_ros.config.model import Config, ParameterInfo, describe, flatten
from unsup_track_ros.errors import ConfigError

AnyConfig = TypeVar("AnyConfig", bound=Config)

EVERY_NODE = "/**"
PARAMETERS_KEY = "ros__parameters"
# rclpy gives these to every node; a file for a node may set them and they are none of ours.
_NODE_PARAMETERS = ("use_sim_time", "qos_overrides", "start_type_description_service")
# Below this likeness (difflib's ratio) a suggestion is a guess; 0.6, difflib's own default, offers
# `detection.min_points` for `tracker.max_points`.
_NEAR_RATIO = 0.75
_YAML_KINDS = {dict: "a mapping", type(None): "nothing"}


def parameters_of(
    config_class: type[AnyConfig],
    path: Path | None,
    given: Mapping[str, object] | None = None,
) -> AnyConfig:
    """Return the parameters of a file, or the defaults, with what is given beside, if not None.

    Args:
        config_class: Tree of parameters.
        path: ROS parameter file, see `load_config`; None: the defaults.
        given: Values by dotted name that count more than the file's.

    Raises:
        ConfigError: As `load_config`.
    """
    parameters = config_class() if path is None else load_config(path, config_class)
    values = {name: value for name, value in (given or {}).items() if value is not None}
    return from_values(config_class, flatten(parameters) | values) if values else parameters


def load_config(
    path: Path,
    config_class: type[AnyConfig],
    node_name: str | None = None,
    foreign: Collection[str] = (),
    base: AnyConfig | None = None,
) -> AnyConfig:
    """Read a ROS parameter file.

    Parameters of the section `/**` hold for every node, those of the node's own section win. Keys
    may be nested or dotted. What the file does not mention keeps its default.

    Args:
        path: YAML file.
        config_class: Tree of parameters that the file is about.
        node_name: Node whose section is read too; None reads the section `/**` only.
        foreign: Parameters of others that the file may hold too; they are left out.
        base: What the file does not mention keeps this tree's value instead of its default.

    Raises:
        ConfigError: The file cannot be read, is not a parameter file, or holds a parameter that is
            unknown, of the wrong type or out of its range. The sentence names file and parameter.
    """
    try:
        known = {info.name: info for info in describe(config_class)}
        values: dict[str, object] = {}
        for section in _sections(read_yaml(path), node_name):
            own = {key: value for key, value in section.items() if key not in _NODE_PARAMETERS}
            named = _named_values(own, known)
            values.update(
                {
                    name: value
                    for name, value in named.items()
                    if name in known or name not in foreign
                }
            )
        return from_values(config_class, values if base is None else flatten(base) | values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def from_values(config_class: type[AnyConfig], values: Mapping[str, object]) -> AnyConfig:
    """Build a tree from values by nested or dotted name; the others keep their defaults.

    Types are taken at their word: a whole number does for a float, but text, true or 1.0 do not for
    an integer.

    Raises:
        ConfigError: A parameter is unknown, missing, of the wrong type or out of its range.
    """
    known = {info.name: info for info in describe(config_class)}
    named = _named_values(values, known)
    unknown = [_unknown(name, value, known) for name, value in named.items() if name not in known]
    if unknown:
        raise ConfigError(" ".join(unknown))
    try:
        # The strict rules for JSON are those of YAML: a list may be a tuple, text may be an enum.
        text = json.dumps(_nested(named, known))
        return config_class.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise ConfigError(_sentences(error, named, known)) from error
    except TypeError as error:
        raise ConfigError(f"A parameter must be a number, a text or a list: {error}.") from error


class RosYamlLoader(yaml.SafeLoader):
    """YAML as ROS reads it: no aliases, no dates, no key twice, `1e-3` is a number."""

    def fetch_alias(self) -> None:
        """Refuse aliases, as the parser of rcl does."""
        line = self.get_mark().line + 1
        raise ConfigError(f"line {line} uses a YAML alias, which ROS does not read.")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that is given twice, where YAML would silently keep the last."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise ConfigError(f"'{key}' is given twice in the group starting in line {line}.")
        return super().construct_mapping(node, deep)


RosYamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
RosYamlLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> object:
    """Read a YAML file as ROS would.

    Raises:
        ConfigError: It cannot be read or is no valid YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=RosYamlLoader)  # a SafeLoader
    except OSError as error:
        raise ConfigError(f"the parameter file cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError("the parameter file must be text in UTF-8, it is not.") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"this is not valid YAML: {line}{error.problem}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"this is not valid YAML: {error}.") from error


def _sections(content: object, node_name: str | None) -> list[Mapping[str, object]]:
    """Return the parameters that hold for the node, the more specific section last."""
    example = f"expected '{EVERY_NODE}:' or a node's name, under it '{PARAMETERS_KEY}:'"
    if content is None:
        raise ConfigError(f"the parameter file is empty; {example}.")
    if not isinstance(content, Mapping):
        raise ConfigError(f"a parameter file is a mapping, got {_kind(content)}; {example}.")
    found: dict[str, Mapping[str, object]] = {}
    for name, section in content.items():
        if not isinstance(section, Mapping) or set(section) != {PARAMETERS_KEY}:
            raise ConfigError(f"the section '{name}' is not just '{PARAMETERS_KEY}'; {example}.")
        parameters = section[PARAMETERS_KEY]
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ConfigError(
                f"'{PARAMETERS_KEY}' of the section '{name}' is a mapping, got {_kind(parameters)}."
            )
        found[str(name)] = parameters or {}
    own = [name for name in found if name != EVERY_NODE and name.strip("/*") == node_name]
    if EVERY_NODE not in found and not own:
        wanted = f"'{EVERY_NODE}'" if node_name is None else f"'{EVERY_NODE}' or '{node_name}'"
        raise ConfigError(
            f"no section is for {wanted}, only for {', '.join(repr(name) for name in found)}."
        )
    return [found[name] for name in (EVERY_NODE, *own) if name in found]


def _named_values(
    values: Mapping[str, object], known: Mapping[str, ParameterInfo]
) -> dict[str, object]:
    """Flatten nested groups to dotted names, down to the declared parameters and no further."""
    groups = _group_names(known)
    flat: dict[str, object] = {}
    for name, value in _leaves(values, "", known):
        if name in flat:
            raise ConfigError(f"the parameter '{name}' is given twice, nested and dotted.")
        if not (name in groups and value in (None, {})):  # a group with nothing in it
            flat[name] = value
    return flat


def _leaves(
    values: Mapping[str, object], prefix: str, known: Mapping[str, ParameterInfo]
) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and name not in known:
            yield from _leaves(value, f"{name}.", known)
        else:
            yield name, value


def _group_names(known: Iterable[str]) -> set[str]:
    return {name[:at] for name in known for at, sign in enumerate(name) if sign == "."}


def _nested(flat: Mapping[str, object], known: Mapping[str, ParameterInfo]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    # The groups of required parameters are there, so that what is missing is the parameter.
    for name in [name for name, info in known.items() if info.required]:
        _branch(tree, name)
    for name, value in flat.items():
        _branch(tree, name)[name.split(".")[-1]] = value
    return tree


def _branch(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the group of a parameter, made where it is missing."""
    for group in name.split(".")[:-1]:
        tree = tree.setdefault(group, {})
    return tree


def _unknown(name: str, value: object, known: Mapping[str, ParameterInfo]) -> str:
    groups = _group_names(known)
    if name in groups:
        return f"'{name}' is a group of parameters, got {value!r}."
    nearest = difflib.get_close_matches(name, [*known, *groups], n=1, cutoff=_NEAR_RATIO)
    if not nearest:  # right name, wrong group
        leaf = name.split(".")[-1]
        nearest = [n for n in known if n.split(".")[-1] == leaf][:1]
    hint = f"; did you mean '{nearest[0]}'?" if nearest else "; 'unsup-track params' lists all."
    return f"unknown parameter '{name}'{hint}"


def _sentences(
    error: ValidationError, named: Mapping[str, object], known: Mapping[str, ParameterInfo]
) -> str:
    sentences: dict[str, None] = {}  # ordered; a list with three bad items is one bad parameter
    for details in error.errors(include_url=False):
        location = [str(part) for part in details["loc"]]
        name = next((n for n in _prefixes(location) if n in known), None)
        if name is None:
            sentences[_group_sentence(".".join(location), details["msg"])] = None
        elif name in named:
            info = known[name]
            got = f"got {_kind(named[name])}"
            sentences[f"The parameter '{name}' must be {info.expected_text}, {got}."] = None
        else:
            sentences[f"The parameter '{name}' has no default and must be given."] = None
    return " ".join(sentences)


def _group_sentence(group: str, message: str) -> str:
    """Pass on the message of a check across several parameters of one group."""
    reason = message.removeprefix("Value error, ")
    return f"The parameters of '{group}' do not fit together: {reason}" if group else reason


def _prefixes(location: list[str]) -> list[str]:
    """List the dotted names along a location, the longest first."""
    return [".".join(location[:length]) for length in range(len(location), 0, -1)]


def _kind(value: object) -> str:
    return _YAML_KINDS.get(type(value), repr(value))
