# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The EM benchmark on one short world, with networks of a few steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import em

PARAMETERS = """
/**:
  ros__parameters:
    bev: {first_stride: 1, stem_channels: 8, layer2_channels: 8, layer3_channels: 8,
          layer4_channels: 8, grid: {num_x: 64, num_y: 64}}
    bev_training: {optimizer: {num_steps: 2, batch_size: 2}}
    segmentor: {width_px: 96, height_px: 32}
    scans: {image_width_px: 96, image_height_px: 32}
    segmentor_training: {optimizer: {num_steps: 2, batch_size: 2}}
    label: {completion: {enabled: false}}
"""

pytestmark = pytest.mark.system


def test_a_mode_and_its_control_run_side_by_side_and_are_told_round_by_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = tmp_path / "tiny.yaml"
    parameters.write_text(PARAMETERS)
    tiny = replace(em.SIZES["cpu"], worlds=1, held_out=1, seconds=1.5)
    monkeypatch.setitem(em.SIZES, "cpu", replace(tiny, files={"improved": parameters}))
    runs, out = tmp_path / "runs", tmp_path / "em.md"
    asked = ["--folder", str(runs), "--out", str(out), "--modes", "improved", "--control"]
    em.main([*asked, "--rounds", "1", "--jobs", "2"])
    first = out.read_text()
    for name in ("improved", f"improved, {em.LABELS_KEPT}"):
        assert f"| {name}, round 1, bev.all |" in first
    metrics = sorted(runs.glob("em_cpu_*/round_01/metrics.json"))
    assert len(metrics) == 2
    written_ns = [path.stat().st_mtime_ns for path in metrics]
    em.main([*asked, "--rounds", "1"])  # finds all rounds finished
    assert out.read_text() == first
    assert [path.stat().st_mtime_ns for path in metrics] == written_ns
