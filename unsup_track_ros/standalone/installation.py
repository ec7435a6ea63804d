# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Put the stand-in where `import rclpy` finds it, on machines where nothing else does."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.standalone.absence import absent, sentence
from unsup_track_ros.standalone.modules import (
    MESSAGE_PACKAGES,
    MODULES,
    OWN_PACKAGE,
    own_module,
    provided_packages,
)


class StandaloneError(UnsupTrackError):
    """The stand-in cannot run here."""


def provide_ros() -> str:
    """Make `import rclpy` work and say who answers it: "ROS 2" or "standalone".

    A ROS 2 installation always wins. Calling it again changes nothing.

    Raises:
        StandaloneError: Neither ROS 2 nor Cyclone DDS is installed.
    """
    if any(isinstance(finder, _Refusal) for finder in sys.meta_path):
        return "standalone"
    if importlib.util.find_spec("rclpy") is not None:
        return "ROS 2"
    if importlib.util.find_spec("cyclonedds") is None:
        raise StandaloneError(
            "Nodes need ROS 2 (rclpy), or Cyclone DDS in its place: neither is installed. Run "
            "`pip install cyclonedds`, or source the setup file of a ROS 2 installation."
        )
    for name, sources in MODULES.items():
        _put(name, _collected(name, sources))
    for package in (*MESSAGE_PACKAGES, OWN_PACKAGE):
        _put_messages(package)
    sys.meta_path.append(_Refusal())
    return "standalone"


class _Refusal:
    """The last finder: explains why a module of a provided package is not there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name.partition(".")[0] in provided_packages():
            raise ModuleNotFoundError(sentence(f"The module '{name}'"), name=name)
        return None


def _collected(name: str, sources: tuple[tuple[str, str], ...]) -> ModuleType:
    module = ModuleType(name, f"Stand-in for {name}; see docs/standalone.md.")
    for own, names in sources:
        origin = importlib.import_module(own_module(own))
        for member in names.split():
            setattr(module, member, getattr(origin, member))
    module.__dict__["__getattr__"] = absent(name)
    return module


def _put(name: str, module: ModuleType) -> None:
    module.__dict__["__path__"] = []  # modules below it are in the tables or nowhere
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _put_messages(package: str) -> None:
    messages = importlib.import_module(own_module("messages"))
    if package != OWN_PACKAGE:
        _put(package, _collected(package, ()))
    for kind, find in (("msg", messages.message_class), ("srv", messages.service_class)):
        if package == OWN_PACKAGE and kind == "srv":
            continue
        module = ModuleType(f"{package}.{kind}", f"Stand-in for {package}.{kind}.")
        module.__dict__["__getattr__"] = _finder(package, kind, find)
        _put(module.__name__, module)


def _finder(package: str, kind: str, find: Callable[[str], Any]) -> Callable[[str], Any]:
    refuse = absent(f"{package}.{kind}")

    def get(name: str) -> Any:
        if name.startswith("_"):
            return refuse(name)
        try:
            found = find(f"{package}/{kind}/{name}")
        except KeyError:
            return refuse(name)
        setattr(sys.modules[f"{package}.{kind}"], name, found)
        return found

    return get
