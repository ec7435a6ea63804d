# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node: declaring, overriding, refusing with rclpy's words, callbacks, services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterEvent,
    ParameterType,
    SetParametersResult,
)
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

Spin = Callable[..., bool]


def within(low: Any, high: Any, step: Any = 0) -> ParameterDescriptor:
    if isinstance(low, int):
        limits = IntegerRange(from_value=low, to_value=high, step=step)
        return ParameterDescriptor(integer_range=[limits])
    limits = FloatingPointRange(from_value=low, to_value=high, step=float(step))
    return ParameterDescriptor(floating_point_range=[limits])


def reason(node: Any, name: str, value: Any) -> str:
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    return str(result.reason)


@pytest.mark.parametrize(
    "value",
    [True, 7, 0.5, "text", [True, False], [1, 2], [0.5, 1.0], ["a", "b"], [b"a", b"b"]],
)
def test_a_declared_parameter_has_its_value_and_type(node: Any, value: Any) -> None:
    assert node.declare_parameter("x", value).value == value
    assert node.get_parameter("x").type_ == Parameter.Type.from_parameter_value(value)
    assert node.describe_parameter("x").type == node.get_parameter("x").type_.value


def test_a_parameter_is_declared_once_and_before_it_is_used(node: Any) -> None:
    node.declare_parameter("x", 1)
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter("x", 1)
    with pytest.raises(ParameterNotDeclaredException, match="undeclared parameter"):
        node.get_parameter("y")
    with pytest.raises(ParameterNotDeclaredException):
        node.set_parameters([Parameter("y", value=1)])
    assert node.get_parameter_or("y", Parameter("y", value=3)).value == 3


def test_a_parameter_with_a_type_only_has_no_value_yet(node: Any) -> None:
    node.declare_parameter("x", Parameter.Type.DOUBLE)
    with pytest.raises(ParameterUninitializedException):
        node.get_parameter("x")
    assert node.set_parameters([Parameter("x", value=1.0)])[0].successful
    assert node.get_parameter("x").value == 1.0


def test_another_type_is_refused_in_rclpys_words(node: Any) -> None:
    node.declare_parameter("x", 1.0)
    said = reason(node, "x", "one")
    assert said == "Wrong parameter type, expected 'Type.DOUBLE' got 'Type.STRING'"
    assert reason(node, "x", 1).endswith("got 'Type.INTEGER'")
    assert node.get_parameter("x").value == 1.0


def test_a_value_out_of_its_range_is_refused_with_the_range(node: Any) -> None:
    node.declare_parameter("count", 5, within(0, 10))
    node.declare_parameter("share", 0.5, within(0.0, 1.0))
    assert reason(node, "count", 11) == "Parameter count out of range. Min: 0, Max: 10, value: 11"
    said = reason(node, "share", 1.5)
    assert "Parameter share out of range" in said
    assert "Min: 0.0, Max: 1.0, value: 1.5" in said
    assert node.set_parameters([Parameter("count", value=10)])[0].successful


def test_a_value_between_the_steps_is_refused(node: Any) -> None:
    node.declare_parameter("count", 4, within(0, 10, 2))
    node.declare_parameter("share", 0.5, within(0.0, 1.0, 0.25))
    assert "is not a valid step. Min: 0, max: 10, value: 3, step: 2" in reason(node, "count", 3)
    assert "is not close enough to a valid step" in reason(node, "share", 0.3)
    assert node.set_parameters([Parameter("share", value=0.75)])[0].successful


def test_a_read_only_parameter_is_not_set_and_not_undeclared(node: Any) -> None:
    node.declare_parameter("fixed", 1, ParameterDescriptor(read_only=True))
    assert reason(node, "fixed", 2) == "Trying to set a read-only parameter: fixed."
    with pytest.raises(ParameterImmutableException):
        node.undeclare_parameter("fixed")


def test_a_parameter_can_be_undeclared_and_declared_anew(node: Any) -> None:
    node.declare_parameter("x", 1)
    node.undeclare_parameter("x")
    assert not node.has_parameter("x")
    assert node.declare_parameter("x", "text").value == "text"


