# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners served together: by what they hold where that does, else by a search, else with an error that says why not."""

from __future__ import annotations

import typing as t

from ..serving import put
from .asking import Asking
from .meeting import unmet
from .problem import Solution
from .search import Bounded, search

if t.TYPE_CHECKING:
    from ...snapshot import Snapshot
    from ..serving import Party
    from .asking import Bound
    from .problem import Problem


def serve_together(snapshot: Snapshot, parties: t.Sequence[Party], bound: Bound) -> bool:
    """Let each party's selection have what serves it; returns whether there is no better way for certain.

    Raises HostdevError.
    """
    asking = Asking(snapshot, parties, bound)
    solution = _kept(asking)
    if solution is None:
        keep = not any(one.chosen.terms.replace_misfits for one in parties)
        solution = _found(asking, asking.whole(keep=keep))
    for one in parties:
        put(
            one,
            {
                known[1].name: addresses
                for known, addresses in zip(asking.requests, solution.chosen)
                if known is not None and known[0] is one
            },
        )
    return solution.complete


def _kept(asking: Asking) -> Solution | None:
    """What is held where that suffices: it is what serves best then, since nothing is given back."""
    if any(one.lacking for one in asking.parties):
        return None
    problem = asking.kept()
    if not all(one.at_rest for one in asking.parties):
        try:
            return search(problem)
        except Bounded:
            return None
    chosen = tuple(tuple(wanted.held) for wanted in problem.wanted)
    of_one = all(any(wanted.held <= ranks.keys() for ranks in wanted.alternatives) for wanted in problem.wanted)
    return Solution(chosen, (0,) * len(chosen)) if of_one and not unmet(problem, chosen) else None


def _found(asking: Asking, problem: Problem) -> Solution:
    from ..refused.together import refused_together

    try:
        solution = search(problem)
    except Bounded:
        raise refused_together(asking, problem, bounded=True) from None
    if solution is None:
        raise refused_together(asking, problem)
    return solution
