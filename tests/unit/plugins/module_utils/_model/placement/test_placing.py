# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unittest import mock

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement import judging
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.asked import asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.placing import place
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import parse_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs

GPU = {"vendor_id": "10de", "product_id": "2330", "class": "030200", "device_type": "type-PCI", "numa_node": 0}
NIC = {"vendor_id": "15b3", "product_id": "1021", "class": "020000", "device_type": "type-PCI", "numa_node": 0}
PF = {"vendor_id": "8086", "product_id": "1592", "class": "020000", "device_type": "type-PF", "numa_node": 0}
VF = {"vendor_id": "8086", "product_id": "1889", "class": "020000", "device_type": "type-VF", "numa_node": 0}
DISK = {"vendor_id": "144d", "product_id": "a824", "class": "010802", "device_type": "type-PCI", "numa_node": 0}
TOGETHER = [{"requests": ["gpu", "nic"], "match": "pcie_switch"}]


def pool(kind, count=1, **more):
    return {**kind, "count": count, **more}


def below(kind, *switches, count=1):
    return pool(kind, count, pcie_switches=switches, pcie_root="pci0000:16")


def wanted(*requests, spec=None, constraints=None, prefer=None, cells=()):
    specs = None if spec is None else parse_device_specs(spec, "device_spec")
    tags = {tag for entry in specs or () for tag in entry.tags}
    return asked(
        parse_requests(list(requests), {}),
        specs,
        parse_constraints(constraints, "constraints", tags),
        parse_constraints(prefer, "prefer", tags),
        cells,
    )


def want(name, *specs, **more):
    return {"name": name, "specs": list(specs), **more}


GPU_AND_NIC = (want("gpu", "10de:2330"), want("nic", "15b3:1021"))


def codes(placement):
    return {name: reason.code for name, reason in placement.refused.items()}


@pytest.mark.parametrize(
    ("strategy", "order"), [("pack", ("b", "d", "a", "c")), ("spread", ("c", "a", "b", "d"))], ids=["pack", "spread"]
)
def test_what_fits_is_counted_and_nothing_else_and_equals_go_by_name(strategy, order):
    hosts = {
        "a": [pool(GPU, 2)],
        "b": [pool(GPU, 1), pool(DISK, 24)],
        "c": [pool(GPU, 1), pool(GPU, 2, numa_node=1)],
        "d": [pool(GPU, 1)],
    }
    assert place(hosts, wanted(want("gpu", "10de:2330")), strategy).order == order


def test_more_than_a_hundred_still_count():
    hosts = {"a": [pool(VF, 200)], "b": [pool(VF, 150)]}
    assert place(hosts, wanted(want("nic", "8086:1889"))).order == ("b", "a")


def test_a_switch_is_the_same_on_both_only_by_its_name():
    hosts = {
        "apart": [below(GPU, "0000:17:00.0"), below(NIC, "0000:27:00.0")],
        "nested": [below(GPU, "0000:19:00.0", "0000:17:00.0"), below(NIC, "0000:17:00.0")],
        "none": [pool(GPU), pool(NIC)],
    }
    placement = place(hosts, wanted(*GPU_AND_NIC, constraints=TOGETHER))
    assert placement.order == ("nested",)
    assert codes(placement) == {"apart": "constraint_unmet", "none": "constraint_unmet"}
    assert "gpu and nic match in pcie_switch" in placement.refused["apart"].message


def test_of_several_constraints_the_one_in_the_way_is_named():
    hosts = {"a": [below(GPU, "0000:17:00.0"), below(NIC, "0000:17:00.0")]}
    constraints = [*TOGETHER, {"requests": ["gpu", "nic"], "distinct": "numa_node"}]
    message = place(hosts, wanted(*GPU_AND_NIC, constraints=constraints)).refused["a"].message
    assert "are distinct in numa_node" in message
    assert "pcie_switch" not in message


def test_hosts_that_differ_in_names_alone_are_searched_once():
    def host(one, other):
        return [below(GPU, one), below(NIC, one), below(GPU, other, count=2)]

    hosts = {f"kvm{number}": host(f"0000:{number:02x}:00.0", f"0000:{number:02x}:01.0") for number in range(16, 48)}
    with mock.patch.object(judging, "search", wraps=judging.search) as search:
        placement = place(hosts, wanted(*GPU_AND_NIC, constraints=TOGETHER))
    assert len(placement.order) == 32
    assert search.call_count == 1


def test_hosts_with_more_than_can_be_needed_are_searched_once_and_counted_apart():
    hosts = {f"kvm{number}": [pool(VF, number)] for number in range(4, 20)}
    with mock.patch.object(judging, "search", wraps=judging.search) as search:
        placement = place(hosts, wanted(want("nic", "8086:1889", count=4)), "spread")
    assert placement.order[0] == "kvm19"
    assert search.call_count == 1


def test_devices_that_two_requests_want_serve_one_of_them():
    hosts = {"a": [pool(GPU)], "b": [pool(GPU, 2)]}
    asked_for = wanted(want("one", "10de:2330"), want("other", {"vendor_id": "10de"}))
    placement = place(hosts, asked_for)
    assert placement.order == ("b",)
    assert codes(placement) == {"a": "not_enough_devices"}
    assert "not all of them together" in placement.refused["a"].message


