# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the search ends, what it need not look at twice, and the order of choice case by case."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.meeting import is_met
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.problem import Rank, Wanted
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.search import (
    BoundedError,
    possible,
    search,
)
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._model.selection.search.trees import (
    candidate,
    distinct,
    match,
    pairs,
    problem,
    switched,
    wanted,
)

A, B, C, D = (f"0000:0{number}:00.0" for number in range(1, 5))


def one_of_two(*paths, **fields):
    """What is taken of two devices at these paths, one of which is asked for."""
    devices = [candidate(address, path) for address, path in zip((A, B, C, D), paths)]
    return search(problem(devices, wanted("q", 1, (A, B)), **fields)).chosen[0][0]


# The bound.


def rails():
    """A problem of two pairings that have nothing to do with each other: which way is good is seen late."""
    devices, gpus, nics = switched(6, gpus=2, nics=2)
    devices = [replace(one, values={"rail": (7 * number) % 5}) for number, one in enumerate(devices)]
    requests = (wanted("gpu", 4, gpus), wanted("nic", 4, nics))
    return problem(devices, *requests, constraints=[pairs(attribute="pcie_switch"), pairs(attribute="rail")])


def test_a_search_ends_at_its_bound_with_nothing_then_with_what_it_found_then_with_the_best():
    asked, outcomes = rails(), []
    for steps in (1 << exponent for exponent in range(22)):
        try:
            found = search(asked, steps)
        except BoundedError:
            outcomes.append("nothing")
            continue
        assert all(is_met(one, asked.sides(one, found.chosen)) for one in asked.constraints)
        outcomes.append("best" if found.complete else "found")
        if found.complete:
            break
    assert [outcome for outcome, _same in itertools.groupby(outcomes)] == ["nothing", "found", "best"]


def test_at_the_bound_nobody_says_whether_there_is_a_way():
    assert possible(rails(), 1) is None
    assert possible(rails()) is True


# What need not be looked at twice.


def test_of_equal_functions_the_lowest_are_taken_without_trying_the_others():
    devices = [candidate(f"0000:01:{number:02x}.0") for number in range(1, 31)]
    every = [one.address for one in devices]
    found = search(problem(devices, wanted("q", 15, every)), 1_000)
    assert found.chosen == (tuple(every[:15]),)
    assert found.complete


def test_subtrees_that_mirror_each_other_are_tried_once():
    devices, gpus, nics = switched(16)
    asked = problem(devices, wanted("gpu", 8, gpus), wanted("nic", 8, nics), constraints=[pairs()])
    found = search(asked, 8_000)
    assert found.chosen == (tuple(gpus[:8]), tuple(nics[:8]))
    assert found.complete


@pytest.mark.parametrize("spare", [0, 4])
def test_twenty_owners_of_a_gpu_each(spare):
    devices, gpus, _nics = switched(20 + spare, nics=0)
    requests = [wanted("gpu", 1, gpus, owner=f"vm{number}") for number in range(20)]
    found = search(problem(devices, *requests), 10_000)
    assert found.chosen == tuple((address,) for address in gpus[:20])
    assert found.complete


def test_twenty_owners_of_a_pair_each():
    devices, gpus, nics = switched(20)
    requests = [
        wanted(name, 1, addresses, owner=f"vm{number}")
        for number in range(20)
        for name, addresses in (("gpu", gpus), ("nic", nics))
    ]
    constraints = [match(place, place + 1) for place in range(0, 40, 2)]
    found = search(problem(devices, *requests, constraints=constraints), 100_000)
    assert found.chosen == tuple((address,) for pair in zip(gpus, nics) for address in pair)
    assert found.complete


def test_one_owner_more_than_there_are_pairs_is_refused_at_once():
    devices, gpus, nics = switched(19, nics=2)
    asked = [wanted(name, 20, some) for name, some in (("gpu", [*gpus, A]), ("nic", nics))]
    lone = candidate(A, "r9/p")
    assert search(problem([*devices, lone], *asked, constraints=[pairs()]), 1_000) is None


# What is never chosen together.


