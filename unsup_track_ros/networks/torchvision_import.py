# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Imports parts of torchvision, also where its compiled operators cannot load.

torchvision from PyPI is compiled for the CUDA build of torch. Beside a CPU-only torch its library
does not load, and its Python part then stops at import with "operator torchvision::nms does not
exist", because it declares the output shape of operators nobody has defined. The networks here use
none of them, so their bare schemas are enough to get past that line.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType

import torch

from unsup_track_ros.errors import ConfigError

# Operators whose shapes torchvision declares while it is imported.
_DECLARED_OPERATORS = ("nms", "qnms")


@functools.cache
def torchvision_module(name: str, what: str, remedy: str) -> ModuleType:
    """Import `torchvision.<name>`.

    Args:
        name: Dotted name of the module inside torchvision.
        what: Who needs it, for the message.
        remedy: What to do without it, for the message.

    Raises:
        ConfigError: torchvision is not installed.
    """
    full_name = f"torchvision.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{what} needs torchvision, which is not installed. {remedy}") from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    # The failed import leaves submodules behind, to be reused without having run to their end.
    for module in [module for module in sys.modules if module.split(".")[0] == "torchvision"]:
        del sys.modules[module]
    _declare_operators()
    return importlib.import_module(full_name)


@functools.cache
def _declare_operators() -> torch.library.Library:
    """Define the schemas; they last as long as the library is referenced, here by the cache."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _DECLARED_OPERATORS:
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    return library
