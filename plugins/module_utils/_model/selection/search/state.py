# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One point of a search: what is chosen, what may be chosen still, and what the constraints leave of that."""

from __future__ import annotations

import typing as t

from .layout import VALUE_ITS_OWN, VALUE_UNKNOWN

if t.TYPE_CHECKING:
    from ...relations.relation import Relation
    from .layout import Layout

    # By request, the twins that may serve it with how many of them are left.
    Open = list[dict[int, int]]


class State:
    """How many of each twins every request has, and which it shall not have; by the alternatives that are tried."""

    def __init__(self, layout: Layout, alternatives: tuple[int, ...]) -> None:
        self.layout = layout
        self.alternatives = alternatives
        wanted = layout.problem.wanted
        self.chosen: list[dict[int, int]] = [{} for _one in wanted]
        self.taken = [0] * len(layout.twins)
        self.lacking = [one.count for one in wanted]
        self.shut: list[set[int]] = [set() for _one in wanted]
        self.steps = 0
        self._serving = [
            [place for place, twins in enumerate(layout.twins) if twins.ranks[index][alternative] is not None]
            for index, alternative in enumerate(alternatives)
        ]
        for place, twins in enumerate(layout.twins):
            if twins.held_by is not None and wanted[twins.held_by].fixed:
                self.choose(twins.held_by, place, len(twins.members))

    def choose(self, index: int, place: int, number: int = 1) -> None:
        """Let a request have so many more of some twins, or fewer."""
        chosen = self.chosen[index]
        chosen[place] = chosen.get(place, 0) + number
        if not chosen[place]:
            del chosen[place]
        self.taken[place] += number
        self.lacking[index] -= number

    def unshut(self, index: int) -> t.Iterator[int]:
        """The twins that may serve a request, as far as the search has not ruled them out, and that have one left."""
        shut = self.shut[index]
        twins = self.layout.twins
        return (
            place
            for place in self._serving[index]
            if place not in shut and self.taken[place] < len(twins[place].members)
        )

    def values(self, index: int, attribute: str) -> dict[int, int]:
        """How many of what a request has have each value."""
        counts: dict[int, int] = {}
        for place, number in self.chosen[index].items():
            known = self.layout.twins[place].values[attribute]
            counts[known] = counts.get(known, 0) + number
        return counts

    def open(self) -> Open | None:
        """What may be chosen still; None where no way leads on from here."""
        groups = self._groups()
        found: Open = []
        for index, serving in enumerate(self._serving):
            self.steps += len(serving)
            found.append(
                {
                    place: len(self.layout.twins[place].members) - self.taken[place]
                    for place in serving
                    if place not in self.shut[index] and self._is_open(index, place, groups)
                }
                if self.lacking[index]
                else {}
            )
        before = -1
        while before != (before := sum(map(len, found))):
            for relation in self.layout.problem.constraints:
                if not _NARROW[relation.match, relation.pair](self, relation, found):
                    return None
        if any(sum(left.values()) < lacking for left, lacking in zip(found, self.lacking)):
            return None
        return found

    def _groups(self) -> dict[int, str]:
        """The owner who has something of each IOMMU group."""
        owners: dict[int, str] = {}
        for index, chosen in enumerate(self.chosen):
            for place in chosen:
                group = self.layout.twins[place].group
                if group is not None:
                    owners[group] = self.layout.problem.wanted[index].owner
        return owners

    def _is_open(self, index: int, place: int, groups: t.Mapping[int, str]) -> bool:
        twins = self.layout.twins[place]
        if self.taken[place] >= len(twins.members) or (twins.pf is not None and self.taken[twins.pf]):
            return False
        if any(self.taken[vf] for vf in twins.vfs):
            return False
        owner = self.layout.problem.wanted[index].owner
        return twins.group is None or groups.get(twins.group, owner) == owner

    def capacity(self, index: int, attribute: str, found: Open) -> dict[int, int]:
        """How many of each value a request could have at most, of what it has and what is open."""
        lacking, most = self.lacking[index], self.values(index, attribute)
        more: dict[int, int] = {}
        for place, left in found[index].items():
            known = self.layout.twins[place].values[attribute]
            more[known] = more.get(known, 0) + left
        for known, left in more.items():
            most[known] = most.get(known, 0) + min(left, lacking)
        return most


