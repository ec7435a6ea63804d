# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a parameter tree to YAML and Markdown; equal trees give equal bytes."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterator

import yaml

from unsup_track_ros.config.loading import EVERY_NODE, PARAMETERS_KEY
from unsup_track_ros.config.model import Config, ParameterInfo, describe, flatten

_INDENT = "  "


def dump_config(config: Config) -> str:
    """Write every parameter as a ROS parameter file that `load_config` reads back equal."""
    lines = [f"{EVERY_NODE}:", f"{_INDENT}{PARAMETERS_KEY}:"]
    group: list[str] = []
    for name, value in flatten(config).items():
        *groups, leaf = name.split(".")
        lines += _group_lines(group, groups)
        lines.append(f"{_indent(groups)}{leaf}: {_scalar(value)}")
        group = groups
    return "\n".join(lines) + "\n"


def config_hash(config: Config) -> str:
    """Return the SHA-256 of the parameters in hexadecimal: equal values, equal hash."""
    return hashlib.sha256(dump_config(config).encode()).hexdigest()


def parameters_yaml(config_class: type[Config]) -> str:
    """Write the defaults as a ROS parameter file, a comment above each; required ones stay open."""
    lines = [f"{EVERY_NODE}:", f"{_INDENT}{PARAMETERS_KEY}:"]
    group: list[str] = []
    for info in describe(config_class):
        *groups, leaf = info.name.split(".")
        lines += _group_lines(group, groups)
        group = groups
        indent = _indent(groups)
        lines.append(f"{indent}# {_comment(info)}")
        value = f"{leaf}: {_scalar(info.default)}"
        lines.append(f"{indent}# {leaf}: (required)" if info.required else f"{indent}{value}")
    return "\n".join(lines) + "\n"


def parameters_markdown(config_class: type[Config]) -> str:
    """Write one Markdown table per group of parameters, without a title."""
    return "\n".join(_markdown_lines(config_class))


def _markdown_lines(config_class: type[Config]) -> Iterator[str]:
    rows: dict[str, list[str]] = {}
    for info in describe(config_class):
        rows.setdefault(info.name.rpartition(".")[0], []).append(_markdown_row(info))
    for group, described in _groups(config_class, ""):
        if group in rows:
            yield f"## {f'`{group}`' if group else 'General'}\n"
            yield f"{_first_line(described)}\n"
            yield "| parameter | type | default | unit | range | tunable | meaning |"
            yield "|---|---|---|---|---|---|---|"
            yield "\n".join(rows[group]) + "\n"


def _first_line(described: type[Config]) -> str:
    return (inspect.getdoc(described) or "").partition("\n\n")[0].replace("\n", " ")


def _markdown_row(info: ParameterInfo) -> str:
    bounds = info.range_text.removesuffix(info.unit).strip() if info.unit else info.range_text
    cells = (
        f"`{info.name}`",
        info.type_name,
        "required" if info.required else f"`{_scalar(info.default)}`",
        info.unit,
        bounds,
        "yes" if info.tunable else "",
        info.text,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _groups(config_class: type[Config], name: str) -> Iterator[tuple[str, type[Config]]]:
    yield name, config_class
    for child, info in config_class.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Config):
            yield from _groups(info.annotation, f"{name}.{child}" if name else child)


def _group_lines(before: list[str], now: list[str]) -> list[str]:
    """Return the headings that open when the walk goes from one group to another."""
    shared = 0
    while shared < min(len(before), len(now)) and before[shared] == now[shared]:
        shared += 1
    return [f"{_indent(now[:depth])}{now[depth]}:" for depth in range(shared, len(now))]


def _indent(groups: list[str]) -> str:
    return _INDENT * (len(groups) + 2)


def _comment(info: ParameterInfo) -> str:
    notes = [info.range_text or info.unit, "tunable" if info.tunable else ""]
    inside = ", ".join(note for note in notes if note)
    return f"{info.text} ({inside})" if inside else info.text


def _scalar(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