def test_a_vf_and_its_pf_are_never_chosen_together():
    devices = [candidate(A), candidate("0000:01:02.0", pf=A), candidate(B), candidate("0000:02:02.0", pf=B)]
    vfs = ["0000:01:02.0", "0000:02:02.0"]
    found = search(problem(devices, wanted("pf", 1, [B]), wanted("vf", 1, vfs)))
    assert found.chosen == ((B,), ("0000:01:02.0",))
    assert search(problem(devices, wanted("pf", 1, [B]), wanted("vf", 2, vfs))) is None


def test_devices_of_one_group_go_to_one_owner():
    devices = [candidate(A, group=7), candidate(B, group=7), candidate(C)]
    both = wanted("one", 1, [A]), wanted("two", 1, [B, C])
    assert search(problem(devices, *both)).chosen == ((A,), (B,))
    apart = both[0], replace(both[1], owner="other")
    assert search(problem(devices, *apart)).chosen == ((A,), (C,))


def test_a_device_that_serves_two_requests_is_left_for_the_one_that_has_no_other():
    devices = [candidate(A), candidate(B)]
    assert search(problem(devices, wanted("any", 1, [A, B]), wanted("big", 1, [A]))).chosen == ((B,), (A,))


# The order of choice: each of these would be the other way round by the next one.


def test_held_devices_stay_before_an_earlier_alternative():
    devices = [candidate(A), candidate(B)]
    held = wanted("q", 1, [A], [B], held=frozenset({B}))
    assert search(problem(devices, held)).alternatives == (1,)
    found = search(problem(devices, replace(held, may_go=True)))
    assert (found.chosen, found.alternatives) == (((B,),), (1,))


def test_one_that_is_parting_is_the_first_to_go():
    devices = [candidate(A), candidate(B)]
    shrinks = wanted("q", 1, [A, B], held=frozenset({A, B}), parting=frozenset({A}))
    assert search(problem(devices, shrinks)).chosen == ((B,),)


def test_an_alternative_goes_before_a_wish():
    devices = [candidate(A, "r1/p1"), candidate(B, "r2/p2/u/d1"), candidate(C, "r2/p2/u/d2")]
    first = wanted("gpu", 1, [A], [B]), wanted("nic", 1, [C])
    assert search(problem(devices, *first, wishes=[match(0, 1)])).alternatives == (0, 0)
    assert search(problem(devices, *first, constraints=[match(0, 1)])).alternatives == (1, 0)


def test_the_first_wish_goes_before_the_second():
    devices = [candidate(A, rail=0, port=1), candidate(B, rail=1, port=0), candidate(C, rail=1, port=1)]
    asked = wanted("gpu", 1, [A, B]), wanted("nic", 1, [C])
    wishes = [match(0, 1, attribute=attribute) for attribute in ("rail", "port")]
    assert search(problem(devices, *asked, wishes=wishes)).chosen[0] == (B,)
    assert search(problem(devices, *asked, wishes=wishes[::-1])).chosen[0] == (A,)


def test_a_wish_goes_before_the_order_of_nodes():
    devices = [candidate(A, rail=0), candidate(B, rail=1), candidate(C, rail=1)]
    gpu = Wanted("gpu", "me", 1, ({A: Rank(tier=0), B: Rank(tier=2)},))
    asked = gpu, wanted("nic", 1, [C])
    assert search(problem(devices, *asked, wishes=[match(0, 1, attribute="rail")])).chosen[0] == (B,)
    assert search(problem(devices, *asked)).chosen[0] == (A,)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (Rank(own=1), Rank(own=0, tier=2)),
        (Rank(tier=1), Rank(tier=0, tags=9)),
        (Rank(tags=1), Rank(tags=0, vf=1)),
    ],
)
def test_nodes_go_before_tags_and_tags_before_vfs(worse, better):
    devices = [candidate(A), candidate(B)]
    assert search(problem(devices, Wanted("q", "me", 1, ({A: worse, B: better},)))).chosen == ((B,),)