def test_an_override_replaces_the_default_unless_ignored(make_node: Callable[..., Any]) -> None:
    given = [Parameter("a", value=2), Parameter("b", value=3)]
    node = make_node(parameter_overrides=given)
    assert node.declare_parameter("a", 1).value == 2
    assert node.declare_parameter("b", 1, ignore_override=True).value == 1


def test_an_override_of_another_type_or_out_of_range_stops_the_declaration(
    make_node: Callable[..., Any],
) -> None:
    node = make_node(parameter_overrides=[Parameter("a", value="x"), Parameter("b", value=7)])
    with pytest.raises(InvalidParameterTypeException, match="expecting type 'INTEGER'"):
        node.declare_parameter("a", 1)
    with pytest.raises(InvalidParameterValueException, match="out of range"):
        node.declare_parameter("b", 1, within(0, 5))


def test_overrides_can_be_declared_by_themselves(make_node: Callable[..., Any]) -> None:
    node = make_node(
        parameter_overrides=[Parameter("group.a", value=2), Parameter("group.b", value="x")],
        automatically_declare_parameters_from_overrides=True,
    )
    found = node.get_parameters_by_prefix("group")
    assert {name: parameter.value for name, parameter in found.items()} == {"a": 2, "b": "x"}
    assert "use_sim_time" in node.get_parameters_by_prefix("")


def test_all_are_set_or_none(node: Any) -> None:
    node.declare_parameter("a", 1)
    node.declare_parameter("b", 1, within(0, 5))
    wanted = [Parameter("a", value=2), Parameter("b", value=9)]
    assert not node.set_parameters_atomically(wanted).successful
    assert node.get_parameter("a").value == 1
    assert [result.successful for result in node.set_parameters(wanted)] == [True, False]
    assert node.get_parameter("a").value == 2


def test_a_callback_can_refuse_and_another_hears_of_what_was_set(node: Any) -> None:
    node.declare_parameter("a", 1)
    heard: list[Any] = []

    def accept(parameters: list[Any]) -> SetParametersResult:
        is_odd = all(parameter.value % 2 for parameter in parameters)
        return SetParametersResult(successful=is_odd, reason="" if is_odd else "even")

    node.add_on_set_parameters_callback(accept)
    node.add_post_set_parameters_callback(lambda set_: heard.extend(p.value for p in set_))
    assert reason(node, "a", 2) == "even"
    assert node.set_parameters([Parameter("a", value=3)])[0].successful
    assert heard == [3]
    node.remove_on_set_parameters_callback(accept)
    assert node.set_parameters([Parameter("a", value=4)])[0].successful


def test_a_pre_set_callback_can_add_to_what_is_set(node: Any) -> None:
    node.declare_parameter("a", 1)
    node.declare_parameter("b", 1)
    node.add_pre_set_parameters_callback(lambda given: [*given, Parameter("b", value=5)])
    assert node.set_parameters([Parameter("a", value=2)])[0].successful
    assert node.get_parameter("b").value == 5


def test_parameters_are_listed_by_prefix_and_depth(node: Any) -> None:
    for name in ("one", "group.two", "group.deep.three"):
        node.declare_parameter(name, 1)
    everything = node.list_parameters([], 0)
    assert {"one", "group.two", "group.deep.three"} <= set(everything.names)
    assert {"group", "group.deep"} <= set(everything.prefixes)
    assert set(node.list_parameters(["group"], 1).names) == {"group.two"}
    assert set(node.list_parameters(["group"], 0).names) == {"group.two", "group.deep.three"}


@pytest.fixture
def ask(make_node: Callable[..., Any], spin_until: Spin) -> Callable[..., Any]:
    """Asks a parameter service of another node."""
    asking = make_node("asking")

    def call(node: Any, service: Any, name: str, **members: Any) -> Any:
        client = asking.create_client(service, f"{node.get_fully_qualified_name()}/{name}")
        assert spin_until([node, asking], client.service_is_ready)
        future = client.call_async(service.Request(**members))
        assert spin_until([node, asking], future.done)
        return future.result()

    return call


