# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A TrackOcc network frame by frame: births, deaths, identities; one answer per frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.frames import camera_frames, seen_voxels
from unsup_track_ros.networks.trackocc.model import TrackOcc
from unsup_track_ros.networks.trackocc.panoptic import PanopticMergeConfig, merged, thing_scores
from unsup_track_ros.networks.trackocc.renewal import (
    Segments,
    TrackVoxels,
    found_segments,
    renewed,
)
from unsup_track_ros.networks.trackocc.tracks import NO_ID, TrackQueries, handed_over
from unsup_track_ros.networks.trackocc.volume import SeenVolumes
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.structures.voxel_scene import (
    CameraScene,
    OccupancyFrame,
    PanopticPrediction,
)

# The evaluation that was released passes over the identity 1; 0 stands for none.
FIRST_ID = 2
_SAME_TIME_S = 1e-3


class TrackOccTrackingConfig(Config):
    """Birth, renewal and death of tracks."""

    birth_score: float = parameter(
        0.3, "A surer query becomes a track (paper: 0.3).", gt=0, lt=1, tunable=True
    )
    keep_score: float = parameter(
        0.25, "A track less sure is not seen in this frame (paper: 0.25).", ge=0, lt=1, tunable=True
    )
    max_unseen_s: float = parameter(
        1.5, "A track not seen for so long ends (paper: 3 frames at 2 Hz).", unit="s", ge=0
    )
    memory_interval_s: float = parameter(
        0.5,
        "Time between two embeddings that a track remembers (paper: 0.5, when tested 1.5).",
        unit="s",
        ge=0,
    )
    renew_queries: bool = parameter(
        True,
        "Every frame is also asked afresh, and a track goes on as the fresh query whose segment it "
        "meets (paper: false, a track is its query alone).",
    )
    min_meeting: float = parameter(
        0.1,
        "Least overlap at which a segment renews a track: the sum of its IoU with the mask of the "
        "track's query and with the track's voxels, moved.",
        gt=0,
        le=2,
        tunable=True,
    )
    merge: PanopticMergeConfig = PanopticMergeConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedOccupancy:
    """What a network says of one frame.

    Attributes:
        scene: Class and identity of every voxel, and which of them are seen.
        ids: (T,) tracks that were seen in this frame.
        scores: (T,) how sure they are things, 0 to 1.
        centres_base: (T, 3) their middles, metres.
        velocities_base: (T, 3) over ground in axes of base, m/s.
    """

    scene: CameraScene
    ids: Int64[np.ndarray, " T"]
    scores: Float64[np.ndarray, " T"]
    centres_base: Float64[np.ndarray, "T 3"]
    velocities_base: Float64[np.ndarray, "T 3"]


