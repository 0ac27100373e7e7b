# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import random

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Where
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.relation import Candidate
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.alternatives import Alternatives
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.problem import Problem, Rank, Wanted
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.search import search


def _wanted(*several):
    return [
        Wanted(f"q{place}", "me", count, tuple(dict.fromkeys(one, Rank()) for one in alternatives))
        for place, (count, *alternatives) in enumerate(several)
    ]


@pytest.mark.parametrize(("few", "many"), [(1, 19), (10, 10)])
def test_twenty_requests_of_which_some_get_the_first_choice(few, many):
    first, second = ([f"000{kind}:{number:02x}:00.0" for number in range(size)] for kind, size in ((1, few), (2, many)))
    candidates = {
        address: Candidate(address, Where((), "pci0000:00", (), address[:-2], None, None)) for address in first + second
    }
    solution = search(Problem(tuple(_wanted(*[(1, first, second)] * 20)), candidates))
    assert solution is not None
    assert (solution.alternatives, solution.complete) == ((0,) * few + (1,) * many, True)


def _could_be(wanted, numbers):
    """Whether each request can have its count, as all ways tell."""
    if not wanted:
        return True
    fits = wanted[0].alternatives[numbers[0]]
    return any(
        _could_be([_less(one, had) for one in wanted[1:]], numbers[1:])
        for had in itertools.combinations(fits, wanted[0].count)
    )


def _less(one, had):
    return Wanted(
        one.name, "me", one.count, tuple({a: r for a, r in ranks.items() if a not in had} for ranks in one.alternatives)
    )


@pytest.mark.parametrize("seed", range(60))
def test_none_is_left_out_for_which_there_are_devices(seed):
    chance = random.Random(seed)
    several = [
        (
            chance.randint(1, 2),
            *(chance.sample("abcde", chance.randint(1, 4)) for _other in range(chance.randint(1, 3))),
        )
        for _request in range(chance.randint(2, 3))
    ]
    wanted = _wanted(*several)
    numbers = itertools.product(*(range(len(one.alternatives)) for one in wanted))
    ways = list(Alternatives(wanted, lambda: None))
    if any(len(one.alternatives) > 1 for one in wanted):
        assert ways == [one for one in numbers if _could_be(wanted, one)]
    else:
        assert ways == [(0,) * len(wanted)]
