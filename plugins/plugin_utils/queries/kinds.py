# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of values in the facts: what to write for one in a query, and what none of them ever is."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import DEVICE_TYPES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_fields import CAPABILITIES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

_DIGITS = {"#": "0123456789abcdef", "+": "123456789abcdef", "%": "01234567", "!": "01"}


class Kind(t.NamedTuple):
    """A kind of value: what to write in a query, and of which types it is.

    A text of it has one of the `forms`, any where there are none. In a form `#` is a hexadecimal digit in lower case,
    `+` one that is not 0, `%` one up to 7 and `!` one up to 1.
    """

    wanted: str
    types: tuple[type, ...] = (str,)
    forms: tuple[str, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether `<` tells anything of it: JMESPath compares numbers alone."""
        return int in self.types

    def fits(self, value: t.Any) -> bool:
        """Whether a value can be one."""
        if type(value) not in self.types:
            return False
        return not isinstance(value, str) or self._has("equals", value)

    def has(self, how: str, part: t.Any) -> bool:
        """Whether one of them can begin with a text, end with it or have it in it; `how` is JMESPath's function."""
        return str in self.types and isinstance(part, str) and self._has(how, part)

    def remedy(self, literal: t.Any, how: str = "equals") -> str:
        """What is meant by a value that is none of them, or by a text that none of them begins with and so on."""
        fitting = [text for text in _spellings(literal) if self.has(how, text)]
        if fitting:
            return f"write '{fitting[0]}'"
        if not isinstance(literal, str):
            return ""
        if (bool in self.types and literal in ("true", "false")) or (int in self.types and literal.isdecimal()):
            return f"write `{literal}` in backticks"
        words = [form for form in self.forms if not _DIGITS.keys() & set(form)]
        return did_you_mean(literal, words) if words else ""

    def __or__(self, other: Kind) -> Kind:
        """A value of one or the other."""
        texts = [kind.forms for kind in (self, other) if str in kind.types]
        forms = tuple(dict.fromkeys(form for forms in texts for form in forms)) if all(texts) else ()
        return Kind(f"{self.wanted}, or {other.wanted}", tuple({*self.types, *other.types}), forms)

    def _has(self, how: str, part: str) -> bool:
        return not self.forms or any(_alike(form, part, _PLACES[how](len(form) - len(part))) for form in self.forms)


_PLACES: dict[str, t.Callable[[int], t.Sequence[int]]] = {
    "equals": lambda room: (0,) if room == 0 else (),
    "starts_with": lambda _room: (0,),
    "ends_with": lambda room: (room,),
    "contains": lambda room: range(room + 1),
}
"""Where a part may be in a form, by how much longer the form is."""


def _spellings(literal: t.Any) -> t.Iterator[str]:
    """How a value may be meant: as a text, in lower case, without 0x, with the domain of most addresses."""
    text = str(literal).lower() if isinstance(literal, (str, int)) else ""
    yield from (text, text[2:] if text.startswith("0x") else text, f"0000:{text}")


def _alike(form: str, part: str, places: t.Sequence[int]) -> bool:
    return len(part) <= len(form) and any(
        all(letter in _DIGITS.get(sign, sign) for sign, letter in zip(form[place:], part)) for place in places
    )


def words(*known: str, called: str = "") -> Kind:
    """One of some words, which the error calls so where they are too many to be told."""
    return Kind(called or f"one of {', '.join(known)}", forms=known)


TEXT = Kind("a text, in single quotes")
DECIMAL = Kind("digits in single quotes, such as '1'; to_number() makes a number of it")
NUMBER = Kind("a number, in backticks: `1`", (int, float))
COUNT = Kind("a whole number, in backticks: `1`", (int,))
FLAG = Kind("`true` or `false`, in backticks", (bool,))
ID = Kind("four hexadecimal digits in lower case, in single quotes: '10de'", forms=("####",))
REVISION = Kind("two hexadecimal digits in single quotes: '00'", forms=("##",))
CLASS = Kind("six hexadecimal digits in single quotes, or with fewer starts_with(class, '0302')", forms=("######",))
ADDRESS = Kind(
    "an address as sysfs writes it, in single quotes: '0000:3b:00.0'",
    forms=("####:##:!#.%", *(f"+{'#' * more}:##:!#.%" for more in range(4, 8))),
)
SLOT = Kind(
    "an address without its function, in single quotes: '0000:3b:00'",
    forms=("####:##:!#", *(f"+{'#' * more}:##:!#" for more in range(4, 8))),
)
ROOT = Kind(
    "a root bus as sysfs writes it, in single quotes: 'pci0000:3a'",
    forms=("pci####:##", *(f"pci+{'#' * more}:##" for more in range(4, 8))),
)
MAC = Kind(
    "a MAC in lower case, in single quotes: '52:54:00:12:34:56'",
    forms=tuple(":".join(["##"] * octets) for octets in (6, 8, 20)),
)
TYPE = words(*DEVICE_TYPES)
CAPABILITY = words(*sorted(CAPABILITIES), called="a kind of device, by libvirt's names, such as 'pci'")
STATUS = words("available", "claimed", "allocated", "unclaimable", "unavailable", "needs_cleaning")
