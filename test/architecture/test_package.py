# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What pip, colcon and rosdep are told agrees with the code."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

import unsup_track_ros

# Distributions whose import name differs from their own.
IMPORT_NAMES = {
    "kiss-icp": "kiss_icp",
    "opencv-python-headless": "cv2",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
# Optional requirements that the package imports where they are asked for.
EXTRAS = ("argoverse", "cluster", "ground", "raft", "training")
# Imported where they are, done without where they are not; or seen by type checkers only.
OPTIONAL = {"jaxtyping", "_typeshed"}


def third_party_imports(source: str) -> set[str]:
    """Return the top-level packages that a module imports, without Python's and our own."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    top = {name.partition(".")[0] for name in names}
    return top - set(sys.stdlib_module_names) - {"unsup_track_ros"}


def declared(repository: Path, group: str) -> set[str]:
    """Return the import names of the requirements in one list of pyproject.toml."""
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(rf"^{group} = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert listed is not None
    names = re.findall(r'"([\w-]+)[^"]*"', listed[1])
    return {IMPORT_NAMES.get(name, name) for name in names}


def package_imports(repository: Path) -> set[str]:
    """Return everything from outside that the package imports."""
    files = (repository / "unsup_track_ros").rglob("*.py")
    found = set()
    for path in files:
        found |= third_party_imports(path.read_text(encoding="utf-8"))
    return found


def test_every_import_is_declared_and_every_requirement_is_imported(repository: Path) -> None:
    core = declared(repository, "dependencies")
    extra = set[str]().union(*(declared(repository, e) for e in EXTRAS))
    depends = [c.text or "" for c in package_xml(repository) if c.tag.endswith("depend")]
    ros = {name.removesuffix("_py") for name in depends}  # the package tf2_ros_py holds `tf2_ros`
    imported = package_imports(repository) - OPTIONAL - ros
    assert imported - core - extra == set(), "imported, but not declared in pyproject.toml"
    assert core - imported == set(), "declared in pyproject.toml, but never imported"


def test_an_undeclared_import_is_found() -> None:
    source = "import os\nimport pandas as pd\nfrom shapely.geometry import box\n"
    assert third_party_imports(source) == {"pandas", "shapely"}


def package_xml(repository: Path) -> ET.Element:
    """Return the manifest of the ROS package."""
    return ET.parse(repository / "package.xml").getroot()


def test_the_version_is_the_same_everywhere(repository: Path) -> None:
    changelog = (repository / "CHANGELOG.rst").read_text(encoding="utf-8")
    versions = re.findall(r"^(\d+\.\d+\.\d+) \(", changelog, re.MULTILINE)
    assert package_xml(repository).findtext("version") == unsup_track_ros.__version__
    assert versions[0] == unsup_track_ros.__version__


def test_the_manifest_has_what_rosidl_and_colcon_demand(repository: Path) -> None:
    manifest = package_xml(repository)
    assert manifest.findtext("member_of_group") == "rosidl_interface_packages"
    assert manifest.findtext("export/build_type") == "ament_cmake"
    assert (repository / "resource" / "unsup_track_ros").is_file()


def messages(repository: Path) -> list[Path]:
    """All message definitions."""
    return sorted((repository / "msg").glob("*.msg"))


def test_cmake_generates_every_message_before_it_installs_the_module(repository: Path) -> None:
    text = (repository / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r'"(msg/\w+\.msg)"', text) == [f"msg/{p.name}" for p in messages(repository)]
    assert text.index("rosidl_generate_interfaces(${") < text.index("install(DIRECTORY ${")


def test_the_packages_used_in_messages_are_declared(repository: Path) -> None:
    used = {
        package
        for path in messages(repository)
        for package in re.findall(r"^(\w+)/\w+", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert used == {child.text for child in package_xml(repository).iter("depend")}


def test_every_message_can_be_built(repository: Path) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    types: dict[str, object] = {}
    for path in messages(repository):
        name = f"unsup_track_ros/msg/{path.stem}"
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), name))
    store.register(types)  # type: ignore[arg-type]
    array = store.types["unsup_track_ros/msg/TrackedObjectArray"]
    assert {"header", "objects"} <= array.__annotations__.keys()


def undocumented_fields(text: str) -> list[str]:
    """Return the fields of a message whose comment above does not speak of unit and frame."""
    found = []
    comment = ""
    for line in text.splitlines():
        if line.startswith("#"):
            comment += line
        elif not line.strip():
            comment = ""
        elif "=" not in line and not all(word in comment for word in ("(", "frame")):
            found += [] if "No unit, no frame" in comment else [line.split()[1]]
    return found


def test_every_field_of_a_message_has_its_unit_and_frame(repository: Path) -> None:
    for path in messages(repository):
        assert undocumented_fields(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.parametrize("comment", ["", "# Speed.\n", "# Speed (m/s).\n"])
def test_a_field_without_unit_or_frame_is_found(comment: str) -> None:
    assert undocumented_fields(f"# About.\n\n{comment}float64 speed\n") == ["speed"]
