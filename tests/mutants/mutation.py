# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mutant of mutmut changes, read from the file in which mutmut puts all mutants of a module side by side."""

from __future__ import annotations

import ast
import hashlib
import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

_CONTEXT = 32
_LINE = 100


@dataclass(frozen=True)
class Mutation:
    """One change of one function. `told` is the line before and after, as far as they differ."""

    file: str
    function: str
    told: str
    key: str
    meaningless: bool


def mutations(source: Path, file: str) -> dict[str, Mutation]:
    """The mutations of a file by their function's mangled name, such as x_domain_blockers__mutmut_3."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {
        name: _mutation(file, name, functions[f"{name.partition('__mutmut_')[0]}__mutmut_orig"], function)
        for name, function in functions.items()
        if re.search(r"__mutmut_\d+$", name)
    }


def _mutation(file: str, name: str, before: ast.FunctionDef, after: ast.FunctionDef) -> Mutation:
    # x_NAME for a function, xǁCLASSǁNAME for a method.
    function = name.partition("__mutmut_")[0][1:].strip("ǁ_" if "ǁ" in name else "").replace("ǁ", ".")
    function = function if "ǁ" in name else function[1:]
    after.name = before.name
    lines = _text(before), _text(after)
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return Mutation(file, function, _told(*lines), key, _meaning(before) == _meaning(after))


def _text(function: ast.FunctionDef) -> str:
    return ast.unparse(function)


def _told(before: str, after: str) -> str:
    """The first line that differs, before and after, around what differs in it."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    old, new = next(((old.strip(), new.strip()) for old, new in pairs if old != new), ("", ""))
    start = _alike(old, new)
    same = _alike(old[start:][::-1], new[start:][::-1])
    first = max(0, start - _CONTEXT) if max(len(old), len(new)) > _LINE else 0
    parts = []
    for line in (old, new):
        last = min(len(line), len(line) - same + _CONTEXT) if first or len(line) > _LINE else len(line)
        parts.append(f"{'...' if first else ''}{line[first:last]}{'...' if last < len(line) else ''}")
    return " => ".join(parts)


def _alike(left: str, right: str) -> int:
    """How many letters two texts have in common at their start."""
    pairs = zip(left, right, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))


def _meaning(function: ast.FunctionDef) -> str:
    """The function without what no test shall pin: the wording of messages, and what only a type checker reads.

    A string with a space in it is wording; codes, keys, paths and the kernel's words have none. So is what an error
    says besides its code and subject, unless it is chosen. The class of `t.cast` is for the type checker, and the case
    of an encoding's name is for nobody.
    """
    return ast.dump(_Meaning().visit(ast.parse(ast.unparse(function))))


class _Meaning(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and " " in node.value.strip():
            return ast.Constant(" ")
        return ast.Constant("utf-8") if node.value == "UTF-8" else node

    def visit_Call(self, node: ast.Call) -> t.Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "cast" and len(node.args) == 2:
            return node.args[1]
        if isinstance(node.func, ast.Name) and node.func.id == "HostdevError":
            node.keywords = [word for word in node.keywords if not _is_wording(word)]
        return node


def _is_wording(word: ast.keyword) -> bool:
    """Whether it is a text of an error, or None in its place."""
    told = isinstance(word.value, ast.JoinedStr) or (
        isinstance(word.value, ast.Constant) and isinstance(word.value.value, (str, type(None)))
    )
    return told and word.arg in ("found", "wanted", "remedy")
