# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TrackOcc networks from files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.model import TrackOcc

NAME: Final = "trackocc"
NETWORK_KEY: Final = "network_config"  # of a checkpoint's metadata: the parameters as JSON


def load_trackocc(path_text: str, device: torch.device) -> TrackOcc:
    """Build the network of a checkpoint and load its weights, ready to answer.

    Raises:
        ConfigError: No checkpoint is named, or it is of another network.
        DataError: The file is missing or damaged.
    """
    if not path_text:
        raise ConfigError(
            "The detector 'trackocc' needs weights, but `trackocc.weights_path` is empty. Train a "
            "network with `unsup-track train trackocc`, or use the detector 'motion'."
        )
    path = Path(path_text)
    weights, about = read_checkpoint(path)
    if about.get("network") != NAME or NETWORK_KEY not in about:
        raise ConfigError(
            f"{path} holds no TrackOcc network. Give the weights of `unsup-track train trackocc`."
        )
    network = TrackOcc(TrackOccConfig.model_validate_json(about[NETWORK_KEY]))
    load_weights(network, weights, path)
    return network.to(device).eval()
