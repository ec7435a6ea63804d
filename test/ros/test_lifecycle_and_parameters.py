# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes begin, change and end as ROS users expect."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParametersAtomically
from ros.node_process import NodeProcess
from ros.playing import PARAMETERS, TRACKS, Player
from ros.probe import Probe
from ros.street import POINTS

NODES = ("all", "perception", "tracker", "occupancy")
FULL_NAME = {"all": "all_in_one"}


@pytest.fixture(scope="module")
def player(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    """One node for the tests that leave it active."""
    with NodeProcess("all", tmp_path_factory.mktemp("node"), PARAMETERS):
        player = Player(probe)
        player.wait_for_node()
        yield player


def double(name: str, value: float) -> Parameter:
    kind = ParameterType.PARAMETER_DOUBLE
    return Parameter(name=name, value=ParameterValue(type=kind, double_value=value))


def text(name: str, value: str) -> Parameter:
    kind = ParameterType.PARAMETER_STRING
    return Parameter(name=name, value=ParameterValue(type=kind, string_value=value))


def change(probe: Probe, *parameters: Parameter) -> Any:
    request = SetParametersAtomically.Request(parameters=list(parameters))
    service = "/all_in_one/set_parameters_atomically"
    return probe.call(service, SetParametersAtomically, request).result


def value_of(probe: Probe, name: str) -> float:
    request = GetParameters.Request(names=[name])
    answer = probe.call("/all_in_one/get_parameters", GetParameters, request)
    return float(answer.values[0].double_value)


def transition(probe: Probe, number: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=number))
    return bool(probe.call("/all_in_one/change_state", ChangeState, request).success)


def state(probe: Probe) -> str:
    answer = probe.call("/all_in_one/get_state", GetState, GetState.Request())
    return str(answer.current_state.label)


def test_a_tunable_parameter_changes_while_frames_go_on(probe: Probe, player: Player) -> None:
    player.play(2)
    name = "pipeline.tracker.lifecycle.max_coast_s"
    assert change(probe, double(name, 4.0)).successful
    assert value_of(probe, name) == 4.0
    player.play(2)


def test_of_several_changes_all_or_none_are_made(probe: Probe, player: Player) -> None:
    name = "node.stamp_delay_warn_s"
    before = value_of(probe, name)
    bad = double("pipeline.tracker.lifecycle.max_coast_s", -1.0)
    answer = change(probe, double(name, before + 1.0), bad)
    assert not answer.successful
    assert "max_coast_s" in answer.reason
    assert value_of(probe, name) == before
    player.play(1)


def test_a_fixed_parameter_is_refused_with_the_reason(probe: Probe, player: Player) -> None:
    answer = change(probe, text("pipeline.egomotion.source", "flow"))
    assert not answer.successful
    assert "pipeline.egomotion.source" in answer.reason
    assert "read-only" in answer.reason
    player.play(1)


def test_a_parameter_is_described(probe: Probe, player: Player) -> None:
    names = ["pipeline.history_s", "node.stamp_delay_warn_s"]
    request = DescribeParameters.Request(names=names)
    fixed, tunable = probe.call(
        "/all_in_one/describe_parameters", DescribeParameters, request
    ).descriptors
    assert fixed.read_only
    assert not tunable.read_only
    assert fixed.description == "How long past frames are kept as evidence. [s]"
    assert fixed.floating_point_range[0].from_value == 0.0
    assert fixed.additional_constraints == "must be a float > 0 s"
    player.play(1)


def test_an_inactive_node_is_silent_and_an_active_one_goes_on(probe: Probe, player: Player) -> None:
    player.play(2)
    assert transition(probe, Transition.TRANSITION_DEACTIVATE)
    assert state(probe) == "inactive"
    publisher = probe.publisher(POINTS, "")
    probe.wait_for(lambda: publisher.get_subscription_count() == 0)
    count = len(probe.received[TRACKS])
    player.send(player.next())
    assert transition(probe, Transition.TRANSITION_CLEANUP)
    assert transition(probe, Transition.TRANSITION_CONFIGURE)
    assert transition(probe, Transition.TRANSITION_ACTIVATE)
    player.wait_for_node()
    assert len(probe.received[TRACKS]) == count
    player.play(2)


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        (
            {"pipeline.egomotion.sources": "tf"},
            "unknown parameter 'pipeline.egomotion.sources'; "
            "did you mean 'pipeline.egomotion.source'?",
        ),
        (
            {"pipeline.history_s": -1.0},
            "The parameter 'pipeline.history_s' must be a float > 0 s, got -1.0.",
        ),
        (
            {"node.autostart": "soon"},
            "The parameter 'node.autostart' must be a bool, got 'soon'.",
        ),
    ],
)
def test_a_wrong_parameter_at_the_start_refuses_in_one_sentence(
    tmp_path: Path, parameter: dict[str, Any], sentence: str
) -> None:
    process = NodeProcess("tracker" if "node" in str(parameter) else "all", tmp_path, parameter)
    assert process.wait() == 1
    assert f"error: {sentence}" in process.log
    assert "Traceback" not in process.log


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", NODES)
def test_every_node_ends_with_exit_code_0(tmp_path: Path, name: str, how: signal.Signals) -> None:
    process = NodeProcess(name, tmp_path)
    process.wait_for_log("Active.")
    assert process.end(how) == 0
    assert "Traceback" not in process.log


def test_a_node_without_autostart_waits_for_its_manager(probe: Probe, tmp_path: Path) -> None:
    arguments = ["-r", "__ns:=/managed"]
    with NodeProcess("tracker", tmp_path, {"node.autostart": False}, arguments):
        answer = probe.call("/managed/tracker/get_state", GetState, GetState.Request())
        assert answer.current_state.label == "unconfigured"
