# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Draw the curves of benchmark/silot_scores.py and print them as a table.

    python benchmark/silot_curves.py SCORES.json OUT.png 'trained on 1-6=0,1,2' ...

A group names the networks by the last part of their name; curves are means, bands the range.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

MEASURES = (("mota", "MOTA"), ("ap", "AP .1:.1:.9"), ("count_error", "count error"))


def table_of(
    rows: list[dict[str, Any]], groups: dict[str, list[str]]
) -> dict[str, dict[str, np.ndarray]]:
    """Return per group and measure an array (networks, numbers of objects)."""
    numbers = sorted({row["objects"] for row in rows})
    named = {(row["method"].rpartition("/")[2], row["objects"]): row for row in rows}
    return {
        group: {
            key: np.array([[named[name, n][key] for n in numbers] for name in names])
            for key, _ in MEASURES
        }
        for group, names in groups.items()
    }


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("groups", nargs="+")
    arguments = parser.parse_args()
    rows = json.loads(arguments.scores.read_text())
    numbers = sorted({row["objects"] for row in rows})
    groups = {"ConnComp": ["ConnComp"]}
    for text in arguments.groups:
        name, _, members = text.partition("=")
        groups[name] = members.split(",")
    values = table_of(rows, groups)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axis, (key, title) in zip(axes, MEASURES, strict=True):
        for group, measures in values.items():
            found = measures[key]
            axis.plot(numbers, found.mean(0), marker="o", markersize=3, label=group)
            axis.fill_between(numbers, found.min(0), found.max(0), alpha=0.15)
        axis.set(xlabel="objects per video", title=title)
        axis.grid(alpha=0.3)
        if key != "count_error":
            axis.set_ylim(min(-0.05, axis.get_ylim()[0]), 1.05)
    axes[0].legend(fontsize=8)
    figure.savefig(arguments.picture, dpi=90)
    lines = ["| objects | " + " | ".join(values) + " |", "|---" * (len(values) + 1) + "|"]
    for place, number in enumerate(numbers):
        cells = []
        for measures in values.values():
            mota, ap, error = (measures[key][:, place] for key, _ in MEASURES)
            spread = f" ({mota.min():.2f} to {mota.max():.2f})" if len(mota) > 1 else ""
            cells.append(f"{mota.mean():.2f}{spread} / {ap.mean():.2f} / {error.mean():.2f}")
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
