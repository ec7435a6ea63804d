# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every node has: checked parameters, the lifecycle, diagnostics, a clean end."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.ros.configuration import NodeConfig
from unsup_track_ros.ros.convert.diagnostics import to_diagnostics
from unsup_track_ros.ros.health import Report
from unsup_track_ros.ros.parameters import AnyConfig, NodeParameters

_DIAGNOSTICS_DEPTH: Final = 10
_SUCCESS: Final = TransitionCallbackReturn.SUCCESS


class BaseNode(LifecycleNode, Generic[AnyConfig]):
    """A lifecycle node: what is heavy is loaded in configure, work begins in activate.

    Subclasses override `setup`, `teardown`, `start`, `stop`, `reports` and, if anything of theirs
    can be tuned, `tuned`. What only publishes is managed by rclpy; subscriptions and threads are
    made in `start` and ended in `stop`.
    """

    def __init__(self, name: str, config_class: type[AnyConfig]) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, missing, of the wrong type or out of its range.
        """
        super().__init__(name)
        try:
            self._tree = NodeParameters(self, config_class, self.tuned)
        except UnsupTrackError:
            self.destroy_node()  # left to the interpreter's end, it can hang there
            raise
        self._is_running = False
        self.exit_code = 0
        self._diagnostics = self.create_publisher(
            DiagnosticArray, "/diagnostics", _DIAGNOSTICS_DEPTH
        )
        # Steady time: with sim time and before the first /clock, ROS timers stand still.
        self.steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(
            self.settings.diagnostics_period_s, self._publish_diagnostics, clock=self.steady_clock
        )

    @property
    def config(self) -> AnyConfig:
        """The parameters in force."""
        return self._tree.config

    @property
    def settings(self) -> NodeConfig:
        """The group `node` of the parameters."""
        settings: NodeConfig = self.config.node  # type: ignore[attr-defined]
        return settings

    def setup(self) -> None:
        """Load what is heavy, make publishers."""

    def teardown(self) -> None:
        """Undo `setup`."""

    def start(self) -> None:
        """Make subscriptions, start threads."""

    def stop(self) -> None:
        """End what `start` began."""

    def tuned(self, config: AnyConfig) -> None:
        """Use changed parameters."""

    def reports(self) -> list[Report]:
        """Say how the node is doing."""
        return []

    def launch(self) -> bool:
        """Configure and activate, if so configured; return whether it worked."""
        if not self.settings.autostart:
            return True
        return self.trigger_configure() is _SUCCESS and self.trigger_activate() is _SUCCESS

    def close(self) -> None:
        """End all threads; the context may be down already."""
        if self._is_running:
            self._is_running = False
            self.stop()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load."""
        answer = self._attempt(self.setup)
        return super().on_configure(state) if answer is _SUCCESS else answer

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start."""
        super().on_activate(state)
        answer = self._attempt(self.start)
        if answer is not _SUCCESS:
            super().on_deactivate(state)
            return answer
        self._is_running = True
        self.get_logger().info("Active.")
        return answer

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop."""
        self.close()
        self.get_logger().info("Inactive.")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget what configure loaded."""
        self.teardown()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop for good."""
        self.close()
        return super().on_shutdown(state)

    def _attempt(self, work: Callable[[], None]) -> TransitionCallbackReturn:
        """Do the work of a transition; rclpy would swallow an exception and say nothing."""
        try:
            work()
        except UnsupTrackError as error:
            self.get_logger().fatal(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().fatal(traceback.format_exc())
            return TransitionCallbackReturn.ERROR
        return _SUCCESS

    def _publish_diagnostics(self) -> None:
        if not self.context.ok():  # told to end meanwhile
            return
        now_ns = self.get_clock().now().nanoseconds
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(to_diagnostics(self.reports(), name, now_ns))


class _ToRosLog(logging.Handler):
    """Passes what the core logs on to the log of the node."""

    def __init__(self, node: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on; rclpy wants one place of call per severity."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def run(make_node: Callable[[], BaseNode[Any]], args: list[str] | None) -> int:
    """Run a node until it is told to end; return the exit code of the process.

    Ctrl-C and SIGTERM are a normal end: rclpy tells of either by one of two exceptions, depending
    on who handles the signal.
    """
    rclpy.init(args=args)
    try:
        return _spin(make_node)
    except KeyboardInterrupt:  # while it was starting
        return 0
    except UnsupTrackError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is no node to log it
        return 1
    except Exception:  # a signal ends rclpy's context at once, whatever is being done with it
        if rclpy.ok():
            raise
        return 0
    finally:
        rclpy.try_shutdown()


def _spin(make_node: Callable[[], BaseNode[Any]]) -> int:
    node = make_node()
    log = logging.getLogger("unsup_track_ros")
    handler = _ToRosLog(node)
    log.addHandler(handler)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if not node.launch():
            return int(rclpy.ok())
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            executor.spin()
        return node.exit_code
    finally:
        log.removeHandler(handler)
        node.close()
        node.destroy_node()
        executor.shutdown()
