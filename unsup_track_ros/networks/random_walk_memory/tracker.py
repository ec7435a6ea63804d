# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming inference: what is seen is followed, what is not is walked (SPECS 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.random_walk_memory.model import RandomWalkMemory
from unsup_track_ros.networks.random_walk_memory.peaks import Peaks, peaks_of
from unsup_track_ros.networks.random_walk_memory.walk import one_hot, walk
from unsup_track_ros.shapes import Bool, Float, Float64, Int64

_REFINED: Final = 4  # a belief is up-sampled so many times before its peak is taken


class WalkTrackerConfig(Config):
    """Streaming inference of the random walk along memory."""

    min_score: float = parameter(0.4, "Score from which a peak is seen.", gt=0, lt=1)
    min_new_score: float = parameter(0.5, "Score from which a peak starts a track.", gt=0, lt=1)
    min_belief: float = parameter(
        0.005, "Peak of a belief below which a track ends (paper: 0.005, traffic 0.05).", ge=0, lt=1
    )
    max_hidden_frames: int = parameter(
        300, "Frames after which an unseen track ends (paper: 300, traffic 16).", ge=1
    )
    border_share: float = parameter(
        0.05, "A belief whose peak is so near the border has left the image.", ge=0, lt=0.5
    )
    return_px: float = parameter(
        25.0, "A peak so near to where an unseen track is believed to be is its return "
        "(paper: 25 at 1280 px width).", unit="px", gt=0,
    )  # fmt: skip


