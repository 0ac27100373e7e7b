# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was meant by a text that is nearly a comparison. Only what goes wrong needs it."""

from __future__ import annotations

import re
import typing as t

from ... import values
from .comparison import (
    AT_LEAST,
    AT_MOST,
    EQUAL,
    GROUP_SIZE,
    LINK_SPEED,
    LINK_WIDTH,
    MEMORY,
    TOTAL_VFS,
    Quantity,
    parsed,
)

if t.TYPE_CHECKING:
    from ...errors import HostdevError

# In this order: what is longer goes before what it contains.
_OPERATORS = (
    (AT_LEAST, r"=>|≥|> =|>|at least|not less than|minimum|min\.?(?![a-z])|from"),
    (AT_MOST, r"=<|≤|< =|<|at most|not more than|maximum|max\.?(?![a-z])|up to"),
)
_RANGE = re.compile(r"([0-9.]+\s*[a-z/]*)\s*(?:-|–|\.\.+|\bto\b)\s*([0-9.]+\s*[a-z/]*)")
_MORE = re.compile(r"([0-9.]+\s*[a-z/]*)\s*(?:\+|or more|and more|or up)")
_GENERATION = re.compile(r"(?:pcie|pci express|gen|generation)[\s.]*(?:gen)?\s*([1-6])(?:\.0)?(?![0-9])")
_SPEEDS = {"1": "2.5", "2": "5", "3": "8", "4": "16", "5": "32", "6": "64"}
_BOUND = re.compile(r"(>=|<=|)\s*x?\s*([0-9]{1,17}(?![0-9])(?:\.[0-9]{1,9})?)\s*((?!and\b)[a-z/]*)(?:\s*pcie)?")
_BETWEEN = re.compile(r"(?:\s|,|;|&|\band\b)*")
_BYTES = {
    **dict.fromkeys(("b", "byte", "bytes"), "B"),
    **{f"{letter}{end}": f"{letter.upper()}iB" for letter in "kmgt" for end in ("", "b", "i", "ib")},
}
# Where numbers are counted one by one, and so the next one is meant by `>` and `<`.
_COUNTED = (TOTAL_VFS, GROUP_SIZE)
_BEYOND = re.compile(r"([<>])\s*([0-9]{1,17})(?![0-9.])")
_LANES = frozenset("x lane lanes".split())
_TRANSFERS = frozenset("gt gts gt/s gtps gt/sec".split())


class _Bound(t.NamedTuple):
    operator: str
    digits: str
    unit: str | None
    """None where none is written."""


def refused(value: object, path: str, quantity: Quantity) -> HostdevError:
    """The error of what is no comparison of this quantity, with what to write for what it is like."""
    error = values.invalid(path, value, quantity.wanted)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return error
    bounds = _bounds(str(value), quantity)
    texts = [_written(bound, quantity, bounds) for bound in bounds]
    if not texts or None in texts:
        return error
    written = t.cast("list[str]", texts)
    if len(bounds) > 1 and all(bound.operator == EQUAL for bound in bounds):
        either = " and ".join(f'"{text}"' for text in written)
        return error.but(remedy=f"write a spec for each, {either}: what has commas between it must all hold")
    meant = _sound(", ".join(written), quantity)
    if meant is None and [bound.operator for bound in bounds] in ([AT_LEAST, AT_MOST], [AT_MOST, AT_LEAST]):
        turned = [AT_MOST if text.startswith(AT_LEAST) else AT_LEAST for text in written]
        pairs = sorted(zip(turned, written), reverse=True)
        meant = _sound(", ".join(f"{bound}{text[2:]}" for bound, text in pairs), quantity)
    return error if meant is None else error.but(remedy=f'did you mean "{meant}"?')


def _sound(text: str, quantity: Quantity) -> str | None:
    """The text as it is kept, where it can be read; None where it can't."""
    comparison = parsed(text, quantity)
    return None if comparison is None else str(comparison.written)


def _bounds(text: str, quantity: Quantity) -> list[_Bound]:
    """The bounds in a text that is written in another way, none where there is anything else in it."""
    text = text.strip().lower()
    if quantity is LINK_SPEED:
        text = _GENERATION.sub(lambda match: f"{_SPEEDS[match[1]]} gt/s", text)
    text = _MORE.sub(r">= \1", _RANGE.sub(r">= \1, <= \2", text))
    if quantity in _COUNTED:
        text = _BEYOND.sub(_next, text)
    for operator, spellings in _OPERATORS:
        text = re.sub(rf"(?!{operator})(?:{spellings})", f"{operator} ", text)
    text = re.sub(r"(?<![<>])=+", "", text)
    bounds, place = [], 0
    while place < len(text):
        match = _BOUND.match(text, place)
        if match is None:
            return []
        bounds.append(_Bound(match[1], match[2], match[3] or None))
        place = t.cast("re.Match[str]", _BETWEEN.match(text, match.end())).end()
    return bounds


def _next(match: re.Match[str]) -> str:
    above = match[1] == ">"
    return f"{AT_LEAST if above else AT_MOST} {int(match[2]) + (1 if above else -1)}"


def _written(bound: _Bound, quantity: Quantity, bounds: t.Sequence[_Bound]) -> str | None:
    """A bound as it is to be written; a unit that is missing is that of the others."""
    unit = bound.unit or next((other.unit for other in bounds if other.unit is not None), None)
    number = float(bound.digits)
    if quantity is MEMORY:
        size = _size(number, unit)
        return size and " ".join(filter(None, (bound.operator, size)))
    known = () if quantity in _COUNTED else _LANES if quantity is LINK_WIDTH else _TRANSFERS | _LANES
    if unit is not None and unit not in known:
        return None
    return " ".join(filter(None, (bound.operator, f"{number:.9g}", quantity.printed)))


def _size(number: float, unit: str | None) -> str | None:
    """A size without a fraction, in the largest unit; GiB are meant where none is written, or bytes by many."""
    known = _BYTES.get(unit or ("gib" if number < MEMORY.units["MiB"] else "b"))
    size = 0.0 if known is None else number * MEMORY.units[known]
    if known is None or size != int(size):
        return None
    whole = known if number == int(number) and unit is not None else None
    largest = [name for name, each in MEMORY.units.items() if size % each == 0]
    shown = whole or largest[-1]
    return f"{int(size) // MEMORY.units[shown]} {shown}"
