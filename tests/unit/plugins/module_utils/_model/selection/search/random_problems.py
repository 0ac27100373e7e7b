# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problems on small trees that nobody thought of."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Where
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.relation import Candidate, Relation
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.problem import Problem, Rank, Wanted

ATTRIBUTES = ("pcie_switch", "pcie_root", "numa_node", "slot", "rail")


def random_problem(chance):
    """A problem of up to nine devices and three requests; `chance` is a random.Random."""
    places = _tree(chance, chance.randint(3, 9))
    candidates = {address: _candidate(chance, address, where, pf) for address, (where, pf) in places.items()}
    _grouped(chance, candidates)
    beside = {}
    for address in list(candidates):
        if len(candidates) > 3 and chance.random() < 0.15 and not any(one.pf == address for one in candidates.values()):
            beside[address] = candidates.pop(address).where
    wanted = _wanted(chance, candidates)
    relations = [_relation(chance, wanted) for _number in range(chance.choice((0, 1, 1, 2, 3)))]
    cut = chance.randint(0, len(relations))
    return Problem(wanted, candidates, tuple(relations[:cut]), tuple(relations[cut:]), beside)


def _tree(chance, size):
    """Addresses with their places: roots, ports, switches in switches, cards of several functions, VFs."""
    numbers = list(range(1, 200))
    chance.shuffle(numbers)
    places = {}
    ends = []
    for root in range(chance.choice((1, 2, 2, 3))):
        node = chance.choice((0, 1, None))
        likes = chance.random() < 0.6
        for port in range(chance.choice((1, 1, 2))):
            above = (f"r{root}p{port}",)
            ends.append((f"pci0000:{root:02x}", above, (), node))
            _below(chance, ends, f"pci0000:{root:02x}", above, (), node, 0, likes)
    bus = iter(numbers if chance.random() < 0.5 else sorted(numbers))
    while len(places) < size:
        root, bridges, switches, node = chance.choice(ends)
        address = f"0000:{next(bus):02x}:00"
        where = Where(bridges, root, switches, address, node, node)
        kind = chance.random()
        if kind < 0.15:
            places[f"{address}.0"], places[f"{address}.1"] = (where, None), (where, None)
        elif kind < 0.3:
            places[f"{address}.0"] = (where, None)
            for vf in range(chance.randint(1, 3)):
                places[f"{address[:-2]}02.{vf}"] = (where, f"{address}.0")
        else:
            places[f"{address}.0"] = (where, None)
    return places


def _below(chance, ends, root, bridges, switches, node, depth, likes):
    if depth > 1 or chance.random() < 0.4:
        return
    switch = f"{bridges[-1]}u"
    for number in range(chance.choice((1, 2, 2, 3))):
        down = (*bridges, switch, f"{switch}d{number}")
        ends.append((root, down, (switch, *switches), node))
        if not likes or number == 0:
            _below(chance, ends, root, down, (switch, *switches), node, depth + 1, likes)


def _candidate(chance, address, where, pf):
    values = {"numa_node": where.numa_node, "slot": where.slot, "rail": chance.choice((None, "0", "1", "1"))}
    return Candidate(address, where, values, pf)


def _grouped(chance, candidates):
    if chance.random() < 0.7 or len(candidates) < 4:
        return
    group = chance.sample(sorted(candidates), chance.choice((2, 3)))
    for address in group:
        mates = frozenset(group) - {address}
        one = candidates[address]
        candidates[address] = Candidate(address, one.where, one.values, one.pf, 7, mates)


def _wanted(chance, candidates):
    wanted = []
    free = sorted(candidates)
    for number in range(chance.choice((1, 2, 2, 3))):
        held = frozenset()
        if free and chance.random() < 0.3:
            held = frozenset(chance.sample(free, min(len(free), chance.choice((1, 1, 2)))))
            if any(candidates[address].pf in held for address in held):
                held = frozenset(list(held)[:1])
            free = [address for address in free if address not in held]
        parting = frozenset(address for address in held if chance.random() < 0.2)
        alternatives = []
        for _alternative in range(chance.choice((1, 1, 1, 2))):
            fits = {address for address in candidates if chance.random() < 0.75} | set(held)
            kinds = chance.random() < 0.5
            alternatives.append({address: Rank() if kinds else _rank(chance) for address in sorted(fits)})
        if held and chance.random() < 0.3:
            wanted.append(Wanted(f"q{number}", "me", len(held), (dict.fromkeys(held, Rank()),), held, fixed=True))
            continue
        owner = chance.choice(("me", "me", "other"))
        count, consents = chance.choice((1, 1, 2, 3)), chance.choice((None, frozenset()))
        may_go = chance.random() < 0.5
        wanted.append(Wanted(f"q{number}", owner, count, tuple(alternatives), held, parting, consents, may_go=may_go))
    if chance.random() < 0.4 and not wanted[0].held:
        several = [replace(wanted[0], name=f"twin{number}") for number in range(chance.randint(1, 2))]
        wanted[1:] = several if chance.random() < 0.7 else [*wanted[1:2], *several]
    wanted = [_without_others(wanted, one) for one in wanted]
    held = {address for one in wanted for address in one.held}
    fixed = {address for one in wanted if one.fixed for address in one.held}
    clash = any(candidates[address].pf in held for address in fixed)
    clash = clash or any(candidates[address].pf in fixed for address in held)
    return tuple(replace(one, fixed=False) if clash else one for one in wanted)


def _without_others(wanted, one):
    """What one request holds serves no other."""
    others = {address for other in wanted if other is not one for address in other.held}
    alternatives = [
        {address: rank for address, rank in ranks.items() if address not in others} for ranks in one.alternatives
    ]
    return replace(one, alternatives=tuple(alternatives))


def _rank(chance):
    return Rank(chance.choice((0, 1, 1)), chance.choice((0, 0, 1, 2)), chance.choice((0, 0, 1)), chance.choice((0, 1)))


def _relation(chance, wanted):
    attribute, match = chance.choice(ATTRIBUTES), chance.random() < 0.65
    places = range(len(wanted))
    pairs = [
        (one, other) for one in places for other in places if one < other and wanted[one].count == wanted[other].count
    ]
    if pairs and chance.random() < 0.5:
        return Relation(chance.choice(pairs), attribute, match, True)
    members = sorted(chance.sample(list(places), chance.randint(1, len(wanted))))
    return Relation(tuple(members), attribute, match)
