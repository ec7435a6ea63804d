# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label directories as training data: their recordings are read once more for scans and images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unsup_track_ros.config import load_config
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.labeler import LabelerConfig
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.store import CONFIG_NAME, LabelStore
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.training.scan_cache import ScanCache, ScanCacheConfig
from unsup_track_ros.training.training_labels import TrainingSet, labels_by_index


def labelled_recordings(
    folders: Sequence[Path],
    scans_folder: Path,
    configs: tuple[ScanCacheConfig, BevGridConfig],
    progress: Progress,
) -> TrainingSet:
    """Return the labelled frames of label directories; completed labels are preferred.

    Args:
        folders: Label directories, made by `unsup-track label` or a round of `unsup-track em`.
        scans_folder: Where scans are cached.
        configs: What is cached of a scan, and the region that labels must lie in.
        progress: Told after every scan.

    Raises:
        DataError: A recording is not where it was labelled, or there is no label at all.
        LabelStoreError: A folder holds no labels.
    """
    scans_config, grid = configs
    sources = []
    for number, folder in enumerate(folders):
        store = LabelStore.open(folder)
        path = Path(store.manifest.recording_path)
        if not path.exists():
            raise DataError(
                f"The labels in {folder} were made from {path}, which is not there any more. Put "
                "the recording back: training needs its scans."
            )
        cache = ScanCache(scans_folder / f"{number:03d}_{folder.name}")
        config = load_config(folder / CONFIG_NAME, LabelerConfig)
        with Recording(path, config.recording) as recording:
            cache.fill(recording, scans_config, progress)
        labels = store.completed() if store.is_completed else iter(store)
        sources.append((cache, labels_by_index(labels)))
    return TrainingSet(sources, (grid.x_min_m, grid.y_min_m), (grid.x_max_m, grid.y_max_m))
