# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What devices share, and how many of them: each attribute parts the devices of a host by its value.

So does pcie_switch: where some switch is above two devices, so is the outermost one of both. What is unknown matches
nothing and is distinct from nothing; what is below no switch matches nothing and is distinct from everything.
"""

from __future__ import annotations

import typing as t

from .relation import PCIE_ROOT, PCIE_SWITCH

if t.TYPE_CHECKING:
    from .relation import Candidate

Value = t.Hashable


class _Nothing:
    """The value of what is known to have none."""

    def __repr__(self) -> str:
        return "none"


NOTHING = _Nothing()
UNKNOWN = None


def value(candidate: Candidate, attribute: str) -> Value:
    """The value by which an attribute parts devices: NOTHING below no switch, UNKNOWN where it can't be told."""
    if attribute == PCIE_SWITCH:
        switches = candidate.where.pcie_switches
        return switches[-1] if switches else NOTHING
    if attribute == PCIE_ROOT:
        return candidate.where.pcie_root
    return t.cast(Value, candidate.values.get(attribute))


def shares(one: Value, other: Value) -> bool:
    return one is not UNKNOWN and one is not NOTHING and one == other


def apart(one: Value, other: Value) -> bool:
    return one is not UNKNOWN and other is not UNKNOWN and (one is NOTHING or one != other)


def holds(values: t.Sequence[Value], *, match: bool) -> bool:
    """Whether a relation without pairs holds among all of these. One alone must have a value to match."""
    if match:
        return all(shares(values[0], other) for other in values) if values else True
    return all(apart(one, other) for index, one in enumerate(values) for other in values[:index])


def pairs_met(ones: t.Sequence[Value], others: t.Sequence[Value], *, match: bool) -> int:
    """How many pairs at most of one of each can hold a relation.

    The largest matching between what two sides share is counted by value; between what they do not share it is, by
    König, the smallest cover: all of one side, or all but what has one value.
    """
    if match:
        counts = count(others)
        return sum(min(number, counts.get(one, 0)) for one, number in count(ones).items() if one is not NOTHING)
    known = [one for one in ones if one is not UNKNOWN]
    facing = [other for other in others if other is not UNKNOWN]
    mine, its = count(known), count(facing)
    most = max((mine.get(one, 0) + its.get(one, 0) for one in {*mine, *its} if one is not NOTHING), default=0)
    return min(len(known), len(facing), len(known) + len(facing) - most)


def pairs_among(values: t.Sequence[Value], *, match: bool) -> int:
    """Of all pairs among these, how many hold a relation."""
    related = shares if match else apart
    return sum(1 for index, one in enumerate(values) for other in values[:index] if related(one, other))


def count(values: t.Iterable[Value]) -> dict[Value, int]:
    """How many have each value, those apart of which none is known."""
    counts: dict[Value, int] = {}
    for one in values:
        if one is not UNKNOWN:
            counts[one] = counts.get(one, 0) + 1
    return counts