class TrackOccTracker:
    """Follows things from frame to frame."""

    def __init__(
        self, network: TrackOcc, config: TrackOccTrackingConfig, device: torch.device
    ) -> None:
        """Take a network; it is put into evaluation."""
        self._network = network.to(device).eval()
        self._config = config
        self._device = device
        self._next_id = FIRST_ID
        self.reset()

    @property
    def network_config(self) -> TrackOccConfig:
        """Structure of the network."""
        return self._network.config

    def reset(self) -> None:
        """Forget all tracks; identities go on, none is used twice."""
        self._tracks: TrackQueries | None = None
        self._voxels = TrackVoxels.none(self._device)
        self._last_stamp_ns = 0
        self._odom_T_base0 = np.eye(4)

    @torch.no_grad()
    def step(self, frame: OccupancyFrame) -> TrackedOccupancy:
        """Answer for the next frame.

        Raises:
            DataError: It is not later than the one before.
        """
        seen = self._network.see(camera_frames([frame], self._device))
        return self.follow(frame, seen, 0)

    @torch.no_grad()
    def follow(self, frame: OccupancyFrame, seen: SeenVolumes, index: int) -> TrackedOccupancy:
        """Answer for the next frame, which is one of those that were seen together.

        Raises:
            DataError: It is not later than the one before.
        """
        network, config = self._network, self._config
        tracks, step_s = self._brought_here(frame)
        own = seen.part(index)
        asking, (things, stuff), segments = self._asked(own, tracks)
        score = thing_scores(things.class_logits, network.config.classes)
        asking, alive, is_seen = self._lives(asking, score, step_s)
        if segments is not None:
            ids = asking.ids[len(asking) - len(segments.asking) :]
            living, grid = asking.ids[alive], network.config.grid.grid
            self._voxels = self._voxels.renewed(living, segments, ids, grid)
        rows = torch.nonzero(alive)[:, 0]
        answers, going_on = things.chosen(rows), asking.chosen(rows)
        is_seen = is_seen[rows]
        self._tracks = network.update(going_on, answers, config.memory_interval_s)
        self._last_stamp_ns, self._odom_T_base0 = frame.stamp_ns, frame.odom_T_base
        shown = torch.nonzero(is_seen)[:, 0]
        return self._told(
            frame, (answers.chosen(shown), stuff, own),
            going_on.ids[shown], score[rows][shown],
        )  # fmt: skip

    def predict(self, frames: Iterable[OccupancyFrame]) -> Iterator[PanopticPrediction]:
        """Answer for the frames of a sequence, one after the other."""
        self.reset()
        for frame in frames:
            yield self.step(frame).scene.prediction

    def predict_single(self, frames: Iterable[OccupancyFrame]) -> Iterator[PanopticPrediction]:
        """Answer for every frame as if it were the first: no identity lasts."""
        published = self.as_published()
        for frame in frames:
            published.reset()
            yield published.step(frame).scene.prediction

    def as_published(self) -> TrackOccTracker:
        """Return another one of the same network that does not renew its tracks."""
        config = self._config.model_copy(update={"renew_queries": False})
        return TrackOccTracker(self._network, config, self._device)

    def _brought_here(self, frame: OccupancyFrame) -> tuple[TrackQueries | None, float]:
        """Return the tracks in base of this frame, and the time since the last one."""
        if self._tracks is None:
            return None, 0.0
        step_s = (frame.stamp_ns - self._last_stamp_ns) * 1e-9
        if step_s <= 0:
            raise DataError(
                f"The frame at {frame.stamp_ns} ns does not follow that at {self._last_stamp_ns} "
                "ns. Feed frames in order, or reset the tracker."
            )
        base1_T_base0 = se3.inverse(frame.odom_T_base) @ self._odom_T_base0
        motion = torch.from_numpy(base1_T_base0[None].astype(np.float32)).to(self._device)
        passed_s = torch.tensor([step_s], device=self._device)
        self._voxels = self._voxels.handed_over(self._tracks, motion, passed_s)
        return handed_over(self._tracks, motion, passed_s), step_s

    def _asked(
        self, seen: SeenVolumes, tracks: TrackQueries | None
    ) -> tuple[TrackQueries, tuple[Answers, Answers], Segments | None]:
        """Return who asked for things, what they and stuff were told, and the fresh segments.

        With renewal, those of the segments come last among the things.
        """
        network, config = self._network, self._config
        if not config.renew_queries:
            asking = network.asking(seen, tracks)
            return asking, network.answer(seen, asking), None
        fresh = network.asking(seen, None)
        things, stuff = network.answer(seen, fresh)
        classes, grid = network.config.classes, network.config.grid.grid
        sure = torch.nonzero(thing_scores(things.class_logits, classes) >= config.birth_score)[:, 0]
        segments = found_segments(
            fresh.chosen(sure), (things.chosen(sure), stuff), seen.semantic_logits[0],
            (classes, config.merge),
        )  # fmt: skip
        if tracks is None:
            return segments.asking, (segments.answers, stuff), segments
        # Asked apart, the fresh queries do not leave to the tracks what these see worse.
        answers, _ = network.answer(seen, tracks)
        believed = self._voxels.filled(tracks.ids, grid)
        bounds = (config.merge.min_mask, config.min_meeting)
        asking, things = renewed(tracks, answers, segments, believed, bounds)
        return asking, (things, stuff), segments

    def _lives(
        self, asking: TrackQueries, score: Float[Tensor, " Q"], step_s: float
    ) -> tuple[TrackQueries, Bool[Tensor, " Q"], Bool[Tensor, " Q"]]:
        """Return all that asked, with new identities and ages; who goes on; who is seen.

        A score between keep and birth score leaves the age as it is, as released: doubt neither
        ages a track nor clears it.
        """
        config = self._config
        is_track = asking.ids != NO_ID
        sure, doubtful = score >= config.birth_score, score < config.keep_score
        age_s = torch.where(doubtful, asking.unseen_s + step_s, asking.unseen_s)
        age_s = torch.where(sure, 0.0, age_s)
        is_born = ~is_track & sure
        number = self._next_id + torch.cumsum(is_born, 0) - 1
        self._next_id += int(is_born.sum())
        ids = torch.where(is_born, number, asking.ids)
        alive = is_born | (is_track & (age_s < config.max_unseen_s - _SAME_TIME_S))
        return replace(asking, ids=ids, unseen_s=age_s), alive, alive & ~doubtful

    def _told(
        self,
        frame: OccupancyFrame,
        found: tuple[Answers, Answers, SeenVolumes],
        ids: Int64[Tensor, " T"],
        scores: Float[Tensor, " T"],
    ) -> TrackedOccupancy:
        things, stuff, seen = found
        network = self._network.config
        semantics, instances = merged(
            things, ids, stuff, seen.semantic_logits[0], (network.classes, self._config.merge)
        )
        prediction = PanopticPrediction(
            stamp_ns=frame.stamp_ns,
            grid=network.grid.grid,
            semantics=semantics.cpu().numpy().astype(np.uint8),
            instances=instances.cpu().numpy().astype(np.int32),
            odom_T_base=frame.odom_T_base,
        )
        depth_m = network.depth.middle_m(seen.depth_logits.argmax(2))
        visible = seen_voxels(network.grid.grid, depth_m, camera_frames([frame], self._device))
        return TrackedOccupancy(
            scene=CameraScene(
                prediction=prediction, seen=visible[0].cpu().numpy(), classes=network.classes
            ),
            ids=ids.cpu().numpy(),
            scores=scores.cpu().numpy().astype(np.float64),
            centres_base=things.centres_base.cpu().numpy().astype(np.float64),
            velocities_base=things.velocities_base.cpu().numpy().astype(np.float64),
        )

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        arrays = {"next_id": np.array(self._next_id)}
        if self._tracks is not None:
            arrays |= {
                "last_stamp_ns": np.array(self._last_stamp_ns),
                "odom_T_base0": self._odom_T_base0.copy(),
            }
            for name, parts in (("tracks", self._tracks), ("voxels", self._voxels)):
                for part in fields(parts):
                    arrays[f"{name}/{part.name}"] = getattr(parts, part.name).cpu().numpy()
        return arrays

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`; a state of a pipeline without this stage is a fresh start."""
        self.reset()
        self._next_id = int(state.get("next_id", np.array(FIRST_ID)))
        if "last_stamp_ns" not in state:
            return
        self._last_stamp_ns = int(state["last_stamp_ns"])
        self._odom_T_base0 = state["odom_T_base0"].copy()
        self._tracks = TrackQueries(**self._restored(state, "tracks", TrackQueries))
        self._voxels = TrackVoxels(**self._restored(state, "voxels", TrackVoxels))

    def _restored(
        self, state: Mapping[str, np.ndarray], name: str, kind: type[TrackQueries | TrackVoxels]
    ) -> dict[str, Tensor]:
        return {
            part.name: torch.from_numpy(state[f"{name}/{part.name}"].copy()).to(self._device)
            for part in fields(kind)
        }
