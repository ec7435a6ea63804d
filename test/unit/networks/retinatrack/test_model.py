# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network: shapes, what anchors share and what not, norms of their own, anchors, decoding."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.retinatrack import RetinaTrack, RetinaTrackConfig, RetinaTrackOutput
from unsup_track_ros.networks.retinatrack.anchors import (
    anchor_boxes,
    decode_boxes,
    encode_boxes,
    pairwise_iou,
)
from unsup_track_ros.networks.retinatrack.checkpoint import NETWORK_KEY, load_retinatrack
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig, decode

SMALL = RetinaTrackConfig(channels=8, embedding_size=4)
CPU = torch.device("cpu")


def image(height_px: int = 48, width_px: int = 80, num: int = 1) -> torch.Tensor:
    """Return noise."""
    generator = torch.Generator().manual_seed(0)
    shape = (num, 3, height_px, width_px)
    return torch.randint(256, shape, generator=generator).to(torch.uint8)


def network(**changes: object) -> RetinaTrack:
    """Return a small network with other parameters."""
    torch.manual_seed(0)
    return RetinaTrack(SMALL.model_copy(update=changes)).eval()


@pytest.mark.parametrize("size", [(48, 80), (50, 77), (33, 32)])
@pytest.mark.parametrize("features", ["separate", "shared"])
def test_every_anchor_gets_an_answer(size: tuple[int, int], features: str) -> None:
    net = network(anchor_features=features, num_classes=2)
    output = net(image(*size))
    num = len(anchor_boxes(net.config, *size, CPU))
    assert output.class_logits.shape == (1, num, 2)
    assert output.offsets.shape == (1, num, 4)
    assert output.embeddings.shape == (1, num, 4)


def colliding(output: RetinaTrackOutput, num_places: int) -> torch.Tensor:
    """Return the embeddings of the K anchors of each place of the first level."""
    return output.embeddings[0, : 6 * num_places].reshape(6, num_places, -1)


def test_only_separate_features_tell_colliding_anchors_apart() -> None:
    num_places = 6 * 10
    shared = colliding(network(anchor_features="shared")(image()), num_places)
    assert torch.equal(shared[0], shared[5])
    separate = colliding(network()(image()), num_places)
    assert not torch.allclose(separate[0], separate[5], atol=0, rtol=1e-2)


def test_without_embedding_layers_the_features_are_the_embedding() -> None:
    net = network(embedding_layers=0)
    output = net(image())
    assert output.embeddings.shape[2] == SMALL.channels == net.config.effective_embedding_size
    assert (output.embeddings >= 0).all()  # straight from a ReLU


def test_batch_norms_are_shared_by_nobody() -> None:
    """A norm of one level and anchor is moved: one anchor of that level answers otherwise."""
    net = network()
    norms = [m for m in net.class_layers.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [len(norm.weight) for norm in norms] == [6 * SMALL.channels] * 3  # a norm per level
    before = net(image()).class_logits[0, :, 0]
    with torch.no_grad():
        norms[0].bias[2 * SMALL.channels : 3 * SMALL.channels] += 1.0
    moved = (net(image()).class_logits[0, :, 0] != before).nonzero()[:, 0]
    places = 6 * 10  # of the first level
    assert moved.tolist() == list(range(2 * places, 3 * places))


def test_heads_are_shared_by_all_forks() -> None:
    """A fork with the weights and norms of another gives its answers, whatever the others do."""
    net = network()
    width = SMALL.channels
    with torch.no_grad():
        for value in net.forks.state_dict().values():
            if len(value.shape):
                value[4 * width : 5 * width] = value[width : 2 * width]
    logits = net(image()).class_logits[0, : 6 * 60, 0].reshape(6, 60)
    assert torch.equal(logits[4], logits[1])
    assert not torch.allclose(logits[3], logits[1], atol=0, rtol=1e-4)


@pytest.mark.parametrize(("depth", "num_layers"), [(0, 0), (1, 1), (2, 2), (4, 4)])
def test_m3_counts_the_layers_of_the_embedding(depth: int, num_layers: int) -> None:
    net = network(embedding_layers=depth)
    parts = [*net.embedding_layers.modules(), *net.embedding_last.modules()]
    assert sum(isinstance(part, torch.nn.Conv2d) for part in parts) == num_layers


def test_at_first_every_anchor_is_background() -> None:
    scores = network()(image()).class_logits.sigmoid().detach().numpy()
    assert scores.mean() == pytest.approx(0.01, abs=0.005)


def test_anchors_have_their_ratio_area_and_place() -> None:
    config = RetinaTrackConfig(
        num_levels=2, anchor_px=4.0, anchor_ratios=(0.25, 1.0), anchor_scales=(1.0, 2.0)
    )
    anchors = anchor_boxes(config, 16, 24, CPU)
    assert len(anchors) == 4 * (2 * 3) + 4 * (1 * 2)
    # Level of stride 8: side 32, ratio 0.25: 64 x 16 px about (4, 4), then about (12, 4).
    assert anchors[0].tolist() == [-28.0, -4.0, 36.0, 12.0]
    assert anchors[1].tolist() == [-20.0, -4.0, 44.0, 12.0]
    sizes = anchors[:, 2:] - anchors[:, :2]
    assert sizes[6].tolist() == [128.0, 32.0]  # the next scale
    assert sizes[12].tolist() == [32.0, 32.0]  # the next ratio
    assert anchors[24].tolist() == [-56.0, -8.0, 72.0, 24.0]  # the next level, about (8, 8)


def test_decoding_undoes_encoding() -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 25.0, 45.0]])
    boxes = torch.tensor([[2.0, -3.0, 9.0, 40.0], [6.0, 6.0, 7.0, 8.0]])
    assert torch.allclose(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes, atol=1e-4)