@dataclass(slots=True)
class _Track:
    identity: int
    kind: int
    score: float
    box_px: Float64[np.ndarray, " 4"]
    frames_hidden: int = 0
    belief: Tensor | None = None

    @property
    def centre_px(self) -> Float64[np.ndarray, " 2"]:
        return np.asarray((self.box_px[:2] + self.box_px[2:]) / 2.0)

    @property
    def area_px2(self) -> float:
        height, width = self.box_px[2:] - self.box_px[:2]
        return float(height * width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkTracks:
    """All tracks in one frame, seen and unseen.

    Attributes:
        ids: Identity of each.
        classes: Class of each.
        scores: Score of what is seen, peak of the belief of what is not.
        boxes_px: Top, left, bottom, right; of what is not seen the last size at the belief's peak.
        frames_hidden: For how many frames each has not been seen, 0 where it is.
        beliefs: Where each may be, over the nodes; zero for what is seen.
    """

    ids: Int64[np.ndarray, " N"]
    classes: Int64[np.ndarray, " N"]
    scores: Float64[np.ndarray, " N"]
    boxes_px: Float64[np.ndarray, "N 4"]
    frames_hidden: Int64[np.ndarray, " N"]
    beliefs: Float[np.ndarray, "N R S"]

    @property
    def is_visible(self) -> Bool[np.ndarray, " N"]:
        """Which are seen."""
        return np.asarray(self.frames_hidden == 0)


class WalkTracker:
    """Follows the things of one video."""

    def __init__(self, config: WalkTrackerConfig, node_stride_px: int) -> None:
        self.config = config
        self._stride_px = node_stride_px
        self._tracks: list[_Track] = []
        self._next_identity = 0

    def step(
        self, peaks: Peaks, edges: Float[Tensor, "O R S"] | None, grid: tuple[int, int]
    ) -> WalkTracks:
        """Take in a frame.

        Args:
            peaks: What is seen in it.
            edges: Of the walk from the last frame to this one, None in the first.
            grid: Rows and columns of the nodes.
        """
        free = self._follow(peaks)
        if edges is not None:
            self._walk(edges, grid)
        self._tracks = [track for track in self._tracks if self._lives(track, grid)]
        free = self._return(peaks, free)
        for index in free:
            if peaks.scores[index] > self.config.min_new_score:
                self._tracks.append(self._seen(self._next_identity, peaks, index))
                self._next_identity += 1
        return self._answer(grid)

    def _follow(self, peaks: Peaks) -> list[int]:
        """Give peaks to the tracks seen in the last frame, the surest first; return those left."""
        seen = [track for track in self._tracks if track.frames_hidden == 0]
        for track in self._tracks:
            track.frames_hidden += 1
        free = []
        for index in range(len(peaks.scores)):
            height, width = peaks.boxes_px[index, 2:] - peaks.boxes_px[index, :2]
            near = _nearest(seen, int(peaks.classes[index]), peaks.former_px[index])
            if near is None or near[1] ** 2 >= min(height * width, near[0].area_px2):
                free.append(index)
                continue
            seen.remove(near[0])
            self._refresh(near[0], peaks, index)
        return free

    def _walk(self, edges: Tensor, grid: tuple[int, int]) -> None:
        """Let the unseen go one step; a walk starts at the node where its thing was last seen."""
        hidden = [track for track in self._tracks if track.frames_hidden > 0]
        if not hidden:
            return
        states = [
            self._start(track, grid) if track.belief is None else track.belief for track in hidden
        ]
        moved = walk(torch.stack(states).to(edges.device)[None], edges[None])[0].cpu()
        for track, belief in zip(hidden, moved, strict=True):
            track.belief = belief
            half = (track.box_px[2:] - track.box_px[:2]) / 2.0
            centre = belief_peak_px(belief, self._stride_px)
            track.box_px = np.concatenate([centre - half, centre + half])
            track.score = float(belief.max())

    def _start(self, track: _Track, grid: tuple[int, int]) -> Tensor:
        node = np.floor(track.centre_px / self._stride_px).astype(int)
        row, column = np.clip(node, 0, np.array(grid) - 1).tolist()
        return one_hot(torch.tensor(row * grid[1] + column), *grid)

    def _lives(self, track: _Track, grid: tuple[int, int]) -> bool:
        """Tell whether a track is kept: it is seen, or the belief in it is alive and inside."""
        if track.frames_hidden == 0:
            return True
        config = self.config
        size_px = np.array(grid) * self._stride_px
        margin = config.border_share * size_px
        inside = (track.centre_px >= margin) & (track.centre_px <= size_px - margin)
        young = track.frames_hidden < config.max_hidden_frames
        return bool(inside.all()) and young and track.score >= config.min_belief

    def _return(self, peaks: Peaks, free: Sequence[int]) -> list[int]:
        """Give peaks to unseen tracks that are believed to be there; return those left."""
        hidden = [track for track in self._tracks if track.frames_hidden > 0]
        left = []
        for index in free:
            near = _nearest(hidden, int(peaks.classes[index]), peaks.centres_px[index])
            if near is None or near[1] > self.config.return_px:
                left.append(index)
                continue
            hidden.remove(near[0])
            self._refresh(near[0], peaks, index)
        return left

    def _seen(self, identity: int, peaks: Peaks, index: int) -> _Track:
        return _Track(
            identity, int(peaks.classes[index]), float(peaks.scores[index]), peaks.boxes_px[index]
        )

    def _refresh(self, track: _Track, peaks: Peaks, index: int) -> None:
        track.score = float(peaks.scores[index])
        track.box_px = peaks.boxes_px[index]
        track.frames_hidden = 0
        track.belief = None

    def _answer(self, grid: tuple[int, int]) -> WalkTracks:
        nothing = np.zeros(grid, np.float32)
        beliefs = [nothing if t.belief is None else t.belief.numpy() for t in self._tracks]
        return WalkTracks(
            ids=np.array([track.identity for track in self._tracks], np.int64),
            classes=np.array([track.kind for track in self._tracks], np.int64),
            scores=np.array([track.score for track in self._tracks], np.float64),
            boxes_px=np.array([track.box_px for track in self._tracks], np.float64).reshape(-1, 4),
            frames_hidden=np.array([track.frames_hidden for track in self._tracks], np.int64),
            beliefs=np.array(beliefs, np.float32).reshape(-1, *grid),
        )


class VideoTracker:
    """Follows the things of N videos of one size, frame by frame."""

    def __init__(self, network: RandomWalkMemory, config: WalkTrackerConfig, num: int = 1) -> None:
        self._network = network.eval()
        self._min_score = config.min_score
        stride_px = network.config.node_stride_px
        self._trackers = [WalkTracker(config, stride_px) for _ in range(num)]
        self._memory: Tensor | None = None
        self._nodes: Tensor | None = None

    @torch.no_grad()
    def step(self, images: Float[Tensor, "N 3 H W"]) -> list[WalkTracks]:
        """Take in the next frame of every video, 0 to 1."""
        reading, self._memory = self._network.step(images, self._memory)
        edges = [None] * len(images)
        if self._nodes is not None:
            edges = list(self._network.edges(self._nodes, reading.nodes).cpu())
        self._nodes = reading.nodes
        grid = (reading.nodes.shape[2], reading.nodes.shape[3])
        found = peaks_of(reading, self._min_score)
        return [
            tracker.step(peaks, edge, grid)
            for tracker, peaks, edge in zip(self._trackers, found, edges, strict=True)
        ]


def belief_peak_px(belief: Float[Tensor, "R S"], stride_px: int) -> Float64[np.ndarray, " 2"]:
    """Return the most likely place, y and x in the image, between the nodes."""
    fine = functional.interpolate(
        belief[None, None].float(), scale_factor=_REFINED, mode="bilinear", align_corners=False
    )[0, 0]
    row, column = divmod(int(fine.argmax()), fine.shape[1])
    return (np.array([row, column], np.float64) + 0.5) * (stride_px / _REFINED)


def _nearest(
    tracks: Sequence[_Track], kind: int, place_px: Float64[np.ndarray, " 2"]
) -> tuple[_Track, float] | None:
    """Return the nearest track of a class and how far it is."""
    same = [track for track in tracks if track.kind == kind]
    if not same:
        return None
    gaps = [float(np.linalg.norm(track.centre_px - place_px)) for track in same]
    best = int(np.argmin(gaps))
    return same[best], gaps[best]
