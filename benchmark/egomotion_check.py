# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Injects faults into synthetic drives and tells which of them the cross-check finds.

    python benchmark/egomotion_check.py --out docs/results/egomotion_check.md
    python benchmark/egomotion_check.py --seeds 5 6 --drive real.mcap

The default seeds are held out: no parameter may be chosen by looking at them. Every fault of every
seed is a recording of its own, read as a user's would be; TF is compared with registered scans
(source tf) and with LiDAR odometry (source lidar). A real drive that is known to be in order may be
given to see that nothing is found in it.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.synthetic.faults import FaultConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.perception.egomotion import (
    EgomotionConfig,
    EgomotionConsistencyCheck,
    EgomotionConsistencyConfig,
    EgomotionEstimator,
)
from unsup_track_ros.perception.optical_flow import OpticalFlowConfig, OpticalFlowEstimator
from unsup_track_ros.structures.consistency import (
    ConsistencyFinding,
    ConsistencyQuantity,
    EgomotionConsistency,
)
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

HELD_OUT_SEEDS = (101, 102, 103, 104, 105)
YAW_RAD = float(np.radians(1.5))
JUMP_AT_S = 2.7
NOISY = LidarConfig(noise_m=0.05, dropout=0.2, far_dropout=0.4)
OFFSET, CAMERA, LIDAR, JUMP = (
    ConsistencyQuantity.CAMERA_TIME_OFFSET,
    ConsistencyQuantity.CAMERA_YAW,
    ConsistencyQuantity.LIDAR_YAW,
    ConsistencyQuantity.ODOM_JUMP,
)
# Factor, unit and decimals in which people read a quantity.
SHOWN = {
    "s": (1e3, "ms", 1),
    "rad": (180.0 / np.pi, "deg", 2),
    "m": (1.0, "m", 2),
    "": (100.0, "%", 1),
}
HISTORY_S = 1.0

Source = Literal["tf", "lidar"]
BOTH: tuple[Source, ...] = ("tf", "lidar")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kind of drive.

    Attributes:
        name: What the table calls it.
        faults: What is wrong in the recording.
        expected: The values that the check should find.
        lidar: The LiDAR.
        sources: Sources of the egomotion that it is checked with.
    """

    name: str
    faults: FaultConfig = field(default_factory=FaultConfig)
    expected: dict[ConsistencyQuantity, float] = field(default_factory=dict)
    lidar: LidarConfig = field(default_factory=LidarConfig)
    sources: tuple[Source, ...] = ("tf",)


def _jump(course_rad: float) -> FaultConfig:
    return FaultConfig(odom_jump_m=0.5, odom_jump_at_s=JUMP_AT_S, odom_jump_course_rad=course_rad)


CASES = (
    Case(name="clean", sources=BOTH),
    Case(name="clean, noisy LiDAR", lidar=NOISY),
    Case(
        name="camera stamps +50 ms",
        faults=FaultConfig(camera_late_s=0.05),
        expected={OFFSET: 0.05},
    ),
    Case(
        name="camera yaw +1.5 deg",
        faults=FaultConfig(camera_yaw_rad=YAW_RAD),
        expected={CAMERA: YAW_RAD},
    ),
    Case(
        name="LiDAR yaw +1.5 deg",
        faults=FaultConfig(lidar_yaw_rad=YAW_RAD),
        expected={LIDAR: YAW_RAD},
    ),
    Case(name="odom jump 0.5 m ahead", faults=_jump(0.0), expected={JUMP: 0.5}),
    Case(name="odom jump 0.5 m to the left", faults=_jump(np.pi / 2), expected={JUMP: 0.5}),
    Case(
        name="all four, camera -50 ms and -1.5 deg, noisy LiDAR",
        faults=FaultConfig(
            camera_late_s=-0.05,
            camera_yaw_rad=-YAW_RAD,
            lidar_yaw_rad=YAW_RAD,
            odom_jump_m=0.5,
            odom_jump_at_s=JUMP_AT_S,
        ),
        expected={OFFSET: -0.05, CAMERA: -YAW_RAD, LIDAR: YAW_RAD, JUMP: 0.5},
        lidar=NOISY,
        sources=BOTH,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the check said about one drive.

    Attributes:
        case: The kind of drive.
        source: Source of the egomotion.
        last: Findings after the last frame.
        alarms_s: Time of the first alarm on each quantity.
        cpu_ms: CPU time of the check, frame by frame.
    """

    case: Case
    source: Source
    last: EgomotionConsistency
    alarms_s: dict[ConsistencyQuantity, float]
    cpu_ms: np.ndarray


