# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code blocks of all pages that people read, in reStructuredText and Markdown."""

from __future__ import annotations

import re
import textwrap
import typing as t
from pathlib import Path

PAGES = ("docs/docsite/rst/*.rst", "docs/site/index.rst", "README.md", "CONTRIBUTING.md", "roles/*/README.md")
LANGUAGES = {"console", "ini", "json", "python", "sh", "text", "xml", "yaml", "yaml+jinja"}
"""`console` is what is seen of a shell: commands behind a prompt, and what they print. In `sh` all is typed."""

_DIRECTIVE = re.compile(r"^( *)\.\. (?:code-block|code|sourcecode|highlight)::(.*)$")
_FENCE = re.compile(r"^( *)(```+)(.*)$")
_LITERAL = re.compile(r"^(?! *\.\. ).*::$")


class Block(t.NamedTuple):
    """A code block: the page that has it, from the root, the line that it begins in, its language, and what it says."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(root: Path) -> list[Block]:
    """All code blocks below a root, in the order of pages and lines."""
    paths = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return [block for path in paths for block in blocks_of(str(path.relative_to(root)), path.read_text("utf-8"))]


def blocks_of(page: str, text: str) -> list[Block]:
    """The code blocks of a page, which is Markdown if its name ends so. One without a language has an empty one."""
    return list((_of_markdown if page.endswith(".md") else _of_rst)(page, text.splitlines()))


def faults(root: Path) -> list[str]:
    """The blocks whose language is missing or none of those that are known."""
    return [
        f"{block.place}: its language is {block.language or 'missing'}; wanted: one of {', '.join(sorted(LANGUAGES))}"
        for block in blocks(root)
        if block.language not in LANGUAGES
    ]


def _of_rst(page: str, lines: t.Sequence[str]) -> t.Iterator[Block]:
    for number, line in enumerate(lines):
        directive = _DIRECTIVE.match(line)
        if directive or _LITERAL.match(line):
            indent = len(line) - len(line.lstrip())
            body = _indented(lines[number + 1 :], indent)
            while directive and body and re.match(r" *:\w[\w-]*:", body[0]):
                body.pop(0)
            language = directive[2].strip() if directive else ""
            yield Block(page, number + 1, language, _stripped(body))


def _indented(lines: t.Sequence[str], indent: int) -> list[str]:
    """The lines up to the first that is indented no more than this."""
    body = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(line)
    return body


def _of_markdown(page: str, lines: t.Sequence[str]) -> t.Iterator[Block]:
    begun = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence and begun is None:
            begun = number, fence[3].strip()
        elif fence and begun is not None:
            yield Block(page, begun[0] + 1, begun[1], _stripped(lines[begun[0] + 1 : number]))
            begun = None


def _stripped(lines: t.Sequence[str]) -> str:
    return textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
