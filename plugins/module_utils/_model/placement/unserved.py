# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a host does not serve what is asked for, with the codes of a claim and in the words of pools."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..requests.constraints import DISTINCT, MATCH, Constraint
from ..selection.search.search import possible

if t.TYPE_CHECKING:
    from ..relations.relation import Relation
    from ..selection.search.problem import Problem
    from .asked import Asked

# For what a reason tells beside its code.
_STEPS = 20_000


class Reason(t.NamedTuple):
    """A code, and a sentence that goes on after the name of the host."""

    code: str
    message: str


def shortage(asked: Asked, problem: Problem, *, together: bool = False) -> Reason | None:
    """The requests for which too few devices are free, each looked at alone.

    None where there are none, but `together`: each can be served then, and not all of them.
    """
    short = []
    for request, wanted in zip(asked.requests, problem.wanted):
        most = max(map(len, wanted.alternatives))
        if most < wanted.count:
            short.append(f"request {request.name}: {most} of {request.describe()}")
    if short:
        return Reason("not_enough_devices", f"too few free devices for {'; '.join(short)}")
    names = ", ".join(request.name for request in asked.requests)
    message = f"each of the requests {names} can be served, but not all of them together"
    return Reason("not_enough_devices", message) if together else None


def unmet(asked: Asked, problem: Problem) -> Reason:
    """The constraints of which each alone is in the way, or all."""
    constraints = problem.constraints
    guilty = list(constraints)
    if len(constraints) > 1:
        guilty = [one for one in constraints if possible(_without(problem, one), _STEPS)] or guilty
    told = "; ".join(written(asked, one).describe() for one in guilty)
    return Reason("constraint_unmet", f"the requests could be served, but not so that {told}")


def bounded(asked: Asked) -> Reason:
    names = ", ".join(request.name for request in asked.requests)
    return Reason("search_bounded", f"nothing found for {names} within the bound of the search")


def written(asked: Asked, relation: Relation) -> Constraint:
    """A relation as users write it."""
    names = tuple(asked.requests[place].name for place in relation.wanted)
    return Constraint(names, MATCH if relation.match else DISTINCT, relation.attribute, relation.pair)


def _without(problem: Problem, one: Relation) -> Problem:
    return replace(problem, constraints=tuple(other for other in problem.constraints if other != one), wishes=())
