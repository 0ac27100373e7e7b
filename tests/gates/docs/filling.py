# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that are made from the code, between two markers in files that are written by hand."""

from __future__ import annotations

import textwrap
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 120


def filled(text: str, file: str, name: str, source: str, content: str, *, comment: str = ".. ") -> str:
    """The file's text with new content between its two markers, which are comments and tell the source."""
    begin = f"{comment}{name}: begin, written by ./run docs --write from {source}\n"
    end = f"{comment}{name}: end\n"
    before, begin_mark, rest = text.partition(begin)
    _old, end_mark, after = rest.partition(end)
    if not (begin_mark and end_mark):
        raise SystemExit(f"{file}: its markers are gone: {begin.strip()} ... {end.strip()}")
    return before + begin + content + end + after


def list_table(widths: str, rows: t.Iterable[t.Sequence[str]]) -> str:
    """A table of reStructuredText, whose first row is the header."""
    lines = f"\n.. list-table::\n   :header-rows: 1\n   :widths: {widths}\n\n"
    for row in rows:
        for number, cell in enumerate(row):
            lines += wrapped(cell, "     - " if number else "   * - ", "       ")
    return lines + "\n"


def wrapped(text: str, first: str, further: str) -> str:
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )
    return "".join(f"{line}\n" for line in lines)
