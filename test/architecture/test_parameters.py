# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter that a user can set is explained, and its unit is the one in its name."""

from __future__ import annotations

from unsup_track_ros.config import Config, describe, parameter

UNITS = {
    "m": "m",
    "m2": "m^2",
    "s": "s",
    "ns": "ns",
    "rad": "rad",
    "px": "px",
    "mps": "m/s",
    "mps2": "m/s^2",
    "radps": "rad/s",
    "hz": "Hz",
}


def unexplained(config_class: type[Config]) -> list[str]:
    """List the parameters without a sentence, or whose unit and name disagree."""
    found = []
    for info in describe(config_class):
        if not info.text.endswith("."):
            found.append(f"{info.name}: the text must be a sentence, got '{info.text}'")
        expected = UNITS.get(info.name.rpartition("_")[2], "")
        if "_per_" in info.name and expected:
            expected = f"1/{expected}"
        if info.unit != expected:
            found.append(f"{info.name}: the name says '{expected}', the unit is '{info.unit}'")
    return found


def test_every_parameter_is_explained_and_has_the_unit_of_its_name() -> None:
    # Imported here, so that a stage that does not import spares the other tests.
    from unsup_track_ros.labeling.labeler import LabelerConfig
    from unsup_track_ros.ros.configuration import NODE_CONFIGS

    roots: list[type[Config]] = [LabelerConfig, *NODE_CONFIGS.values()]
    for config_class in roots:
        found = unexplained(config_class)
        assert not found, "\n".join(found)


def test_a_parameter_without_text_or_with_another_unit_is_found() -> None:
    class WrongConfig(Config):
        """Three mistakes, one parameter that is right."""

        silent: int = parameter(1, "")
        size_m: float = parameter(1.0, "Size.", unit="px")
        speed: float = parameter(1.0, "Speed.", unit="m/s")
        length_m: float = parameter(1.0, "Length.", unit="m")

    names = [text.partition(":")[0] for text in unexplained(WrongConfig)]
    assert names == ["silent", "size_m", "speed"]
