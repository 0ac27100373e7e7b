# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The best way to serve requests by looking at every one of them, and the cost of each by its definition."""

from __future__ import annotations

import itertools
import math

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import address_order
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import distance

IN_TREE = ("pcie_switch", "pcie_root")


def best_way(problem):
    """The chosen addresses of each request and the alternatives, None where there is no way."""
    ways = [
        (cost(problem, chosen, alternatives), chosen, alternatives)
        for alternatives in itertools.product(*(range(len(one.alternatives)) for one in problem.wanted))
        for chosen in _choices(problem, alternatives)
        if _allowed(problem, chosen)
    ]
    if not ways:
        return None
    least = min(ways, key=lambda way: (way[0], [[address_order(one) for one in addresses] for addresses in way[1]]))
    return least[1], least[2]


def ways(problem):
    """How many there are to look at, at most."""
    return math.prod(sum(math.comb(len(ranks), one.count) for ranks in one.alternatives) for one in problem.wanted)


def _choices(problem, alternatives):
    sets = []
    for wanted, alternative in zip(problem.wanted, alternatives):
        order = sorted(wanted.alternatives[alternative], key=address_order)
        if wanted.fixed:
            order = sorted(wanted.held, key=address_order)
        others = {address for other in problem.wanted if other is not wanted for address in other.held}
        order = [address for address in order if address not in others]
        sets.append(list(itertools.combinations(order, wanted.count)))
    for chosen in itertools.product(*sets):
        flat = [address for addresses in chosen for address in addresses]
        if len(set(flat)) == len(flat):
            yield chosen


def _allowed(problem, chosen):
    flat = {address for addresses in chosen for address in addresses}
    owner_of = {address: wanted.owner for wanted, addresses in zip(problem.wanted, chosen) for address in addresses}
    for address in flat:
        one = problem.candidates[address]
        if one.pf in flat:
            return False
        for other in flat:
            same = problem.candidates[other].group == one.group
            if one.group is not None and same and owner_of[address] != owner_of[other]:
                return False
    for wanted, addresses in zip(problem.wanted, chosen):
        goes = len(wanted.held - set(addresses))
        if not (wanted.fixed or wanted.may_go) and goes > max(0, len(wanted.held) - wanted.count):
            return False
    return all(
        _met(problem, relation, chosen)[0] == _met(problem, relation, chosen)[1] for relation in problem.constraints
    )


def value(one, attribute):
    """The value, None where unknown, and "none" of what is known to have none."""
    if attribute == "pcie_switch":
        return one.where.pcie_switches or "none"
    if attribute == "pcie_root":
        return one.where.pcie_root
    return one.values.get(attribute)


def related(relation, one, other):
    mine, its = value(one, relation.attribute), value(other, relation.attribute)
    if mine is None or its is None:
        return False
    if relation.attribute == "pcie_switch":
        common = mine != "none" and its != "none" and bool(set(mine) & set(its))
    else:
        common = mine == its
    return common if relation.match else not common


def _sides(problem, relation, chosen):
    return [[problem.candidates[address] for address in chosen[index]] for index in relation.wanted]


def _met(problem, relation, chosen):
    sides = _sides(problem, relation, chosen)
    if relation.pair:
        return max(
            sum(related(relation, *pair) for pair in zip(sides[0], order)) for order in itertools.permutations(sides[1])
        ), len(sides[0])
    devices = [one for side in sides for one in side]
    if len(devices) == 1 and relation.match and relation in problem.constraints:
        return (1 if value(devices[0], relation.attribute) not in (None, "none") else 0), 1
    pairs = list(itertools.combinations(devices, 2))
    return sum(related(relation, *pair) for pair in pairs), len(pairs)


def _near(problem, relation, chosen):
    if not relation.match or relation.attribute not in IN_TREE:
        return 0
    sides = _sides(problem, relation, chosen)
    if relation.pair:
        best = min(
            (
                -sum(related(relation, *pair) for pair in zip(sides[0], order)),
                sum(
                    distance(one.where, other.where).bridges
                    for one, other in zip(sides[0], order)
                    if related(relation, one, other)
                ),
            )
            for order in itertools.permutations(sides[1])
        )
        return best[1]
    devices = [one for side in sides for one in side]
    return sum(
        distance(one.where, other.where).bridges
        for one, other in itertools.combinations(devices, 2)
        if related(relation, one, other)
    )


def cost(problem, chosen, alternatives):
    """The order of choice, as it is written down, without the addresses."""
    asked = [index for index, wanted in enumerate(problem.wanted) if not wanted.fixed]
    flat = {address for addresses in chosen for address in addresses}
    taken = {address for index in asked for address in chosen[index]}
    refused = set()
    for wanted, addresses in zip(problem.wanted, chosen):
        mates = {mate for address in addresses for mate in problem.candidates[address].mates}
        refused |= set() if wanted.consents is None else mates - wanted.consents - flat
    given_back = sum(len(problem.wanted[index].held - set(chosen[index])) for index in asked)
    parting = sum(len(problem.wanted[index].parting & set(chosen[index])) for index in asked)
    wishes = [of - met for met, of in (_met(problem, wish, chosen) for wish in problem.wishes)]
    ranks = [
        [_rank(problem, index, alternatives[index], address, flat) for address in chosen[index]] for index in asked
    ]
    owns = [sorted(rank[0] for rank in of_one) for of_one in ranks]
    tiers = [sorted(rank[1] for rank in of_one) for of_one in ranks]
    tags = [sum(rank[2] for rank in of_one) for of_one in ranks]
    vfs = [sum(rank[3] for rank in of_one) for of_one in ranks]
    near = sum(_near(problem, relation, chosen) for relation in (*problem.constraints, *problem.wishes))
    fixed = {address for wanted in problem.wanted if wanted.fixed for address in wanted.held}
    wheres = {address: one.where for address, one in problem.candidates.items() if address not in fixed}
    wheres.update(problem.beside)
    left = [where for address, where in wheres.items() if address not in taken]
    pairs = [(wheres[address], other) for address in taken for other in left]
    switches = sum(len(set(one.pcie_switches) & set(other.pcie_switches)) for one, other in pairs)
    roots = sum(one.pcie_root == other.pcie_root for one, other in pairs)
    alternative = [alternatives[index] for index in asked]
    return (len(refused), given_back, parting, alternative, wishes, owns, tiers, tags, vfs, near, switches, roots)


def _rank(problem, index, alternative, address, flat):
    rank = problem.wanted[index].alternatives[alternative][address]
    own = 2 if rank.own and problem.candidates[address].mates - flat else rank.own
    return own, rank.tier, rank.tags, rank.vf
