# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""/etc/default/grub and the files beside it: shell scripts whose variables become arguments of the kernel."""

from __future__ import annotations

import re
import typing as t

from ..editing import Insertion, Lines

if t.TYPE_CHECKING:
    from ..editing import Format

LINUX, DEFAULT = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"
_ASSIGNMENT = re.compile(
    rb"^([ \t]*)(?:(?:export|declare|typeset)(?:[ \t]+-[a-z]+)*[ \t]+)?(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)(\+?)=",
    re.MULTILINE,
)


class Assignment(t.NamedTuple):
    """One assignment: its variable, and the parts of its value (from, to) without their quotes."""

    variable: str
    parts: tuple[tuple[int, int], ...]
    quotes: tuple[bool, ...]
    """Of each part whether it is in quotes."""
    end: int
    """Where the value ends, with its quotes."""
    plain: bool
    """Whether it is read to its end; in what a program's output is part of, quotes may be anything."""
    adds: bool = False
    """Whether it is += of bash, which is /bin/sh on most hosts other than Debian's."""
    indented: bool = False
    """Whether it may stand in a branch that is not taken."""

    @property
    def quoted(self) -> bool:
        """Whether the last part is in quotes, so that blanks may be put behind it."""
        return bool(self.quotes) and self.quotes[-1]

    def refers(self, data: bytes) -> bool:
        """Whether it adds to what the variable had before."""
        if self.adds:
            return True
        name = self.variable.encode("ascii")
        text = b"".join(data[start:end] for start, end in self.parts)
        return re.search(rb"\$(?:\{" + name + rb"\}|" + name + rb"(?![A-Za-z0-9_]))", text) is not None


class GrubDefaults:
    """The variables of a file, of which the one named gets what is added."""

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def lines(self, data: bytes) -> Lines:
        before, behind = (in_effect(data, name)[0] for name in (LINUX, DEFAULT))
        regions = tuple(span for assignment in (*before, *behind) for span in assignment.parts)
        insertion = self._insertion(data, before if self._variable == LINUX else behind)
        lines = Lines(regions, insertion).until_init(data)
        if not lines.rest:
            return lines
        at = lines.insertion.at
        if self._variable == LINUX and not _has_place(before, at):
            # What init gets begins in the other variable, which comes behind.
            return lines._replace(insertion=insertion)
        if not _in_quotes((*before, *behind), at):
            return lines._replace(insertion=Insertion(at, glue=False, before=b'"', after=b' "'))
        return lines

    def _insertion(self, data: bytes, own: list[Assignment]) -> Insertion:
        last = own[-1] if own else None
        if last is None or not last.plain or last.indented or _assigns(data, self._variable, last.end):
            # Whatever a script may do, it ends with this: and whatever the variable has by then stays in it.
            name = self._variable.encode("ascii")
            before = b"" if not data or data.endswith(b"\n") else b"\n"
            return Insertion(len(data), True, before + name + b'="$' + name, b'"\n')
        filled = any(start < end for start, end in last.parts)
        if last.quoted:
            return Insertion(last.parts[-1][1], glue=filled)
        return Insertion(last.end, filled, before=b'"', after=b'"')

    def finished(self, data: bytes) -> bytes:
        return data


class InEffect:
    """Of a file among others: the assignments that count, since none in a later file replaces them."""

    def __init__(self, variables: t.Collection[str]) -> None:
        self._variables = variables

    def lines(self, data: bytes) -> Lines:
        regions = tuple(
            span for name in self._variables for assignment in in_effect(data, name)[0] for span in assignment.parts
        )
        return Lines(regions, Insertion(len(data), glue=False)).until_init(data)

    def finished(self, data: bytes) -> bytes:
        return data


def has_words_for_init(files: t.Sequence[bytes]) -> bool:
    """Whether what files that are read one after another leave in GRUB_CMDLINE_LINUX has a lone --."""
    for number, data in enumerate(files):
        later = any(not in_effect(other, LINUX)[1] for other in files[number + 1 :])
        if not later and InEffect((LINUX,)).lines(data).rest:
            return True
    return False


def formats_in_effect(files: t.Sequence[bytes]) -> list[Format]:
    """For files that are read one after another: what of each counts."""
    open_variables = [LINUX, DEFAULT]
    formats: list[Format] = []
    for data in reversed(files):
        formats.insert(0, InEffect(tuple(open_variables)))
        open_variables = [name for name in open_variables if in_effect(data, name)[1]]
    return formats


def in_effect(data: bytes, variable: str) -> tuple[list[Assignment], bool]:
    """The assignments of a variable that count at the end of a file, and whether what it had before counts too."""
    counting: list[Assignment] = []
    for assignment in reversed([found for found in assignments(data) if found.variable == variable]):
        counting.insert(0, assignment)
        if not assignment.refers(data):
            return counting, False
    return counting, True


def _has_place(found: t.Iterable[Assignment], at: int) -> bool:
    return any(start <= at < end for assignment in found for start, end in assignment.parts)


def _in_quotes(found: t.Iterable[Assignment], at: int) -> bool:
    parts = ((span, quoted) for assignment in found for span, quoted in zip(assignment.parts, assignment.quotes))
    return any(quoted and start <= at < end for (start, end), quoted in parts)


def _assigns(data: bytes, variable: str, start: int) -> bool:
    """Whether there is anything behind a place that may give the variable a value and is not read here."""
    pattern = rb"^(?![ \t]*#).*(?<![A-Za-z0-9_$])" + variable.encode("ascii") + rb":?\+?="
    return re.search(pattern, data[start:], re.MULTILINE) is not None


def assignments(data: bytes) -> list[Assignment]:
    """All assignments of the two variables, in their order."""
    found: list[Assignment] = []
    place = 0
    while True:
        match = _ASSIGNMENT.search(data, place)
        if match is None:
            return found
        assignment = _value(data, match.end(), match.group(2).decode("ascii"))
        found.append(assignment._replace(adds=bool(match.group(3)), indented=bool(match.group(1))))
        place = max(assignment.end, match.end())


def _value(data: bytes, start: int, variable: str) -> Assignment:
    """A word of the shell, from its start to the blank or the end of the line that is in no quotes."""
    parts: list[tuple[int, int]] = []
    quotes: list[bool] = []
    place, begin, quote, plain = start, start, b"", True

    def close(end: int, quoted: bool) -> None:
        if quoted or end > begin:
            parts.append((begin, end))
            quotes.append(quoted)

    while place < len(data):
        letter = data[place : place + 1]
        if letter == b"\\" and quote != b"'":
            place += 2
            continue
        if (letter == b"`" or data[place : place + 2] == b"$(") and quote != b"'":
            plain = False
        if quote and letter == quote:
            close(place, True)
            quote, begin = b"", place + 1
        elif not quote and letter in (b'"', b"'"):
            close(place, False)
            quote, begin = letter, place + 1
        elif (not quote and letter in b" \t\r\n;&|") or (letter == b"\n" and not plain):
            break
        place += 1
    place = min(place, len(data))
    close(place, False)
    return Assignment(variable, tuple(parts), tuple(quotes), place, plain and not quote)
