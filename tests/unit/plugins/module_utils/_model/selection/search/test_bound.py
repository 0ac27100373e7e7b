# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import sys

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Where
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.relation import Candidate, Relation
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search import costs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.problem import Problem, Rank, Wanted
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.search import STEPS, search


def _where(address, switch, depth):
    bridges = (f"port{switch}", f"up{switch}", *(f"{address}-{level}" for level in range(depth)))
    return Where(bridges, "pci0000:00", (f"up{switch}",), address[:-2], None, None)


def test_making_pairs_of_what_a_wish_is_met_by_in_part_counts_as_steps(monkeypatch):
    """Making n pairs takes n**3 looks; a search that makes them of each way it finds must come to its bound by that."""
    gpus = {f"0000:{number:02x}:00.0": (number % 6, 1 + number % 4) for number in range(1, 25)}
    nics = {f"0001:{number:02x}:00.0": (number % 5, 1 + number % 3) for number in range(1, 41)}
    candidates = {
        address: Candidate(address, _where(address, switch, depth))
        for address, (switch, depth) in {**gpus, **nics}.items()
    }
    count = len(gpus)
    wanted = tuple(
        Wanted(name, "me", count, (dict.fromkeys(addresses, Rank()),))
        for name, addresses in (("gpu", gpus), ("nic", nics))
    )
    made = []
    bridges_between = costs._between_pairs
    monkeypatch.setattr(costs, "_between_pairs", lambda *what: made.append(1) or bridges_between(*what))
    wish = Relation((0, 1), "pcie_switch", match=True, pair=True)
    solution = search(Problem(wanted, candidates, wishes=(wish,)))
    assert solution is not None
    assert 1 < len(made) <= STEPS // count**2


@pytest.mark.parametrize("owners", [1, 24])
def test_more_devices_than_python_allows_calls(owners):
    vfs = [f"0000:{number // 256:02x}:{number // 8 % 32:02x}.{number % 8}" for number in range(1200)]
    where = Where((), "pci0000:00", (), "0000:00:00", None, None)
    ranks = (dict.fromkeys(vfs, Rank()),)
    wanted = tuple(Wanted("vf", f"o{owner}", len(vfs) // owners, ranks) for owner in range(owners))
    limit = sys.getrecursionlimit()
    assert len(vfs) > limit
    solution = search(Problem(wanted, {vf: Candidate(vf, where) for vf in vfs}))
    assert solution is not None
    assert (sorted(itertools.chain(*solution.chosen)), solution.complete) == (vfs, True)
    assert sys.getrecursionlimit() == limit
