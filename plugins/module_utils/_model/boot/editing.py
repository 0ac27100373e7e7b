# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments put into the bytes of a file, and taken out again, without a change of any other byte.

Tools that read a line's words and write them anew lose blanks, and arguments of the same name (hugepagesz=, console=).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..errors import HostdevError
from .arguments import contradicts, in_force, place, words
from .huge_pages import is_about_pages, pages_against

_FOR_INIT = re.compile(rb"(?<![^ \t\r\n\0])--(?![^ \t\r\n\0])")  # parse_args() in kernel/params.c
_PART_OF_A_WORD = re.compile(rb"[A-Za-z0-9_.,:=/@+$-]")


class Insertion(t.NamedTuple):
    """Where arguments are put, what must stand around them there, and whether a blank before them."""

    at: int
    glue: bool
    before: bytes = b""
    after: bytes = b""


class Lines(t.NamedTuple):
    """Where in a file arguments stand (from, to), in the order in which the kernel gets them, and where ours go.

    `rest` is what init gets, from a lone -- on: nothing in there counts.
    """

    regions: tuple[tuple[int, int], ...]
    insertion: Insertion
    rest: tuple[tuple[int, int], ...] = ()

    def words(self, data: bytes) -> list[str]:
        return [word for start, end in self.regions for word in words(data[start:end])]

    def all_words(self, data: bytes) -> list[str]:
        """Those for init as well."""
        return [word for start, end in (*self.regions, *self.rest) for word in words(data[start:end])]

    def until_init(self, data: bytes) -> Lines:
        """The same with a lone -- looked for: what is put in goes before it."""
        for number, (start, end) in enumerate(self.regions):
            found = _FOR_INIT.search(data[start:end])
            if found is not None:
                at = start + found.start()
                rest = ((at, end), *self.regions[number + 1 :])
                return Lines((*self.regions[:number], (start, at)), Insertion(at, glue=False, after=b" "), rest)
        return self


class Format(t.Protocol):
    """A kind of file that has arguments of the kernel."""

    def lines(self, data: bytes) -> Lines:
        """Where they stand."""

    def finished(self, data: bytes) -> bytes:
        """The data after an edit, with what must be in keeping with it."""