def test_a_pf_is_served_for_its_type_or_for_ids_that_only_pfs_have():
    hosts = {"pf": [pool(PF)], "both": [pool(PF), pool({**VF, "product_id": "1592"})]}
    of_ids = place(hosts, wanted(want("nic", "8086:1592", count=2)))
    assert of_ids.order == ()
    assert "0 of 2" not in of_ids.refused["pf"].message
    assert place(hosts, wanted(want("nic", "8086:1592"))).order == ("both", "pf")
    assert place({"pf": hosts["pf"]}, wanted(want("nic", {"class": "02"}))).order == ()
    by_type = wanted(want("nic", {"class": "02", "device_type": "type-PF"}))
    assert place(hosts, by_type).order == ("both", "pf")


def test_the_allow_list_permits_and_gives_tags():
    hosts = {"a": [pool(GPU), pool(NIC)], "b": [pool(GPU)]}
    spec = [{"vendor_id": "15b3", "tags": {"net": "storage"}}]
    assert place(hosts, wanted(want("nic", {"vendor_id": "15b3", "tags": {"net": "storage"}}), spec=spec)).order == (
        "a",
    )
    assert place(hosts, wanted(want("gpu", "10de:2330"), spec=spec)).order == ()


def test_a_tag_is_a_place_for_constraints():
    spec = [
        {"vendor_id": "10de", "tags": {"fabric": "blue"}},
        {"vendor_id": "15b3", "numa_node": 0, "tags": {"fabric": "blue"}},
        {"vendor_id": "15b3", "tags": {"fabric": "red"}},
    ]
    hosts = {"a": [pool(GPU), pool(NIC)], "b": [pool(GPU), pool(NIC, numa_node=1)]}
    constraints = [{"requests": ["gpu", "nic"], "match": "fabric"}]
    placement = place(hosts, wanted(*GPU_AND_NIC, spec=spec, constraints=constraints))
    assert (placement.order, codes(placement)) == (("a",), {"b": "constraint_unmet"})


def test_the_guests_nodes_rule_out_what_the_policy_does_and_without_them_nothing():
    hosts = {"a": [pool(GPU)], "b": [pool(GPU, numa_node=1)], "c": [pool(GPU, numa_node=None)]}

    def order(policy, cells):
        return place(hosts, wanted(want("gpu", "10de:2330", numa_policy=policy), cells=cells)).order

    assert order("required", [1]) == ("b",)
    assert order("legacy", [1]) == ("b", "c")
    assert order("preferred", [1]) == ("a", "b", "c")
    assert order("required", []) == ("a", "b", "c")
    assert order("socket", [1]) == ("a", "b", "c"), "pools tell no sockets"


def test_a_host_that_tells_no_node_at_all_has_one():
    hosts = {
        "one": [pool(GPU, numa_node=None), pool(NIC, numa_node=None)],
        "two": [pool(GPU), pool(NIC, numa_node=None)],
    }
    constraints = [{"requests": ["gpu", "nic"], "match": "numa_node"}]
    assert place(hosts, wanted(*GPU_AND_NIC, constraints=constraints)).order == ("one",)


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        (want("disk", {"serial": "S1"}), "request disk: 1 device with serial S1"),
        ({"name": "disk", "address": "0000:81:00.0"}, "request disk: the device at 0000:81:00.0"),
        ({"name": "key", "usb": {"port": "1-2"}}, "request key: "),
        (want("disk", {"vendor_id": "144d", "slot": "0000:81:00"}), "request disk: slot"),
        (want("disk", "144d:a824", numa_policy="required"), "request disk: numa_policy required"),
    ],
    ids=["serial", "address", "usb", "slot", "numa_policy"],
)
def test_what_pools_do_not_tell_is_left_to_the_claim_and_said(request_, left):
    looked_for = wanted(request_)
    assert [sentence for sentence in looked_for.left if sentence.startswith(left)]
    assert place({"a": [pool(DISK)]}, looked_for).order == ("a",)


@pytest.mark.parametrize("attribute", ["slot", "socket", "iommu_group"])
def test_a_constraint_on_what_pools_do_not_tell_is_left_and_the_others_hold(attribute):
    constraints = [{"requests": ["gpu", "nic"], "distinct": attribute}, *TOGETHER]
    looked_for = wanted(*GPU_AND_NIC, constraints=constraints)
    assert looked_for.left == (f"gpu and nic are distinct in {attribute}",)
    assert codes(place({"a": [pool(GPU), pool(NIC)]}, looked_for)) == {"a": "constraint_unmet"}


def test_a_constraint_over_a_request_that_is_left_is_left_too():
    looked_for = wanted(GPU_AND_NIC[0], {"name": "nic", "address": "0000:81:00.0"}, constraints=TOGETHER)
    assert looked_for.left == ("request nic: the device at 0000:81:00.0", "gpu and nic match in pcie_switch")


def test_holders_go_first_as_they_are_and_refused_ones_not_at_all():
    hosts = {"a": [pool(GPU)], "b": [], "c": [pool(GPU)]}
    no = judging.Reason("anti_affinity", "no")
    assert place(hosts, wanted(want("gpu", "10de:2330")), refused={"c": no}, holders=["b"]).order == ("b", "a")
    assert place(hosts, wanted(want("gpu", "10de:2330")), refused={"b": no}, holders=["b"]).order == ("a", "c")


def test_a_search_that_ends_at_its_bound_does_not_say_that_the_host_does_not_serve():
    hosts = {"a": [below(GPU, "0000:17:00.0"), below(NIC, "0000:17:00.0")]}
    with mock.patch.object(judging, "search", side_effect=judging.BoundedError):
        placement = place(hosts, wanted(*GPU_AND_NIC, constraints=TOGETHER))
    assert codes(placement) == {"a": "search_bounded"}