def _drop(state: State, attribute: str, left: dict[int, int], fits: t.Callable[[int], bool]) -> None:
    for place in [place for place in left if not fits(state.layout.twins[place].values[attribute])]:
        del left[place]


def _narrow_match(state: State, relation: Relation, found: Open) -> bool:
    """One value of all: that of what is chosen, or any that all the requests could have of."""
    attribute, members = relation.attribute, relation.wanted
    total = sum(state.layout.problem.wanted[index].count for index in members)
    if total == 1:
        known = {value for index in members for value in state.values(index, attribute)}
        _drop(state, attribute, found[members[0]], lambda value: value >= 0 or value == VALUE_ITS_OWN)
        return all(value >= 0 or value == VALUE_ITS_OWN for value in known)
    viable: set[int] | None = None
    for index in members:
        wanted = state.layout.problem.wanted[index].count
        most = state.capacity(index, attribute, found)
        enough = {value for value, number in most.items() if value >= 0 and number >= wanted}
        viable = enough if viable is None else viable & enough
    values = viable or set()
    for index in members:
        _drop(state, attribute, found[index], values.__contains__)
    return bool(values)


def _narrow_distinct(state: State, relation: Relation, found: Open) -> bool:
    """No value twice: what is chosen has its own, and each of the rest is left once."""
    attribute, members = relation.attribute, relation.wanted
    total = sum(state.layout.problem.wanted[index].count for index in members)
    used: dict[int, int] = {}
    for index in members:
        for value, number in state.values(index, attribute).items():
            used[value] = used.get(value, 0) + number
    if any(number > 1 for value, number in used.items() if value >= 0) or (total > 1 and VALUE_UNKNOWN in used):
        return False
    every: set[int] = set()
    apart = 0
    for index in members:
        left = found[index]
        _drop(
            state,
            attribute,
            left,
            lambda value: value not in used if value >= 0 else value != VALUE_UNKNOWN or total == 1,
        )
        values: set[int] = set()
        free = 0
        for place, number in left.items():
            value = state.layout.twins[place].values[attribute]
            if value >= 0:
                left[place] = 1
                values.add(value)
            else:
                free += number
        if len(values) + free < state.lacking[index]:
            return False
        every |= values
        apart += free
    return len(every) + apart >= sum(state.lacking[index] for index in members)


def _narrow_pairs(state: State, relation: Relation, found: Open) -> bool:
    """Of each value as many of the one as of the other."""
    attribute = relation.attribute
    count = state.layout.problem.wanted[relation.wanted[0]].count
    most = [state.capacity(index, attribute, found) for index in relation.wanted]
    has = [state.values(index, attribute) for index in relation.wanted]
    for mine, its in ((0, 1), (1, 0)):
        if any(value < 0 or number > most[its].get(value, 0) for value, number in has[mine].items()):
            return False
    pairs = {value: min(number, most[1].get(value, 0)) for value, number in most[0].items() if value >= 0}
    if sum(pairs.values()) < count:
        return False
    for side, index in enumerate(relation.wanted):
        own = has[side]
        more = {value for value, number in pairs.items() if own.get(value, 0) < number}
        _drop(state, attribute, found[index], more.__contains__)
    return True


def _narrow_pairs_apart(state: State, relation: Relation, found: Open) -> bool:
    """Of no value more on both sides together than there are pairs: else two that share it would meet (Hall)."""
    attribute = relation.attribute
    count = state.layout.problem.wanted[relation.wanted[0]].count
    both: dict[int, int] = {}
    for index in relation.wanted:
        for value, number in state.values(index, attribute).items():
            both[value] = both.get(value, 0) + number
    if VALUE_UNKNOWN in both or any(number > count for value, number in both.items() if value >= 0):
        return False
    for index in relation.wanted:
        _drop(
            state,
            attribute,
            found[index],
            lambda value: both.get(value, 0) < count if value >= 0 else value != VALUE_UNKNOWN,
        )
    return True


_NARROW: dict[tuple[bool, bool], t.Callable[[State, Relation, Open], bool]] = {
    (True, False): _narrow_match,
    (False, False): _narrow_distinct,
    (True, True): _narrow_pairs,
    (False, True): _narrow_pairs_apart,
}
