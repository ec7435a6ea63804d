# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The loop of every training: step, report, checkpoint; a killed run goes on to the same result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.training.run_directory import RunDirectory


class LoopConfig(Config):
    """How often a training reports and can be resumed."""

    report_steps: int = parameter(100, "Steps between two reports.", ge=1)
    checkpoint_steps: int = parameter(1000, "Steps between two states to resume from.", ge=1)


@runtime_checkable
class Learner(Protocol):
    """Something that is trained step by step and whose state is tensors."""

    num_steps_done: int

    def advance(self) -> None:
        """Train one step."""

    def report(self) -> dict[str, Any]:
        """Return what the last step says of the progress."""

    def state(self) -> dict[str, Tensor]:
        """Return everything that decides how the training goes on."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""


def train(
    learner: Learner, num_steps: int, run: RunDirectory, config: LoopConfig, progress: Progress
) -> None:
    """Train up to a number of steps, from the stored state of the run if there is one."""
    rows: list[dict[str, Any]] = []
    if (stored := run.load_state()) is not None:
        learner.restore(stored[0])
        # A run that died between the two files has reports ahead of its state.
        rows = [row for row in stored[1] if row["step"] <= learner.num_steps_done]
    progress("training", learner.num_steps_done, num_steps)
    while learner.num_steps_done < num_steps:
        learner.advance()
        step = learner.num_steps_done
        if step % config.report_steps == 0 or step == num_steps:
            rows.append({"step": step, **learner.report()})
        if step % config.checkpoint_steps == 0 or step == num_steps:
            run.save_state(learner.state(), rows)
        progress("training", step, num_steps)
