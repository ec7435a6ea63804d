# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a live node runs it: new timelines and parameters, no memory left. No ROS."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from unsup_track_ros.data.live_frames import LiveFrame
from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.pipeline import BegunStep, Pipeline, PipelineConfig
from unsup_track_ros.structures.result import PerceptionResult

_LOG = logging.getLogger(__name__)


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """Return the device that a parameter asks for.

    Raises:
        ConfigError: CUDA was asked for and is not there.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ConfigError(
            "The parameter 'node.device' is 'cuda', which needs a CUDA GPU and a CUDA build of "
            "PyTorch; neither answers here. Use 'cpu' or 'auto'."
        )
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BegunFrame:
    """A frame between `Engine.begin` and `Engine.finish`.

    Attributes:
        live: The frame.
        is_new: Whether it is the first of a new timeline.
        step: What the pipeline found out so far.
        pipeline: The pipeline that began it and is to finish it.
    """

    live: LiveFrame
    is_new: bool
    step: BegunStep
    pipeline: Pipeline


class Engine:
    """Steps one pipeline: one thread begins frames, another finishes them in the same order.

    Attributes:
        device: What the stages run on now, and in brackets why if it is not what was wanted.
    """

    def __init__(
        self, config: PipelineConfig, device: torch.device, *, with_occupancy: bool
    ) -> None:
        """Build the pipeline; this loads weights.

        Raises:
            ConfigError: The parameters do not fit each other or the device.
        """
        self._pipeline = Pipeline(config, device, with_occupancy=with_occupancy)
        self._changed = threading.Condition()
        self._num_begun = 0
        self._wanted: PipelineConfig | None = None
        self._leaves_gpu = False
        self._timeline: int | None = None
        self.device = device.type

    def change(self, config: PipelineConfig) -> None:
        """Use other parameters from the next frame on; any thread may call this."""
        with self._changed:
            self._wanted = config

    def begin(self, live: LiveFrame) -> BegunFrame:
        """Begin a frame; it must be finished.

        Raises:
            UnsupTrackError: The frame cannot be used; the next one can.
        """
        self._apply_changes()
        is_new = self._timeline is not None and live.timeline != self._timeline
        self._timeline = live.timeline
        with self._on_device():
            step = self._pipeline.begin(live.frame, new_stream=is_new)
        with self._changed:
            self._num_begun += 1
        return BegunFrame(live=live, is_new=is_new, step=step, pipeline=self._pipeline)

    def finish(self, begun: BegunFrame) -> PerceptionResult:
        """Do the rest.

        Raises:
            UnsupTrackError: The frame cannot be used; the next one can.
        """
        try:
            with self._on_device():
                return begun.pipeline.finish(begun.step)
        finally:
            with self._changed:
                self._num_begun -= 1
                self._changed.notify()

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """Let the next frame be begun on the CPU if the GPU has not enough memory for this one."""
        try:
            yield
        except torch.cuda.OutOfMemoryError as error:
            with self._changed:
                self._leaves_gpu = True
            raise DataError(
                "The GPU ran out of memory; the node goes on on the CPU. Free memory and restart "
                "it to use the GPU again."
            ) from error

    def _apply_changes(self) -> None:
        """Move to other parameters or another device once no frame is in work."""
        with self._changed:
            if self._wanted is None and not self._leaves_gpu:
                return
            self._changed.wait_for(lambda: self._num_begun == 0)
            config, self._wanted = self._wanted, None
            leaves_gpu, self._leaves_gpu = self._leaves_gpu, False
        if config is not None:
            self._pipeline = self._pipeline.moved(config)
        if leaves_gpu:
            self._pipeline = self._pipeline.moved(device=torch.device("cpu"))
            torch.cuda.empty_cache()
            self.device = "cpu (the GPU ran out of memory)"
            _LOG.warning("The GPU ran out of memory: the stages run on the CPU from now on.")
