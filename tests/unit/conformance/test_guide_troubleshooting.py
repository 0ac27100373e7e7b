# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on troubleshooting has each code that the code can give, and no other, and quotes messages as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import GUARDS

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/docsite/rst/guide_troubleshooting.rst").read_text(encoding="utf-8")
TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "plugins/module_utils").rglob("*.py"))]


def table(title: str) -> dict[str, list[str]]:
    """The cells of each row below a title, by each code in the first."""
    body = re.split(r"\n[^\n]+\n-{5,}\n", GUIDE.split(f"\n{title}\n", 1)[1].split("\n", 1)[1])[0]
    rows = {}
    for row in re.split(r"\n   \* - ", body)[2:]:
        cells = [" ".join(cell.split()) for cell in re.split(r"\n     - ", row.split("\n\n")[0])]
        rows.update(dict.fromkeys(re.findall("``([a-z_]+)``", cells[0]), cells))
    return rows


def _constants(node: ast.AST | None) -> set[str]:
    """The texts that an expression can be: itself, or either end of a condition."""
    if isinstance(node, ast.IfExp):
        return _constants(node.body) | _constants(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _argument(call: ast.Call, place: int, name: str) -> ast.AST | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return named or (call.args[place] if place < len(call.args) else None)


def error_codes(trees: list[ast.Module]) -> set[str]:
    """The first argument of each HostdevError, also where a function hands on the code that it is called with."""
    passing = {(None, "HostdevError"): (0, "code")}
    codes: set[str] = set()
    while True:
        known = len(passing), len(codes)
        for number, tree in enumerate(trees):
            for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
                arguments = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
                defaults = dict(zip(reversed(arguments), reversed(function.args.defaults)))
                for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
                    place = passing.get(_named(number, _called(call)))
                    code = None if place is None else _argument(call, *place)
                    codes |= _constants(code)
                    if isinstance(code, ast.Name) and code.id in arguments:
                        passing[_named(number, function.name)] = (arguments.index(code.id), code.id)
                        codes |= _constants(defaults.get(code.id))
        if known == (len(passing), len(codes)):
            return codes


def _named(number: int, function: str) -> tuple[int | None, str]:
    """A private function is another one in each file."""
    return (number if function.startswith("_") else None), function


def _texts() -> set[str]:
    """All texts in the code; of a text with values in it, its parts."""
    return {
        node.value
        for tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_error_code_has_a_row_and_every_row_a_code():
    raised = error_codes(TREES)
    assert len(raised) > 25
    assert raised == set(table("Error codes"))


def test_every_blocker_code_has_a_row_and_every_row_a_code():
    assert set(GUARDS) == set(table("Blocker codes"))


def test_each_code_is_explained_once():
    listed = [
        code for row in re.findall(r"^   \* - (``.*)", GUIDE, re.MULTILINE) for code in re.findall("``([a-z_]+)``", row)
    ]
    twice = {code for code in listed if listed.count(code) > 1}
    # What is found out of a device, and what a claim of it ends with, have one name.
    assert twice == set(table("Error codes")) & set(GUARDS)


@pytest.mark.parametrize(("title", "columns"), [("Error codes", 4), ("Blocker codes", 5)])
def test_every_row_has_a_meaning_and_a_remedy(title, columns):
    rows = table(title).values()
    assert [cells[0] for cells in rows if len(cells) != columns or min(map(len, cells[2:4])) < 5] == []
    assert [cells[0] for cells in rows if len(cells[3]) < 10] == []


def test_the_words_of_messages_are_those_of_the_code():
    texts = _texts()
    for cells in table("Error codes").values():
        quoted = re.findall('"([^"]+)"', cells[1])
        assert quoted, cells[0]
        assert [words for words in quoted if not any(words in text for text in texts)] == [], cells[0]


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("def f():\n    raise HostdevError('one', subject='')", {"one"}),
        ("def f(x):\n    return HostdevError('one' if x else 'two', subject='')", {"one", "two"}),
        (
            "def f(a, code):\n    raise HostdevError(code, subject=a)\ndef g():\n    f(1, 'one')\n    f(2, code='two')",
            {"one", "two"},
        ),
        ("def f(a, code='one'):\n    raise HostdevError(code, subject=a)", {"one"}),
        (
            "def g():\n    e(1, 'one')\ndef e(a, c):\n    f(c)\ndef f(code):\n    raise errors.HostdevError(code)",
            {"one"},
        ),
        ("def f(error):\n    raise HostdevError(error.code, subject='')", set()),
    ],
)
def test_codes_are_found_however_they_reach_the_error(source, codes):
    assert error_codes([ast.parse(source)]) == codes
