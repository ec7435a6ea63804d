# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.node`: a named member of the graph with its endpoints, parameters, clock and logger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.arguments import parse_arguments
from unsup_track_ros.standalone.clock import Clock, ROSClock
from unsup_track_ros.standalone.context import Context, get_default_context
from unsup_track_ros.standalone.endpoints import (
    Endpoint,
    GuardCondition,
    Publisher,
    Subscription,
    Timer,
    TopicEndpointInfo,
)
from unsup_track_ros.standalone.exceptions import (
    NotInitializedException,
    check_namespace,
    check_node_name,
    expand_name,
)
from unsup_track_ros.standalone.logging import LoggingSeverity, RcutilsLogger, get_logger, set_sink
from unsup_track_ros.standalone.messages import message_class
from unsup_track_ros.standalone.parameter import (
    Parameter,
    ParameterEvent,
    Parameters,
    SetParametersResult,
)
from unsup_track_ros.standalone.parameter_services import add_parameter_services
from unsup_track_ros.standalone.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    as_profile,
    from_dds,
    qos_profile_parameter_events,
    qos_profile_services_default,
)
from unsup_track_ros.standalone.services import Client, Service
from unsup_track_ros.standalone.task import CallbackGroup, MutuallyExclusiveCallbackGroup
from unsup_track_ros.standalone.time import Time, TimeMessage

SIM_TIME = "use_sim_time"
_ROSOUT_DEPTH = 1000
AnyEndpoint = TypeVar("AnyEndpoint", bound=Endpoint)


