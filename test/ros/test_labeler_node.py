# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The labeler node writes what the command writes, and can be stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros.node_process import NodeProcess
from ros.probe import Probe
from system.label_directory import num_labels, run_well, tree
from unsup_track_ros.msg import LabelingProgress

PROGRESS = "unsup_track_ros/msg/LabelingProgress"


@pytest.fixture(scope="module")
def labels(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("command") / "labels"
    run_well("label", tiny_drive, "--out", folder, "--no-video")
    return folder


def parameters(drive: Path, out: Path, **more: Any) -> dict[str, Any]:
    return {
        "node.bag": str(drive),
        "node.out": str(out),
        "node.make_pictures": False,
        **{f"node.{name}": value for name, value in more.items()},
    }


def test_the_node_writes_what_the_command_writes_and_ends(
    probe: Probe, tiny_drive: Path, labels: Path, tmp_path: Path
) -> None:
    told = probe.listen("/labeling_progress", PROGRESS, latched=True)
    out = tmp_path / "labels"
    process = NodeProcess("labeler", tmp_path, parameters(tiny_drive, out, exit_when_done=True))
    probe.wait_for(lambda: told)
    assert process.wait() == 0, process.log
    assert tree(out) == tree(labels)
    assert told[-1].state in (LabelingProgress.STATE_RUNNING, LabelingProgress.STATE_FINISHED)
    assert told[-1].recording == str(tiny_drive)


def test_a_stopped_run_goes_on_to_the_same_bytes(
    probe: Probe, tiny_drive: Path, labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    moved = ["-r", "__ns:=/stopped"]
    told = probe.listen("/stopped/labeling_progress", PROGRESS, latched=True)
    with NodeProcess("labeler", tmp_path, parameters(tiny_drive, out), moved):
        probe.wait_for(lambda: num_labels(out) >= 3)
        kind = ParameterType.PARAMETER_BOOL
        stop = Parameter(name="node.stop", value=ParameterValue(type=kind, bool_value=True))
        answer = probe.call(
            "/stopped/labeler/set_parameters",
            SetParameters,
            SetParameters.Request(parameters=[stop]),
        )
        assert answer.results[0].successful
        probe.wait_for(lambda: told and told[-1].state != LabelingProgress.STATE_RUNNING)
        for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=number))
            service = "/stopped/labeler/change_state"
            assert probe.call(service, ChangeState, request).success
        probe.wait_for(lambda: told[-1].state == LabelingProgress.STATE_FINISHED)
        assert told[-1].frames_done == told[-1].frames_total == num_labels(labels)
    assert tree(out) == tree(labels)


def test_a_recording_that_is_not_there_is_a_failure_with_its_reason(
    probe: Probe, tmp_path: Path
) -> None:
    told = probe.listen("/lost/labeling_progress", PROGRESS, latched=True)
    given = parameters(tmp_path / "lost.mcap", tmp_path / "labels")
    with NodeProcess("labeler", tmp_path, given, ["-r", "__ns:=/lost"]):
        probe.wait_for(lambda: told and told[-1].state == LabelingProgress.STATE_FAILED)
        assert "There is no recording" in told[-1].message


def test_without_a_recording_to_label_the_node_refuses(tmp_path: Path) -> None:
    process = NodeProcess("labeler", tmp_path)
    assert process.wait() == 1
    assert "The parameter 'node.bag' has no default and must be given." in process.log
