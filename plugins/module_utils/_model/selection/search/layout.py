# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices of a search as it sees them: twins that nothing tells apart, below what several have above them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ...address import address_order
from ...relations.relation import IN_TREE
from ...relations.shared import NOTHING, UNKNOWN, count, value

if t.TYPE_CHECKING:
    from ...host.topology import Where
    from ...relations.relation import Candidate
    from .problem import Problem, Rank, Wanted

# Values as numbers: of what several devices share from 0 up, and below it what no two share.
VALUE_UNKNOWN, VALUE_NONE, VALUE_ITS_OWN = -1, -2, -3


@dataclass
class Node:
    """What some devices have above them, and no other has: a root bus, bridges, the slot of a card, a PF.

    `bridges` and `switches` are how many of them; `free` is the number of devices below that are free or may become
    so, `beside` of those that sit right here and that no request asks for.
    """

    parent: int | None
    bridges: int = 0
    switches: int = 0
    free: int = 0
    beside: int = 0


@dataclass
class Twins:
    """Devices that are the same to a search, lowest address first. `private` are the bridges that each has to itself.

    `nodes` are those above, the nearest last. `ranks` has for each request and alternative how it ranks them, None
    where they don't serve it.
    """

    members: list[str]
    nodes: tuple[int, ...]
    private: int
    values: t.Mapping[str, int]
    ranks: tuple[tuple[Rank | None, ...], ...]
    held_by: int | None
    parting: bool
    group: int | None
    mates: frozenset[str]
    label: t.Hashable = None
    pf: int | None = None
    vfs: list[int] = field(default_factory=list)


class Layout:
    """All twins and nodes of a problem; nodes lie behind their parents."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        # In an order of their own, so that those of the mappings change no step.
        self._ordered = [problem.candidates[address] for address in sorted(problem.candidates, key=address_order)]
        self.attributes = sorted({relation.attribute for relation in (*problem.constraints, *problem.wishes)})
        self.nodes: list[Node] = []
        self.twins: list[Twins] = []
        fixed = {address for wanted in problem.wanted if wanted.fixed for address in wanted.held}
        everything = {**problem.beside, **{address: one.where for address, one in problem.candidates.items()}}
        self._below = _counted(everything.values())
        self._slots = count(where.slot for where in everything.values())
        self._pfs = {one.pf for one in problem.candidates.values() if one.pf in problem.candidates}
        self._places: dict[t.Hashable, int] = {}
        self._counted: set[str] = set()
        numbers = {attribute: self._numbers(attribute) for attribute in self.attributes}
        groups = _across_slots(problem.candidates.values())
        held = {address: (index, wanted) for index, wanted in enumerate(problem.wanted) for address in wanted.held}
        self._by_key: dict[t.Hashable, Twins] = {}
        for one in self._ordered:
            self._add(one, numbers, held.get(one.address), groups, is_free=one.address not in fixed)
        for where in problem.beside.values():
            self.nodes[self._above(where, None, free=1)[-1]].beside += 1
        self._join_pfs()

    def _numbers(self, attribute: str) -> dict[t.Hashable, int]:
        """A number for each value that two candidates or more share."""
        shared = count(value(one, attribute) for one in self._ordered)
        several = [known for known, number in shared.items() if number > 1 and known is not NOTHING]
        return {known: index for index, known in enumerate(several)}

    def _add(
        self,
        one: Candidate,
        numbers: t.Mapping[str, t.Mapping[t.Hashable, int]],
        held: tuple[int, Wanted] | None,
        groups: t.Collection[int],
        *,
        is_free: bool,
    ) -> None:
        path = self._above(one.where, one.pf or one.address, free=int(is_free))
        private = len(one.where.bridges) - sum(1 for bridge in one.where.bridges if self._below[bridge] > 1)
        values = {attribute: _number(value(one, attribute), numbers[attribute]) for attribute in self.attributes}
        ranks = tuple(
            tuple(alternative.get(one.address) for alternative in wanted.alternatives) for wanted in self.problem.wanted
        )
        held_by = None if held is None else held[0]
        parting = held is not None and one.address in held[1].parting
        told = tuple(min(number, 0) if attribute in IN_TREE else number for attribute, number in sorted(values.items()))
        group = one.group if one.group in groups else one.group is not None
        seen = (private, told, ranks, held_by, parting, one.mates, group)
        is_pf = one.address in self._pfs
        key = (path[-1], tuple(values.items()), seen, one.group, one.pf, one.address if is_pf else None)
        twins = self._by_key.get(key)
        if twins is None:
            twins = Twins([], path, private, values, ranks, held_by, parting, one.group, one.mates, (seen, is_pf))
            self._by_key[key] = twins
            self.twins.append(twins)
        twins.members.append(one.address)

    def _join_pfs(self) -> None:
        index = {address: place for place, twins in enumerate(self.twins) for address in twins.members}
        for place, twins in enumerate(self.twins):
            pf = self.problem.candidates[twins.members[0]].pf
            if pf in index:
                twins.pf = index[pf]
                self.twins[index[pf]].vfs.append(place)

    def _above(self, where: Where, pf: str | None, *, free: int) -> tuple[int, ...]:
        """The nodes above a device, made where they are not there, with so many free devices more below."""
        found = [self._node(("root", where.pcie_root), None)]
        above = None
        for bridge in where.bridges:
            if self._below[bridge] == 1:
                break
            # Bridges with the same devices below are one node.
            if above is None or self._below[bridge] != self._below[above]:
                found.append(self._node(bridge, found[-1]))
            if bridge not in self._counted:
                self._counted.add(bridge)
                self.nodes[found[-1]].bridges += 1
                self.nodes[found[-1]].switches += bridge in where.pcie_switches
            above = bridge
        if self._slots[where.slot] > 1:
            found.append(self._node(("slot", where.slot), found[-1]))
        if pf in self._pfs:
            found.append(self._node(("pf", pf), found[-1]))
        for place in found:
            self.nodes[place].free += free
        return tuple(found)

    def _node(self, key: t.Hashable, parent: int | None) -> int:
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.nodes)
            self.nodes.append(Node(parent))
        return place


def _number(known: t.Hashable, numbers: t.Mapping[t.Hashable, int]) -> int:
    if known is UNKNOWN:
        return VALUE_UNKNOWN
    return VALUE_NONE if known is NOTHING else numbers.get(known, VALUE_ITS_OWN)


def _counted(places: t.Iterable[Where]) -> dict[str, int]:
    """How many devices are below each bridge."""
    below: dict[str, int] = {}
    for where in places:
        for bridge in where.bridges:
            below[bridge] = below.get(bridge, 0) + 1
    return below


def _across_slots(candidates: t.Iterable[Candidate]) -> frozenset[int]:
    """The IOMMU groups with devices of several slots, which no likeness of two slots tells of."""
    slots: dict[int, set[str]] = {}
    for one in candidates:
        if one.group is not None:
            slots.setdefault(one.group, set()).add(one.where.slot)
    return frozenset(group for group, several in slots.items() if len(several) > 1)
