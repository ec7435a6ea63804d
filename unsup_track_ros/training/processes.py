# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one network, as `torchrun` starts them; one process is the rule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the processes that `torchrun` has started; nothing to do without it."""
    if "RANK" not in os.environ or distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        yield
    finally:
        distributed.destroy_process_group()


def num_processes() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if _joined() else 1


def process_rank() -> int:
    """Return the number of this process among them; 0 writes the files."""
    return distributed.get_rank() if _joined() else 0


def wait_for_all() -> None:
    """Wait until every process is here."""
    if _joined():
        distributed.barrier()


@contextmanager
def first_process_first() -> Iterator[None]:
    """Let process 0 do something before the others, who then find it done."""
    if process_rank() > 0:
        wait_for_all()
    yield
    if process_rank() == 0:
        wait_for_all()


def average_gradients(network: nn.Module) -> None:
    """Average the gradients over all processes, in one message."""
    if num_processes() == 1:
        return
    used = [value for value in network.parameters() if value.grad is not None]
    flat = torch.cat([value.grad.reshape(-1) for value in used if value.grad is not None])
    distributed.all_reduce(flat)
    flat /= num_processes()
    sizes = [value.numel() for value in used]
    for value, part in zip(used, torch.split(flat, sizes), strict=True):
        value.grad = part.view_as(value)


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()
