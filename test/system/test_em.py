# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""EM from recordings to detectors: what it leaves behind, and that it survives being killed."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from system.label_directory import refused, run_well

from benchmark import learned_detectors
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.labeling.store import VARYING_FILES, LabelStore
from unsup_track_ros.training.em import EmOptions, run_em
from unsup_track_ros.training.em_config import EmConfig, EmMode, em_config

PARAMETERS = """
/**:
  ros__parameters:
    bev: {first_stride: 1, stem_channels: 8, layer2_channels: 8, layer3_channels: 8,
          layer4_channels: 8, grid: {x_min_m: -24.0, x_max_m: 40.0, y_min_m: -32.0, y_max_m: 32.0,
                                     num_x: 64, num_y: 64}}
    bev_training: {optimizer: {num_steps: 4, batch_size: 2}}
    segmentor: {width_px: 96, height_px: 32}
    scans: {image_width_px: 96, image_height_px: 32}
    segmentor_training: {optimizer: {num_steps: 2, batch_size: 2}}
    loop: {report_steps: 1, checkpoint_steps: 2}
    label:
      motion: 0
"""


class Killed(BaseException):
    """Stands for the end of the process."""


def parameters(mode: EmMode, folder: Path) -> EmConfig:
    """Networks that are trained in a second; motion of mode improved in both modes."""
    path = folder / f"{mode}.yaml"
    motion = "pipeline: {motion_segmentation: {mode: improved}}"
    path.write_text(PARAMETERS.replace("motion: 0", motion))
    return em_config(mode, path)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a run but those that hold wall times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in VARYING_FILES
    }


@pytest.fixture(scope="module")
def undisturbed(
    tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EmConfig, EmOptions, Path]:
    """Two rounds in mode improved."""
    folder = tmp_path_factory.mktemp("em")
    config = parameters("improved", folder)
    options = EmOptions(bags=(tiny_drive,), evaluation_bags=(tiny_drive,), num_rounds=2)
    run_em(config, folder / "run", options, no_progress)
    return config, options, folder / "run"


def test_a_run_leaves_labels_networks_scores_and_their_origin(
    undisturbed: tuple[EmConfig, EmOptions, Path],
) -> None:
    _, _, run = undisturbed
    for number in (1, 2):
        folder = run / f"round_{number:02d}"
        assert {path.name for path in folder.iterdir()} == {
            "checkpoints", "config.yaml", "labels", "metrics.json", "provenance.json", "report.md",
            "training",
        }  # fmt: skip
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["labels"]["labels"] > 0
        assert metrics["detector"]["bev.all.frame_mean_ap@0.5"] is not None
        assert metrics["detector_by_recording"] == {"drive": metrics["detector"]}
        provenance = json.loads((folder / "provenance.json").read_text())
        assert set(provenance["checkpoints"]) == {"bev", "segmentor"}
        assert "drive" in provenance["recordings"]
    labels = json.loads((run / "round_02/labels/drive/manifest.json").read_text())
    assert labels["round"] == 2
    assert (
        labels["checkpoint_sha256"]["bev"]
        == json.loads((run / "round_01/provenance.json").read_text())["checkpoints"]["bev"]
    )
    assert "| 2 |" in (run / "report.md").read_text()


def test_ten_random_kills_change_nothing(
    undisturbed: tuple[EmConfig, EmOptions, Path], tmp_path: Path
) -> None:
    config, options, run = undisturbed
    chance = random.Random(0)
    kills = 0
    for _ in range(10):
        left = chance.randint(1, 40)

        def killing(work: str, done: int, total: int) -> None:  # noqa: ARG001
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        try:
            run_em(config, tmp_path / "run", options, killing)
        except Killed:
            kills += 1
    assert kills >= 5
    run_em(config, tmp_path / "run", options, no_progress)
    killed, whole = tree(tmp_path / "run"), tree(run)
    assert killed.keys() == whole.keys()
    assert [name for name in whole if killed[name] != whole[name]] == []


def test_processes_that_help_change_no_byte(
    undisturbed: tuple[EmConfig, EmOptions, Path], tmp_path: Path
) -> None:
    """One labels the recording, one draws samples; what they leave is what one process leaves."""
    config, options, run = undisturbed
    helped = replace(options, num_rounds=1, num_workers=1)
    run_em(config, tmp_path / "run", helped, no_progress)
    alone = {name: content for name, content in tree(run).items() if "round_02" not in name}
    together = tree(tmp_path / "run")
    for name in alone.keys() - {"report.md", "label.lock"}:
        assert together[name] == alone[name], name


