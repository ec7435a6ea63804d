# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RAFT optical flow (Teed and Deng 2020): an adapter around torchvision's implementation.

Takes two RGB images, gives flow in both directions. Loads weights in torchvision's naming and in
the original authors' (`module.fnet...`). Downloads nothing: weights are a local file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.torchvision_import import torchvision_module
from unsup_track_ros.shapes import Float, UInt8

# RAFT works on 1/8 of the resolution, and its 4-level correlation pyramid needs 16 cells a side.
STRIDE_PX = 8
MIN_SIDE_PX = 128

# The original authors' names -> torchvision's, applied in this order.
_RENAMES = (
    (r"^module\.", ""),
    (r"^fnet\.", "feature_encoder."),
    (r"^cnet\.", "context_encoder."),
    (r"(encoder)\.conv1\.", r"\1.convnormrelu.0."),
    (r"(encoder)\.norm1\.", r"\1.convnormrelu.1."),
    (r"(encoder)\.conv2\.", r"\1.conv."),
    (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
    (r"(layer\d\.\d)\.norm(\d)\.", r"\1.convnormrelu\2.1."),
    (r"^update_block\.encoder\.convc(\d)\.", r"update_block.motion_encoder.convcorr\1.0."),
    (r"^update_block\.encoder\.convf(\d)\.", r"update_block.motion_encoder.convflow\1.0."),
    (r"^update_block\.encoder\.conv\.", "update_block.motion_encoder.conv.0."),
    (r"^update_block\.gru\.conv([zrq])\.", r"update_block.recurrent_block.convgru1.conv\1."),
    (r"^update_block\.gru\.conv([zrq])(\d)\.", r"update_block.recurrent_block.convgru\2.conv\1."),
    (r"^update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
    (r"^update_block\.mask\.2\.", "mask_predictor.conv."),
)


class RaftConfig(Config):
    """RAFT network and its weights."""

    architecture: Literal["small", "large"] = parameter(
        "large", "Network size: large is the published one."
    )
    weights_path: str = parameter("", "File of weights (.pth, .pt or .safetensors), required.")
    iterations: int = parameter(8, "Refinement iterations (TCR uses 8).", ge=1, le=64)


class Raft:
    """RAFT with loaded weights, on one device."""

    def __init__(self, config: RaftConfig, device: torch.device) -> None:
        """Build the network and load its weights.

        Raises:
            ConfigError: torchvision is missing, or the file of weights is missing or does not fit.
        """
        if not config.weights_path:
            raise ConfigError(
                "Optical flow by RAFT needs a file of weights, but `weights_path` is empty. "
                "Set it to a .pth or .safetensors file in torchvision's or the original naming, "
                "or use backend 'dis'."
            )
        self._config = config
        self._device = device
        network = build_raft(config.architecture)
        _load_strictly(network, torchvision_naming(_read_weights(config.weights_path)), config)
        self._network = network.eval().to(device)

    @torch.inference_mode()
    def flow_both_ways(
        self, image0_rgb: UInt8[np.ndarray, "H W 3"], image1_rgb: UInt8[np.ndarray, "H W 3"]
    ) -> Float[Tensor, "2 2 H W"]:
        """Return the flow 0 -> 1 and the flow 1 -> 0, channels (x, y), in pixels.

        Raises:
            ConfigError: The images are smaller than the network can take.
        """
        height, width = image0_rgb.shape[:2]
        if min(height, width) < MIN_SIDE_PX:
            raise ConfigError(
                f"RAFT needs images of at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px, "
                f"got {width} x {height} px. Raise the working resolution, or use backend 'dis'."
            )
        pair = torch.from_numpy(np.stack([image0_rgb, image1_rgb])).to(self._device)
        pair = pair.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        pad = (0, -width % STRIDE_PX, 0, -height % STRIDE_PX)
        pair = functional.pad(pair, pad, mode="replicate")
        flow = self._network(pair, pair.flip(0), num_flow_updates=self._config.iterations)[-1]
        cropped: Float[Tensor, "2 2 H W"] = flow[..., :height, :width].contiguous()
        return cropped


def build_raft(architecture: Literal["small", "large"]) -> nn.Module:
    """Build torchvision's RAFT with random weights.

    Raises:
        ConfigError: torchvision is not installed.
    """
    module = torchvision_module(
        "models.optical_flow",
        "Optical flow by RAFT",
        "Run `pip install unsup_track_ros[raft]`, or use backend 'dis'.",
    )
    built: nn.Module = getattr(module, f"raft_{architecture}")(weights=None, progress=False)
    return built


def torchvision_naming(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename weights from the original authors' naming; torchvision's own passes unchanged.

    The original registers the norm of a downsampling branch twice (`norm3` and `downsample.1`, the
    same tensors); the second copy is the one kept.
    """
    if not any(re.match(r"(module\.)?fnet\.", name) for name in weights):
        return dict(weights)
    renamed = {}
    for original_name, value in weights.items():
        owner, _, last = original_name.rpartition(".norm")
        if (
            owner
            and last[0] in "34"
            and any(key.startswith(f"{owner}.downsample.1.") for key in weights)
        ):
            continue
        name = original_name
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    return renamed


def _read_weights(path_text: str) -> dict[str, Tensor]:
    path = Path(path_text)
    if not path.is_file():
        raise ConfigError(
            f"The RAFT weights '{path}' do not exist. Set `weights_path` to a local file."
        )
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"The RAFT weights '{path}' cannot be read as a file of tensors ({error}). "
            "Expected a state dict saved by torch, or a .safetensors file."
        ) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(value, Tensor) for value in loaded.values()
    ):
        raise ConfigError(
            f"The RAFT weights '{path}' must be a dictionary of tensors, got another structure."
        )
    return loaded


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Reading '{path}' needs safetensors, which is not installed. "
            "Run `pip install unsup_track_ros[raft]`, or give a .pth file."
        ) from error
    return load_file(path)


def _load_strictly(network: nn.Module, weights: dict[str, Tensor], config: RaftConfig) -> None:
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ConfigError(
            f"The weights '{config.weights_path}' do not fit RAFT '{config.architecture}': "
            f"{error}. Check `architecture`."
        ) from error
