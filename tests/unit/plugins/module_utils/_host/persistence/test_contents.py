# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program has what it imports, wherever it does so, and nothing else."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.contents import FILES

UTILS = Path(__file__).resolve().parents[6] / "plugins/module_utils"
START = "_host/restore/main.py"


def needed() -> set[str]:
    """The file that the program begins with, and all that its imports lead to."""
    found, pending = {START}, [START]
    while pending:
        path = pending.pop()
        new = set(imported(path, (UTILS / path).read_text(encoding="utf-8"))) - found
        found |= new
        pending += new
    return found


def imported(path: str, source: str) -> t.Iterator[str]:
    """The files of ours that a file imports, also within functions, but not for the sake of types."""
    for statement in _statements(ast.parse(source)):
        if isinstance(statement, ast.ImportFrom) and statement.level:
            folder = path.split("/")[: -statement.level]
            module = [*folder, *(statement.module or "").split(".")] if statement.module else folder
            if (UTILS.joinpath(*module)).with_suffix(".py").is_file():
                yield "/".join(module) + ".py"
                continue
            for name in statement.names:
                assert (UTILS.joinpath(*module) / f"{name.name}.py").is_file(), (path, name.name)
                yield "/".join([*module, f"{name.name}.py"])


def _statements(node: ast.AST) -> t.Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "t.TYPE_CHECKING":
            continue
        yield child
        yield from _statements(child)


def test_the_program_has_what_it_imports_and_nothing_else():
    wanted = tuple(sorted(needed()))
    text = "\n".join(f'    "{path}",' for path in wanted)
    assert wanted == FILES, f"write into contents.py:\n\nFILES = (\n{text}\n)"


def test_imports_are_found_in_functions_and_not_below_type_checking():
    source = """
import typing as t
from ..address import parse_address
if t.TYPE_CHECKING:
    from ..errors import HostdevError
def f():
    from ..claims.claim import Claim
"""
    assert list(imported("_model/plan/x.py", source)) == ["_model/address.py", "_model/claims/claim.py"]
    assert list(imported("_model/plan/x.py", "from ..plan import diff")) == ["_model/plan/diff.py"]


def test_packages_have_nothing_of_their_own():
    """The program gets them empty, as Ansible does."""
    packages = [path for wing in ("_host", "_model") for path in (UTILS / wing).rglob("__init__.py")]
    assert [path for path in packages if path.read_text()] == []