def test_a_round_in_which_the_witnesses_never_agree_stops_with_its_number(
    tiny_drive: Path, tmp_path: Path
) -> None:
    """Networks of a few steps are sure of nothing: TCR's ensemble leaves no label."""
    options = EmOptions(bags=(tiny_drive,), num_rounds=2)
    with pytest.raises(DataError, match="Round 2: None of the 14 frames of 1 recordings"):
        run_em(parameters("tcr", tmp_path), tmp_path / "run", options, no_progress)
    manifest = json.loads((tmp_path / "run/round_02/labels/drive/manifest.json").read_text())
    assert set(manifest["checkpoint_sha256"]) == {"bev", "segmentor"}


def test_without_expectation_each_round_of_tcr_learns_from_the_labels_of_motion(
    tiny_drive: Path, tmp_path: Path
) -> None:
    """What the control of the benchmark is: the networks of the last round are not asked."""
    config = parameters("tcr", tmp_path)
    config = config.model_copy(
        update={"expectation": config.expectation.model_copy(update={"enabled": False})}
    )
    run = tmp_path / "run"
    rows = run_em(config, run, EmOptions(bags=(tiny_drive,), num_rounds=2), no_progress)
    assert rows[0]["labels"]["labels"] == rows[1]["labels"]["labels"] > 0
    first, second = (tree(run / f"round_0{number}/labels") for number in (1, 2))
    assert first == second


def test_a_run_of_other_parameters_is_refused(
    undisturbed: tuple[EmConfig, EmOptions, Path],
) -> None:
    config, options, run = undisturbed
    other = config.model_copy(update={"evaluation_views": 2})
    with pytest.raises(DataError, match="differs in config_sha256"):
        run_em(other, run, options, no_progress)


def test_two_recordings_of_one_name_are_refused(tiny_drive: Path, tmp_path: Path) -> None:
    options = EmOptions(bags=(tiny_drive, tmp_path / "drive.mcap"))
    with pytest.raises(DataError, match="share 1 names"):
        run_em(em_config("improved"), tmp_path / "run", options, no_progress)


def test_the_trained_networks_detect_in_the_pipeline(
    undisturbed: tuple[EmConfig, EmOptions, Path], tiny_drive: Path, tmp_path: Path
) -> None:
    """Detector bev names boxes by score, ensemble only those that all witnesses support."""
    _, _, run = undisturbed
    checkpoints = run / "round_01" / "checkpoints"
    found = {}
    for detector in ("bev", "ensemble"):
        path = tmp_path / f"{detector}.yaml"
        path.write_text(
            "/**:\n  ros__parameters:\n    pipeline:\n"
            f"      detector: {detector}\n      learned:\n"
            f"        bev_path: {checkpoints / 'bev.safetensors'}\n"
            f"        segmentor_path: {checkpoints / 'segmentor.safetensors'}\n"
        )
        out = tmp_path / detector
        run_well("label", tiny_drive, "--out", out, "--config", path, "--no-video")
        found[detector] = LabelStore.open(out)
    boxes, joint = ([len(label.detections) for label in found[name]] for name in found)
    assert max(boxes) > 0
    assert all(few <= many for few, many in zip(joint, boxes, strict=True))
    assert set(dict(found["ensemble"].manifest.checkpoint_sha256)) == {"bev", "segmentor"}
    assert set(dict(found["bev"].manifest.checkpoint_sha256)) == {"bev"}


def test_the_cost_of_the_learned_detectors_is_told_beside_that_of_motion(
    undisturbed: tuple[EmConfig, EmOptions, Path],
    tiny_drive: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, _, run = undisturbed
    checkpoints = str(run / "round_01" / "checkpoints")
    learned_detectors.main([str(tiny_drive), "--checkpoints", checkpoints])
    said = capsys.readouterr().out
    for name in learned_detectors.DETECTORS:
        assert re.search(rf"\| {name} \| [\d.]+ ms \| [\d.]+ ms \| [\d.]+ ms \|", said)


def test_a_network_is_trained_from_label_directories(
    undisturbed: tuple[EmConfig, EmOptions, Path], tmp_path: Path
) -> None:
    _, _, run = undisturbed
    path = tmp_path / "bev.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    network: {first_stride: 1, stem_channels: 8, "
        "layer2_channels: 8, layer3_channels: 8, layer4_channels: 8, grid: {x_min_m: -24.0, "
        "x_max_m: 40.0, y_min_m: -32.0, y_max_m: 32.0, num_x: 64, num_y: 64}}\n"
        "    training: {optimizer: {num_steps: 2, batch_size: 2}}\n"
    )
    labels = run / "round_01" / "labels" / "drive"
    said = json.loads(
        run_well("train", "bev", labels, "--out", tmp_path / "bev", "--config", path, "--json")
    )
    assert Path(said["weights"]).exists()
    assert "scored on a recording" in refused("evaluate", tmp_path / "bev")
