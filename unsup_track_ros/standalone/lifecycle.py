# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.lifecycle`: nodes that are configured, activated, deactivated and cleaned up from outside.

The state machine is that of rcl_lifecycle, states and transitions with its numbers and labels.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from unsup_track_ros.standalone.endpoints import Publisher
from unsup_track_ros.standalone.messages import message_class, service_class
from unsup_track_ros.standalone.node import Node
from unsup_track_ros.standalone.task import CallbackGroup

_StateMessage: Final = message_class("lifecycle_msgs/msg/State")
_TransitionMessage: Final = message_class("lifecycle_msgs/msg/Transition")
_Description: Final = message_class("lifecycle_msgs/msg/TransitionDescription")
_Event: Final = message_class("lifecycle_msgs/msg/TransitionEvent")

_STATES: Final = {
    0: "unknown", 1: "unconfigured", 2: "inactive", 3: "active", 4: "finalized",
    10: "configuring", 11: "cleaningup", 12: "shuttingdown", 13: "activating",
    14: "deactivating", 15: "errorprocessing",
}  # fmt: skip


class _Transition(NamedTuple):
    id: int
    label: str
    start: int
    goal: int


# What can be asked for, by the state it is asked in.
_REQUESTS: Final = (
    _Transition(1, "configure", 1, 10), _Transition(5, "shutdown", 1, 12),
    _Transition(2, "cleanup", 2, 11), _Transition(3, "activate", 2, 13),
    _Transition(6, "shutdown", 2, 12),
    _Transition(4, "deactivate", 3, 14), _Transition(7, "shutdown", 3, 12),
)  # fmt: skip
# What follows by itself: state while the callback runs -> its result -> (transition, next state).
_RESULTS: Final = {
    10: {"success": (10, 2), "failure": (11, 1), "error": (12, 15)},
    11: {"success": (20, 1), "failure": (21, 2), "error": (22, 15)},
    13: {"success": (30, 3), "failure": (31, 2), "error": (32, 15)},
    14: {"success": (40, 2), "failure": (41, 3), "error": (42, 15)},
    12: {"success": (50, 4), "failure": (51, 4), "error": (52, 15)},
    15: {"success": (60, 1), "failure": (61, 4), "error": (62, 4)},
}
_CALLBACKS: Final = {
    10: "on_configure", 11: "on_cleanup", 12: "on_shutdown", 13: "on_activate",
    14: "on_deactivate", 15: "on_error",
}  # fmt: skip


class TransitionCallbackReturn(enum.Enum):
    """How a transition went."""

    SUCCESS = 97
    FAILURE = 98
    ERROR = 99

    def to_label(self) -> str:
        """Return the label of the transition that follows."""
        return f"transition_{self.name.lower()}"


class LifecycleState(NamedTuple):
    """A state: its name and number."""

    label: str
    state_id: int


State = LifecycleState


class ManagedEntity:
    """Something that takes part in the transitions of its node; by default it lets them pass."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Prepare."""
        return TransitionCallbackReturn.SUCCESS

    on_cleanup = on_shutdown = on_activate = on_deactivate = on_error = on_configure


class LifecyclePublisher(Publisher, ManagedEntity):
    """A publisher that is silent unless its node is active."""

    _is_activated = False

    @property
    def is_activated(self) -> bool:
        """Whether it publishes."""
        return self._is_activated

    def publish(self, msg: Any) -> None:
        """Send a message, if active."""
        if self._is_activated:
            super().publish(msg)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to publish."""
        self._is_activated = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop publishing."""
        self._is_activated = False
        return super().on_deactivate(state)