def test_parameters_are_read_by_service(node: Any, ask: Callable[..., Any]) -> None:
    node.declare_parameter("a", 0.5, within(0.0, 1.0))
    node.declare_parameter("b", ["x", "y"])
    assert {"a", "b"} <= set(ask(node, ListParameters, "list_parameters").result.names)
    values = ask(node, GetParameters, "get_parameters", names=["a", "b"]).values
    assert values[0].double_value == 0.5
    assert list(values[1].string_array_value) == ["x", "y"]
    assert ask(node, GetParameters, "get_parameters", names=["a", "nobody"]).values == []
    types = ask(node, GetParameterTypes, "get_parameter_types", names=["a", "b"]).types
    assert list(types) == [ParameterType.PARAMETER_DOUBLE, ParameterType.PARAMETER_STRING_ARRAY]
    described = ask(node, DescribeParameters, "describe_parameters", names=["a"]).descriptors[0]
    assert described.name == "a"
    assert described.floating_point_range[0].to_value == 1.0


def test_parameters_are_set_by_service_or_refused_with_the_reason(
    node: Any, ask: Callable[..., Any]
) -> None:
    node.declare_parameter("a", 1, within(0, 5))
    node.declare_parameter("b", 1)

    def wanted(**values: Any) -> list[Any]:
        made = [Parameter(name, value=value) for name, value in values.items()]
        return [parameter.to_parameter_msg() for parameter in made]

    results = ask(node, SetParameters, "set_parameters", parameters=wanted(a=9, b=2)).results
    assert [result.successful for result in results] == [False, True]
    assert "out of range" in results[0].reason
    atomic = "set_parameters_atomically"
    result = ask(node, SetParametersAtomically, atomic, parameters=wanted(a=9, b=3)).result
    assert not result.successful
    assert node.get_parameter("b").value == 2
    unknown = ask(node, SetParameters, "set_parameters", parameters=wanted(nobody=1)).results[0]
    assert not unknown.successful
    assert "undeclared" in unknown.reason


def test_a_change_is_told_to_everybody(
    node: Any, make_node: Callable[..., Any], spin_until: Spin
) -> None:
    listening = make_node("listening")
    heard: list[Any] = []
    subscription = listening.create_subscription(
        ParameterEvent, "/parameter_events", heard.append, 10
    )
    assert spin_until(listening, lambda: subscription.get_publisher_count() >= 2)
    node.declare_parameter("a", 1)
    node.set_parameters([Parameter("a", value=2)])
    assert spin_until(listening, lambda: len([e for e in heard if e.node == "/tested"]) == 2)
    new, changed = (event for event in heard if event.node == "/tested")
    assert [p.name for p in new.new_parameters] == ["a"]
    assert isinstance(changed.changed_parameters[0], ParameterMessage)
    assert changed.changed_parameters[0].value.integer_value == 2


PARAMETER_FILE = """
/**:
  ros__parameters:
    everywhere: 1
    group: {inside: 1e-3, text: '5'}
    overridden: 1
tested:
  ros__parameters:
    overridden: 2
/robot/other:
  ros__parameters:
    elsewhere: 1
"""


def test_the_command_line_gives_parameters_names_and_remaps(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(PARAMETER_FILE, encoding="utf-8")
    arguments = ["--ros-args", "--params-file", str(path), "-p", "group.more:=[a, b]"]
    arguments += ["-p", "other:named:=3", "-r", "words:=/all/words"]
    rclpy.init(args=["program", "-x", *arguments])
    try:
        node = Node("tested", automatically_declare_parameters_from_overrides=True)
        values = {n: p.value for n, p in node.get_parameters_by_prefix("").items()}
        assert values.pop("use_sim_time") is False
        values.pop("start_type_description_service", None)  # Jazzy's
        assert values == {
            "everywhere": 1,
            "group.inside": 1e-3,
            "group.text": "5",
            "group.more": ["a", "b"],
            "overridden": 2,
        }
        assert node.resolve_topic_name("words") == "/all/words"
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_the_command_line_names_the_node() -> None:
    rclpy.init(args=["--ros-args", "-r", "__node:=renamed", "-r", "__ns:=/robot", "--"])
    try:
        node = Node("tested")
        assert node.get_fully_qualified_name() == "/robot/renamed"
        assert node.get_logger().name == "robot.renamed"
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_ros_arguments_can_be_removed_from_a_command_line() -> None:
    from rclpy.utilities import remove_ros_args

    given = ["program", "a", "--ros-args", "-p", "x:=1", "--", "b"]
    assert remove_ros_args(given) == ["program", "a", "b"]
