# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Huge pages on a kernel's command line, of which the first word counts, and what comes before a size (mm/hugetlb.c).

A number before all sizes is of the default size, whichever that turns out to be: hugepages=512, which are 1 GiB of 2M,
are 512 GiB once default_hugepagesz=1G is on the line, and a host without so much memory does not boot.
"""

from __future__ import annotations

import re
import typing as t

_SIZES = ("hugepagesz", "default_hugepagesz")
_UNITS = "KMGTPE"
_SIZE = re.compile(rf"([0-9]+)([{_UNITS}]?)", re.IGNORECASE)

_ORDINARY = str(2 << 20)
"""The size of which pages are without a word about it, on x86 and on arm64 with base pages of 4K."""


class Pages(t.NamedTuple):
    """A number of pages: of which size, None of the default one, and the words that say so.

    `of_default` says that the size is the default one, by a word or none.
    """

    size: str | None
    number: str
    word: str
    of_default: bool = False


def is_about_pages(argument: str) -> bool:
    return argument.partition("=")[0] in (*_SIZES, "hugepages")


def pages_in(line: t.Sequence[str]) -> list[Pages]:
    """All numbers of pages; that of a size right before it has both words."""
    found: list[Pages] = []
    size: str | None = None
    of_default = True
    for index, word in enumerate(line):
        name, _equals, value = word.partition("=")
        if name in _SIZES:
            size, of_default = _canonical(value), name == "default_hugepagesz"
        elif name == "hugepages":
            before = line[index - 1] if index else ""
            own = before.startswith("hugepagesz=")
            found.append(Pages(size, value, f"{before} {word}" if own else word, of_default))
    return found


def numbers_by_size(line: t.Sequence[str]) -> dict[str | None, str]:
    """How many pages a kernel with that line sets aside of each size, None for the default one."""
    numbers: dict[str | None, str] = {}
    for pages in pages_in(line):
        numbers.setdefault(pages.size, pages.number)
    return numbers


def pages_against(asked: str, line: t.Sequence[str]) -> list[str]:
    """The words of a line by which an argument that comes behind it would not say what it says, or they would not."""
    name, _equals, value = asked.partition("=")
    if name == "default_hugepagesz":
        wanted = _canonical(value)
        other_sizes = [word for word in line if wanted not in (_default_sizes([word]) or [wanted])]
        # These would be of the size asked for.
        return other_sizes + [pages.word for pages in pages_in(line) if pages.of_default and pages.size != wanted]
    mine = pages_in(asked.split(" "))
    if not mine:
        return []
    there = pages_in(line)
    size, number = mine[0].size, mine[0].number
    if size is None:
        # Behind a size it would be of that one.
        return [pages.word for pages in there if pages.size is not None or pages.number != number]
    or_default = size == _ORDINARY and not _default_sizes(line)
    of_size = (pages for pages in there if pages.size == size or (pages.size is None and or_default))
    return [pages.word for pages in of_size if pages.number != number]


def pages_in_force(asked: str, line: t.Sequence[str]) -> bool:
    """Whether a kernel with a line that has the argument goes by it; of what is about no pages it does."""
    name, _equals, value = asked.partition("=")
    if name == "default_hugepagesz":
        return _canonical(value) in _default_sizes(line)[:1]
    mine = pages_in(asked.split(" "))
    if not mine:
        return True
    size, number = mine[0].size, mine[0].number
    numbers = numbers_by_size(line)
    if size is None:
        return any(pages.number == number == numbers[pages.size] for pages in pages_in(line))
    if size == _ORDINARY and None in numbers and not _default_sizes(line):
        size = None  # hugetlb_init() has the number without a size replace that one
    return numbers.get(size) == number


def _default_sizes(line: t.Sequence[str]) -> list[str]:
    parts = (word.partition("=") for word in line)
    return [_canonical(value) for name, _equals, value in parts if name == "default_hugepagesz"]


def _canonical(size: str) -> str:
    """A size in bytes, as memparse() in lib/cmdline.c reads it: 1G is 1024M."""
    found = _SIZE.fullmatch(size)
    if found is None:
        return size
    unit = found.group(2).upper()
    return str(int(found.group(1)) << 10 * (_UNITS.index(unit) + 1 if unit else 0))
