# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host while it is off, chosen at random: to its cards, its record, its program, its power."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

if t.TYPE_CHECKING:
    from random import Random

OWN = "own"
#: What is in the place of a card: one of another model, another one of its model, nothing.
OTHER_MODEL, TWIN, GONE = "another model", "another one of its model", "nothing"
#: The disk has changed places with another one of its model, which nobody has claimed.
SWAPPED = "the unclaimed one of its model, which it changed places with"

NIC, DISK = "the NIC", "the disk"
MOST_PORTS = 3

#: What is damaged besides, for one boot.
TRUNCATED = "record cut off"
GARBAGE = "record overwritten"
OTHER_MACHINE = "record of another machine"
NO_PROGRAM = "program gone"
DAMAGES = (TRUNCATED, GARBAGE, OTHER_MACHINE, NO_PROGRAM)


@dataclass(frozen=True)
class Situation:
    """What is plugged in: root ports before the others, and who is in the NIC's and in the disk's place."""

    ports: int = 0
    nic: str = OWN
    disk: str = OWN

    def of(self, place: str) -> str:
        """Return who is in the NIC's or the disk's place."""
        return self.nic if place == NIC else self.disk

    def but(self, place: str, occupant: str) -> Situation:
        """Return the situation with another one there."""
        return replace(self, nic=occupant) if place == NIC else replace(self, disk=occupant)


AS_CLAIMED = Situation()


@dataclass(frozen=True)
class Change:
    """What is done before a boot: `situation` from now on, a `damage` for this boot, the seconds until power is cut.

    A host whose power was cut is switched on once more. With `kernel` the host's kernel is installed once more before,
    for which its initramfs and the loader's files are made anew.
    """

    text: str
    situation: Situation
    damage: str = ""
    cut: float | None = None
    kernel: bool = False


def nothing(situation: Situation) -> Change:
    """Return the change that is none."""
    return Change("nothing", situation)


def renumbered(situation: Situation, ports: int) -> Change:
    """Return that there are as many root ports before the others."""
    return Change(f"renumbered, {ports} more root ports than at first", replace(situation, ports=ports))


def put(situation: Situation, place: str, occupant: str) -> Change:
    """Return that another one is in a place, or the card itself again."""
    text = f"{place} is back" if occupant == OWN else f"in place of {place} is {occupant}"
    return Change(text, situation.but(place, occupant))


def damaged(situation: Situation, damage: str) -> Change:
    """Return a damage of the host's files."""
    return Change(damage, situation, damage=damage)


def cut(situation: Situation, seconds: float) -> Change:
    """Return that the power is cut so many seconds after it is on."""
    return Change(f"power cut {seconds:.0f} s after power on", situation, cut=seconds)


def kernel(situation: Situation) -> Change:
    """Return that the kernel is installed."""
    return Change("kernel installed once more", situation, kernel=True)


def choose(random: Random, situation: Situation) -> Change:
    """Choose among the changes that are possible: first the kind, as likely as each other, then what it is."""
    kinds: list[t.Callable[[], Change]] = [
        lambda: nothing(situation),
        lambda: renumbered(situation, random.choice([n for n in range(MOST_PORTS + 1) if n != situation.ports])),
        lambda: damaged(situation, random.choice((TRUNCATED, GARBAGE))),
        lambda: damaged(situation, OTHER_MACHINE),
        lambda: damaged(situation, NO_PROGRAM),
        lambda: cut(situation, random.uniform(5, 60)),
        lambda: kernel(situation),
    ]
    home = [place for place in (NIC, DISK) if situation.of(place) == OWN]
    away = [place for place in (NIC, DISK) if situation.of(place) != OWN]
    if home:
        kinds += [
            lambda: put(situation, random.choice(home), OTHER_MODEL),
            lambda: put(situation, random.choice(home), TWIN),
            lambda: put(situation, random.choice(home), GONE),
        ]
    if DISK in home:
        kinds.append(lambda: put(situation, DISK, SWAPPED))
    # As likely as that one goes, so that most boots have most cards.
    kinds += [lambda: put(situation, random.choice(away), OWN)] * (4 if away else 0)
    return random.choice(kinds)()
