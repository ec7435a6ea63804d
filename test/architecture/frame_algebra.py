# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks that the names of rigid motions and points agree wherever they are combined.

`a_T_b` moves points from b to a. So in `c_T_b @ b_T_a` the inner frames are equal and the result is
called `c_T_a`; `inverse(a_T_b)` is a `b_T_a`; `transform(a_T_b, points_b)` is a `points_a`.
An index is the time (`velo0`, `velo1`); a frame without one (a mounting, or what a past frame calls
its own) fits every time. A line that renames a frame on purpose says why behind `# frames:`.
"""

from __future__ import annotations

import ast
import re

FRAME_WORDS = {"base", "cam", "map", "odom", "pix", "velo", "vox"}
_RENAMED = re.compile(r"# frames: \w")
_MOTION = re.compile(r"([a-z]+\d*)_T_([a-z]+\d*)")
_INVERSIONS = {"inverse", "inv"}
_TRANSFORMS = {"transform", "transform_boxes"}
# Calls that return their first argument, or the object they are called on, in another form.
_CONVERSIONS = {"array", "asarray", "as_tensor", "ascontiguousarray", "from_numpy", "tensor"}
_CONVERSION_METHODS = {"astype", "copy", "clone", "cpu", "numpy", "to", "float", "double"}

Motion = tuple[str, str]


def violations(source: str, path: str = "") -> list[str]:
    """List the places of a module where frames do not agree, as `path:line: sentence`."""
    checker = _Checker()
    checker.visit(ast.parse(source))
    lines = source.splitlines()
    found = [(at, text) for at, text in checker.found if not _RENAMED.search(lines[at - 1])]
    return [f"{path}:{at}: {text}" for at, text in sorted(found)]


class _Checker(ast.NodeVisitor):
    """Walks a module and collects disagreements; `found` holds (line, sentence)."""

    def __init__(self) -> None:
        self.found: set[tuple[int, str]] = set()

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._motion(node)
        self._points(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._points(node)
        for keyword in node.keywords:
            if keyword.arg:
                self._check_name(keyword.arg, keyword.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._check_target(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._check_target(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._check_target(node.target, node.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if _MOTION.search(node.name):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    self._check_name(node.name, inner.value)
        self.generic_visit(node)

    def _check_target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one_target, one_value in zip(target.elts, value.elts, strict=False):
                self._check_target(one_target, one_value)
        elif (name := _name(target)) is not None:
            self._check_name(name, value)

    def _check_name(self, name: str, value: ast.expr) -> None:
        """Compare what a name promises with what the expression yields."""
        promised, motion = _motion_of_name(name), self._motion(value)
        if promised and motion and not _same_motion(promised, motion):
            self._report(value, f"'{name}' is assigned a {motion[0]}_T_{motion[1]}")
        yielded = self._points(value)
        frame = _frame_of_name(name, FRAME_WORDS | _words_in(value))
        if promised is None and yielded and frame and not _same(frame, yielded):
            self._report(value, f"'{name}' is assigned points of {yielded}")

    def _motion(self, node: ast.expr) -> Motion | None:
        """Return the frames (to, from) of an expression that is a rigid motion by its names."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            left, right = self._motion(node.left), self._motion(node.right)
            if left is None or right is None:
                return None
            if not _same(left[1], right[0]):
                self._report(node, f"{left[0]}_T_{left[1]} @ {right[0]}_T_{right[1]} do not meet")
                return None
            return left[0], right[1]
        if isinstance(node, ast.Call):
            return self._motion_of_call(node)
        if isinstance(node, ast.Subscript):
            return None if _is_part(node.slice) else self._motion(node.value)
        name = _name(node)
        motion = _motion_of_name(name) if name else None
        if motion and isinstance(node, ast.Attribute) and len(motion[0]) == len(motion[1]) == 1:
            return None  # `fit.a_T_b`: the letters of a general result stand for any frames
        # The times in a name of a past frame count from that frame, not from ours.
        return (_word(motion[0]), _word(motion[1])) if motion and _is_of_the_past(node) else motion

    def _motion_of_call(self, node: ast.Call) -> Motion | None:
        called = _name(node.func)
        if called in _INVERSIONS:
            argument = _first(node)
            motion = self._motion(argument) if argument is not None else None
            return (motion[1], motion[0]) if motion else None
        if called in _CONVERSIONS and node.args:
            return self._motion(node.args[0])
        if called in _CONVERSION_METHODS and isinstance(node.func, ast.Attribute):
            return self._motion(node.func.value)
        return _motion_of_name(called) if called else None

    def _points(self, node: ast.expr) -> str | None:
        """Return the frame of the points that a product or a `transform` yields."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            moved, points = node.left, node.right
        elif isinstance(node, ast.Call) and _name(node.func) in _TRANSFORMS and len(node.args) == 2:
            moved, points = node.args
        else:
            return None
        motion = self._motion(moved)
        if motion is None:
            return None
        name = _name(points)
        given = self._points(points)
        if given is None and name and _motion_of_name(name) is None:
            given = _frame_of_name(name, FRAME_WORDS | {_word(frame) for frame in motion})
        if given is not None and not _same(given, motion[1]):
            self._report(node, f"{motion[0]}_T_{motion[1]} moves points of {given}")
        return None if self._motion(points) else motion[0]

    def _report(self, node: ast.expr, text: str) -> None:
        self.found.add((node.lineno, text))


def _first(node: ast.Call) -> ast.expr | None:
    """Return what a call inverts: its argument, or the object of a method without arguments."""
    if node.args:
        return node.args[0]
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def _is_part(index: ast.expr) -> bool:
    """Tell whether an index takes a row, column or entry out of a matrix, as `[:3, 3]` does."""
    return isinstance(index, ast.Tuple) and any(
        isinstance(item, ast.Constant) and isinstance(item.value, int) for item in index.elts
    )


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return None


def _is_of_the_past(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
        if "past" in (_name(node) or ""):
            return True
    return False


def _motion_of_name(name: str) -> Motion | None:
    match = _MOTION.search(name)
    return (match[1], match[2]) if match else None


def _words_in(node: ast.expr) -> set[str]:
    """Return the frames, without their times, that the motions in an expression name."""
    names = [_name(inner) for inner in ast.walk(node) if isinstance(inner, ast.expr)]
    motions = [_motion_of_name(name) for name in names if name]
    return {_word(frame) for motion in motions if motion for frame in motion}


def _frame_of_name(name: str, words: set[str]) -> str | None:
    last = name.rpartition("_")[2] if "_" in name else ""
    return last if last and _word(last) in words else None


def _word(frame: str) -> str:
    return frame.rstrip("0123456789")


def _same(one: str, other: str) -> bool:
    return one == other or (_word(one) == _word(other) and _word(one) in (one, other))


def _same_motion(one: Motion, other: Motion) -> bool:
    return _same(one[0], other[0]) and _same(one[1], other[1])
