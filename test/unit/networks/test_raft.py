# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RAFT: naming of weights, loading, and the import of torchvision."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.raft import Raft, RaftConfig, build_raft, torchvision_naming

CPU = torch.device("cpu")


def original_naming(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name torchvision's large weights as the original authors do, written out independently."""
    renamed = {}
    for name, value in weights.items():
        new = name.replace("feature_encoder", "fnet").replace("context_encoder", "cnet")
        new = new.replace("net.convnormrelu.0", "net.conv1").replace(
            "net.convnormrelu.1", "net.norm1"
        )
        new = new.replace("net.conv.", "net.conv2.")
        new = re.sub(r"convnormrelu(\d)\.0", r"conv\1", new)
        new = re.sub(r"convnormrelu(\d)\.1", r"norm\1", new)
        new = new.replace("motion_encoder.convcorr1.0", "encoder.convc1")
        new = new.replace("motion_encoder.convcorr2.0", "encoder.convc2")
        new = new.replace("motion_encoder.convflow1.0", "encoder.convf1")
        new = new.replace("motion_encoder.convflow2.0", "encoder.convf2")
        new = new.replace("motion_encoder.conv.0", "encoder.conv")
        new = re.sub(r"recurrent_block\.convgru(\d)\.conv(\w)", r"gru.conv\2\1", new)
        new = new.replace("mask_predictor.convrelu.0", "update_block.mask.0")
        new = new.replace("mask_predictor.conv.", "update_block.mask.2.")
        renamed["module." + new] = value
        if ".downsample.1." in new:  # the original registers this norm twice
            renamed["module." + new.replace("downsample.1", "norm3")] = value
    return renamed


def test_the_original_small_weights_load_strictly(shared_data: Path) -> None:
    path = shared_data / "raft_small/raft-small.pth"
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = build_raft("small")
    network.load_state_dict(torchvision_naming(weights), strict=True)
    loaded = network.state_dict()["feature_encoder.conv.weight"]
    torch.testing.assert_close(loaded, weights["module.fnet.conv2.weight"])
    loaded = network.state_dict()["update_block.recurrent_block.convgru1.convq.bias"]
    torch.testing.assert_close(loaded, weights["module.update_block.gru.convq.bias"])


def test_the_original_naming_of_the_large_network_maps_to_every_weight() -> None:
    weights = {
        name: torch.full((1,), float(i)) for i, name in enumerate(build_raft("large").state_dict())
    }
    renamed = torchvision_naming(original_naming(weights))
    assert renamed == weights


def test_torchvision_s_own_naming_passes_unchanged(tmp_path: Path) -> None:
    network = build_raft("small")
    path = tmp_path / "raft.pth"
    torch.save(network.state_dict(), path)
    raft = Raft(RaftConfig(architecture="small", weights_path=str(path), iterations=1), CPU)
    image = np.random.default_rng(0).integers(0, 256, (130, 140, 3)).astype(np.uint8)
    flow = raft.flow_both_ways(image, image)
    assert flow.shape == (2, 2, 130, 140)  # padded to multiples of 8 inside, cropped outside
    torch.testing.assert_close(flow[0], flow[1], atol=1e-4, rtol=1e-4)


def test_safetensors_load_like_torch_files(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "raft.safetensors"
    safetensors.save_file(build_raft("small").state_dict(), path)
    Raft(RaftConfig(architecture="small", weights_path=str(path)), CPU)


def test_weights_of_the_other_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raft.pth"
    torch.save(build_raft("small").state_dict(), path)
    with pytest.raises(ConfigError, match="do not fit RAFT 'large'"):
        Raft(RaftConfig(architecture="large", weights_path=str(path)), CPU)


def test_a_missing_file_and_one_that_holds_no_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not exist"):
        Raft(RaftConfig(weights_path=str(tmp_path / "none.pth")), CPU)
    text = tmp_path / "text.pth"
    text.write_text("no weights")
    with pytest.raises(ConfigError, match="cannot be read"):
        Raft(RaftConfig(weights_path=str(text)), CPU)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ConfigError, match="must be a dictionary of tensors"):
        Raft(RaftConfig(weights_path=str(tmp_path / "list.pth")), CPU)


def test_images_that_are_too_small_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raft.pth"
    torch.save(build_raft("small").state_dict(), path)
    raft = Raft(RaftConfig(architecture="small", weights_path=str(path)), CPU)
    image = np.zeros((64, 256, 3), np.uint8)
    with pytest.raises(ConfigError, match="at least 128 x 128 px, got 256 x 64 px"):
        raft.flow_both_ways(image, image)


def test_without_torchvision_the_remedy_is_named() -> None:
    # In a process of its own: this one has imported torchvision already.
    code = """
import sys
sys.modules["torchvision"] = None
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.raft import build_raft
try:
    build_raft("small")
except ConfigError as error:
    assert "pip install unsup_track_ros[raft]" in str(error), error
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"