class Node(Parameters):
    """A node; see rclpy for each method and docs/standalone.md for what is left out."""

    def __init__(  # noqa: PLR0913 - rclpy's
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: Sequence[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: Sequence[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        self._context = get_default_context() if context is None else context
        if not self._context.ok():
            raise NotInitializedException("cannot create node")
        own = [parse_arguments(["--ros-args", *cli_args])] if cli_args else []
        self._arguments = [*own, *([self._context.arguments] if use_global_arguments else [])]
        self._name = check_node_name(self._remapped(node_name, "__node", "__name") or node_name)
        given_namespace = self._remapped(self._name, "__ns") or namespace or "/"
        self._namespace = check_namespace(given_namespace)
        self._lock_entities = threading.RLock()
        self._endpoints: list[Endpoint] = []
        self._executor: Any = None
        self._is_destroyed = False
        self.default_callback_group = MutuallyExclusiveCallbackGroup()
        self._logger = get_logger(self.get_fully_qualified_name()[1:].replace("/", "."))
        overrides = self._given_parameters() | {p.name: p for p in parameter_overrides or ()}
        super().__init__(overrides, allow_undeclared=allow_undeclared_parameters)
        self._context.graph.add_node(self._namespace, self._name)
        self._rosout = self._open_rosout() if enable_rosout else None
        self._events = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events
        )
        self._clock = ROSClock()
        self._clock_subscription: Subscription | None = None
        if automatically_declare_parameters_from_overrides:
            for name, parameter in overrides.items():
                self.declare_parameter(name, parameter.value)
        if not self.has_parameter(SIM_TIME):
            self.declare_parameter(SIM_TIME, False)
        self._follow_clock_topic(self.get_parameter(SIM_TIME).value is True)
        self.add_on_set_parameters_callback(self._sim_time_is_set)
        if start_parameter_services:
            add_parameter_services(self)

    def __getattr__(self, name: str) -> Any:
        """Refuse what the stand-in does not have."""
        from unsup_track_ros.standalone.absence import sentence

        raise AttributeError(sentence(f"'{type(self).__name__}.{name}'"))

    @property
    def context(self) -> Context:
        """The context that the node belongs to."""
        return self._context

    @property
    def executor(self) -> Any:
        """The executor that serves the node."""
        return self._executor

    @executor.setter
    def executor(self, new: Any) -> None:
        if self._executor is not new:
            previous, self._executor = self._executor, new
            if previous is not None:
                previous.remove_node(self)
            if new is not None:
                new.add_node(self)

    def get_name(self) -> str:
        """Return the name without namespace."""
        return self._name

    def get_namespace(self) -> str:
        """Return the namespace, with a leading slash."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Return namespace and name."""
        return f"{self._namespace.rstrip('/')}/{self._name}"

    def get_logger(self) -> RcutilsLogger:
        """Return the logger of the node."""
        return self._logger

    def get_clock(self) -> ROSClock:
        """Return the clock of the node."""
        return self._clock

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,  # noqa: ARG002 - events are not there
        publisher_class: type[Publisher] = Publisher,
    ) -> Any:
        """Publish a topic."""
        name = self.resolve_topic_name(topic)
        made = publisher_class(
            self._context, msg_type, name, as_profile(qos_profile), self._logger.name
        )
        assert made.writer is not None
        return self._add(made, writers=(made.writer.entity,))

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        raw: bool = False,
    ) -> Subscription:
        """Subscribe to a topic; `raw` hands over the serialised message."""
        made = Subscription(
            self._context,
            msg_type,
            self.resolve_topic_name(topic),
            callback,
            as_profile(qos_profile),
            callback_group=callback_group or self.default_callback_group,
            name=self._logger.name,
            raw=raw,
        )
        assert made.reader is not None
        return self._add(made, readers=(made.reader.entity,))

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Answer a service."""
        made = Service(
            self._context,
            srv_type,
            self.resolve_service_name(srv_name),
            callback,
            qos_profile,
            callback_group or self.default_callback_group,
        )
        assert made.reader is not None
        assert made.writer is not None
        return self._add(made, readers=(made.reader.entity,), writers=(made.writer.entity,))

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Ask a service."""
        made = Client(
            self._context,
            srv_type,
            self.resolve_service_name(srv_name),
            qos_profile,
            callback_group or self.default_callback_group,
        )
        assert made.reader is not None
        assert made.writer is not None
        return self._add(made, readers=(made.reader.entity,), writers=(made.writer.entity,))

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any],
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
    ) -> Timer:
        """Call back at a fixed period."""
        group = callback_group or self.default_callback_group
        return self._add(Timer(callback, group, int(timer_period_sec * 1e9), clock or self._clock))

    def create_guard_condition(
        self, callback: Callable[[], Any], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """Call back when told to."""
        group = callback_group or self.default_callback_group
        return self._add(GuardCondition(self._context, callback, group))

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """End a publisher; tells whether it was ours."""
        return self._destroy(publisher)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """End a subscription."""
        return self._destroy(subscription)

    def destroy_service(self, service: Service) -> bool:
        """End a service."""
        return self._destroy(service)

    def destroy_client(self, client: Client) -> bool:
        """End a client."""
        return self._destroy(client)

    def destroy_timer(self, timer: Timer) -> bool:
        """End a timer."""
        return self._destroy(timer)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """End a guard condition."""
        return self._destroy(guard)

    def destroy_node(self) -> None:
        """Leave the graph; twice is fine."""
        set_sink(self._logger.name, None)
        self.executor = None
        for endpoint in list(self._endpoints):
            endpoint.destroy()
        if not self._is_destroyed:
            self._is_destroyed = True
            self._context.graph.remove_node(self._namespace, self._name)
            self._context.leave_if_done()

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the full name of a topic, remapped."""
        full = expand_name(topic, self._name, self._namespace)
        return full if only_expand else self._resolved(full)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """Return the full name of a service, remapped."""
        full = expand_name(service, self._name, self._namespace, is_service=True)
        return full if only_expand else self._resolved(full)

    def get_topic_names_and_types(self, no_demangle: bool = False) -> list[tuple[str, list[str]]]:
        """Return every topic on the network with its types."""
        del no_demangle  # DDS's own topics are not there
        return list(self._context.graph.topics().items())

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Return every node on the network."""
        return [(name, namespace) for namespace, name in self._context.graph.node_names()]

    def get_node_names(self) -> list[str]:
        """Return the name of every node on the network."""
        return [name for name, _ in self.get_node_names_and_namespaces()]

    def count_publishers(self, topic_name: str) -> int:
        """Return how many publishers a topic has."""
        return len(self._endpoint_infos(topic_name, writers=True))

    def count_subscribers(self, topic_name: str) -> int:
        """Return how many subscriptions a topic has."""
        return len(self._endpoint_infos(topic_name, writers=False))

    def get_publishers_info_by_topic(self, topic_name: str) -> list[TopicEndpointInfo]:
        """Return type and QoS of each publisher of a topic."""
        return self._endpoint_infos(topic_name, writers=True)

    def waitables_in_use(self) -> list[Endpoint]:
        """Return what an executor should wait for. Not part of rclpy."""
        with self._lock_entities:
            return [one for one in self._endpoints if one.callback_group is not None]

    def _add(self, made: AnyEndpoint, readers: Any = (), writers: Any = ()) -> AnyEndpoint:
        node = (self._namespace, self._name)
        if readers or writers:
            self._context.graph.add_endpoints(node, readers, writers)

        def release() -> None:
            with self._lock_entities:
                if made in self._endpoints:
                    self._endpoints.remove(made)
            if self._executor is not None and made.condition is not None:
                self._executor.detach(made.condition)
            if readers or writers:
                self._context.graph.remove_endpoints(node, *readers, *writers)

        made._release = release
        with self._lock_entities:
            self._endpoints.append(made)
        if self._executor is not None:
            self._executor.wake()
        return made

    def _destroy(self, endpoint: Endpoint) -> bool:
        was_ours = endpoint in self._endpoints
        if was_ours:
            endpoint.destroy()
        return was_ours

    def _remapped(self, node_name: str, *names: str) -> str | None:
        found = (a.remapped(node_name, name) for a in self._arguments for name in names)
        return next((new for new in found if new is not None), None)

    def _resolved(self, full: str) -> str:
        for rule in (rule for arguments in self._arguments for rule in arguments.remaps):
            node, old, new = rule
            is_ours = node in ("", self._name) and not old.startswith("__")
            if is_ours and expand_name(old, self._name, self._namespace) == full:
                return expand_name(new, self._name, self._namespace)
        return full

    def _given_parameters(self) -> dict[str, Parameter]:
        given: dict[str, Parameter] = {}
        for arguments in reversed(self._arguments):
            for name, value in arguments.overrides(self.get_fully_qualified_name()).items():
                given[name] = Parameter(name, value=value)
        return given

    def _endpoint_infos(self, topic_name: str, *, writers: bool) -> list[TopicEndpointInfo]:
        wanted = f"rt{self.resolve_topic_name(topic_name)}"
        return [
            TopicEndpointInfo(dds.ros_type_name(found.type_name), from_dds(found.qos))
            for found in self._context.graph.endpoints(writers=writers)
            if found.topic_name == wanted
        ]

    def _open_rosout(self) -> Any:
        log_type = message_class("rcl_interfaces/msg/Log")
        profile = QoSProfile(depth=_ROSOUT_DEPTH, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        publisher = self.create_publisher(log_type, "/rosout", profile)

        def tell(
            now_ns: int, level: LoggingSeverity, name: str, text: str, caller: FrameType
        ) -> None:
            if self._context.ok() and publisher.writer is not None:
                message = log_type(level=int(level), name=name, msg=text, line=caller.f_lineno)
                message.stamp = TimeMessage(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
                message.file = caller.f_code.co_filename
                message.function = caller.f_code.co_name
                publisher.publish(message)

        set_sink(self._logger.name, tell)
        return publisher

    def _publish_parameter_event(self, event: Any) -> None:
        event.node = self.get_fully_qualified_name()
        event.stamp = self._clock.now().to_msg() if hasattr(self, "_clock") else TimeMessage()
        self._events.publish(event)

    def _sim_time_is_set(self, parameters: list[Parameter]) -> Any:
        for parameter in parameters:
            if parameter.name == SIM_TIME:
                if parameter.type_ is not Parameter.Type.BOOL:
                    reason = f"{SIM_TIME} parameter set to something besides a bool"
                    self._logger.error(reason)
                    return SetParametersResult(successful=False, reason=reason)
                self._follow_clock_topic(parameter.value)
        return SetParametersResult(successful=True)

    def _follow_clock_topic(self, wanted: bool) -> None:
        self._clock._set_ros_time_is_active(wanted)
        if wanted and self._clock_subscription is None:
            latest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._clock_subscription = self.create_subscription(
                message_class("rosgraph_msgs/msg/Clock"), "/clock", self._set_time, latest
            )
        elif not wanted and self._clock_subscription is not None:
            self._clock_subscription.destroy()
            self._clock_subscription = None

    def _set_time(self, message: Any) -> None:
        self._clock.set_ros_time_override(Time.from_msg(message.clock))
        self._context.wake()  # timers on this clock may be served by another executor
