# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objects that last: found again, hidden, needed, named; a trained network on digits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, ScatteredVideos, scattered_videos
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.networks.silot import Noise, Objects, Silot, SilotInferenceConfig
from unsup_track_ros.networks.silot.evidence import explained_nats
from unsup_track_ros.networks.silot.lasting_tracker import LastingTracker, tracker_of
from unsup_track_ros.networks.silot.objects import unpacked
from unsup_track_ros.networks.silot.refinement import refined
from unsup_track_ros.networks.silot.tracker import SilotTracker, TrackedObjects
from unsup_track_ros.perception.silot_detection import load_silot

WEIGHTS = Path(__file__).parents[3] / "data" / "silot_digits.safetensors"
CPU = torch.device("cpu")
CONFIG = SilotInferenceConfig(num_refinements=4)


@pytest.fixture(scope="module")
def network() -> Silot:
    """The trained network of the results."""
    return load_silot(str(WEIGHTS), CPU)


@pytest.fixture(scope="module")
def videos() -> ScatteredVideos:
    """Two videos of two digits of scikit-learn each, which the network has never seen."""
    config = ScatteredConfig(min_objects=2, max_objects=2)
    return scattered_videos(config, 2, torch.Generator().manual_seed(4))


def frame(videos: ScatteredVideos, index: int) -> torch.Tensor:
    """A frame of all videos."""
    return videos.frames[:, index].float() / 255.0


def found_in(network: Silot, image: torch.Tensor) -> Objects:
    """What one pass finds in first frames, present or not at all."""
    noise = Noise.none(image[:, None], network.config.max_objects, network.config)
    with torch.no_grad():
        objects = network.step(image, None, noise).objects
    return objects.with_presence((objects.presence > 0.5).float())


def identities(found: TrackedObjects, scene: int, truth_px: torch.Tensor) -> list[int]:
    """The identity of the answer at each true box, -1 for none."""
    sure = found.presence[scene] > 0.5
    boxes_px = found.boxes_px[scene, sure].numpy().astype(float)
    overlap = rectangle_iou(truth_px.numpy().astype(float), boxes_px)
    ids = found.ids[scene, sure].numpy()
    return [int(ids[row.argmax()]) if row.max(initial=0) > 0.3 else -1 for row in overlap]


def followed(
    network: Silot, videos: ScatteredVideos, config: SilotInferenceConfig, dark: tuple[int, ...]
) -> list[list[int]]:
    """Identities of the digits of the first video per frame; some frames are black."""
    tracker = LastingTracker(network, config)
    answers = []
    for index in range(6):
        image = frame(videos, index) * (index not in dark)
        found = tracker.step(image)
        answers.append(identities(found, 0, videos.boxes_px[0, index]))
    return answers


def test_an_object_that_nothing_shows_moves_on_and_is_found_again(
    network: Silot, videos: ScatteredVideos
) -> None:
    answers = followed(network, videos, CONFIG, dark=(3,))
    assert set(answers[0]) == {0, 1}
    assert all(answer == answers[0] for answer in answers)


def test_an_object_that_stays_away_is_forgotten(network: Silot, videos: ScatteredVideos) -> None:
    config = CONFIG.model_copy(update={"hidden_frames": 1})
    answers = followed(network, videos, config, dark=(2, 3, 4))
    assert answers[4] == [-1, -1]
    assert not set(answers[5]) & set(answers[0])


def test_refinement_moves_objects_to_where_they_explain_the_frame(
    network: Silot, videos: ScatteredVideos
) -> None:
    image = frame(videos, 0)
    guess = found_in(network, image)
    off = dataclasses.replace(guess, centre=guess.centre + 2.0 / network.config.anchor_px)
    steps = [refined(network, image, off, number) for number in (0, 16)]
    errors = [
        (network.render(objects, torch.zeros_like(image)) - image).abs().sum().item()
        for objects in (guess, *steps)
    ]
    assert errors[1] > 1.2 * errors[0]
    assert errors[2] < 1.1 * errors[0]
    assert all(weight.grad is None for weight in network.parameters())
    absent = guess.presence[..., 0] == 0
    assert torch.equal(steps[1].packed()[absent], off.packed()[absent])


def test_refining_one_scene_does_not_touch_another(network: Silot, videos: ScatteredVideos) -> None:
    image = frame(videos, 0)
    guess = found_in(network, image)
    alone = unpacked(guess.packed()[:1], network.config)
    both = refined(network, image, guess, 4).packed()[:1]
    assert torch.allclose(both, refined(network, image[:1], alone, 4).packed(), atol=1e-4)