def test_a_whole_device_goes_before_a_near_vf():
    devices = [candidate(A, "r/p/u/d1/u1/d2"), candidate(B, "r/p/u/d3"), candidate(C, "r/p/u/d1/u1/d4")]
    gpu = Wanted("gpu", "me", 1, ({A: Rank(vf=1), B: Rank()},))
    asked = problem(devices, gpu, wanted("nic", 1, [C]), constraints=[match(0, 1)])
    assert search(asked).chosen[0] == (B,)


def test_near_goes_before_least_spoilt():
    near, far, nic = candidate(A, "r/p/u/d1/u1/d2"), candidate(B, "r/p/u/d3"), candidate(C, "r/p/u/d1/u1/d4")
    beside = {"0000:09:00.0": candidate("0000:09:00.0", "r/p/u/d1/u1/d5").where}
    asked = problem(
        [far, near, nic], wanted("gpu", 1, [A, B]), wanted("nic", 1, [C]), constraints=[match(0, 1)], beside=beside
    )
    assert search(asked).chosen[0] == (A,)


def test_a_lone_device_is_taken_before_one_below_a_whole_switch():
    assert one_of_two("r0/p/u/d1", "r1/p") == A
    assert one_of_two("r0/p/u/d1", "r1/p", "r0/p/u/d2") == B


def test_switches_go_before_roots():
    beside = {f"0000:1{number}:00.0": candidate(A, f"r1/p{number}").where for number in range(3)}
    below = {"0000:20:00.0": candidate(A, "r0/p/u/d2").where}
    assert one_of_two("r0/p/u/d1", "r1/p", beside={**beside, **below}) == B
    assert one_of_two("r0/p/d1", "r1/p", beside={**beside, "0000:20:00.0": candidate(A, "r0/p/d2").where}) == A


def test_of_all_that_is_equal_the_lowest_is_taken():
    assert one_of_two("r0/p", "r1/p") == A
    devices = [candidate("10000:01:00.0", "r0/p"), candidate("0000:ff:00.0", "r1/p")]
    both = [one.address for one in devices]
    assert search(problem(devices, wanted("q", 1, both))).chosen == (("0000:ff:00.0",),)


# Constraints that a lone look at each does not serve.


def test_a_value_that_serves_the_first_request_alone_is_left():
    devices = [candidate(A, "r/p1/u1/d1"), candidate(B, "r/p2/u2/d1"), candidate(C, "r/p2/u2/d2")]
    asked = problem(devices, wanted("gpu", 1, [A, B]), wanted("nic", 1, [C]), constraints=[match(0, 1)])
    assert search(asked).chosen == ((B,), (C,))


def test_distinct_holds_among_all_and_not_with_the_last_one_alone():
    devices = [candidate(address, rail=rail) for address, rail in ((A, 0), (B, 1), (C, 0), (D, 2))]
    asked = problem(devices, wanted("q", 3, (A, B, C, D)), constraints=[distinct(0, attribute="rail")])
    assert search(asked).chosen == ((A, B, D),)


def test_what_is_asked_for_no_more_still_binds_the_others():
    devices = [candidate(A, "r/p1/u1/d1"), candidate(B, "r/p2/u2/d1"), candidate(C, "r/p2/u2/d2")]
    held = wanted("nic", 1, [C], held=frozenset({C}), fixed=True)
    found = search(problem(devices, wanted("gpu", 1, [A, B]), held, constraints=[match(0, 1)]))
    assert found.chosen == ((B,), (C,))


def test_a_held_device_is_kept_though_another_would_be_nearer_unless_it_may_go():
    devices = [candidate(A, "r/p1"), candidate(B, "r/p2/u2/d1"), candidate(C, "r/p2/u2/d2")]
    asked = [wanted("gpu", 1, [A, B], held=frozenset({A})), wanted("nic", 1, [C])]
    assert search(problem(devices, *asked, wishes=[match(0, 1)])).chosen[0] == (A,)
    assert search(problem(devices, *asked, constraints=[match(0, 1)])) is None
    asked[0] = replace(asked[0], may_go=True)
    assert search(problem(devices, *asked, constraints=[match(0, 1)])).chosen[0] == (B,)
