# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners served together: by what they hold where that does, else by a search, else with an error that says why not.

What a run needs that changes nothing is imported at once, the search when it is made.
"""

from __future__ import annotations

import typing as t

from ..serving import party, put

if t.TYPE_CHECKING:
    from ...requests.constraints import Constraint
    from ...snapshot import Snapshot
    from ..choice import Asked, Selection
    from ..search.problem import Problem, Solution
    from .asking import Asking


class Served(t.NamedTuple):
    """The selection with what serves each request; `complete` is false where a better way may exist."""

    chosen: Selection
    complete: bool = True


def serve(
    snapshot: Snapshot,
    several: t.Sequence[tuple[Asked, t.Sequence[Constraint], t.Sequence[Constraint]]],
    freed: t.Callable[[], Snapshot] | None = None,
) -> list[Served]:
    """What serves the requests of owners, each with its constraints and wishes, in the best way for all together.

    `freed` gives the host as it would be if they had given back all that they may: what is free then, each may take.
    Raises HostdevError when they can't be served, with every device that came near and what blocks it.
    """
    parties = [party(snapshot, asked) for asked, _constraints, _wishes in several]
    bound = [(constraints, wishes) for _asked, constraints, wishes in several]
    if all(one.at_rest for one in parties) and not any(constraints for constraints, _wishes in bound):
        return [Served(one.chosen) for one in parties]
    from .asking import Asking

    asking = Asking(snapshot, parties, bound)
    solution = _kept(asking)
    if solution is None:
        solution = _found(asking, asking.whole(None if freed is None else freed()))
    for one in parties:
        mine = (
            (known[1].name, addresses)
            for known, addresses in zip(asking.requests, solution.chosen)
            if known is not None and known[0] is one
        )
        put(one, dict(mine))
    return [Served(one.chosen, solution.complete) for one in parties]


def _kept(asking: Asking) -> Solution | None:
    """What is held where that suffices: it is what serves best then, since nothing is given back."""
    if any(one.lacking for one in asking.parties):
        return None
    problem = asking.kept()
    if all(one.at_rest for one in asking.parties):
        from ...relations.meeting import is_met
        from ..search.problem import Solution

        chosen = tuple(tuple(wanted.held) for wanted in problem.wanted)
        of_one = all(any(wanted.held <= ranks.keys() for ranks in wanted.alternatives) for wanted in problem.wanted)
        holds = of_one and all(is_met(one, problem.sides(one, chosen)) for one in problem.constraints)
        return Solution(chosen, (0,) * len(chosen)) if holds else None
    from ..search.search import BoundedError, search

    try:
        return search(problem)
    except BoundedError:
        return None


def _found(asking: Asking, problem: Problem) -> Solution:
    from ..search.search import BoundedError, search
    from .unserved import unserved

    try:
        solution = search(problem)
    except BoundedError:
        raise unserved(asking, problem, bounded=True) from None
    if solution is None:
        raise unserved(asking, problem)
    return solution
