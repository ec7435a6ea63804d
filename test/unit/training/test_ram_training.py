# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RAM learns from what is seen alone; losses by hand; a killed run goes on to the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.config import load_config
from unsup_track_ros.data.permanence import PermanenceConfig, permanence_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.networks.random_walk_memory import RandomWalkMemoryConfig
from unsup_track_ros.training.ram import RamLearner, RamTrainingConfig
from unsup_track_ros.training.ram_baselines import (
    Glimpse,
    GroundVelocity,
    ImageVelocity,
    LastSeen,
    NearestObject,
)
from unsup_track_ros.training.ram_losses import (
    Seen,
    WalkLossConfig,
    gaussian_radius,
    walk_losses,
    walk_states,
)
from unsup_track_ros.training.ram_run import (
    RamDataConfig,
    RamRunConfig,
    evaluate_ram,
    load_ram,
    seen_only,
    train_ram,
)

WORLD = PermanenceConfig(height_px=32, width_px=48, num_frames=14, slot_frames=6)
NETWORK = RandomWalkMemoryConfig(width=8, head_width=8, memory_kernel=3, reach=0.2)
TRAINING = RamTrainingConfig(frames_per_step=24, clip_frames=(6, 12), num_steps=4, warm_up_steps=1)
HIDDEN = [np.nan] * 4


def standing(num_steps: int, rows: int = 4, columns: int = 5) -> torch.Tensor:
    """Edges by which every walker stays (reach 1)."""
    edges = torch.zeros(1, num_steps, 9, rows, columns)
    edges[:, :, 4] = 1.0
    return edges


def boxes(*rows: list[float]) -> torch.Tensor:
    return torch.tensor([[[row] for row in rows]])


def at(row: float, column: float) -> list[float]:
    return [4 * row - 3, 4 * column - 3, 4 * row + 3, 4 * column + 3]


def test_a_walk_starts_where_a_thing_is_first_seen() -> None:
    seen = Seen.of(boxes(HIDDEN, at(1.5, 2.5), HIDDEN), 4, 4, 5)
    states = walk_states(standing(2), seen)
    assert float(states[0, 0].sum()) == 0.0
    assert float(states[0, 1, 0, 1, 2]) == float(states[0, 2, 0, 1, 2]) == 1.0


def test_a_walk_that_comes_out_right_costs_nothing_and_a_wrong_one_much() -> None:
    config = WalkLossConfig()
    right = boxes(at(1.5, 2.5), HIDDEN, at(1.5, 2.5))
    wrong = boxes(at(1.5, 2.5), HIDDEN, at(3.5, 4.5))
    assert float(walk_losses(standing(2), right, 4, config)["walk"]) < 1e-4
    assert float(walk_losses(standing(2), wrong, 4, config)["walk"]) > 5.0


def test_where_a_hidden_thing_is_changes_no_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    edges = torch.rand(1, 2, 9, 4, 5, generator=generator).softmax(2)
    losses = [
        walk_losses(edges, boxes(at(1.5, 2.5), hidden, at(1.5, 3.5)), 4, WalkLossConfig())["walk"]
        for hidden in (HIDDEN, [np.nan, 1.0, 2.0, 3.0])
    ]
    assert torch.equal(*losses)


def test_the_end_of_an_occlusion_weighs_more_than_a_frame_of_sight() -> None:
    """Two steps seen and right, then one after two hidden frames that is wrong: nearly its loss."""
    path = boxes(at(1.5, 1.5), at(1.5, 1.5), HIDDEN, HIDDEN, at(2.5, 2.5))
    config = WalkLossConfig(smoothing=False)
    loss = float(walk_losses(standing(4), path, 4, config)["walk"])
    alone = -np.log(1e-6)
    assert loss == pytest.approx(alone * 41.0 / 42.0, rel=1e-3)


def test_neighbours_of_the_true_centre_are_forgiven_by_smoothing() -> None:
    edges = standing(1)
    edges[:, :, 4] = 0.5
    edges[:, :, 5] = 0.5  # half goes one to the right
    large = [-43.0, -43.0, 55.0, 63.0]
    path = torch.tensor([[[large], [large]]])
    smooth, plain = (
        float(walk_losses(edges, path, 4, WalkLossConfig(smoothing=on))["walk"])
        for on in (True, False)
    )
    assert smooth < plain


