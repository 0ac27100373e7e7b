# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mutant of mutmut changes, read from the file in which mutmut puts all mutants of a module side by side."""

from __future__ import annotations

import ast
import hashlib
import re
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
    mangled = name.partition("__mutmut_")[0]  # x_NAME of a function, xǁCLASSǁNAME of a method
    function = mangled.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")
    after.name = before.name
    lines = _text(before), _text(after)
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return Mutation(file, function, _told(*lines), key, _is_stub(before) or _is_same(before, after))


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


def _is_stub(function: ast.FunctionDef) -> bool:
    """Whether it is a protocol's, which is never called."""
    return all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in function.body)


def _is_same(old: object, new: object) -> bool:
    """Whether two parts of a function differ in nothing that a test shall pin.

    That is the wording of messages: a text with a space in it (codes, keys, paths and the kernel's words have none) may
    be another one, or none. So may what only a type checker reads, the class of `t.cast`, and the case of an encoding's
    name, which is for nobody.
    """
    if isinstance(old, ast.Constant) and old.value == "utf-8":
        return isinstance(new, ast.Constant) and new.value in ("utf-8", "UTF-8")
    if _is_wording(old) and not isinstance(old, ast.keyword) and not isinstance(new, ast.JoinedStr):
        return _is_wording(new) or (isinstance(new, ast.Constant) and new.value is None)
    if type(old) is not type(new):
        return False
    if isinstance(old, ast.Call) and isinstance(new, ast.Call):
        return _is_same_call(old, new)
    if isinstance(old, ast.AST):
        return all(_is_same(getattr(old, field, None), getattr(new, field, None)) for field in old._fields)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_is_same, old, new))
    return old == new


def _is_same_call(old: ast.Call, new: ast.Call) -> bool:
    cast = isinstance(old.func, ast.Attribute) and old.func.attr == "cast" and len(old.args) == len(new.args) == 2
    before, after = ([call.func, *(call.args[1:] if cast else call.args), *call.keywords] for call in (old, new))
    if len(before) != len(after):
        before, after = ([part for part in parts if not _is_wording(part)] for parts in (before, after))
    return len(before) == len(after) and all(map(_is_same, before, after))


def _is_wording(node: object) -> bool:
    if isinstance(node, ast.keyword):
        return _is_wording(node.value)
    if isinstance(node, ast.JoinedStr):
        return any(map(_is_wording, node.values))
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip()
