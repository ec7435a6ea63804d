# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures what the learned detectors cost in the live pipeline, frame by frame (batch 1).

    python -m benchmark.learned_detectors drive.mcap --checkpoints em_run/round_03/checkpoints

The frames go through `Pipeline.step` as on a vehicle, first with detector `motion`, then with those
of the networks; it should be the only thing that the machine does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmark.runs import configured, say
from benchmark.tables import hardware, number, table
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.pipeline import Pipeline
from unsup_track_ros.structures.frame import SensorFrame

# Frames until caches, compiled code and the window of scans are filled.
WARM_UP: Final = 12
_DETECTOR, _ENSEMBLE = "pipeline.detector", "pipeline.learned.ensemble"
DETECTORS: Final[Mapping[str, Mapping[str, object]]] = {
    "motion": {_DETECTOR: "motion"},
    "bev": {_DETECTOR: "bev"},
    "ensemble, log_odds": {_DETECTOR: "ensemble", _ENSEMBLE: "log_odds"},
    "ensemble, product": {_DETECTOR: "ensemble", _ENSEMBLE: "product"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every detector and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder of bev and segmentor .safetensors"
    )
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    with Recording(options.recording) as recording:
        frames = list(recording)
    if len(frames) <= WARM_UP:
        raise DataError(
            f"{options.recording} has {len(frames)} frames, of which the first {WARM_UP} are not "
            "counted. Give a longer one."
        )
    rows = [_row(name, changes, frames, options) for name, changes in DETECTORS.items()]
    head = ["detector", "step, median", "step, p95", "the detector alone, median"]
    load = f"load average {os.getloadavg()[0]:.1f}"
    sys.stdout.write(f"{table(head, rows)}\n\nOn {hardware(options.device)} {load}\n")


def _row(
    name: str,
    changes: Mapping[str, object],
    frames: Sequence[SensorFrame],
    options: argparse.Namespace,
) -> list[str]:
    """Return the wall times of one detector in milliseconds."""
    say(f"detector {name}")
    paths = {
        f"pipeline.learned.{kind}_path": str(options.checkpoints / f"{kind}.safetensors")
        for kind in ("bev", "segmentor")
    }
    pipeline = Pipeline(configured({**changes, **paths}).pipeline, torch.device(options.device))
    steps = [pipeline.step(frame).stage_seconds for frame in frames][WARM_UP:]
    whole = 1e3 * np.array([seconds["step"] for seconds in steps])
    alone = 1e3 * np.array([seconds["detection"] for seconds in steps])
    values = (np.median(whole), np.percentile(whole, 95), np.median(alone))
    return [name, *(number(None if np.isnan(v) else float(v), 1, "ms") for v in values)]


if __name__ == "__main__":
    main()