def main() -> None:
    """Make the drives, check them, write the tables."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="egomotion_check_") as folder:
        outcomes = list(_outcomes(options, Path(folder)))
    text = _markdown(outcomes, options)
    sys.stdout.write(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(HELD_OUT_SEEDS))
    parser.add_argument("--seconds", type=float, default=3.4, help="length of each drive")
    parser.add_argument("--drive", type=Path, help="a real recording that is in order")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    return parser.parse_args()


def _outcomes(options: argparse.Namespace, folder: Path) -> Iterator[Outcome]:
    bag = folder / "drive.mcap"
    for seed in options.seeds:
        for lidar in dict.fromkeys(case.lidar for case in CASES):
            world = build_world(WorldConfig(duration_s=options.seconds, lidar=lidar), seed)
            draw = functools.cache(render)  # most faults are in TF alone
            for case in CASES:
                if case.lidar != lidar:
                    continue
                write_world(
                    world, bag, options.seconds, faults=case.faults, draw=draw, overwrite=True
                )
                for source in case.sources:
                    outcome = _checked(bag, case, source)
                    yield outcome
                    sys.stderr.write(f"{seed} {source} {case.name}: {_brief(outcome)}\n")


def _checked(bag: Path, case: Case, source: Source) -> Outcome:
    """Run the stages that the check builds on, as the pipeline does."""
    device = torch.device("cpu")
    egomotion = EgomotionEstimator(EgomotionConfig(source=source), device)
    optical_flow = OpticalFlowEstimator(OpticalFlowConfig(), device)
    check = EgomotionConsistencyCheck(EgomotionConsistencyConfig())
    history: tuple[PastFrame, ...] = ()
    alarms_s: dict[ConsistencyQuantity, float] = {}
    cpu_ms: list[float] = []
    found: EgomotionConsistency | None = None
    with Recording(bag) as recording:
        for frame in recording:
            past = history[-1] if history else None
            flow = optical_flow.step(frame, past)
            answer = egomotion.step(frame, past, lambda flow=flow: flow)  # type: ignore[misc]
            if answer.status is EgomotionStatus.INITIAL:
                history = ()
            start_s = time.thread_time()
            found = check.step(frame, history, flow, answer)
            cpu_ms.append(1e3 * (time.thread_time() - start_s))
            assert found is not None
            for alarm in found.alarms:
                passed_s = (frame.stamp_ns - recording.stamps_ns[0]) / 1e9
                alarms_s.setdefault(alarm.quantity, passed_s)
            if answer.odom_T_velo1 is not None:
                history = _remembered((*history, PastFrame(frame=frame, egomotion=answer)), frame)
    assert found is not None
    return Outcome(case=case, source=source, last=found, alarms_s=alarms_s, cpu_ms=np.array(cpu_ms))


def _remembered(history: tuple[PastFrame, ...], frame: SensorFrame) -> tuple[PastFrame, ...]:
    oldest_ns = frame.stamp_ns - round(HISTORY_S * 1e9)
    return tuple(past for past in history if past.frame.stamp_ns >= oldest_ns)


def _brief(outcome: Outcome) -> str:
    return ", ".join(
        f"{finding.quantity.value} {_shown(finding.value, finding.unit)}"
        f"{' ALARM' if finding in outcome.last.alarms else ''}"
        for finding in outcome.last.findings
    )


def _markdown(outcomes: Sequence[Outcome], options: argparse.Namespace) -> str:
    seeds = ", ".join(str(seed) for seed in options.seeds)
    cpu_ms = np.concatenate([outcome.cpu_ms for outcome in outcomes])
    parts = [
        "# Injected faults",
        f"Seeds {seeds}, {options.seconds:g} s each, a recording per fault. TF is compared with "
        "registered scans (source tf) or with LiDAR odometry (source lidar). The noisy LiDAR has "
        f"{NOISY.noise_m:g} m of noise and loses {NOISY.dropout:.0%} to "
        f"{NOISY.dropout + NOISY.far_dropout:.0%} of its returns.",
        "    python benchmark/egomotion_check.py --out docs/results/egomotion_check.md",
        "## Found and estimated",
        _fault_table(outcomes),
        "False alarms are those on anything that was not injected, at any frame.",
        "## Clean drives: what is measured where nothing is wrong",
        _clean_table([outcome for outcome in outcomes if not outcome.case.expected]),
        f"CPU time of the check per frame: median {np.median(cpu_ms):.1f} ms, mean "
        f"{cpu_ms.mean():.1f} ms, 95 % {np.quantile(cpu_ms, 0.95):.1f} ms.",
    ]
    if options.drive is not None:
        real = _checked(options.drive, Case(name=options.drive.name), "lidar")
        parts += [f"## {options.drive.name}", _findings_table(real.last.findings)]
    return "\n\n".join(parts) + "\n"


def _fault_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for case in CASES:
        for source in case.sources:
            group = [o for o in outcomes if o.case is case and o.source == source]
            false = sum(len(o.alarms_s.keys() - case.expected.keys()) for o in group)
            rows += [
                [f"{case.name} ({source})", *_found(group, quantity, value), str(false)]
                for quantity, value in case.expected.items()
            ] or [[f"{case.name} ({source})", "", "", "", "", "", str(false)]]
    header = (
        "fault (source)", "finding", "found", "estimates", "largest error", "alarm after",
        "false alarms",
    )  # fmt: skip
    return _table(header, rows)


def _found(
    group: Sequence[Outcome], quantity: ConsistencyQuantity, expected: float
) -> tuple[str, str, str, str, str]:
    findings = [outcome.last.of(quantity) for outcome in group]
    alarms_s = [o.alarms_s[quantity] for o in group if quantity in o.alarms_s]
    in_alarm = sum(finding in o.last.alarms for finding, o in zip(findings, group, strict=True))
    errors = [abs(finding.value / expected - 1.0) for finding in findings]
    return (
        quantity.value.replace("_", " "),
        f"{in_alarm} of {len(group)}",
        ", ".join(_shown(f.value, f.unit, with_unit=f is findings[-1]) for f in findings),
        f"{np.max(errors):.0%}",
        f"{max(alarms_s):.1f} s" if alarms_s else "never",
    )


def _clean_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for quantity in ConsistencyQuantity:
        findings = [outcome.last.of(quantity) for outcome in outcomes]
        values = np.array([finding.value for finding in findings])
        sigmas = np.array([finding.sigma for finding in findings])
        unit = findings[0].unit
        name = quantity.value.replace("_", " ")
        in_alarm = str(sum(quantity in o.alarms_s for o in outcomes))
        shown = [_shown(v, unit) for v in (np.abs(values).max(), np.median(sigmas))]
        rows.append([name, *shown, in_alarm])
    return _table(("quantity", "largest value", "deviation, median", "alarms"), rows)


def _findings_table(findings: Sequence[ConsistencyFinding]) -> str:
    return _table(
        ("quantity", "status", "value", "deviation"),
        [
            [
                f.quantity.value.replace("_", " "),
                f.status.value,
                _shown(f.value, f.unit),
                _shown(f.sigma, f.unit),
            ]
            for f in findings
        ],
    )


def _shown(value: float, unit: str, *, with_unit: bool = True) -> str:
    if not np.isfinite(value):
        return "-"
    factor, name, decimals = SHOWN[unit]
    return f"{value * factor:.{decimals}f}" + (f" {name}" if with_unit else "")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])


if __name__ == "__main__":
    main()
