# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users are told when requests can't be served together: what is short, or which constraints are in the way."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...address import address_order
from ...errors import HostdevError, few
from ...relations.meeting import met
from ...relations.shared import UNKNOWN, value
from ...requests.constraints import DISTINCT, MATCH, Constraint
from ..refused.misfits import REPLACE
from ..search.costs import pairs_of
from ..search.search import BoundedError, possible, search
from .shortage import shortage

# For what an error tells beside its code.
_STEPS = 20_000

if t.TYPE_CHECKING:
    from ...relations.relation import Relation
    from ..search.problem import Problem, Solution
    from .asking import Asking


def unserved(asking: Asking, problem: Problem, *, bounded: bool = False) -> HostdevError:
    """The error when a search found nothing; `bounded` says that it ended at its bound."""
    if bounded:
        return _bounded(asking, problem)
    if any(wanted.held and not wanted.may_go for wanted in problem.wanted):
        free_to_go = tuple(replace(wanted, may_go=True) for wanted in problem.wanted)
        way_out = _tried(replace(problem, wanted=free_to_go, wishes=()))
        if way_out is not None:
            return _mismatch(asking, problem, way_out)
    if problem.constraints and possible(replace(problem, constraints=(), wishes=())) is not False:
        return _unmet(asking, problem)
    return shortage(asking, problem)


def _tried(problem: Problem) -> Solution | None:
    try:
        return search(problem, _STEPS)
    except BoundedError:
        return None


def _unmet(asking: Asking, problem: Problem) -> HostdevError:
    """The requests can be served, but not with the constraints: those of which each alone is in the way, or all."""
    places = range(len(problem.constraints))
    guilty = [index for index in places if possible(_without(problem, index), _STEPS)] or list(places)
    told = [written(asking, problem.constraints[index]) for index in guilty]
    found = "the requests could be served, but not with the constraints"
    if len(problem.constraints) == 1 or len(guilty) == 1:
        found += f": {_at_most(problem, guilty[0])}"
    return HostdevError(
        "constraint_unmet",
        subject=few(list(dict.fromkeys(name for one in told for name in one.requests))),
        found=found,
        wanted="; ".join(one.describe() for one in told),
        remedy=_pairs_instead(problem, guilty) + _remedy(asking, problem, guilty),
        details={"constraints": [one.as_dict() for one in told]},
    )


def _remedy(asking: Asking, problem: Problem, guilty: t.Iterable[int]) -> str:
    if all(problem.constraints[index] in asking.on_record for index in guilty):
        return "the record has that of an earlier task: name all its requests to drop it, or ask for other devices"
    return "ask for fewer or other devices, or make a wish of it: put it into prefer instead of constraints"


def _pairs_instead(problem: Problem, guilty: t.Iterable[int]) -> str:
    """What leads on where all devices of two requests were to match, and each two of them may have been meant."""
    for relation in (problem.constraints[index] for index in guilty):
        counts = {problem.wanted[place].count for place in relation.wanted}
        if relation.match and not relation.pair and len(relation.wanted) == 2 and len(counts) == 1 and counts != {1}:
            return "set pair: true where each device of the one request shall have its own of the other; else "
    return ""


def _at_most(problem: Problem, index: int) -> str:
    """How near the free devices come to one constraint while all others hold."""
    relation = problem.constraints[index]
    way = _tried(replace(_without(problem, index), wishes=(relation,)))
    of = pairs_of(relation, [problem.wanted[place].count for place in relation.wanted])
    number = 0 if way is None else met(relation, problem.sides(relation, way.chosen))[0]
    found = f"of {of} pairs of devices at most {number} can be so" if of > 1 else "no two free devices are so"
    names = {address for place in relation.wanted for ranks in problem.wanted[place].alternatives for address in ranks}
    unknown = [name for name in names if value(problem.candidates[name], relation.attribute) is UNKNOWN]
    told = f"; {relation.attribute} of {few(sorted(unknown, key=address_order))} is not known" if unknown else ""
    return (found if of else "no free device has a value of it") + told


def _without(problem: Problem, index: int) -> Problem:
    return replace(problem, constraints=problem.constraints[:index] + problem.constraints[index + 1 :], wishes=())


def _mismatch(asking: Asking, problem: Problem, way_out: Solution) -> HostdevError:
    """Held devices are in the way: others would serve."""
    going: list[str] = []
    whose: list[str] = []
    for index, (wanted, chosen) in enumerate(zip(problem.wanted, way_out.chosen)):
        gone = wanted.held - set(chosen)
        if not wanted.may_go and len(gone) > max(0, len(wanted.held) - wanted.count):
            going += sorted(gone, key=address_order)
            whose.append(asking.name(index))
    told = [written(asking, one) for one in problem.constraints]
    found = "with them the constraints can't be met" if told else "with them the request can't be served as a whole"
    return HostdevError(
        "held_device_mismatch",
        subject=f"{few(going)}, held for {few(whose)}",
        found=found,
        wanted="; ".join(one.describe() for one in told) or "devices of one alternative",
        remedy=REPLACE,
        details={"constraints": [one.as_dict() for one in told]} if told else {},
    )


def _bounded(asking: Asking, problem: Problem) -> HostdevError:
    names = [asking.name(index) for index, wanted in enumerate(problem.wanted) if not wanted.fixed]
    told = [written(asking, one) for one in problem.constraints]
    return HostdevError(
        "search_bounded",
        subject=few(names),
        found="nothing found within the bound of the search, which is not to say that there is no way",
        wanted="; ".join(one.describe() for one in told) or "devices for all requests",
        remedy="ask for fewer devices at once, name some of them by address, or leave a constraint out",
        details={"constraints": [one.as_dict() for one in told]},
    )


def written(asking: Asking, relation: Relation) -> Constraint:
    """A relation as users write it, with the names that messages have for requests."""
    names = tuple(asking.name(place) for place in relation.wanted)
    return Constraint(names, MATCH if relation.match else DISTINCT, relation.attribute, relation.pair)
