# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guide and module say of blocker codes, made from the table of guards.

    python3 tests/gates/guard_docs.py [--write]

Without --write it names the files that say something else, and fails if there are any.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = "plugins/module_utils/_model/guards/registry.py"
CLAIM = "plugins/modules/pci_passthrough_claim.py"
GUIDE = "docs/docsite/rst/guide_troubleshooting.rst"
WIDTH = 120

Markup = t.Callable[[str], str]


def wanted() -> dict[str, str]:
    """Each file as it should be."""
    guards = list(_table().GUARDS.values())
    options = set(re.findall(r"^  (\w+):\n    description:", (ROOT / CLAIM).read_text(encoding="utf-8"), re.MULTILINE))
    rst, yaml = _rst(options), _yaml(options)
    blockers = [
        [
            f"``{guard.code}``",
            _sentence(guard.meaning, rst),
            _marked(guard.see, rst),
            _sentence(guard.remedy, rst),
            _allowed(guard, rst),
        ]
        for guard in guards
    ]
    allow = [
        f"V({guard.code}){f' {guard.note}' if guard.note else ''} - {_marked(guard.meaning, yaml)}."
        for guard in sorted(guards)
        if guard.allowable == "allow"
    ]
    return {
        GUIDE: _filled(GUIDE, ".. ", _list_table(blockers)),
        CLAIM: _filled(CLAIM, "      # ", "".join(_wrapped(text, "      - ", "        ") for text in allow)),
    }


def _table() -> t.Any:
    spec = importlib.util.spec_from_file_location("registry", ROOT / TABLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _filled(file: str, comment: str, content: str) -> str:
    """The file's text with new content between its two markers."""
    text = (ROOT / file).read_text(encoding="utf-8")
    begin = f"{comment}guards: begin, written by ./run docs --write from {TABLE}\n"
    end = f"{comment}guards: end\n"
    before, begin_mark, rest = text.partition(begin)
    _old, end_mark, after = rest.partition(end)
    if not (begin_mark and end_mark):
        raise SystemExit(f"{file}: its markers are gone: {begin.strip()} ... {end.strip()}")
    return before + begin + content + end + after


def _list_table(rows: list[list[str]]) -> str:
    lines = "\n.. list-table::\n   :header-rows: 1\n   :widths: 14 26 22 28 10\n\n"
    for row in [["Code", "What it means", "See it with", "What to do", "``allow``"], *rows]:
        for number, cell in enumerate(row):
            lines += _wrapped(cell, "     - " if number else "   * - ", "       ")
    return lines + "\n"


def _wrapped(text: str, first: str, further: str) -> str:
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )
    return "".join(f"{line}\n" for line in lines)


def _sentence(text: str, markup: Markup) -> str:
    text = _marked(text, markup)
    return f"{text[0].upper()}{text[1:]}."


def _marked(text: str, markup: Markup) -> str:
    return re.sub("`([^`]+)`", lambda match: markup(match[1]), text.replace("{address}", "ADDRESS"))


def _allowed(guard: t.Any, rst: Markup) -> str:
    """Whether the option `allow` accepts the code."""
    may = "yes" if guard.allowable == "allow" else "no"
    return may + (f", {_marked(guard.note, rst)}" if guard.note else "")


def _rst(options: set[str]) -> Markup:
    def mark(text: str) -> str:
        if text in options:
            return f":ansopt:`kvm.hostdev.pci_passthrough_claim#module:{text}`"
        return f":ansplugin:`{text}#module`" if text.startswith("kvm.hostdev.") else f"``{text}``"

    return mark


def _yaml(options: set[str]) -> Markup:
    return lambda text: f"O({text})" if text in options else f"C({text})"


def main(arguments: list[str]) -> int:
    stale = [file for file, text in wanted().items() if (ROOT / file).read_text(encoding="utf-8") != text]
    if "--write" in arguments:
        for file, text in wanted().items():
            (ROOT / file).write_text(text, encoding="utf-8")
            print(f"{'written' if file in stale else 'as it should be'}: {file}")
        return 0
    for file in stale:
        print(f"{file} does not say what {TABLE} has: ./run docs --write", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
