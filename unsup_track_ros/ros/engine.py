# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a live node runs it: new timelines and parameters, no memory left. No ROS."""

from __future__ import annotations

import logging
import threading
from typing import Literal

import torch

from unsup_track_ros.data.live_frames import LiveFrame
from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
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


class Engine:
    """Steps one pipeline; only one thread may call `step`.

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
        self._lock = threading.Lock()
        self._wanted: PipelineConfig | None = None
        self._timeline: int | None = None
        self.device = device.type

    def change(self, config: PipelineConfig) -> None:
        """Use other parameters from the next step on; any thread may call this."""
        with self._lock:
            self._wanted = config

    def step(self, live: LiveFrame) -> tuple[PerceptionResult, bool]:
        """Process a frame.

        Returns:
            The result, and whether it is the first of a new timeline.

        Raises:
            UnsupTrackError: The frame cannot be used; the next one can.
        """
        self._apply_changes()
        is_new = self._timeline is not None and live.timeline != self._timeline
        if is_new:
            self._pipeline.reset()
        self._timeline = live.timeline
        try:
            return self._pipeline.step(live.frame), is_new
        except torch.cuda.OutOfMemoryError as error:
            self._leave_gpu()
            raise DataError(
                "The GPU ran out of memory; the node goes on on the CPU. Free memory and restart "
                "it to use the GPU again."
            ) from error

    def _apply_changes(self) -> None:
        with self._lock:
            config, self._wanted = self._wanted, None
        if config is not None:
            self._pipeline = self._pipeline.moved(config)

    def _leave_gpu(self) -> None:
        self._pipeline = self._pipeline.moved(device=torch.device("cpu"))
        torch.cuda.empty_cache()
        self.device = "cpu (the GPU ran out of memory)"
        _LOG.warning("The GPU ran out of memory: the stages run on the CPU from now on.")
