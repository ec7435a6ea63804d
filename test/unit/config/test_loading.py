# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameter files: what is read, and the sentence for what cannot be."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import model_validator

from unsup_track_ros.config import Config, from_values, load_config, parameter
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig
from unsup_track_ros.perception.motion_segmentation.tcr_evidence import TcrEvidenceConfig


class Source(enum.Enum):
    """Where motion comes from."""

    TF = "tf"
    FLOW = "flow"


class EgomotionConfig(Config):
    """A group."""

    inlier_threshold_m: float = parameter(0.25, "Inlier.", unit="m", gt=0, lt=5)
    source: Source = parameter(Source.TF, "Source.")
    sizes_m: tuple[float, float] = parameter((1.0, 2.0), "Sizes.", unit="m")


class TreeConfig(Config):
    """The tree of the tests."""

    rounds: int = parameter(3, "Rounds.", ge=1)
    mode: Literal["fast", "exact"] = parameter("fast", "Mode.")
    weights: str | None = parameter(None, "Weights.")
    egomotion: EgomotionConfig = EgomotionConfig()

    @model_validator(mode="after")
    def _check(self) -> TreeConfig:
        if self.mode == "exact" and self.weights is None:
            raise ValueError("The mode 'exact' needs weights.")
        return self


def load(folder: Path, text: str, node_name: str | None = None) -> TreeConfig:
    """Load a file of that text."""
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, TreeConfig, node_name)


def test_what_the_file_does_not_mention_keeps_its_default(tmp_path: Path) -> None:
    config = load(tmp_path, "/**:\n  ros__parameters:\n    rounds: 5\n")
    assert config == TreeConfig(rounds=5)


@pytest.mark.parametrize("empty", ["", " {}", "\n    egomotion:"])
def test_a_section_or_group_with_nothing_in_it_is_all_defaults(tmp_path: Path, empty: str) -> None:
    assert load(tmp_path, f"/**:\n  ros__parameters:{empty}\n") == TreeConfig()


@pytest.mark.parametrize(
    "body", ["egomotion: {inlier_threshold_m: 1.5}", "egomotion.inlier_threshold_m: 1.5"]
)
def test_nested_and_dotted_keys_mean_the_same(tmp_path: Path, body: str) -> None:
    config = load(tmp_path, f"/**:\n  ros__parameters:\n    {body}\n")
    assert config.egomotion.inlier_threshold_m == 1.5


@pytest.mark.parametrize("section", ["tracker", "/tracker", "/**/tracker"])
def test_the_section_of_the_node_wins_over_the_one_for_all(tmp_path: Path, section: str) -> None:
    text = (
        f"{section}: {{ros__parameters: {{rounds: 7}}}}\n"
        "/**: {ros__parameters: {rounds: 5, weights: a.pt}}\n"
        "other: {ros__parameters: {rounds: 9}}\n"
    )
    assert load(tmp_path, text, "tracker") == TreeConfig(rounds=7, weights="a.pt")
    assert load(tmp_path, text) == TreeConfig(rounds=5, weights="a.pt")


def test_parameters_that_every_node_has_are_left_to_the_node(tmp_path: Path) -> None:
    text = "/**:\n  ros__parameters:\n    use_sim_time: true\n    qos_overrides: {a: {depth: 1}}\n"
    assert load(tmp_path, text) == TreeConfig()


def test_numbers_in_scientific_notation_and_whole_numbers_are_floats(tmp_path: Path) -> None:
    text = "/**:\n  ros__parameters:\n    egomotion: {inlier_threshold_m: 1e-3, sizes_m: [2, 3]}\n"
    group = load(tmp_path, text).egomotion
    assert group.inlier_threshold_m == 0.001
    assert group.sizes_m == (2.0, 3.0)


