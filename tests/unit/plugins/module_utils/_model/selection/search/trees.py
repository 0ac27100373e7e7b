# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problems on trees that a test draws: a path is `ROOT/BRIDGE/...`, and the names of upstream ports begin with u."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Where
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.relation import Candidate, Relation
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.problem import Problem, Rank, Wanted


def candidate(address, path="r0", pf=None, group=None, **values):
    root, *bridges = path.split("/")
    switches = tuple(bridge for bridge in reversed(bridges) if bridge.startswith("u"))
    where = Where(tuple(bridges), root, switches, (pf or address).rpartition(".")[0], None, None)
    return Candidate(address, where, {"slot": where.slot, **values}, pf, group)


def wanted(name, count, addresses, *more, **fields):
    """A request for devices all of which it likes as much; `more` are further alternatives."""
    alternatives = tuple({address: Rank() for address in one} for one in (addresses, *more))
    return Wanted(name, fields.pop("owner", "me"), count, alternatives, **fields)


def problem(candidates, *requests, constraints=(), wishes=(), **fields):
    known = {one.address: one for one in candidates}
    return Problem(tuple(requests), known, tuple(constraints), tuple(wishes), **fields)


def switched(number, gpus=1, nics=1):
    """So many switches, each at a root port of its own, with GPUs and NICs below; the addresses of both."""
    found, both = [], ([], [])
    for switch in range(number):
        for kind, count in enumerate((gpus, nics)):
            for card in range(count):
                address = f"0000:{8 * switch + 4 * kind + card:02x}:00.0"
                found.append(candidate(address, f"r{switch // 4}/p{switch}/u{switch}/d{address}"))
                both[kind].append(address)
    return found, *both


def pairs(one=0, other=1, attribute="pcie_switch"):
    return Relation((one, other), attribute, match=True, pair=True)


def match(*places, attribute="pcie_switch"):
    return Relation(places, attribute, match=True)


def distinct(*places, attribute="pcie_switch"):
    return Relation(places, attribute, match=False)
