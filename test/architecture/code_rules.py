# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules for single files that no linter has; each returns its violations as sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
HEADER = (
    "# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors\n"
    "# SPDX-License-Identifier: Apache-2.0\n"
)
_EMPTY_NAMES = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
_MESSAGE_PACKAGES = {"action", "msg", "srv"}  # generated packages of these names would hide ours
_PROCESS_CALLS = {"sys.exit", "os._exit", "exit", "quit", "input", "breakpoint"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|farm|home/\w+|opt/wheels)/")


def sizes(source: str) -> list[str]:
    """Demand modules of at most 400 lines and functions of at most 50, docstrings not counted."""
    tree = ast.parse(source)
    found = []
    lines = source.count("\n") - sum(_docstring_lines(node) for node in _documented(tree))
    if lines > MAX_MODULE_LINES:
        found.append(f"the module has {lines} lines, at most {MAX_MODULE_LINES} are readable")
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            length = (node.end_lineno or 0) - node.lineno + 1 - _docstring_lines(node)
            if length > MAX_FUNCTION_LINES:
                found.append(
                    f"line {node.lineno}: '{node.name}' has {length} lines, "
                    f"at most {MAX_FUNCTION_LINES} are readable"
                )
    return found


def dataclasses_that_change(source: str) -> list[str]:
    """Demand frozen, slots and kw_only of every dataclass that another module can see.

    A private one may hold running state; with slots a misspelt member is still an error.
    """
    return [
        f"line {node.lineno}: the dataclass '{node.name}' must say {', '.join(_demanded(node))}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if _is_dataclass(decorator) and not _says(decorator, _demanded(node))
    ]


def process_calls(source: str) -> list[str]:
    """Refuse to end or question the process, or to edit its import path, outside of the CLI."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _PROCESS_CALLS:
            found.append(f"line {node.lineno}: {ast.unparse(node.func)}() belongs to the CLI")
        if isinstance(node, ast.Raise) and node.exc and "SystemExit" in ast.unparse(node.exc):
            found.append(f"line {node.lineno}: SystemExit belongs to the CLI")
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
            found.append(f"line {node.lineno}: sys.path is not ours to read or change")
    return found


def header(source: str) -> list[str]:
    """Demand the licence header, and annotations that are not evaluated at import."""
    found = []
    if not source.startswith(HEADER):
        found.append("the file must start with the two SPDX lines")
    future = "from __future__ import annotations"
    annotated = any(isinstance(n, _Function | ast.AnnAssign) for n in ast.walk(ast.parse(source)))
    if annotated and future not in source:
        found.append(f"the file must say '{future}'")
    return found


def empty_name(path: str) -> list[str]:
    """Refuse names of modules and classes' files that say nothing, and those of generated code."""
    words = set(re.split(r"[/_.]", path.removesuffix(".py")))
    parts = set(re.split(r"[/.]", path.removesuffix(".py")))
    said = (words & _EMPTY_NAMES) | (parts & _MESSAGE_PACKAGES)
    return [f"the name '{name}' says nothing or hides generated messages" for name in sorted(said)]


def machine_paths(text: str) -> list[str]:
    """Refuse paths of one machine."""
    return [
        f"line {number}: a path of one machine: {line.strip()[:80]}"
        for number, line in enumerate(text.splitlines(), 1)
        if _MACHINE_PATH.search(line)
    ]


def _documented(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function):
            yield node


def _docstring_lines(node: ast.AST) -> int:
    body = getattr(node, "body", [])
    if not (body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)):
        return 0
    is_text = isinstance(body[0].value.value, str)
    return (body[0].end_lineno or 0) - body[0].lineno + 1 if is_text else 0


def _is_dataclass(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2] == "dataclass"


def _demanded(node: ast.ClassDef) -> tuple[str, ...]:
    return ("slots",) if node.name.startswith("_") else ("frozen", "slots", "kw_only")


def _says(decorator: ast.expr, demanded: tuple[str, ...]) -> bool:
    if not isinstance(decorator, ast.Call):
        return False
    given = {k.arg for k in decorator.keywords if ast.unparse(k.value) == "True"}
    return given.issuperset(demanded)
