# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text in the cells of a terminal: one line each, as wide as it looks."""

from __future__ import annotations

import typing as t
import unicodedata

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import one_line

WIDTH = 120
"""Columns that a line may have."""
_CUT = ".."


def plain(text: object) -> str:
    """The text on one line, of characters that are one or two columns wide. None is empty.

    Control characters and those that turn the direction of text become escapes. Marks that are put upon other letters
    go, except where both are one letter: any number of them may be stacked, and terminals differ in what they make of
    that.
    """
    if text is None:
        return ""
    letters = unicodedata.normalize("NFC", str(text))
    return one_line("".join(letter for letter in letters if not unicodedata.category(letter).startswith("M")))


def width(text: str) -> int:
    """The columns of a plain text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fit(text: str, columns: int) -> str:
    """A plain text in just so many columns: filled up, or cut with two dots at its end.

    A negative number puts the text to the right.
    """
    if width(text) > abs(columns):
        text = _cut(text, abs(columns))
    space = " " * (abs(columns) - width(text))
    return text + space if columns > 0 else space + text


def row(*cells: tuple[object, int]) -> str:
    """Cells with their columns as `fit` takes them, two apart."""
    return "  ".join(fit(plain(text), columns) for text, columns in cells).rstrip()


def wrap(text: str, first: str = "", hang: int | None = None) -> list[str]:
    """A plain text behind `first`, broken into lines at spaces where it can be; later ones are indented by `hang`."""
    indent = " " * (width(first) if hang is None else hang)
    lines, line, empty = [], first, True
    for word in _words(text, WIDTH - max(width(first), len(indent))):
        joined = line + ("" if empty else " ") + word
        if not empty and width(joined) > WIDTH:
            lines.append(line)
            joined = indent + word
        line, empty = joined, False
    return [*lines, line.rstrip()]


def several(texts: t.Sequence[str], columns: int, lines: int) -> list[str]:
    """Texts on at most so many lines, of which the last says how many more there are."""
    shown: list[str] = []
    while len(shown) < lines - 1 and texts:
        number = _fitting(texts, columns)
        shown.append(some(texts[:number], columns))
        texts = texts[number:]
    return [*shown, some(texts, columns)] if texts else shown


def some(texts: t.Sequence[str], columns: int) -> str:
    """As many of the texts as fit on a line, at least a part of the first, then how many more there are."""
    number = _fitting(texts, columns)
    while number:
        more = f" +{len(texts) - number} more" if number < len(texts) else ""
        line = " ".join(texts[:number])
        room = columns - width(more)
        if number == 1 or width(line) <= room:
            return fit(line, min(room, width(line))) + more
        number -= 1
    return ""


def _fitting(texts: t.Sequence[str], columns: int) -> int:
    """How many of the texts fit on a line, with spaces between; at least one."""
    room = columns + 1
    for number, text in enumerate(texts):
        room -= width(text) + 1
        if room < 0:
            return max(number, 1)
    return len(texts)


def at_most(lines: list[str], count: int) -> list[str]:
    """The first of the lines; where there are more the last one says so."""
    if len(lines) <= count:
        return lines
    return [*lines[: count - 1], fit(lines[count - 1], WIDTH - 4).rstrip() + " ..."]


def wrap_items(items: t.Sequence[str], first: str, hang: int | None = None) -> list[str]:
    """Plain items with commas between, broken into lines between items only; otherwise as `wrap`."""
    lines, line = [], first
    room = WIDTH - max(width(first), hang or 0) - 1
    for number, item in enumerate(items):
        text = (_cut(item, room) if width(item) > room else item) + ("," if number < len(items) - 1 else "")
        if line.strip() and number and width(line) + width(text) > WIDTH:
            lines.append(line.rstrip())
            line = " " * (width(first) if hang is None else hang)
        line += text + " "
    return [*lines, line.rstrip()]


def _cut(text: str, columns: int) -> str:
    room = columns - len(_CUT)
    for kept, letter in enumerate(text):
        room -= _columns(letter)
        if room < 0:
            return text[:kept] + _CUT
    return text


def _words(text: str, columns: int) -> t.Iterator[str]:
    """The words of a text; one that has no room on a line of its own comes in pieces."""
    for word in text.split():
        piece, used = "", 0
        for letter in word:
            if used + _columns(letter) > columns:
                yield piece
                piece, used = "", 0
            piece, used = piece + letter, used + _columns(letter)
        yield piece


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
