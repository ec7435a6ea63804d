# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The modules of ROS 2 that the stand-in provides, and every name in them.

This is the whole of it: `installation` builds the modules from these tables, docs/standalone.md
lists them, and any other name is refused with a sentence.
"""

from __future__ import annotations

from typing import Final

_PACKAGE: Final = "unsup_track_ros.standalone"

# Module of ROS 2 -> (module of ours, names).
MODULES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "rclpy": (
        ("context", "get_default_context init ok shutdown try_shutdown"),
        ("executors", "get_global_executor spin spin_once spin_until_future_complete"),
    ),
    "rclpy.callback_groups": (
        ("task", "CallbackGroup MutuallyExclusiveCallbackGroup ReentrantCallbackGroup"),
    ),
    "rclpy.client": (("services", "Client"),),
    "rclpy.clock": (
        ("clock", "Clock ClockChange JumpHandle JumpThreshold ROSClock TimeJump"),
        ("time", "ClockType"),
    ),
    "rclpy.clock_type": (("time", "ClockType"),),
    "rclpy.context": (("context", "Context"),),
    "rclpy.duration": (("time", "Duration Infinite"),),
    "rclpy.exceptions": (
        (
            "exceptions",
            "InvalidHandle InvalidNamespaceException InvalidNodeNameException "
            "InvalidParameterException InvalidParameterTypeException "
            "InvalidParameterValueException InvalidServiceNameException InvalidTopicNameException "
            "NameValidationException NotInitializedException ParameterAlreadyDeclaredException "
            "ParameterException ParameterImmutableException ParameterNotDeclaredException "
            "ParameterUninitializedException",
        ),
    ),
    "rclpy.executors": (
        (
            "executors",
            "Executor ExternalShutdownException MultiThreadedExecutor SingleThreadedExecutor",
        ),
    ),
    "rclpy.guard_condition": (("endpoints", "GuardCondition"),),
    "rclpy.lifecycle": (
        (
            "lifecycle",
            "LifecycleNode LifecyclePublisher LifecycleState ManagedEntity State "
            "TransitionCallbackReturn",
        ),
    ),
    "rclpy.logging": (
        (
            "logging",
            "LoggingSeverity get_logger get_logger_effective_level "
            "get_logging_severity_from_string set_logger_level",
        ),
    ),
    "rclpy.node": (("node", "Node"),),
    "rclpy.parameter": (("parameter", "Parameter"),),
    "rclpy.publisher": (("endpoints", "Publisher"),),
    "rclpy.qos": (
        (
            "qos",
            "DurabilityPolicy HistoryPolicy InvalidQoSProfileException QoSDurabilityPolicy "
            "QoSHistoryPolicy QoSProfile QoSReliabilityPolicy ReliabilityPolicy "
            "qos_profile_parameter_events qos_profile_parameters qos_profile_sensor_data "
            "qos_profile_services_default qos_profile_system_default",
        ),
    ),
    "rclpy.serialization": (("messages", "deserialize_message serialize_message"),),
    "rclpy.service": (("services", "Service"),),
    "rclpy.signals": (
        ("context", "SignalHandlerOptions install_signal_handlers uninstall_signal_handlers"),
    ),
    "rclpy.subscription": (("endpoints", "Subscription"),),
    "rclpy.task": (("task", "Future"),),
    "rclpy.time": (("time", "Time"),),
    "rclpy.timer": (("endpoints", "Timer"),),
    "rclpy.utilities": (
        ("arguments", "remove_ros_args"),
        ("context", "get_default_context ok shutdown try_shutdown"),
    ),
    "tf2_ros": (
        (
            "tf2",
            "Buffer ConnectivityException ExtrapolationException InvalidArgumentException "
            "LookupException StaticTransformBroadcaster TimeoutException TransformBroadcaster "
            "TransformException TransformListener",
        ),
    ),
    "tf2_ros.buffer": (("tf2", "Buffer"),),
    "tf2_ros.static_transform_broadcaster": (("tf2", "StaticTransformBroadcaster"),),
    "tf2_ros.transform_broadcaster": (("tf2", "TransformBroadcaster"),),
    "tf2_ros.transform_listener": (("tf2", "TransformListener"),),
}

# Packages of messages and services; their names are those of the definitions.
MESSAGE_PACKAGES: Final = (
    "builtin_interfaces",
    "diagnostic_msgs",
    "geometry_msgs",
    "lifecycle_msgs",
    "nav_msgs",
    "rcl_interfaces",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "tf2_msgs",
    "unique_identifier_msgs",
    "vision_msgs",
    "visualization_msgs",
)
OWN_PACKAGE: Final = "unsup_track_ros"  # a package already: only its `msg` is added


def own_module(name: str) -> str:
    """Return the full name of a module of the stand-in."""
    return f"{_PACKAGE}.{name}"


def provided_packages() -> frozenset[str]:
    """Return the top-level packages that the stand-in provides."""
    return frozenset(name.partition(".")[0] for name in MODULES) | frozenset(MESSAGE_PACKAGES)