@dataclass(frozen=True)
class Edit:
    """What was done to a file: arguments added, words replaced (from, to), and the bytes that were put in at once."""

    added: tuple[str, ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()
    inserted: bytes = b""


class Wanted(t.NamedTuple):
    """The arguments wanted, and whether others' words that contradict them are replaced: all, or those agreed to."""

    arguments: tuple[str, ...]
    replace: bool = False
    agreed: frozenset[str] = frozenset()

    def may_replace(self, word: str) -> bool:
        return self.replace or word in self.agreed


def contradictions(line: t.Sequence[str], arguments: t.Sequence[str]) -> list[tuple[str, str]]:
    """The words of a line that keep an argument from being in force, each with that argument."""
    without_force = [argument for argument in arguments if not in_force(argument, line)]
    pairs = []
    for word in line:
        against = [argument for argument in without_force if contradicts(argument, word)]
        if against:
            name = f"{word.partition('=')[0]}="
            pairs.append((word, next((argument for argument in against if argument.startswith(name)), against[0])))
    pages = [(word, argument) for argument in without_force for word in pages_against(argument, line)]
    return [*pairs, *_in_their_order(pages, line)]


def _in_their_order(pairs: t.Iterable[tuple[str, str]], line: t.Sequence[str]) -> list[tuple[str, str]]:
    """As the words stand on the line, since in that order they are replaced, and put back."""
    taken: set[int] = set()
    placed: list[tuple[int, tuple[str, str]]] = []
    for pair in sorted(pairs, key=lambda pair: " " not in pair[0]):  # which may be a part of others
        parts = pair[0].split(" ")
        starts = (start for start in range(len(line)) if list(line[start : start + len(parts)]) == parts)
        place = next((start for start in starts if taken.isdisjoint(range(start, start + len(parts)))), len(line))
        taken.update(range(place, place + len(parts)))
        placed.append((place, pair))
    return [pair for _place, pair in sorted(placed, key=lambda entry: entry[0])]


def edited(form: Format, data: bytes, wanted: Wanted, *, insert: bool = True) -> tuple[bytes, Edit]:
    """The file with the arguments that it lacks, and what was done. `insert` says whether they may be put in.

    Raises HostdevError: boot_files, whose subject the caller knows better.
    """
    replaced: list[tuple[str, str]] = []
    for word, argument in contradictions(form.lines(data).words(data), wanted.arguments):
        span = _find_word(data, form.lines(data).regions, word, first=is_about_pages(word))
        if span is not None and wanted.may_replace(word):
            replaced.append((data[slice(*span)].decode("utf-8", "surrogateescape"), argument))
            data = data[: span[0]] + argument.encode("ascii") + data[span[1] :]
    lines = form.lines(data)
    line = lines.words(data)
    missing = tuple(argument for argument in wanted.arguments if place(argument, line) is None) if insert else ()
    inserted = b""
    if missing:
        insertion = lines.insertion
        text = " ".join(missing).encode("ascii")
        inserted = insertion.before + (b" " if insertion.glue else b"") + text + insertion.after
        data = data[: insertion.at] + inserted + data[insertion.at :]
        line = form.lines(data).words(data)
        if any(place(argument, line) is None for argument in missing):
            raise _not_understood(text)
    if missing or replaced:
        data = form.finished(data)
    return data, Edit(missing, tuple(replaced), inserted)


def _not_understood(text: bytes) -> HostdevError:
    return HostdevError(
        "boot_files",
        subject="a file with the kernel's arguments",
        found=f"its quotes are such that {text.decode('ascii')} put into it would not count",
        wanted="values in quotes that are closed, without the output of programs",
        remedy="write the value out in one pair of quotes",
    )


def restored(form: Format, data: bytes, edit: Edit) -> bytes:
    """The file without what an edit did to it, whatever else others changed in it meanwhile."""
    before = data
    whole = _find_inserted(data, edit, form.lines(data).regions)
    if whole is not None:
        data = data[: whole[0]] + data[whole[1] :]
    else:
        for argument in reversed(edit.added):
            data = _without(form, data, argument)
    # Of pages the first word counts, and was replaced; of others the last one.
    pages = [pair for pair in edit.replaced if is_about_pages(pair[1])]
    for old, new in (*pages, *(pair for pair in reversed(edit.replaced) if pair not in pages)):
        span = _find_word(data, form.lines(data).regions, new, first=is_about_pages(new))
        if span is not None:
            data = data[: span[0]] + old.encode("utf-8", "surrogateescape") + data[span[1] :]
    return data if data == before else form.finished(data)


def _without(form: Format, data: bytes, argument: str) -> bytes:
    regions = form.lines(data).regions
    span = _find_word(data, regions, argument)
    if span is None:
        return data
    start, end = span
    first, last = next(region for region in regions if region[0] <= start and end <= region[1])
    if start > first and data[start - 1 : start] in (b" ", b"\t"):
        start -= 1
    elif end < last and data[end : end + 1] in (b" ", b"\t"):
        end += 1
    return data[:start] + data[end:]


def _find_word(
    data: bytes, regions: t.Iterable[tuple[int, int]], word: str, *, first: bool = False
) -> tuple[int, int] | None:
    """Where a word, or several one behind the other, stands last in the regions, or first."""
    pattern = rb"[ \t]+".join(re.escape(part.encode("utf-8", "surrogateescape")) for part in word.split(" "))
    found = None
    for start, end in regions:
        for match in re.finditer(rb"(?<![^ \t\r\n\0])" + pattern + rb"(?![^ \t\r\n\0])", data[start:end]):
            found = start + match.start(), start + match.end()
            if first:
                return found
    return found


def _find_inserted(data: bytes, edit: Edit, regions: t.Collection[tuple[int, int]]) -> tuple[int, int] | None:
    """Where the bytes that were put in at once stand last, as arguments if they do: a comment may have the same."""
    found = _occurrences(data, edit.inserted)
    text = " ".join(edit.added).encode("ascii")
    first = edit.inserted.find(text)
    counting = [
        span
        for span in found
        if any(start <= span[0] + first and span[0] + first + len(text) <= end for start, end in regions)
    ]
    return next(iter((counting or found)[::-1]), None)


def _occurrences(data: bytes, inserted: bytes) -> list[tuple[int, int]]:
    """Those that are words of their own."""
    starts = (match.start() for match in re.finditer(rb"(?=" + re.escape(inserted) + rb")", data) if inserted)
    return [span for start in starts if (span := _as_words(data, inserted, start))]


def _as_words(data: bytes, inserted: bytes, start: int) -> tuple[int, int] | None:
    end = start + len(inserted)
    ends_inside = _PART_OF_A_WORD.match(inserted[-1:]) and _PART_OF_A_WORD.match(data[end : end + 1])
    starts_inside = start and _PART_OF_A_WORD.match(inserted[:1]) and _PART_OF_A_WORD.match(data[start - 1 : start])
    return None if ends_inside or starts_inside else (start, end)
