# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle nodes: transitions by calls and by service, results of callbacks, silent publishers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import String

Spin = Callable[..., bool]
SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


class Machine(LifecycleNode):
    """Answers as told and remembers what it was asked."""

    def __init__(self, name: str = "machine") -> None:
        super().__init__(name)
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.words = self.create_lifecycle_publisher(String, "words", 10)

    def _answer(self, name: str, state: LifecycleState, default: Any) -> Any:
        self.asked.append((name, state.label))
        answer = self.answers.get(name, default)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def on_configure(self, state: LifecycleState) -> Any:
        return self._answer("configure", state, super().on_configure(state))

    def on_activate(self, state: LifecycleState) -> Any:
        return self._answer("activate", state, super().on_activate(state))

    def on_deactivate(self, state: LifecycleState) -> Any:
        return self._answer("deactivate", state, super().on_deactivate(state))

    def on_error(self, state: LifecycleState) -> Any:
        return self._answer("error", state, super().on_error(state))


@pytest.fixture
def machine(ros: None) -> Iterator[Machine]:  # noqa: ARG001
    made = Machine()
    yield made
    made.destroy_node()


@pytest.fixture
def ask(machine: Machine, make_node: Callable[..., Any], spin_until: Spin) -> Callable[..., Any]:
    """Asks a service of the machine."""
    asking = make_node("asking")

    def call(service: Any, name: str, request: Any = None) -> Any:
        client = asking.create_client(service, f"/machine/{name}")
        assert spin_until([machine, asking], client.service_is_ready)
        future = client.call_async(request or service.Request())
        assert spin_until([machine, asking], future.done)
        asking.destroy_client(client)
        return future.result()

    return call


def state_of(ask: Callable[..., Any]) -> tuple[int, str]:
    state = ask(GetState, "get_state").current_state
    return state.id, state.label


def test_a_node_goes_through_its_states(machine: Machine, ask: Callable[..., Any]) -> None:
    assert state_of(ask) == (1, "unconfigured")
    assert machine.trigger_configure() == SUCCESS
    assert state_of(ask) == (2, "inactive")
    assert machine.trigger_activate() == SUCCESS
    assert state_of(ask) == (3, "active")
    assert machine.trigger_deactivate() == SUCCESS
    assert machine.trigger_cleanup() == SUCCESS
    assert state_of(ask) == (1, "unconfigured")
    assert machine.trigger_shutdown() == SUCCESS
    assert state_of(ask) == (4, "finalized")
    assert machine.asked == [
        ("configure", "unconfigured"),
        ("activate", "inactive"),
        ("deactivate", "active"),
    ]


def test_a_failure_leaves_the_state_as_it_was(machine: Machine, ask: Callable[..., Any]) -> None:
    machine.answers["configure"] = FAILURE
    assert machine.trigger_configure() == FAILURE
    assert state_of(ask) == (1, "unconfigured")
    machine.answers.clear()
    machine.trigger_configure()
    machine.answers["activate"] = FAILURE
    assert machine.trigger_activate() == FAILURE
    assert state_of(ask) == (2, "inactive")


def test_an_exception_is_an_error_and_handled_errors_lead_back_to_the_start(
    machine: Machine, ask: Callable[..., Any]
) -> None:
    machine.answers["configure"] = ValueError("no weights")
    assert machine.trigger_configure() == ERROR
    assert machine.asked[-1][0] == "error"
    assert state_of(ask) == (1, "unconfigured")


def test_an_error_that_is_not_handled_is_the_end(machine: Machine, ask: Callable[..., Any]) -> None:
    machine.answers.update(configure=ERROR, error=FAILURE)
    machine.trigger_configure()
    assert state_of(ask) == (4, "finalized")


def test_a_transition_that_does_not_start_here_is_refused(machine: Machine) -> None:
    with pytest.raises(RuntimeError):
        machine.trigger_activate()


def test_states_change_by_service(ask: Callable[..., Any]) -> None:
    configure = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert ask(ChangeState, "change_state", configure).success
    activate = ChangeState.Request(transition=Transition(label="activate"))
    assert ask(ChangeState, "change_state", activate).success
    assert state_of(ask) == (3, "active")
    unknown = ChangeState.Request(transition=Transition(label="fly"))
    assert not ask(ChangeState, "change_state", unknown).success


def test_the_possible_transitions_can_be_asked_for(
    machine: Machine, ask: Callable[..., Any]
) -> None:
    machine.trigger_configure()
    found = ask(GetAvailableTransitions, "get_available_transitions").available_transitions
    assert {(t.transition.id, t.transition.label, t.goal_state.label) for t in found} == {
        (2, "cleanup", "cleaningup"),
        (3, "activate", "activating"),
        (6, "shutdown", "shuttingdown"),
    }
    graph = ask(GetAvailableTransitions, "get_transition_graph").available_transitions
    assert len(graph) == 25


def test_transitions_are_told_on_a_topic(
    machine: Machine, make_node: Callable[..., Any], spin_until: Spin
) -> None:
    listening = make_node("listening")
    heard: list[tuple[str, str]] = []

    def hear(event: Any) -> None:  # Jazzy leaves the transition itself and the time empty
        heard.append((event.start_state.label, event.goal_state.label))

    subscription = listening.create_subscription(
        TransitionEvent, "/machine/transition_event", hear, 10
    )
    assert spin_until(listening, lambda: subscription.get_publisher_count() >= 1)
    machine.trigger_configure()
    assert spin_until([listening, machine], lambda: len(heard) == 2)
    assert heard == [("unconfigured", "configuring"), ("configuring", "inactive")]


def test_a_lifecycle_publisher_speaks_only_while_active(
    machine: Machine, make_node: Callable[..., Any], spin_until: Spin
) -> None:
    listening = make_node("listening")
    heard: list[str] = []
    listening.create_subscription(String, "words", lambda m: heard.append(m.data), 10)
    assert spin_until(listening, lambda: machine.words.get_subscription_count() == 1)
    machine.words.publish(String(data="too early"))
    machine.trigger_configure()
    machine.trigger_activate()
    assert machine.words.is_activated
    machine.words.publish(String(data="now"))
    machine.trigger_deactivate()
    machine.words.publish(String(data="too late"))
    assert spin_until(listening, lambda: bool(heard))
    assert not spin_until(listening, lambda: len(heard) > 1, timeout_s=0.1)
    assert heard == ["now"]
