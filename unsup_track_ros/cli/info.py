# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track info`: what a recording holds and what the labeler would make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from unsup_track_ros.cli.console import print_notes, print_result, reports_errors


@reports_errors
def info(
    bag: Annotated[
        Path, typer.Argument(help="ROS 1 or ROS 2 recording: .bag, .mcap, or a bag folder.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show the topics of a recording, which of them are used, and its frames.

    Example: unsup-track info drive.mcap
    """
    from unsup_track_ros.data.rosbag import Bag

    with Bag(bag) as opened:
        topics = tuple(opened.topics.values())
    known = _as_labelled(bag)
    roles: dict[str, str] = known["roles"]
    content: dict[str, Any] = {
        "recording": str(bag),
        "topics": {t.name: {"type": t.msgtype, "messages": t.count} for t in topics},
        **known,
    }
    lines = [f"{bag}: {content['frames']} frames, {content['duration_s']:.1f} s"]
    lines += [
        f"  {'*' if t.name in content['used'] else ' '} {t.name}  {t.msgtype}  {t.count}"
        f"{'  -> ' + roles[t.name] if t.name in roles else ''}"
        for t in topics
    ]
    lines.append("* is read by `unsup-track label` without options")
    lines += [f"  {what} frame: {name or 'none'}" for what, name in known["coordinates"].items()]
    print_result("\n".join(lines), content, as_json=as_json)
    if not as_json:
        print_notes(tuple(content["warnings"]))


def _as_labelled(bag: Path) -> dict[str, Any]:
    """Tell what the labeler would read; a recording that it refuses is shown with the reason."""
    from unsup_track_ros.data.recording import Recording
    from unsup_track_ros.errors import DataError

    try:
        with Recording(bag) as recording:
            used = [topic.name for topic in recording.topics.clouds]
            used += [camera.image.name for camera in recording.topics.cameras]
            return {
                "used": used,
                "frames": len(recording),
                "duration_s": recording.duration_s,
                "roles": recording.topic_roles,
                "coordinates": recording.frame_roles,
                "warnings": list(recording.warnings),
            }
    except DataError as error:
        nothing = {"used": [], "frames": 0, "duration_s": 0.0, "roles": {}, "coordinates": {}}
        return {**nothing, "warnings": [str(error)]}
