# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who makes a pair with whom: most pairs that hold, then the nearest, then each with its lowest partner."""

from __future__ import annotations

import typing as t

from ...address import address_order
from ...host.topology import distance
from .relations import apart, shares, value

if t.TYPE_CHECKING:
    from .problem import Candidate, Relation
    from .state import State

# Further than any two devices below one root bus.
_FAR = 1 << 16


class Pair(t.NamedTuple):
    """A device of each side; `holds` says whether they have the relation, `bridges` how many lie between them."""

    one: str
    other: str
    holds: bool
    bridges: int


def paired(relation: Relation, ones: t.Sequence[Candidate], others: t.Sequence[Candidate]) -> list[Pair]:
    """The pairs of two sides of equal size, in the order of the first one's addresses."""
    ones = sorted(ones, key=lambda one: address_order(one.address))
    others = sorted(others, key=lambda other: address_order(other.address))
    table = [[_pair(relation, one, other) for other in others] for one in ones]
    size = len(ones)
    far = _FAR * size + 1
    # The lowest partner of the first goes before that of the second: digits of a number.
    weights = [
        [
            ((0 if pair.holds else far) + pair.bridges) * size**size + place * size ** (size - 1 - index)
            for place, pair in enumerate(row)
        ]
        for index, row in enumerate(table)
    ]
    return [table[index][place] for index, place in enumerate(_assignment(weights))]


def bridges_between(state: State, relation: Relation) -> int:
    """The bridges between the pairs that hold, of what is chosen. That is work: it counts as steps."""
    ones, others = (_chosen(state, index) for index in relation.wanted)
    state.steps += len(ones) ** 2 + len(ones) ** 3 // 10  # a table, and ways through it, which are quicker looks
    return sum(pair.bridges for pair in paired(relation, ones, others) if pair.holds)


def _chosen(state: State, index: int) -> list[Candidate]:
    twins, candidates = state.layout.twins, state.layout.problem.candidates
    return [
        candidates[address]
        for place, number in state.chosen[index].items()
        for address in twins[place].members[:number]
    ]


def _pair(relation: Relation, one: Candidate, other: Candidate) -> Pair:
    related = shares if relation.match else apart
    bridges = distance(one.where, other.where).bridges
    holds = related(value(one, relation.attribute), value(other, relation.attribute))
    return Pair(one.address, other.address, holds, _FAR if bridges is None else bridges)


def _assignment(weights: t.Sequence[t.Sequence[int]]) -> list[int]:
    """The column of each row for the least sum: the Hungarian method by shortest ways (Kuhn 1955, Munkres 1957)."""
    size = len(weights)
    infinite = sum(map(sum, weights)) + 1
    rows, columns = [0] * (size + 1), [0] * (size + 1)
    row_of = [0] * (size + 1)
    for row in range(1, size + 1):
        row_of[0], column = row, 0
        least, way = [infinite] * (size + 1), [0] * (size + 1)
        seen = [False] * (size + 1)
        while row_of[column]:
            seen[column] = True
            here, step, nearest = row_of[column], infinite, 0
            for other in range(1, size + 1):
                if seen[other]:
                    continue
                slack = weights[here - 1][other - 1] - rows[here] - columns[other]
                if slack < least[other]:
                    least[other], way[other] = slack, column
                if least[other] < step:
                    step, nearest = least[other], other
            for other in range(size + 1):
                if seen[other]:
                    rows[row_of[other]] += step
                    columns[other] -= step
                else:
                    least[other] -= step
            column = nearest
        while column:
            row_of[column] = row_of[way[column]]
            column = way[column]
    column_of = [0] * size
    for column in range(1, size + 1):
        column_of[row_of[column] - 1] = column - 1
    return column_of