def test_offsets_are_worked_out_by_hand() -> None:
    anchor = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    box = torch.tensor([[1.0, 0.0, 11.0, 20.0]])  # a tenth of its width to the right
    assert torch.allclose(encode_boxes(box, anchor), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))


def test_iou_of_a_half_and_of_nothing() -> None:
    first = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    second = torch.tensor([[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0], [1.0, 1.0, 1.0, 1.0]])
    assert pairwise_iou(first, second).tolist() == [[0.5, 0.0, 0.0]]


def test_decoded_boxes_come_surest_first_with_their_own_embedding() -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0], [50.0, 0.0, 70.0, 10.0]])
    output = RetinaTrackOutput(
        class_logits=torch.tensor([[[0.0], [1.0], [2.0]]]),
        offsets=torch.zeros(1, 3, 4),
        embeddings=torch.tensor([[[1.0], [2.0], [3.0]]]),
    )
    found = decode(output, anchors, (40, 60), DecodingConfig(max_detections=3))
    assert found.boxes_px[0, :2].tolist() == [[50.0, 0.0, 60.0, 10.0], [0.0, 0.0, 10.0, 9.0]]
    assert found.embeddings[0, :2, 0].tolist() == [3.0, 2.0]
    assert found.scores[0, 2] == 0.0  # the first one is a double of the second


def test_boxes_beyond_the_border_are_none() -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [-30.0, 0.0, -10.0, 10.0]])
    output = RetinaTrackOutput(
        class_logits=torch.zeros(1, 2, 1),
        offsets=torch.zeros(1, 2, 4),
        embeddings=torch.zeros(1, 2, 1),
    )
    assert decode(output, anchors, (40, 60), DecodingConfig()).scores.tolist() == [[0.5, 0.0]]


def test_weights_return_from_a_file(tmp_path: Path) -> None:
    net = network()
    path = tmp_path / "weights.safetensors"
    half = {key: value.half() if value.is_floating_point() else value
            for key, value in net.state_dict().items()}  # fmt: skip
    path.write_bytes(checkpoint_bytes(half, {NETWORK_KEY: net.config.model_dump_json()}))
    loaded = load_retinatrack(str(path), CPU)
    assert loaded.config == net.config
    assert torch.allclose(loaded(image()).offsets, net(image()).offsets, atol=1e-2)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(checkpoint_bytes({"a": torch.zeros(1)}, {NETWORK_KEY: "{}"}))
    with pytest.raises(ConfigError, match="no RetinaTrack"):
        load_retinatrack(str(path), CPU)
    with pytest.raises(ConfigError, match="weights_path"):
        load_retinatrack("", CPU)


def test_a_backbone_of_torchvision_is_taken_or_its_absence_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ConfigError, match="needs torchvision"):
        network(backbone="resnet18")


def test_a_resnet_gives_the_levels_that_are_asked_for() -> None:
    output = network(backbone="resnet18", num_levels=5)(image(64, 64))
    assert output.offsets.shape[1] == 6 * (64 + 16 + 4 + 1 + 1)
