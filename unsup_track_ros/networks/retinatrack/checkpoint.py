# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack networks from files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.retinatrack.config import RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.model import RetinaTrack

NETWORK_KEY: Final = "network"  # of a checkpoint's metadata: the network's parameters as JSON


def load_retinatrack(path_text: str, device: torch.device) -> RetinaTrack:
    """Build the network of a checkpoint and load its weights, ready to detect.

    Raises:
        ConfigError: No checkpoint is named, or it is of another network.
        DataError: The file is missing or damaged.
    """
    if not path_text:
        raise ConfigError(
            "The image detector 'retinatrack' needs weights, but `retinatrack.weights_path` is "
            "empty. Train a network with `unsup-track train retinatrack`, or use 'none'."
        )
    path = Path(path_text)
    weights, metadata = read_checkpoint(path)
    is_ours = any(name.startswith("box_last.") for name in weights)
    if NETWORK_KEY not in metadata or not is_ours:
        raise ConfigError(
            f"{path} holds no RetinaTrack network. Give the weights of `unsup-track train "
            "retinatrack`."
        )
    network = RetinaTrack(RetinaTrackConfig.model_validate_json(metadata[NETWORK_KEY]))
    floats = {
        name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    load_weights(network, floats, path)
    return network.to(device).eval()
