# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users are told when requests can't be served together."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search import search
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import (
    OWN,
    chosen,
    read_vectors,
    snapshot_of,
)

HOSTS = {vector["id"]: vector["host"] for vector in read_vectors(OWN)}
# A GPU (19, 9a) and a NIC (1a, 9b) below each of two switches; a GPU (4b) and a NIC (65) below none.
SWITCHES = HOSTS["match-switch"]
GPU, NIC = ["10de:2330"], ["15b3:1021"]
NEAR = {"requests": ["gpu", "nic"], "match": "pcie_switch"}
PAIRED = {**NEAR, "pair": True}
APART = {"requests": ["gpu"], "distinct": "pcie_switch"}


def vector(gpus, nics, *constraints, **more):
    requests = [{"name": "gpu", "count": gpus, "specs": GPU}, {"name": "nic", "count": nics, "specs": NIC}]
    asked = [request for request in requests if request["count"]]
    return {"area": "", "host": SWITCHES, "requests": asked, "constraints": list(constraints), **more}


def error(asked):
    with pytest.raises(HostdevError) as caught:
        chosen(snapshot_of(asked), asked)
    return caught.value


# Constraints.


def test_the_constraint_that_is_in_the_way_is_named_alone_with_how_near_devices_come():
    found = error(vector(3, 3, APART, PAIRED))
    assert found.code == "constraint_unmet"
    assert found.subject == "gpu, nic"
    assert found.found.endswith("of 3 pairs of devices at most 2 can be so")
    assert found.wanted == "gpu and nic match in pcie_switch, in pairs"
    assert found.details == {"constraints": [PAIRED]}
    assert "prefer" in found.remedy


ALONE = "the requests could be served, but not with the constraints"


def test_constraints_that_exclude_each_other_are_both_named():
    apart = {"requests": ["gpu", "nic"], "distinct": "pcie_root"}
    found = error(vector(1, 1, NEAR, apart, {"requests": ["gpu", "nic"], "match": "numa_node"}))
    assert (found.code, found.found) == ("constraint_unmet", ALONE)
    assert found.details == {"constraints": [NEAR, apart]}


def test_where_no_constraint_alone_is_in_the_way_all_are_named():
    both = [{"requests": ["gpu"], "match": attribute} for attribute in ("pcie_switch", "pcie_root")]
    found = error(vector(2, 0, *both))
    assert (found.code, found.found) == ("constraint_unmet", ALONE)
    assert found.details == {"constraints": both}


def test_a_device_alone_that_has_no_value():
    alone = {"requests": ["gpu"], "match": "pcie_switch"}
    found = error(vector(1, 0, alone, device_spec=[{"address": "0000:4b:00.0"}]))
    assert (found.code, found.found.rpartition(": ")[2]) == ("constraint_unmet", "no free device has a value of it")


def test_too_few_devices_are_no_constraint_s_fault():
    found = error(vector(4, 1, NEAR))
    assert (found.code, found.subject) == ("not_enough_devices", "request gpu")
    assert "3 free of 4" in found.found


def test_requests_that_serve_each_alone_but_not_together():
    asked = vector(2, 0)
    asked["requests"].append({"name": "other", "count": 2, "specs": GPU})
    found = error(asked)
    assert (found.code, found.subject) == ("not_enough_devices", "request other")
    assert "1 free of 2" in found.found


def test_of_several_owners_each_request_is_told_with_its_owner():
    claims = [{"owner": f"web{number}", "requests": vector(1, 1)["requests"]} for number in (1, 2, 3)]
    constraints = [{**NEAR, "requests": [f"web{number}/gpu", f"web{number}/nic"]} for number in (1, 2, 3)]
    found = error({"area": "", "host": SWITCHES, "claims": claims, "constraints": constraints})
    assert (found.code, found.details) == ("constraint_unmet", {"constraints": constraints})
    assert found.subject == "web1/gpu, web1/nic, web2/gpu, web2/nic, web3/gpu, and 1 more"


# Held devices.

LONE = {"me": {"gpu": ["0000:4b:00.0"]}}


def test_a_held_device_that_is_in_the_way_is_named_with_the_way_out():
    found = error(vector(1, 1, NEAR, held=LONE))
    assert (found.code, found.subject) == ("held_device_mismatch", "0000:4b:00.0, held for gpu")
    assert found.remedy.startswith("set on_mismatch to replace")
    assert found.details == {"constraints": [NEAR]}


def test_with_replace_it_is_given_back_and_only_it():
    held = {"me": {"gpu": ["0000:4b:00.0"], "nic": ["0000:9b:00.0"]}}
    said = chosen(snapshot_of({"host": SWITCHES, "held": held}), vector(1, 1, NEAR, on_mismatch="replace"))
    assert said["selected"] == {"gpu": ["0000:9a:00.0"], "nic": ["0000:9b:00.0"]}
    assert said["released"] == ["0000:4b:00.0"]


@pytest.mark.parametrize("on_mismatch", ["fail", "replace"])
def test_nothing_is_given_back_where_that_does_not_help(on_mismatch):
    asked = vector(3, 3, PAIRED, held=LONE, on_mismatch=on_mismatch)
    snapshot = snapshot_of(asked)
    with pytest.raises(HostdevError) as caught:
        chosen(snapshot, asked)
    assert caught.value.code == "constraint_unmet"
    assert [sorted(claim.holdings) for claim in snapshot.tracker] == [["0000:4b:00.0"]]


# The bound.


@pytest.fixture
def of_one_step(monkeypatch):
    monkeypatch.setattr(search.search, "__defaults__", (1,))


@pytest.mark.usefixtures("of_one_step")
def test_a_search_that_ended_says_so_and_not_that_there_is_no_way():
    found = error(vector(2, 2, PAIRED))
    assert (found.code, found.subject) == ("search_bounded", "gpu, nic")
    assert "not to say that there is no way" in found.found
    assert found.details == {"constraints": [PAIRED]}


@pytest.mark.usefixtures("of_one_step")
def test_without_constraints_the_requests_are_told():
    found = error(vector(2, 0))
    assert (found.code, found.subject, found.wanted) == ("search_bounded", "gpu", "devices for all requests")


def test_what_was_found_before_the_bound_is_had_and_marked(monkeypatch):
    asked, seen = vector(2, 2, PAIRED), []
    for steps in range(20, 400, 20):
        monkeypatch.setattr(search.search, "__defaults__", (steps,))
        try:
            said = chosen(snapshot_of(asked), asked)
        except HostdevError as error_at_the_bound:
            seen.append(error_at_the_bound.code)
        else:
            assert said["selected"] == {
                "gpu": ["0000:19:00.0", "0000:9a:00.0"],
                "nic": ["0000:1a:00.0", "0000:9b:00.0"],
            }
            seen.append(said["complete"])
    assert list(dict.fromkeys(seen)) == ["search_bounded", False, True]
