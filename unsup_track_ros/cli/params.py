# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track params`: every parameter with its default, unit, range and meaning."""

from __future__ import annotations

from typing import Annotated

import typer

from unsup_track_ros.cli.console import reports_errors


@reports_errors
def params(
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables for people.")] = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="A commented parameter file (the default).")
    ] = False,
    tracker_alone: Annotated[
        bool, typer.Option("--tracker-alone", help="Those of `unsup-track track`.")
    ] = False,
    node: Annotated[
        str | None,
        typer.Option(help="Those of a node; its tables leave out what the labeler has too."),
    ] = None,
) -> None:
    """Print all parameters of `unsup-track label`, of `unsup-track track`, or of a node.

    Example: unsup-track params > my.yaml
    """
    from unsup_track_ros.config import parameters_markdown, parameters_yaml
    from unsup_track_ros.labeling.labeler import LabelerConfig
    from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig

    if markdown and yaml:
        raise typer.BadParameter("Choose one of --markdown and --yaml.")
    if tracker_alone:
        tree = ClassTrackingConfig
        text = parameters_markdown(tree) if markdown else parameters_yaml(tree)
    elif node is not None:
        text = _of_node(node, markdown=markdown)
    else:
        text = parameters_markdown(LabelerConfig) if markdown else parameters_yaml(LabelerConfig)
    typer.echo(text, nl=False)


def _of_node(name: str, *, markdown: bool) -> str:
    from unsup_track_ros.config import parameters_yaml
    from unsup_track_ros.ros.configuration import NODE_CONFIGS, node_markdown

    if name not in NODE_CONFIGS:
        raise typer.BadParameter(f"Choose one of {', '.join(NODE_CONFIGS)}.")
    return node_markdown(name) if markdown else parameters_yaml(NODE_CONFIGS[name])