def test_overlap_is_the_mass_on_the_centres_of_what_is_seen() -> None:
    both = torch.tensor([[[at(1.5, 2.5), at(1.5, 3.5)], [HIDDEN, at(1.5, 3.5)]]])
    config = WalkLossConfig(overlap_weight=50.0)
    assert float(walk_losses(standing(1), both, 4, config)["overlap"]) == pytest.approx(1.0)


def test_corners_off_by_the_radius_still_overlap_by_seven_tenths() -> None:
    radius = float(gaussian_radius(torch.tensor([20.0, 20.0])))
    inner, shifted = (20 - 2 * radius) ** 2 / 400, (20 - radius) ** 2
    assert min(inner, shifted / (800 - shifted), 400 / (20 + 2 * radius) ** 2) == pytest.approx(
        0.7, abs=1e-3
    )


def test_a_killed_training_goes_on_to_the_same_weights() -> None:
    videos = seen_only(permanence_videos(WORLD, 2, 0))
    whole, first = (RamLearner(NETWORK, TRAINING, videos) for _ in range(2))
    for _ in range(4):
        whole.advance()
    for _ in range(2):
        first.advance()
    state = {name: value.clone() for name, value in first.state().items()}
    second = RamLearner(NETWORK, TRAINING, videos)
    second.restore(state)
    for _ in range(2):
        second.advance()
    for name, value in whole.state().items():
        assert torch.equal(value, second.state()[name]), name


def test_a_run_is_trained_scored_and_read_again(tmp_path: Path) -> None:
    config = RamRunConfig(
        network=NETWORK, training=TRAINING, data=RamDataConfig(num_videos=2, world=WORLD)
    )
    evaluation = config.evaluation.model_copy(update={"num_videos": 1})
    config = config.model_copy(update={"evaluation": evaluation})

    def ignore(stage: str, done: int, total: int) -> None:
        pass

    run = train_ram(config, tmp_path / "run", "cpu", ignore)
    assert run.progress()[-1]["step"] == 4
    content = evaluate_ram(tmp_path / "run", ignore)
    assert {"last seen", "random walk"} <= {row["method"] for row in content["rows"]}
    assert (tmp_path / "run" / "report.html").is_file()
    assert load_ram(run.weights_paths()[0]).config == NETWORK


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from unsup_track_ros.networks.checkpoint import checkpoint_bytes

    path = tmp_path / "other.safetensors"
    path.write_bytes(checkpoint_bytes({"a": torch.zeros(1)}, {"network": "{}"}))
    with pytest.raises(DataError, match="random walk along memory"):
        load_ram(path)


def test_every_parameter_file_of_ram_can_be_loaded(repository: Path) -> None:
    files = sorted((repository / "config" / "training").glob("ram_*.yaml"))
    assert len(files) == 2
    for path in files:
        assert load_config(path, RamRunConfig) != RamRunConfig()


def glimpse(target: tuple[float, ...] | None, *others: tuple[float, ...]) -> Glimpse:
    return Glimpse(
        target_px=None if target is None else np.array(target),
        other_ids=np.arange(len(others)),
        others_px=np.array(others, np.float64).reshape(-1, 4),
        camera_m=np.array([0.0, -8.0, 3.0]),
    )


def test_baselines_say_nothing_before_the_target_was_seen() -> None:
    everyone = (LastSeen(), ImageVelocity(), NearestObject(), GroundVelocity(80, 112, 140.0))
    for baseline in everyone:
        assert np.isnan(baseline.step(glimpse(None))).all()


def test_baselines_follow_their_rule_once_the_target_is_hidden() -> None:
    seen = [(40.0, 40.0 + 2 * t, 50.0, 50.0 + 2 * t) for t in range(4)]
    holder = (38.0, 44.0, 58.0, 62.0)
    moved_holder = (38.0, 54.0, 58.0, 72.0)
    last, velocity, nearest = LastSeen(), ImageVelocity(), NearestObject()
    ground = GroundVelocity(80, 112, 140.0)
    for box in seen:
        for baseline in (last, velocity, nearest, ground):
            baseline.step(glimpse(box, holder))
    np.testing.assert_allclose(last.step(glimpse(None, holder)), seen[-1])
    np.testing.assert_allclose(velocity.step(glimpse(None, holder)), (40, 48, 50, 58))
    np.testing.assert_allclose(ground.step(glimpse(None, holder)), (40, 48, 50, 58), atol=0.2)
    nearest.step(glimpse(None, holder))
    np.testing.assert_allclose(nearest.step(glimpse(None, moved_holder)), (43, 58, 53, 68))
