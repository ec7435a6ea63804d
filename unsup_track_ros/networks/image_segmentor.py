# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The image segmentor of Track, Check, Repeat: object or not, per pixel (SPECS 0.8).

An adapter around torchvision's LR-ASPP on MobileNetV3-large with one class. Downloads nothing: the
released system starts from a backbone trained on ImageNet, here a local file may be given and the
weights are random without one (no label of anybody goes in then).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.torchvision_import import torchvision_module
from unsup_track_ros.shapes import Float

# Mean and deviation of ImageNet, as the backbone's published weights expect.
_MEAN_RGB = (0.485, 0.456, 0.406)
_DEVIATION_RGB = (0.229, 0.224, 0.225)
# torchvision's MobileNetV3 has 0.01, which leaves random statistics a third of the weight after a
# hundred steps: a network that learned in training then answers the same for every pixel.
_STATISTICS_MOMENTUM = 0.1


class ImageSegmentorConfig(Config):
    """The network."""

    width_px: int = parameter(832, "Width of the input; images are resized.", unit="px", ge=32)
    height_px: int = parameter(256, "Height of the input.", unit="px", ge=32)
    backbone_path: str = parameter(
        "", "Weights of MobileNetV3-large's features (.safetensors); random without."
    )


class ImageSegmentor(nn.Module):
    """RGB image in, logit of an object per pixel out."""

    def __init__(self, config: ImageSegmentorConfig) -> None:
        super().__init__()
        self.config = config
        segmentation = torchvision_module(
            "models.segmentation",
            "The image segmentor",
            "Run `pip install unsup_track_ros[training]`, or use the detector 'bev'.",
        )
        self.network: nn.Module = segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=1
        )
        if config.backbone_path:
            path = Path(config.backbone_path)
            load_weights(self.network.get_submodule("backbone"), read_checkpoint(path)[0], path)
        else:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = _STATISTICS_MOMENTUM
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(_DEVIATION_RGB).view(1, 3, 1, 1), persistent=False
        )

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W"]:
        """Answer for images in [0, 1]; the logits have their resolution."""
        normalised = (image - self.get_buffer("mean")) / self.get_buffer("deviation")
        logits: Tensor = self.network(normalised)["out"]  # (B, 1, H, W)
        return logits[:, 0]
