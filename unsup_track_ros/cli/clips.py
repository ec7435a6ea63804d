# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track clips`: labels as voxels around the vehicle, with the images that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import print_result, reports_errors


@reports_errors
def clips(
    labels: Annotated[list[Path], typer.Argument(help="Label directories, the --out of `label`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the clips.")],
    image_topic: Annotated[
        list[str] | None,
        typer.Option(help="Camera to show, repeat for several; else those that were labelled."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Parameters (YAML).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make occupancy clips of labels, to train `trackocc` on; what is there stays.

    Example: unsup-track clips labels --out clips --image-topic /camera_front/image_raw
    """
    from unsup_track_ros.config import load_config
    from unsup_track_ros.training.occupancy_labels import LabelClipsConfig, write_label_clips

    wanted = LabelClipsConfig() if config is None else load_config(config, LabelClipsConfig)
    if image_topic:
        wanted = wanted.model_copy(update={"images": tuple(image_topic)})
    folder = write_label_clips(out, labels, wanted)
    lengths = {name: folder.length(name) for name in folder.sequences}
    text = f"{out}: {sum(lengths.values())} frames in {len(lengths)} sequences"
    print_result(text, {"clips": str(out), "sequences": lengths}, as_json=as_json)