class LifecycleNode(Node, ManagedEntity):
    """A node with states; override `on_configure` and its like, and call `super()` in them."""

    def __init__(
        self,
        node_name: str,
        *,
        enable_communication_interface: bool = True,
        callback_group: CallbackGroup | None = None,
        **options: Any,
    ) -> None:
        self._state = 1
        self._managed: list[ManagedEntity] = []
        super().__init__(node_name, **options)
        self._transition_events: Publisher | None = None
        if enable_communication_interface:
            self._open_services(callback_group)

    def trigger_configure(self) -> TransitionCallbackReturn:
        """Go from unconfigured to inactive."""
        return self._trigger("configure")

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """Go from inactive to unconfigured."""
        return self._trigger("cleanup")

    def trigger_activate(self) -> TransitionCallbackReturn:
        """Go from inactive to active."""
        return self._trigger("activate")

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """Go from active to inactive."""
        return self._trigger("deactivate")

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """Go to finalized."""
        return self._trigger("shutdown")

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        """Let something take part in the transitions."""
        if not isinstance(entity, ManagedEntity):
            raise TypeError("Expected a rclpy.lifecycle.ManagedEntity instance.")
        self._managed.append(entity)

    def create_lifecycle_publisher(self, *args: Any, **kwargs: Any) -> LifecyclePublisher:
        """Create a publisher that is silent unless the node is active."""
        made = self.create_publisher(*args, publisher_class=LifecyclePublisher, **kwargs)
        assert isinstance(made, LifecyclePublisher)
        self.add_managed_entity(made)
        return made

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        """End such a publisher."""
        if publisher in self._managed:
            self._managed.remove(publisher)
        return self.destroy_publisher(publisher)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities prepare."""
        return self._pass_on("on_configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities tidy up."""
        return self._pass_on("on_cleanup", state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities end."""
        return self._pass_on("on_shutdown", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities begin."""
        return self._pass_on("on_activate", state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities stop."""
        return self._pass_on("on_deactivate", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities recover."""
        return self._pass_on("on_error", state)

    def _pass_on(self, callback: str, state: LifecycleState) -> TransitionCallbackReturn:
        for entity in self._managed:
            result: TransitionCallbackReturn = getattr(entity, callback)(state)
            if result is not TransitionCallbackReturn.SUCCESS:
                return result
        return TransitionCallbackReturn.SUCCESS

    def _trigger(self, label: str) -> TransitionCallbackReturn:
        asked = [t for t in _REQUESTS if t.label == label and t.start == self._state]
        if not asked:
            raise RuntimeError(
                f"Transition is not registered: '{label}' is not possible in state "
                f"'{_STATES[self._state]}'."
            )
        return self._go(asked[0])

    def _go(self, asked: _Transition) -> TransitionCallbackReturn:
        start = LifecycleState(_STATES[self._state], self._state)
        self._enter(asked.id, asked.label, asked.goal)
        result = self._call_back(start)
        self._follow(result)
        if result is TransitionCallbackReturn.ERROR:
            self._follow(self._call_back(start))
        return result

    def _call_back(self, start: LifecycleState) -> TransitionCallbackReturn:
        callback = _CALLBACKS[self._state]
        try:
            result = getattr(self, callback)(start)
        except Exception as error:  # anything a node can raise, as in rclpy, which does not tell
            self.get_logger().error(f"{callback} failed: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.ERROR
        if isinstance(result, TransitionCallbackReturn):
            return result
        self.get_logger().error(f"{callback} returned {result!r}, not a TransitionCallbackReturn.")
        return TransitionCallbackReturn.ERROR

    def _follow(self, result: TransitionCallbackReturn) -> None:
        number, goal = _RESULTS[self._state][result.name.lower()]
        self._enter(number, result.to_label(), goal)

    def _enter(self, number: int, label: str, goal: int) -> None:
        event = _Event(
            timestamp=self.get_clock().now().nanoseconds,
            transition=_TransitionMessage(id=number, label=label),
            start_state=_state_message(self._state),
            goal_state=_state_message(goal),
        )
        self._state = goal
        if self._transition_events is not None:
            self._transition_events.publish(event)

    def _open_services(self, group: CallbackGroup | None) -> None:
        self._transition_events = self.create_publisher(_Event, "~/transition_event", 10)
        answers: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
            "change_state": ("ChangeState", self._answer_change),
            "get_state": ("GetState", self._answer_state),
            "get_available_states": ("GetAvailableStates", self._answer_states),
            "get_available_transitions": ("GetAvailableTransitions", self._answer_transitions),
            "get_transition_graph": ("GetAvailableTransitions", self._answer_graph),
        }
        for name, (srv_type, answer) in answers.items():
            service = service_class(f"lifecycle_msgs/srv/{srv_type}")
            self.create_service(service, f"~/{name}", answer, callback_group=group)

    def _answer_change(self, request: Any, response: Any) -> Any:
        wanted = request.transition
        asked = [
            transition
            for transition in _REQUESTS
            if transition.start == self._state
            and (transition.label == wanted.label if wanted.label else transition.id == wanted.id)
        ]
        response.success = bool(asked) and self._go(asked[0]) is TransitionCallbackReturn.SUCCESS
        return response

    def _answer_state(self, _: Any, response: Any) -> Any:
        response.current_state = _state_message(self._state)
        return response

    def _answer_states(self, _: Any, response: Any) -> Any:
        response.available_states = [_state_message(number) for number in _STATES]
        return response

    def _answer_transitions(self, _: Any, response: Any) -> Any:
        possible = [t for t in _REQUESTS if t.start == self._state]
        response.available_transitions = [_describe(transition) for transition in possible]
        return response

    def _answer_graph(self, _: Any, response: Any) -> Any:
        following = [
            _Transition(number, f"transition_{result}", start, goal)
            for start, results in _RESULTS.items()
            for result, (number, goal) in results.items()
        ]
        response.available_transitions = [_describe(t) for t in (*_REQUESTS, *following)]
        return response


def _state_message(number: int) -> Any:
    return _StateMessage(id=number, label=_STATES[number])


def _describe(transition: _Transition) -> Any:
    return _Description(
        transition=_TransitionMessage(id=transition.id, label=transition.label),
        start_state=_state_message(transition.start),
        goal_state=_state_message(transition.goal),
    )
