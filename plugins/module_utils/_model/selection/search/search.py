# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The best way to serve requests together: complete, the same each time, and bounded in steps.

Branch and bound. A step is a look at some twins, so that the bound is the same on a slow machine. Of devices that
mirror each other only the lowest is tried: what holds with one holds with the others.
"""

from __future__ import annotations

import typing as t

from ...address import address_order
from .alternatives import Alternatives
from .costs import Costs
from .layout import Layout
from .likeness import Likeness
from .merging import merged
from .problem import Solution
from .state import State
from .swapping import Swapping

if t.TYPE_CHECKING:
    from .costs import Cost
    from .problem import Problem
    from .state import Open

STEPS = 300_000
"""Looks at twins before a search ends: one to two seconds on one core of 2020. Eight pairs of eight on a host of eight
GPUs take 800."""


class BoundedError(Exception):
    """The search came to its bound and found nothing."""


class _EndedError(Exception):
    """The search came to its bound."""


def search(problem: Problem, steps: int = STEPS) -> Solution | None:
    """The best way, None where there is none. Raises BoundedError where none was found within so many steps."""
    return _Search(problem, steps).best()


def possible(problem: Problem, steps: int = STEPS) -> bool | None:
    """Whether there is any way, None where that was not found out within so many steps."""
    try:
        return _Search(problem, steps).any()
    except BoundedError:
        return None


class _Search:
    def __init__(self, problem: Problem, steps: int) -> None:
        self._merged = merged(problem)
        self._problem = self._merged.problem
        self._layout = Layout(self._problem)
        self._costs = Costs(self._layout)
        self._likeness = Likeness(self._layout)
        self._swapping = Swapping(self._problem)
        self._steps = steps
        self._done = 0
        self._cost: Cost | None = None
        self._way: tuple[tuple[int, ...], list[dict[int, int]]] | None = None

    def best(self) -> Solution | None:
        complete = True
        try:
            for alternatives in self._alternatives():
                self._descend(State(self._layout, alternatives))
                if self._cost is not None and self._costs.later_alternatives_cost_more(self._cost):
                    break
            if self._way is not None:
                self._lowest()
        except _EndedError:
            if self._way is None:
                raise BoundedError from None
            complete = False
        if self._way is None:
            return None
        alternatives, chosen = self._way
        return Solution(self._addresses(chosen), tuple(alternatives[place] for place in self._merged.places), complete)

    def any(self) -> bool:
        """Whether there is a way. Raises BoundedError."""
        try:
            return any(self._descend(State(self._layout, one), first=True) for one in self._alternatives())
        except _EndedError:
            raise BoundedError from None

    def _alternatives(self) -> t.Iterator[tuple[int, ...]]:
        """Raises _EndedError."""
        return iter(Alternatives(self._problem.wanted, self._count))

    def _count(self, steps: int = 1) -> None:
        self._done += steps
        if self._done > self._steps:
            raise _EndedError

    def _descend(self, state: State, *, first: bool = False) -> bool:
        """Look at all ways from here that may be better than the best one; with `first` end with one that is as good.

        Returns whether the best way is from here.
        """
        looked = self._look(state, as_good=first)
        if looked is None:
            return False
        left, cost = looked
        if not any(state.lacking):
            self._cost, self._way = cost, (state.alternatives, [dict(chosen) for chosen in state.chosen])
            return True
        index = min(
            (index for index, lacking in enumerate(state.lacking) if lacking),
            key=lambda index: (sum(left[index].values()) - state.lacking[index], index),
        )
        found = False
        shut: list[tuple[int, list[int]]] = []
        alike_requests = [index, *self._swapping.others(state, index)]
        for place, alike in self._branches(state, left, index):
            found = self._with_some(state, index, place, left[index][place], first=first) or found
            if found and first:
                break
            for other in alike_requests:
                closed = [one for one in alike if one not in state.shut[other]]
                shut.append((other, closed))
                state.shut[other].update(closed)
            if self._look(state, as_good=first) is None:
                break
        for other, closed in shut:
            state.shut[other].difference_update(closed)
        return found

    def _with_some(self, state: State, index: int, place: int, most: int, *, first: bool) -> bool:
        """Look at the ways with as many of some twins as a request may have, then with one fewer, down to one."""
        found = False
        closed = place not in state.shut[index]
        state.shut[index].add(place)
        for number in range(min(most, state.lacking[index]), 0, -1):
            state.choose(index, place, number)
            found = self._descend(state, first=first) or found
            state.choose(index, place, -number)
            if found and first:
                break
        if closed:
            state.shut[index].discard(place)
        return found

    def _look(self, state: State, *, as_good: bool) -> tuple[Open, Cost] | None:
        """What is open from here, and the least cost; None where no way from here is better, or as good."""
        before = state.steps
        left = state.open()
        self._count(state.steps - before + len(self._layout.nodes))
        before = state.steps
        cost = None if left is None else self._costs.bound(state, left)
        self._done += state.steps - before
        if left is None or cost is None:
            return None
        if self._cost is not None and (cost > self._cost or (cost == self._cost and not as_good)):
            return None
        return left, cost

    def _branches(self, state: State, left: Open, index: int) -> t.Iterator[tuple[int, list[int]]]:
        """The twins to try, the most promising first, each with those that mirror it."""
        kinds = self._likeness.kinds(state, left[index])
        alternative = state.alternatives[index]
        crowded = self._costs.crowded(state, left)

        def promise(places: list[int]) -> tuple[t.Any, ...]:
            twins = self._layout.twins[places[0]]
            held = twins.held_by == index
            nearness = self._costs.nearness_to_chosen(state, index, places[0])
            return (not held, twins.parting, twins.ranks[index][alternative], nearness, crowded[places[0]], places[0])

        for places in sorted(kinds, key=promise):
            yield places[0], places

    def _addresses(self, chosen: t.Sequence[t.Mapping[int, int]]) -> tuple[tuple[str, ...], ...]:
        """The devices of each request: of twins, and of what equal requests have, the first one has the lowest."""
        twins = self._layout.twins
        given = [0] * len(twins)
        left = [dict(counts) for counts in chosen]
        found = []
        for index, count in zip(self._merged.places, self._merged.counts):
            addresses = []
            for _device in range(count):
                place = min(
                    (place for place, number in left[index].items() if number),
                    key=lambda place: address_order(twins[place].members[given[place]]),
                )
                addresses.append(twins[place].members[given[place]])
                left[index][place] -= 1
                given[place] += 1
            found.append(tuple(sorted(addresses, key=address_order)))
        return tuple(found)

    # Of all ways that cost the same, that with the lowest addresses, request by request.

    def _lowest(self) -> None:
        """For each device in its turn, try whether a lower one does as well with those that are settled."""
        alternatives, _chosen = t.cast("tuple[tuple[int, ...], list[dict[int, int]]]", self._way)
        state = State(self._layout, alternatives)
        for index, count in zip(self._merged.places, self._merged.counts):
            for _device in range(0 if self._problem.wanted[index].fixed else count):
                self._settle(state, index)

    def _settle(self, state: State, index: int) -> None:
        chosen = t.cast("tuple[tuple[int, ...], list[dict[int, int]]]", self._way)[1][index]
        own = min(
            (place for place, number in chosen.items() if number > state.chosen[index].get(place, 0)),
            key=lambda place: self._next(state, place),
        )
        if all(self._next(state, place) >= self._next(state, own) for place in state.unshut(index)):
            state.choose(index, own)
            return
        looked = self._look(state, as_good=True)
        left = {} if looked is None else looked[0][index]
        kinds = {
            min(places, key=lambda place: self._next(state, place)): places
            for places in self._likeness.kinds(state, left)
        }
        for lowest in sorted(kinds, key=lambda place: self._next(state, place)):
            places = kinds[lowest]
            if self._next(state, lowest) >= self._next(state, own):
                break
            state.choose(index, lowest)
            if self._descend(state, first=True):
                return
            state.choose(index, lowest, -1)
            for other in (index, *self._swapping.others(state, index, even=True)):
                state.shut[other].update(places)
        state.choose(index, own)

    def _next(self, state: State, place: int) -> tuple[int, str]:
        return address_order(self._layout.twins[place].members[state.taken[place]])
