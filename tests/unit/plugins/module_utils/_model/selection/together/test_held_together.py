# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of devices that are held: pairs, how far wishes are met, alternatives, what no longer holds."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.held import HeldTogether
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.told import Together
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import Constraint
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import OWN, read_vectors, snapshot_of
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import PERMIT_ALL, allow

HOSTS = {vector["id"]: vector["host"] for vector in read_vectors(OWN)}
# A GPU (19, 9a) and a NIC (1a, 9b) below each of two switches; a GPU (4b) and a NIC (65) below none.
SWITCHES = HOSTS["match-switch"]
GPU, LONE_GPU, GPU2 = "0000:19:00.0", "0000:4b:00.0", "0000:9a:00.0"
NIC, LONE_NIC, NIC2 = "0000:1a:00.0", "0000:65:00.0", "0000:9b:00.0"
PAIRS = Constraint(("gpu", "nic"), "match", "pcie_switch", pair=True)
NEAR = Constraint(("gpu", "nic"), "match", "pcie_switch")
APART = Constraint(("gpu",), "distinct", "numa_node")


def held(requests, *, constraints=(), prefer=(), allow_list=PERMIT_ALL, **others):
    """What is said of the claim of `me`, with the claims of others beside it; and the claim."""
    snapshot = snapshot_of({"host": SWITCHES, "held": {"me": requests, **others}})
    claims = {claim.owner.id: claim for claim in snapshot.tracker}
    mine = replace(claims["me"], constraints=tuple(constraints), prefer=tuple(prefer))
    return HeldTogether(snapshot.inventory, {**claims, "me": mine}.values(), allow_list), mine


def told(requests, **more):
    together, claim = held(requests, **more)
    return together.told(claim)


def test_pairs_are_told_as_requests_name_them_the_first_by_address():
    said = told({"gpu": [GPU2, GPU], "nic": [NIC2, NIC]}, constraints=[PAIRS])
    assert said == Together([{**PAIRS.as_dict(), "devices": [[GPU, NIC], [GPU2, NIC2]]}], [], {})


def test_pairs_that_do_not_hold_are_among_them_and_told_apart():
    said = told({"gpu": [GPU, LONE_GPU], "nic": [NIC, LONE_NIC]}, prefer=[PAIRS])
    devices = [[GPU, NIC], [LONE_GPU, LONE_NIC]]
    assert said.pairs == [{**PAIRS.as_dict(), "devices": devices, "unmet": [devices[1]]}]
    assert said.met == [{**PAIRS.as_dict(), "met": 1, "of": 2}]


def test_a_wish_without_pairs_is_met_by_pairs_of_devices_of_all_there_are():
    said = told({"gpu": [GPU, LONE_GPU, GPU2]}, prefer=[APART])
    assert (said.pairs, said.met) == ([], [{**APART.as_dict(), "met": 2, "of": 3}])


def test_constraints_that_are_no_wishes_are_not_counted():
    assert told({"gpu": [GPU], "nic": [NIC]}, constraints=[NEAR]) == Together([], [], {})


def test_of_a_request_that_has_nothing_nothing_is_told():
    assert told({"gpu": [GPU]}, prefer=[NEAR, PAIRS]) == Together([], [], {})


# Alternatives.


def with_alternatives(devices, *alternatives):
    together, claim = held({"gpu": devices})
    entry = {"name": "gpu", "count": len(devices), "first_available": list(alternatives)}
    return together.told(replace(claim, requests={"gpu": parse_requests([entry], {})[0]})).alternative


def test_the_first_alternative_of_which_all_devices_are_is_told():
    nic, gpu, anything = ["15b3:1021"], ["10de:2330"], [{"vendor_id": "*"}]
    assert with_alternatives([GPU, GPU2], nic, gpu, anything) == {"gpu": 1}
    assert with_alternatives([GPU, NIC], nic, gpu, anything) == {"gpu": 2}
    assert with_alternatives([GPU, NIC], nic, gpu) == {}


# What holds no more.


def broken(requests, *constraints, allow_list=PERMIT_ALL, **others):
    together, claim = held(requests, constraints=constraints, allow_list=allow_list, **others)
    return [one for one, _addresses in together.broken(claim)]


def test_the_constraints_that_do_not_hold_are_told():
    assert broken({"gpu": [GPU], "nic": [NIC]}, NEAR, PAIRS) == []
    assert broken({"gpu": [GPU], "nic": [NIC2]}, NEAR, PAIRS, APART) == [NEAR, PAIRS]
    assert broken({"gpu": [GPU, LONE_GPU], "nic": [NIC, NIC2]}, PAIRS, APART) == [PAIRS, APART]


def test_pairs_of_unequal_sides_do_not_hold():
    assert broken({"gpu": [GPU, GPU2], "nic": [NIC]}, PAIRS) == [PAIRS]


def test_a_tag_is_looked_at_where_an_allow_list_tells_of_it():
    rail = Constraint(("gpu", "nic"), "match", "rail")
    tags = allow({"address": GPU, "tags": {"rail": "1"}}, {"address": NIC, "tags": {"rail": "2"}})
    requests = {"gpu": [GPU], "nic": [NIC]}
    assert broken(requests, rail, allow_list=None) == []
    assert broken(requests, rail, allow_list=tags) == [rail]
    same = allow({"address": GPU, "tags": {"rail": "N"}}, {"address": NIC, "tags": {"rail": "n"}})
    assert broken(requests, rail, allow_list=same) == []


# Several owners.

ACROSS = Constraint(("me/gpu", "you/nic"), "match", "pcie_switch", pair=True)


def test_what_is_over_several_owners_is_told_once_and_not_with_one_of_them():
    for nic, unmet in ((NIC, {}), (NIC2, {"unmet": [[GPU, NIC2]]})):
        together, claim = held({"gpu": [GPU]}, constraints=[ACROSS], you={"nic": [nic]})
        assert together.told(claim) == Together([], [], {})
        assert together.told_of_several().pairs == [{**ACROSS.as_dict(), "devices": [[GPU, nic]], **unmet}]
        assert [one for one, _addresses in together.broken(claim)] == ([ACROSS] if unmet else [])


def test_of_an_owner_who_is_gone_nothing_is_told():
    together, claim = held({"gpu": [GPU]}, constraints=[ACROSS])
    assert together.broken(claim) == []
    assert together.told_of_several() == Together([], [], {})
