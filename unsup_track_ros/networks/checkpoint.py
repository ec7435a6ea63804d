# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights in safetensors files: tensors by name, and text that says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from unsup_track_ros.errors import ConfigError, DataError

_ABOUT_KEY: Final = "about"


def checkpoint_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return a file of tensors; equal content gives equal bytes.

    Raises:
        ConfigError: safetensors is not installed.
    """
    flat = {name: value.detach().cpu().contiguous() for name, value in sorted(tensors.items())}
    # One entry: several are stored in an order that differs between runs.
    about = {_ABOUT_KEY: json.dumps(dict(metadata), sort_keys=True)}
    content: bytes = _safetensors("writing").save(flat, metadata=about)
    return content


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata.

    Raises:
        ConfigError: safetensors is not installed.
        DataError: The file is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"The checkpoint {path} does not exist. Train one, or give another path.")
    safetensors = _safetensors("reading")
    try:
        from safetensors import safe_open

        with safe_open(path, framework="pt") as opened:
            about = (opened.metadata() or {}).get(_ABOUT_KEY, "{}")
        return safetensors.load_file(path), json.loads(about)
    except Exception as error:
        raise DataError(
            f"The checkpoint {path} cannot be read ({error}). It is no safetensors file or it is "
            "damaged: fetch or train it again."
        ) from error


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a network.

    Raises:
        ConfigError: They are those of another network; `path` is named in the sentence.
    """
    try:
        network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        raise ConfigError(
            f"The checkpoint {path} does not fit the network: {error}. Use the configuration that "
            "it was trained with."
        ) from error


def _safetensors(what: str) -> Any:  # noqa: ANN401 - a module
    try:
        import safetensors.torch
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"For {what} checkpoints safetensors is needed, which is not installed. "
            "Run `pip install unsup_track_ros[training]`."
        ) from error
    return safetensors.torch
