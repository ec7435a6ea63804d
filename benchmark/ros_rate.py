# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Listen to a running node: rate and age of its tracks, drops by reason, and how its process grows.

    unsup-track run all --params-file config/kitti.yaml --ros-args -p use_sim_time:=true &
    unsup-track play drive.mcap --clock --loop --wait 60 &
    python benchmark/ros_rate.py --seconds 60 --pid <that of the node>

Ages are the node's own `latency/pipeline_ms`: from the stamp of the scan to the publication of its
tracks, on the clock of the recording.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unsup_track_ros.standalone import provide_ros

_SAMPLE_S = 10.0


def main() -> None:
    """Listen for a while and print what was heard."""
    options = _options()
    provide_ros()
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.node import Node
    from std_msgs.msg import Float64
    from unsup_track_ros.msg import TrackedObjectArray

    rclpy.init(args=[])
    node = Node("rate")
    times_s: list[float] = []
    ages_ms: list[float] = []
    steps_ms: list[float] = []
    told: list[Any] = []
    prefix = options.namespace.rstrip("/")
    for topic, kind, receive in (
        ("tracks", TrackedObjectArray, lambda _: times_s.append(time.monotonic())),
        ("latency/pipeline_ms", Float64, lambda message: ages_ms.append(message.data)),
        ("latency/processing_ms", Float64, lambda message: steps_ms.append(message.data)),
    ):
        node.create_subscription(kind, f"{prefix}/{topic}", receive, 100)
    node.create_subscription(DiagnosticArray, "/diagnostics", told.append, 10)
    samples: list[tuple[float, int, int]] = []
    start_s = time.monotonic()
    while time.monotonic() - start_s < options.seconds:
        rclpy.spin_once(node, timeout_sec=0.1)
        elapsed_s = time.monotonic() - start_s
        if options.pid and elapsed_s >= len(samples) * _SAMPLE_S:
            samples.append((elapsed_s, *_process(options.pid)))
    _print_rate(times_s, ages_ms, steps_ms)
    _print_drops(told)
    _print_growth(samples)
    node.destroy_node()
    rclpy.shutdown()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--pid", type=int, default=0, help="process whose memory is watched")
    return parser.parse_args()


def _process(pid: int) -> tuple[int, int]:
    """Return resident memory in kB and the number of threads."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    return int(values["VmRSS"]), int(values["Threads"])


def _print_rate(
    times_s: Sequence[float], ages_ms: Sequence[float], steps_ms: Sequence[float]
) -> None:
    if len(times_s) < 2:
        print("no tracks were heard")
        return
    rate_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    print(f"tracks: {len(times_s)}, {rate_hz:.2f} Hz")
    for name, values in (("age", ages_ms), ("processing", steps_ms)):
        if values:
            half, most = np.percentile(values, [50, 95])
            print(f"{name}: median {half:.0f} ms, 95 % {most:.0f} ms, most {max(values):.0f} ms")


def _print_drops(told: Sequence[Any]) -> None:
    drops: dict[str, str] = {}
    for array in told:
        for status in array.status:
            drops.update({v.key: v.value for v in status.values if v.key.startswith("dropped")})
    print("; ".join(f"{key}: {value}" for key, value in drops.items()) or "nothing was dropped")


def _print_growth(samples: Sequence[tuple[float, int, int]]) -> None:
    """Compare the medians of the second and the last sixth: start-up is over in the first."""
    part = len(samples) // 6
    if part < 2:
        return
    kilobytes = np.array([sample[1] for sample in samples])
    threads = [sample[2] for sample in samples]
    early, late = np.median(kilobytes[part : 2 * part]), np.median(kilobytes[-part:])
    growth = 100 * (late / early - 1)
    print(
        f"memory: {early / 1024:.0f} MB, then {late / 1024:.0f} MB ({growth:+.1f} %), most "
        f"{kilobytes.max() / 1024:.0f} MB; threads {min(threads)} to {max(threads)}"
    )


if __name__ == "__main__":
    main()
