# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of the walk's local edges, by reach: `python -m benchmark.walk_cost`.

A grid of 96 x 320 nodes (a KITTI image at stride 4). Each reach runs in a process of its own, whose
peak memory is told less that of a process that does nothing. Times are those of the CPU, on one
thread: what else the machine does has little to do with them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time

_ROWS, _COLUMNS, _DEPTH, _WALKERS = 96, 320, 64, 4
_REACHES = (1, 2, 4, 9, 14, 19)


def main() -> None:
    """Print a row per reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reaches", type=int, nargs="+", default=_REACHES)
    reaches = parser.parse_args().reaches
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        idle_mib = pool.apply(_measured, (0,))["peak_mib"]
        for reach in reaches:
            row = pool.apply(_measured, (reach,))
            row["peak_mib"] = round(row["peak_mib"] - idle_mib)
            sys.stdout.write(json.dumps(row) + "\n")


def _measured(reach: int) -> dict[str, float]:
    """Make edges and take a step; reach 0 does nothing."""
    import torch

    from unsup_track_ros.networks.random_walk_memory import local_edges, one_hot, walk

    torch.set_num_threads(1)
    row: dict[str, float] = {"reach": reach, "window": (2 * reach + 1) ** 2}
    if reach:
        generator = torch.Generator().manual_seed(0)
        nodes = torch.randn(2, _DEPTH, _ROWS, _COLUMNS, generator=generator)
        start = time.process_time()
        edges = local_edges(nodes[:1], nodes[1:], reach, 0.1)
        row["edges_cpu_s"] = round(time.process_time() - start, 3)
        row["edges_mib"] = round(edges.nbytes / 2**20)
        state = one_hot(torch.arange(_WALKERS)[None] * 997, _ROWS, _COLUMNS)
        start = time.process_time()
        walk(state, edges)
        row["step_cpu_s"] = round(time.process_time() - start, 3)
    row["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return row


if __name__ == "__main__":
    main()
