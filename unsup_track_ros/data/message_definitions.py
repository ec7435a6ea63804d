# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Message definitions that rosbags' type stores lack: vision_msgs, the node services and our own.

The fields of vision_msgs and of the services are those of ROS 2 Jazzy; their type hashes are held
by a test. Our own messages are read from `msg/`, the files from which colcon generates them.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Final

from unsup_track_ros.errors import DataError

_PACKAGE: Final = "unsup_track_ros"

VISION_MESSAGES: Final = {
    "vision_msgs/msg/Point2D": "float64 x\nfloat64 y\n",
    "vision_msgs/msg/Pose2D": "vision_msgs/Point2D position\nfloat64 theta\n",
    "vision_msgs/msg/BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n",
    "vision_msgs/msg/BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n",
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score\n",
    "vision_msgs/msg/ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"
    ),
    "vision_msgs/msg/Detection2D": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\nstring id\n"
    ),
    "vision_msgs/msg/Detection2DArray": (
        "std_msgs/Header header\nvision_msgs/Detection2D[] detections\n"
    ),
    "vision_msgs/msg/Detection3D": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox3D bbox\nstring id\n"
    ),
    "vision_msgs/msg/Detection3DArray": (
        "std_msgs/Header header\nvision_msgs/Detection3D[] detections\n"
    ),
}

_TRANSITIONS = "lifecycle_msgs/TransitionDescription[] available_transitions\n"
_SET_RESULTS = "rcl_interfaces/SetParametersResult[] results\n"
# Service: request, response.
SERVICES: Final = {
    "rcl_interfaces/srv/DescribeParameters": (
        "string[] names\n",
        "rcl_interfaces/ParameterDescriptor[] descriptors\n",
    ),
    "rcl_interfaces/srv/GetParameterTypes": ("string[] names\n", "uint8[] types\n"),
    "rcl_interfaces/srv/GetParameters": (
        "string[] names\n",
        "rcl_interfaces/ParameterValue[] values\n",
    ),
    "rcl_interfaces/srv/ListParameters": (
        "uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth\n",
        "rcl_interfaces/ListParametersResult result\n",
    ),
    "rcl_interfaces/srv/SetParameters": ("rcl_interfaces/Parameter[] parameters\n", _SET_RESULTS),
    "rcl_interfaces/srv/SetParametersAtomically": (
        "rcl_interfaces/Parameter[] parameters\n",
        "rcl_interfaces/SetParametersResult result\n",
    ),
    "lifecycle_msgs/srv/ChangeState": ("lifecycle_msgs/Transition transition\n", "bool success\n"),
    "lifecycle_msgs/srv/GetAvailableStates": (
        "",
        "lifecycle_msgs/State[] available_states\n",
    ),
    "lifecycle_msgs/srv/GetAvailableTransitions": ("", _TRANSITIONS),
    "lifecycle_msgs/srv/GetState": ("", "lifecycle_msgs/State current_state\n"),
    "std_srvs/srv/Empty": ("", ""),
    "std_srvs/srv/SetBool": ("bool data\n", "bool success\nstring message\n"),
    "std_srvs/srv/Trigger": ("", "bool success\nstring message\n"),
}


def additional_definitions() -> dict[str, str]:
    """Return the text of every definition by type name; services as `..._Request`/`_Response`.

    Raises:
        DataError: Our own definitions are not where the package is installed.
    """
    texts = dict(VISION_MESSAGES)
    for name, (request, response) in SERVICES.items():
        texts[f"{name}_Request"], texts[f"{name}_Response"] = request, response
    for path in sorted(_message_folder().glob("*.msg")):
        texts[f"{_PACKAGE}/msg/{path.stem}"] = path.read_text(encoding="utf-8")
    return texts


def _message_folder() -> Path:
    """Find `msg/`: beside the package in a checkout, under `share/` where pip or colcon put it."""
    beside = Path(__file__).resolve().parents[2] / "msg"
    shared = Path(sysconfig.get_path("data")) / "share" / _PACKAGE / "msg"
    installed = [parent / "share" / _PACKAGE / "msg" for parent in Path(__file__).parents]
    for folder in (beside, shared, *installed):
        if folder.is_dir():
            return folder
    raise DataError(
        f"The message definitions of {_PACKAGE} are missing: expected *.msg in {beside} or "
        f"{shared}. Install the package again."
    )
