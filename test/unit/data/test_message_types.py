# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The type store knows what nodes and recordings need, with the type hashes of ROS 2 Jazzy."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from unsup_track_ros.data import message_definitions
from unsup_track_ros.data.message_types import ros2_types
from unsup_track_ros.errors import DataError


def test_our_own_messages_are_known(repository: Path) -> None:
    for path in (repository / "msg").glob("*.msg"):
        assert f"unsup_track_ros/msg/{path.stem}" in ros2_types().fielddefs


def test_no_message_of_ours_has_a_default_value(repository: Path) -> None:
    # Type stores do not carry them, so that the stand-in's classes would start otherwise.
    for path in (repository / "msg").glob("*.msg"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.partition("#")[0].split()
            assert len(words) in (0, 2) or "=" in words, f"{path.name}: {line}"


# As rosidl of Jazzy computes them.
@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("sensor_msgs/msg/PointCloud2", "9198cabf7da3796ae6fe19c4cb3bdd35"),
        ("rmw_dds_common/msg/ParticipantEntitiesInfo", "91a0593bacdcc50ea9bdcf849a938b12"),
        ("rcl_interfaces/srv/DescribeParameters_Request", "05dd1c2bc87dec2627105c8070d6f972"),
        ("rcl_interfaces/srv/DescribeParameters_Response", "ad6747319613c6131589e062e095b469"),
    ],
)
def test_type_hashes_are_those_of_ros_2(name: str, start: str) -> None:
    assert ros2_types().hash_rihs01(name).startswith(f"RIHS01_{start}")


def test_missing_definitions_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(message_definitions, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="Install the package again"):
        message_definitions.additional_definitions()
    (tmp_path / "nowhere" / "share" / "unsup_track_ros" / "msg").mkdir(parents=True)
    assert not any(
        name.startswith("unsup_track_ros/") for name in message_definitions.additional_definitions()
    )