def test_an_object_explains_its_digit_and_its_double_nothing(
    network: Silot, videos: ScatteredVideos
) -> None:
    image = frame(videos, 0)
    objects = found_in(network, image)
    nats = explained_nats(network, image, objects)
    present = objects.presence[..., 0] > 0
    assert nats[present].min() > 50.0
    assert nats[~present].abs().max() < 0.1
    twice = unpacked(objects.packed().repeat(1, 2, 1), network.config)
    assert explained_nats(network, image, twice)[present.repeat(1, 2)].abs().max() < 3.0


def test_what_explains_too_little_is_not_reported(network: Silot, videos: ScatteredVideos) -> None:
    counts = []
    for nats in (10.0, 1e6):
        config = CONFIG.model_copy(update={"min_explained_nats": nats})
        found = LastingTracker(network, config).step(frame(videos, 0))
        counts.append(int((found.presence > 0.5).sum()))
    assert counts == [4, 0]


@pytest.mark.parametrize(("nats", "left"), [(10.0, 1), (-1e6, 2)])
def test_a_double_of_a_known_object_goes_and_the_object_stays(
    network: Silot, videos: ScatteredVideos, nats: float, left: int
) -> None:
    """Tripwire: without the demand the double stays."""
    config = CONFIG.model_copy(
        update={"min_explained_nats": nats, "hidden_frames": 1, "num_refinements": 0}
    )
    tracker = LastingTracker(network, config)
    tracker.step(frame(videos, 0)[:1])
    state = tracker.state()
    for name, value in state.items():
        if name not in ("next_id", "ids"):
            value[:, -1] = value[:, 0]  # a slot that was empty
    state["ids"][:, -1], state["next_id"][:] = 2, 3
    tracker.restore(state, CPU)
    for index in range(1, 5):
        found = tracker.step(frame(videos, index)[:1])
    truth_px = videos.boxes_px[0, 4].numpy().astype(float)
    sure = found.presence[0] > 0.5
    overlap = rectangle_iou(truth_px, found.boxes_px[0, sure].numpy().astype(float))
    assert (overlap > 0.3).sum(axis=1).max() == left
    assert (overlap > 0.3).sum(axis=1).min() == 1


def test_a_restored_tracker_goes_on_to_the_bit(network: Silot, videos: ScatteredVideos) -> None:
    whole, first, second = (LastingTracker(network, CONFIG) for _ in range(3))
    for index in range(2):
        whole.step(frame(videos, index))
        first.step(frame(videos, index))
    second.restore(first.state(), CPU)
    expected, answered = (part.step(frame(videos, 2)) for part in (whole, second))
    for name in ("ids", "boxes_px", "presence", "reconstruction"):
        assert torch.equal(getattr(expected, name), getattr(answered, name)), name


def test_the_state_before_the_first_frame_and_that_of_another_tracker_are_a_fresh_start(
    network: Silot, videos: ScatteredVideos
) -> None:
    tracker = LastingTracker(network, CONFIG)
    expected = tracker.step(frame(videos, 0)).ids
    for state in (LastingTracker(network, CONFIG).state(), SilotTracker(network).state()):
        tracker.step(frame(videos, 1))
        tracker.restore(state, CPU)
        assert torch.equal(tracker.step(frame(videos, 0)).ids, expected)


def test_a_moving_window_leaves_identities_to_their_objects(
    network: Silot, videos: ScatteredVideos
) -> None:
    """The scene stands still; the window moves over it by 8 px, far more than the digits do."""
    tracker = LastingTracker(network, CONFIG)
    wide = torch.zeros(1, 1, 72, 72)
    wide[..., 12:60, 12:60] = frame(videos, 0)[:1]
    truth_px = videos.boxes_px[0, 0]
    before = tracker.step(wide[..., :60, :60])
    tracker.move_window(8.0, 8.0)
    after = tracker.step(wide[..., 8:68, 8:68])
    expected = identities(before, 0, truth_px + 12)
    assert -1 not in expected
    assert identities(after, 0, truth_px + 4) == expected


def test_the_method_chooses_the_tracker(network: Silot) -> None:
    assert isinstance(tracker_of(network, CONFIG), LastingTracker)
    paper = SilotInferenceConfig(method="paper")
    assert isinstance(tracker_of(network, paper), SilotTracker)


def test_a_black_frame_holds_nothing(network: Silot) -> None:
    found = LastingTracker(network, CONFIG).step(torch.zeros(1, 1, 48, 48))
    assert np.all(found.presence.numpy() <= 0.5)
    assert torch.isfinite(found.boxes_px).all()