def test_a_choice_is_given_by_its_value(tmp_path: Path) -> None:
    text = "/**:\n  ros__parameters:\n    egomotion.source: flow\n"
    assert load(tmp_path, text).egomotion.source is Source.FLOW


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"egomotion.inlier_treshold_m": 1.0},
            "unknown parameter 'egomotion.inlier_treshold_m'; "
            "did you mean 'egomotion.inlier_threshold_m'?",
        ),
        (
            {"sizes_m": [1, 2]},
            "unknown parameter 'sizes_m'; did you mean 'egomotion.sizes_m'?",
        ),
        ({"egomotoin": {}}, "unknown parameter 'egomotoin'; did you mean 'egomotion'?"),
        ({"zebra": 1}, "unknown parameter 'zebra'; 'unsup-track params' lists all."),
        ({"rounds": 0}, "The parameter 'rounds' must be an int >= 1, got 0."),
        ({"rounds": "3"}, "The parameter 'rounds' must be an int >= 1, got '3'."),
        ({"rounds": True}, "The parameter 'rounds' must be an int >= 1, got True."),
        ({"rounds": 3.0}, "The parameter 'rounds' must be an int >= 1, got 3.0."),
        ({"rounds": None}, "The parameter 'rounds' must be an int >= 1, got nothing."),
        ({"mode": "slow"}, "The parameter 'mode' must be one of 'fast', 'exact', got 'slow'."),
        (
            {"egomotion": {"source": "gps"}},
            "The parameter 'egomotion.source' must be one of 'tf', 'flow', got 'gps'.",
        ),
        (
            {"egomotion.inlier_threshold_m": 5},
            "The parameter 'egomotion.inlier_threshold_m' must be a float > 0 and < 5 m, got 5.",
        ),
        (
            {"egomotion.inlier_threshold_m": float("nan")},
            "The parameter 'egomotion.inlier_threshold_m' must be a float > 0 and < 5 m, got nan.",
        ),
        (
            {"egomotion.sizes_m": [1, "b"]},
            "The parameter 'egomotion.sizes_m' must be a list of float, got [1, 'b'].",
        ),
        (
            {"egomotion.sizes_m": [1]},
            "The parameter 'egomotion.sizes_m' must be a list of float, got [1].",
        ),
        (
            {"weights": {"a": 1}},
            "The parameter 'weights' must be a string or null, got a mapping.",
        ),
        ({"egomotion": 3}, "'egomotion' is a group of parameters, got 3."),
        (
            {"egomotion.source": "tf", "egomotion": {"source": "tf"}},
            "the parameter 'egomotion.source' is given twice, nested and dotted.",
        ),
        ({"mode": "exact"}, "The mode 'exact' needs weights."),
        ({"rounds": {1}}, "A parameter must be a number, a text or a list"),
    ],
)
def test_a_wrong_value_is_answered_with_one_sentence(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        from_values(TreeConfig, values)
    assert str(caught.value).startswith(sentence)


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"'rounds' must be .* 'mode' must be"):
        from_values(TreeConfig, {"rounds": 0, "mode": "slow"})


def test_a_parameter_without_default_must_be_given() -> None:
    class TopicConfig(Config):
        """One required parameter."""

        topic: str = parameter(..., "Topic.")

    assert from_values(TopicConfig, {"topic": "/points"}).topic == "/points"
    with pytest.raises(ConfigError, match="'topic' has no default and must be given"):
        from_values(TopicConfig, {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the parameter file is empty; expected '/**:'"),
        ("# nothing\n", "the parameter file is empty"),
        ("- 1\n- 2\n", "a parameter file is a mapping, got [1, 2]"),
        ("rounds: 3\n", "the section 'rounds' is not just 'ros__parameters'"),
        ("/**:\n  rounds: 3\n", "the section '/**' is not just 'ros__parameters'"),
        ("/**:\n  ros__parameters: 3\n", "'ros__parameters' of the section '/**' is a mapping"),
        ("a: {ros__parameters: {}}\n", "no section is for '/**' or 'tracker', only for 'a'."),
        (
            "/**:\n  ros__parameters:\n    rounds: 1\n    rounds: 2\n",
            "'rounds' is given twice in the group starting in line 3.",
        ),
        ("/**: [\n", "this is not valid YAML: line 2:"),
        ("/**: &a\n  ros__parameters:\n    rounds: *a\n", "line 3 uses a YAML alias"),
        ("a: 1\n---\nb: 2\n", "this is not valid YAML: line 2:"),
        ("a: !!python/object:os.system x\n", "this is not valid YAML: line 1:"),
        ("a: \x07\n", "this is not valid YAML:"),
        ("/**: {ros__parameters: {rounds: 2024-01-01}}\n", "The parameter 'rounds' must be an int"),
    ],
)
def test_a_file_that_is_no_parameter_file_is_answered_with_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, "tracker")
    assert str(caught.value).startswith(f"{tmp_path / 'params.yaml'}: {sentence}")


def test_a_file_that_is_absent_or_binary_is_answered_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.yaml", TreeConfig)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "binary.yaml", TreeConfig)


def test_what_a_file_does_not_mention_keeps_the_value_of_a_base(tmp_path: Path) -> None:
    """Even where the file says what is the default: it was said."""
    path = tmp_path / "em.yaml"
    path.write_text("/**:\n  ros__parameters:\n    mode: improved\n")
    base = MotionSegmentationConfig(mode="tcr", tcr=TcrEvidenceConfig(min_voxels=7))
    config = load_config(path, MotionSegmentationConfig, base=base)
    assert config.mode == "improved"
    assert config.tcr.min_voxels == 7
