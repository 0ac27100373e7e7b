# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else makes VFs of a PF, or sets them: what was found, and what the PF is known by."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

LINK_FILE = "systemd .link file"
NETWORK_FILE = "systemd .network file"
NM_PROFILE = "NetworkManager profile"
NM_CONFIGURATION = "NetworkManager configuration"
NETPLAN = "netplan"
MODULE_PARAMETER = "module parameter"
OPERATOR = "sriov-network-operator"
SCRIPT = "unit, rule or script"

Match = t.Optional[bool]
"""Whether something concerns a PF; None where that can't be told from here."""


@dataclass(frozen=True)
class VfMaker:
    """A place in a file by which VFs are made or set; `line` counts from 1, 0 is the file as such.

    `certain` says that it is about the PF that was asked for, and not perhaps about another one. `count` is the number
    of VFs that it makes, None where it tells none, or only sets them.
    """

    kind: str
    path: str
    line: int
    text: str
    certain: bool
    count: int | None = None

    @property
    def makes(self) -> bool:
        """Whether it makes VFs or removes them, and does not only set them, as networkd does."""
        return self.kind != NETWORK_FILE

    def __str__(self) -> str:
        return f"{self.kind} {self.path}{f':{self.line}' if self.line else ''}: {self.text}"


@dataclass(frozen=True)
class PfNames:
    """What files name a PF by: its address, its interfaces with their alternative names, driver, MAC addresses.

    `others` are the host's other interfaces: a line that names one of those is not about this PF.
    """

    address: str
    interfaces: tuple[str, ...] = ()
    driver: str | None = None
    macs: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()

    def has_mac(self, mac: str) -> bool:
        return _digits(mac) in {_digits(own) for own in self.macs}

    def named_in(self, text: str) -> bool:
        """Whether the text has its address, or the name of one of its interfaces, as a word."""
        return any(
            re.search(rf"(?<![\w.]){re.escape(name)}(?![\w])", text)
            for name in (self.address, self.address.replace(":", "_"), *self.interfaces)
        )


def _digits(mac: str) -> str:
    return re.sub(r"[^0-9a-f]", "", mac.lower())


class Source(t.NamedTuple):
    """A file's path and text."""

    path: str
    text: str


def all_of(matches: t.Iterable[Match]) -> Match:
    """Whether all hold: not where one does not, and unknown where one is."""
    answer: Match = True
    for match in matches:
        if match is False:
            return False
        if match is None:
            answer = None
    return answer


def number(text: str | None) -> int | None:
    """A decimal number, None for all else."""
    text = (text or "").strip().strip("\"'")
    return int(text) if text.isascii() and text.isdecimal() else None
