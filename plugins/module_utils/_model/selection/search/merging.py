# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that ask for the same, and that nothing binds, as one: twenty owners of a GPU are one of twenty."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

if t.TYPE_CHECKING:
    from ...relations.relation import Relation
    from .problem import Problem, Wanted


@dataclass(frozen=True)
class Merged:
    """A problem with fewer requests, and for each request of the other one the place where it went, and its count."""

    problem: Problem
    places: tuple[int, ...]
    counts: tuple[int, ...]


def merged(problem: Problem) -> Merged:
    """The problem with equal requests as one, where each device is as good as any other to them."""
    bound = {index for relation in (*problem.constraints, *problem.wishes) for index in relation.wanted}
    # Who has one device of an IOMMU group keeps the others from all other owners.
    shared = any(one.group is not None for one in problem.candidates.values())
    known: dict[t.Hashable, int] = {}
    wanted: list[Wanted] = []
    places: list[int] = []
    for index, one in enumerate(problem.wanted):
        ranks = one.alternatives[0]
        alone = one.held or one.fixed or index in bound or len(one.alternatives) > 1 or shared
        form = index if alone or len(set(ranks.values())) > 1 else (frozenset(ranks), next(iter(ranks.values()), None))
        place = known.setdefault(form, len(wanted))
        places.append(place)
        if place == len(wanted):
            wanted.append(one)
        else:
            wanted[place] = replace(wanted[place], count=wanted[place].count + one.count)
    moved = replace(
        problem,
        wanted=tuple(wanted),
        constraints=tuple(_moved(relation, places) for relation in problem.constraints),
        wishes=tuple(_moved(relation, places) for relation in problem.wishes),
    )
    return Merged(moved, tuple(places), tuple(one.count for one in problem.wanted))


def _moved(relation: Relation, places: t.Sequence[int]) -> Relation:
    return relation._replace(wanted=tuple(places[index] for index in relation.wanted))
