# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The discovery benchmark on short worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.cost import cost
from benchmark.discovery import main
from benchmark.runs import Bench

pytestmark = pytest.mark.system


def run(folder: Path, *arguments: str) -> str:
    out = folder / "discovery.md"
    common = ["--seeds", "1", "--seconds", "0.6", "--static-seconds", "0", "--device", "cpu"]
    main(["--folder", str(folder / "bench"), "--out", str(out), *common, *arguments])
    return out.read_text()


def test_a_part_is_measured_alone_and_joins_those_measured_before(tmp_path: Path) -> None:
    before = tmp_path / "bench" / "sections" / "cost.md"
    before.parent.mkdir(parents=True)
    before.write_text("## Cost\n")
    text = run(tmp_path, "--parts", "synthetic")
    assert text.index("## Synthetic worlds") < text.index("## Cost")
    for name in ("tcr/causal", "improved/causal", "improved/completed"):
        assert name in text
    assert "tcr/completed" not in text
    assert "| motion mask recall | >= 0.70 |" in text
    labels = sorted((tmp_path / "bench" / "labels").glob("*/frames/*.npz"))
    assert len(labels) == 2 * 6
    written_ns = [path.stat().st_mtime_ns for path in labels]
    run(tmp_path, "--parts", "synthetic", "--passes", "causal")  # finds its labels still there
    assert [path.stat().st_mtime_ns for path in labels] == written_ns


def test_the_cost_of_a_recording_is_told_by_stage_and_by_points(
    tiny_drive: Path, tmp_path: Path
) -> None:
    text = cost(Bench(folder=tmp_path, device="cpu"), [tiny_drive], ["tcr"])
    for row in (
        "| causal step, 95 % (ms) | <= 120 |",
        "| labelling, x real time | >= 0.5 |",
        "| step |",
        "| optical_flow |",
        "| tcr x0.5 |",
        "| tcr x2 |",
    ):
        assert row in text


def test_parts_that_lack_their_data_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "--parts", "kitti")
    assert "part kitti needs --kitti" in capsys.readouterr().err
