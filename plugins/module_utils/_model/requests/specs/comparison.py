# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparisons of a device spec: `N`, `>= N`, `<= N`, or several with commas between them, all of which hold."""

from __future__ import annotations

import operator
import re
import typing as t

AT_LEAST, AT_MOST, EQUAL = ">=", "<=", ""
_HOLDS: t.Mapping[str, t.Callable[[float, float], bool]] = {
    AT_LEAST: operator.ge,
    AT_MOST: operator.le,
    EQUAL: operator.eq,
}
_BOUND = re.compile(r"(>=|<=|)\s*([0-9]{1,17}(?:\.[0-9]{1,9})?)\s*([A-Za-z/]*)")


class Quantity(t.NamedTuple):
    """What is compared: how much each unit is, `printed` what the unit is called where it may be left out.

    `wanted` says what may be written. Where `fractions` are none, numbers are whole; `least` is the lowest that counts.
    """

    units: t.Mapping[str, int]
    wanted: str
    printed: str = ""
    least: int = 0
    fractions: bool = False


_COUNT = {"": 1}
MEMORY = Quantity(
    {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40},
    'a size in B, KiB, MiB, GiB or TiB, such as "32 GiB", ">= 64 GiB" or ">= 16 GiB, <= 32 GiB"',
)
LINK_SPEED = Quantity(
    {"": 1, "GT/s": 1},
    'a speed in GT/s, such as "16 GT/s", ">= 16 GT/s" or ">= 8 GT/s, <= 16 GT/s"',
    "GT/s",
    fractions=True,
)
LINK_WIDTH = Quantity(_COUNT, 'a number of lanes, such as 16, ">= 8" or ">= 4, <= 8"', least=1)
TOTAL_VFS = Quantity(_COUNT, 'a number of VFs, 0 or more, such as 64, ">= 8" or ">= 8, <= 64"')
GROUP_SIZE = Quantity(_COUNT, 'a number of functions, 1 or more, such as 1, ">= 2" or ">= 2, <= 4"', least=1)


class Comparison(t.NamedTuple):
    """`bounds` are operators with numbers, in bytes, GT/s or how many; `written` is what the record keeps of them."""

    bounds: tuple[tuple[str, float], ...]
    written: str | int

    def fits(self, value: float | None) -> bool:
        """Whether all bounds hold; what is unknown (None) fits none."""
        return value is not None and all(_HOLDS[bound](value, number) for bound, number in self.bounds)


def parsed(text: str, quantity: Quantity) -> Comparison | None:
    """The comparison that a text is, None where it is none, or no number could be within all of its bounds."""
    read = [_bound(part.strip(), quantity) for part in text.split(",")]
    parts = [part for part in read if part is not None]
    bounds = tuple((bound, number) for bound, number, _written in parts)
    within = Comparison(bounds, "").fits
    if len(parts) < len(read) or not any(within(number) for _bound, number in bounds):
        return None
    if len(bounds) == 1 and bounds[0][0] == EQUAL and quantity.units is _COUNT:
        return Comparison(bounds, int(bounds[0][1]))
    return Comparison(bounds, ", ".join(written for _bound, _number, written in parts))


def _bound(text: str, quantity: Quantity) -> tuple[str, float, str] | None:
    """The operator with its number, and both as they are printed; None for what is none of this quantity."""
    match = _BOUND.fullmatch(text)
    if match is None:
        return None
    bound, digits, unit = match.groups()
    if unit not in quantity.units or ("." in digits and not quantity.fractions):
        return None
    number = float(digits) if "." in digits else int(digits)
    if number < quantity.least:
        return None
    number = int(number) if number == int(number) else number
    return bound, number * quantity.units[unit], " ".join(filter(None, (bound, str(number), unit or quantity.printed)))
