# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a host after a boot: what was seen from outside, next to what is plugged in and was claimed."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass, field

#: The kernel's drivers that hand a function to a guest.
VFIO = ("vfio-pci",)
#: The override that keeps every driver off until the program has looked (05-kvm-hostdev.rules).
HELD_BACK = "kvm-hostdev"


@dataclass(frozen=True)
class Card:
    """A claimed function: where it is now (None: not on the host), and where the record has it.

    `home` says that it is in the slot in which it was claimed: then it must come back. One that is elsewhere may, or
    else be told. `guest` says that the domain has it, and not only claims it along with its group.
    """

    name: str
    domain: str
    ids: str
    recorded: str
    address: str | None
    home: bool = True
    guest: bool = True


@dataclass(frozen=True)
class Expected:
    """What was claimed, and whether record and program are as they were left."""

    cards: tuple[Card, ...]
    record: bool = True
    program: bool = True

    @property
    def sound(self) -> bool:
        """Return whether the restore can do its work."""
        return self.record and self.program


class Function(t.NamedTuple):
    """A PCI function's driver and driver_override, empty without."""

    driver: str
    override: str


@dataclass(frozen=True)
class Domain:
    """A domain: the addresses of functions in its definition and in the running one, and the ids its kernel sees."""

    runs: bool
    defined: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    guest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What a host shows from outside.

    `failed` are units in this state. `drift` are the code and address of each difference that pci_facts tells; `facts`
    is what it says of a record that can't be used.
    """

    functions: t.Mapping[str, Function]
    domains: t.Mapping[str, Domain]
    failed: t.Collection[str] = ()
    drift: t.Collection[tuple[str, str]] = ()
    facts: str = ""


RESTORE_UNIT = "kvm-hostdev-restore.service"


@dataclass
class Verdict:
    """Faults by kind, each told in words."""

    wrong_binds: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    without_device: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Return all of them, each behind its kind."""
        return [f"{kind}: {fault}" for kind, faults in self.by_kind().items() for fault in faults]

    def by_kind(self) -> dict[str, list[str]]:
        """Return them by the names of their kinds."""
        return {
            "wrong binds": self.wrong_binds,
            "overrides left": self.left_over,
            "guests without their device": self.without_device,
            "silent failures": self.silent,
            "false alarms": self.false_alarms,
        }


def came_back(card: Card, seen: Seen) -> bool:
    """Return whether a claimed function is on the host and with VFIO, by an override of its own."""
    function = seen.functions.get(card.address or "")
    return function is not None and function.driver in VFIO and function.override == function.driver


def verdict(expected: Expected, seen: Seen) -> Verdict:
    """Judge what was seen once a boot was over."""
    found = Verdict()
    _judge_functions(expected, seen, found)
    for name in sorted({card.domain for card in expected.cards}):
        _judge_domain(name, expected, seen, found)
    lost = [card for card in expected.cards if not came_back(card, seen)]
    for card in lost:
        _judge_silence(card, seen, found)
    for card in lost:
        if card.home and card.address is not None and expected.sound:
            found.without_device.append(f"{_told(card, seen)} did not come back for {card.domain}")
    if not lost and expected.sound:
        _judge_alarms(seen, found)
    return found


def _judge_functions(expected: Expected, seen: Seen, found: Verdict) -> None:
    """Nothing but what was claimed may be with VFIO, or be meant for it."""
    ours = {card.address for card in expected.cards}
    for address, function in seen.functions.items():
        if address not in ours and (function.driver in VFIO or function.override in VFIO):
            found.wrong_binds.append(f"{address} was not claimed, and has {_shown(function)}")
        if function.override == HELD_BACK and expected.sound:
            found.left_over.append(f"{address} has {_shown(function)} though the restore is through")


def _judge_domain(name: str, expected: Expected, seen: Seen, found: Verdict) -> None:
    """A domain runs with its devices, or not at all; and it runs when they are there."""
    domain = seen.domains[name]
    cards = [card for card in expected.cards if card.domain == name and card.guest]
    addresses = {card.address for card in cards}
    for address in domain.running:
        if address not in addresses:
            found.wrong_binds.append(f"{name} runs with {address}, which it never claimed")
    if domain.runs:
        for card in cards:
            if card.address is None or card.address not in domain.running:
                found.without_device.append(f"{name} runs without {_told(card, seen)}")
        unseen = Counter(card.ids for card in cards) - Counter(domain.guest)
        if unseen:
            found.without_device.append(f"the kernel of {name} does not see {', '.join(sorted(unseen))}")
    elif expected.sound and all(came_back(card, seen) for card in cards):
        found.without_device.append(f"{name} does not run, and all of its devices are there")
    for card in cards:
        if came_back(card, seen) and card.address not in domain.defined and expected.sound:
            found.without_device.append(f"the definition of {name} lacks {_told(card, seen)}")


def _judge_silence(card: Card, seen: Seen, found: Verdict) -> None:
    """What did not come back is told in three places, to who looks at units, at facts and at domains."""
    told = f"{_told(card, seen)} did not come back"
    if RESTORE_UNIT not in seen.failed:
        found.silent.append(f"{told}, and {RESTORE_UNIT} is not failed")
    if not seen.facts and not any(address in (card.address, card.recorded) for _code, address in seen.drift):
        found.silent.append(f"{told}, and the facts show no drift of it")
    if card.guest and seen.domains[card.domain].runs:
        found.silent.append(f"{told}, and {card.domain} runs")


def _judge_alarms(seen: Seen, found: Verdict) -> None:
    """Where all came back nothing is reported."""
    found.false_alarms += [f"{unit} is failed" for unit in seen.failed if unit.startswith("kvm-hostdev-")]
    found.false_alarms += [f"{code} of {address}" for code, address in seen.drift]
    if seen.facts:
        found.false_alarms.append(seen.facts)


def _told(card: Card, seen: Seen) -> str:
    function = seen.functions.get(card.address or "")
    if function is None:
        return f"the {card.name} (not on the host)"
    return f"the {card.name} ({card.address} with {_shown(function)})"


def _shown(function: Function) -> str:
    return f"driver {function.driver or 'none'}, override {function.override or 'none'}"
