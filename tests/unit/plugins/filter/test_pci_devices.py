# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters pci_fits, pci_free and pci_pools, and the tests pci_claimable and pci_claimed."""

from __future__ import annotations

from collections import UserDict, UserList

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter import pci_fits as fits_plugin
from ansible_collections.kvm.hostdev.plugins.filter import pci_free as free_plugin
from ansible_collections.kvm.hostdev.plugins.filter import pci_pools as pools_plugin
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.filters import Filters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish
from ansible_collections.kvm.hostdev.plugins.test import pci_claimable as claimable_plugin
from ansible_collections.kvm.hostdev.plugins.test import pci_claimed as claimed_plugin
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import gathered, made

fits = fits_plugin.FilterModule().filters()["pci_fits"]
free = free_plugin.FilterModule().filters()["pci_free"]
pools = pools_plugin.FilterModule().filters()["pci_pools"]
claimable = claimable_plugin.TestModule().tests()["pci_claimable"]
claimed = claimed_plugin.TestModule().tests()["pci_claimed"]

VFS = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"]
PF = "0000:01:00.0"
NET = {"kind": "net", "name": "a"}
A100 = {"vendor_id": "10de", "product_id": "20b2"}
NODE_DEVICE = {"capability": "usb_device", "name": "usb_1", "blockers": []}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return made(tmp_path_factory.mktemp("host"), "kvm2")


@pytest.fixture(scope="module")
def facts(host):
    return gathered(host)


def addresses(devices):
    return [device["address"] for device in devices]


@pytest.mark.parametrize(
    ("specs", "fitting"),
    [
        ("8086:10ca", VFS),
        (["8086:10ca", "8086:10c9"], [PF, *VFS]),
        ([A100, {"numa_node": 7}], ["0000:3b:00.0", "0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]),
        ({**A100, "numa_node": 1}, ["0000:af:00.0"]),
        ({**A100, "device_type": "type-PCI"}, []),
        ({"class": "0302", "driver": "none"}, ["0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]),
        ({"driver": "vfio-pci"}, ["0000:01:10.0", "0000:3b:00.0"]),
        ({"address": PF}, [PF, *VFS]),
        ({"address": ".4"}, ["0000:01:10.4"]),
        ({"address": "01:10.4"}, ["0000:01:10.4"]),
        ({"address": "0000:AF:00.0"}, ["0000:af:00.0"]),
        ({"vendor_id": "0x10DE", "numa_node": "1"}, ["0000:af:00.0"]),
        ({"devname": "enp1s0"}, [PF, *VFS]),
        ({"parent_ifname": "enp1s0"}, VFS),
        ({"iommu_group_size": 3, "vendor_id": "1b36"}, ["0000:00:14.0", "0000:03:00.2"]),
        ({"iommu_group_size": ">= 3", "vendor_id": "1b36"}, ["0000:00:14.0", "0000:03:00.2"]),
        ({"physical_network": "storage", "product_id": "10c9"}, [PF]),
        ({"slot": "0000:01:00"}, [PF, *VFS]),
        ({"pcie_root": "pci0000:80", "class": "0108"}, ["0000:81:00.0"]),
        ({"pcie_switch": "0000:00:10.0"}, []),
        ({"memory": ">= 16 KiB, <= 1 MiB", "vendor_id": "8086"}, VFS),
        ({"link_width": 1, "device_type": "type-PF"}, [PF]),
        ({"link_speed": "<= 2.5 GT/s", "class": "0108"}, ["0000:03:00.2", "0000:04:00.0", "0000:81:00.0"]),
        ({"total_vfs": ">= 8"}, ["0000:3b:00.0", "0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]),
        ('{"vendor_id": "8086", "product_id": "10c9"}', [PF]),
    ],
)
def test_what_fits_is_what_pci_facts_chooses(host, facts, specs, fitting):
    chosen = parse_device_specs(specs if isinstance(specs, list) else [specs], "specs")
    by_module = gathered(host, FactsWish(parts=frozenset({"devices"}), filters=Filters(specs=chosen)))
    assert addresses(fits(facts, specs)) == sorted(fitting)
    assert fits(facts, specs) == by_module["devices"]


@pytest.mark.parametrize("chosen", [fits, free, pools])
@pytest.mark.parametrize("specs", [[], "[]"])
def test_no_spec_at_all_is_no_question(facts, chosen, specs):
    with pytest.raises(AnsibleFilterError, match="specs: found an empty list, which nothing fits"):
        chosen(facts, specs)


def test_the_order_is_that_of_the_addresses(facts):
    assert addresses(fits(facts["devices"][::-1], "8086:10ca")) == VFS


@pytest.mark.parametrize(
    "wrap",
    [
        lambda facts: facts,
        lambda facts: {"hostdev": facts, "kernel": "6.12"},
        lambda facts: {"ansible_facts": {"hostdev": facts}},
        lambda facts: {"ansible_facts": {"hostdev": facts}, "hostdev": "a variable of somebody"},
        lambda facts: {"changed": False, "ansible_facts": {"hostdev": facts}},
        lambda facts: facts["devices"],
        lambda facts: tuple(facts["devices"]),
        lambda facts: UserDict(facts, devices=UserList(UserDict(device) for device in facts["devices"])),
    ],
)
def test_facts_are_found_in_what_holds_them(facts, wrap):
    found = fits(wrap(facts), A100)
    assert addresses(found) == ["0000:3b:00.0", "0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]
    assert {type(device) for device in found} == {dict}


def test_free_is_what_a_claim_could_take(facts):
    assert addresses(free(facts, "8086:10ca")) == VFS[1:]
    assert addresses(free(fits(facts, A100))) == ["0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]
    assert addresses(free(facts)) == [device["address"] for device in facts["devices"] if device["claimable"]]
    assert free([]) == []


def test_pools_are_those_of_the_facts(facts):
    assert pools(facts) == facts["pools"]
    assert sum(pool["count"] for pool in facts["pools"]) == 8
    assert pools(facts, "8086:10ca") == [
        {
            "vendor_id": "8086",
            "product_id": "10ca",
            "class": "020000",
            "device_type": "type-VF",
            "numa_node": None,
            "pcie_root": "pci0000:00",
            "pcie_switches": [],
            "memory": 16384,
            "link_speed": 2.5,
            "link_width": 1,
            "total_vfs": 0,
            "iommu_group_size": 1,
            "physical_function": PF,
            "parent_ifname": "enp1s0",
            "remote_managed": False,
            "count": 3,
        }
    ]


def test_pools_of_devices_of_which_little_was_gathered_do_not_tell_what_is_not_known(facts):
    fields = "vendor_id product_id class device_type numa_node physical_function children claimable"
    (pool,) = pools(only(facts, *fields.split()), "8086:10ca")
    unknown = ("pcie_root", "pcie_switches", "memory", "link_speed", "link_width", "iommu_group_size")
    assert {key: pool[key] for key in unknown} == dict.fromkeys(unknown)
    assert pool["count"] == 3


def test_a_device_is_claimable_or_claimed(facts):
    by_address = {device["address"]: device for device in facts["devices"]}
    states = {
        address: (claimable(by_address[address]), claimed(by_address[address]), claimed(by_address[address], "dpdk0"))
        for address in [PF, VFS[0], VFS[1], "0000:3b:00.0"]
    }
    assert states == {
        PF: (False, False, False),
        VFS[0]: (False, True, True),
        VFS[1]: (True, False, False),
        "0000:3b:00.0": (False, True, False),
    }
    holder = {"kind": "domain", "id": "0f2d7c1e-0000-4000-8000-000000000000", "label": "web1"}
    assert claimed({**by_address[PF], "owner": holder}, holder["id"]) is True
    assert claimed({**by_address[PF], "owner": holder}, holder["id"].upper()) is True
    assert claimed(by_address[VFS[0]], "DPDK0") is False
    assert (claimable(NODE_DEVICE), claimed(NODE_DEVICE)) == (False, False)


def test_a_list_of_devices_tells_where_they_sit(facts):
    assert addresses(fits(facts["devices"], {"pcie_root": "pci0000:80", "class": "0108"})) == ["0000:81:00.0"]
    assert addresses(fits(fits(facts, "8086:10ca"), {"slot": "0000:01:00"})) == VFS


def test_a_switch_is_what_the_facts_call_one(facts):
    # Without root nobody sees that this is a bridge to conventional PCI, or a switch with one port.
    upper, below = "0000:00:12.0", "0000:03:00.0"
    devices = [{**device, "pcie_switches": []} for device in facts["devices"]]
    assert fits({**facts, "devices": devices}, {"pcie_switch": upper}) == []
    told = [{**device, "pcie_switches": [upper] if device["address"] == below else []} for device in devices]
    assert below in addresses(fits({**facts, "devices": told}, {"pcie_switch": upper}))


def only(facts, *fields):
    devices = [
        {"address": device["address"], "name": "x", "capability": "pci", **{name: device[name] for name in fields}}
        for device in facts["devices"]
    ]
    return {"devices": devices}


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda facts: fits(facts, {"vendr_id": "10de"}), r"pci_fits: specs\[0\].vendr_id: .*did you mean vendor_id"),
        (lambda facts: fits(facts, {"vendor_id": 8086}), r"pci_fits: specs\[0\].vendor_id: found 8086"),
        (lambda facts: fits(facts, "10de"), r"pci_fits: specs\[0\]: found '10de'"),
        (lambda facts: fits(facts, None), r"pci_fits: specs\[0\]: found None"),
        (lambda facts: free(facts, {"class": "x"}), r"pci_free: specs\[0\].class: found 'x'"),
        (lambda facts: fits(None, A100), "pci_fits: the facts: found null; wanted: .*gather them first"),
        (lambda facts: fits("x", A100), "the facts: found the text 'x'"),
        (lambda facts: fits({}, A100), "the facts: found a mapping with nothing in it"),
        (lambda facts: fits('{"devices": []}', A100), "the facts: found the text .*with from_json"),
        (lambda facts: fits({"results": [facts]}, A100), "the facts: found a mapping with results.*one of its results"),
        (
            lambda facts: free({"kvm1": {"ansible_facts": {}}, "kvm2": {"ansible_facts": {"hostdev": facts}}}),
            r"found a mapping with kvm1, kvm2; .*such as hostvars\['kvm1'\], or .*rank_hosts",
        ),
        (lambda facts: free({"failed": True, "msg": "x"}), "the facts: found a mapping with failed, msg"),
        (lambda facts: free({"ansible_facts": {"hostdev": None}}), "ansible_facts.hostdev: found null"),
        (lambda facts: free(facts, spec="10de:20b2"), "pci_free: an option: found 'spec'; .*did you mean specs"),
        (lambda facts: free(7), "the facts: found 7"),
        (lambda facts: free(["kvm1", "kvm2"]), "the devices: found the text 'kvm1'"),
        (lambda facts: free([facts]), "the devices: found a mapping with claims, devices"),
        (lambda facts: fits(facts, ["10de:20b2,10de:20b0"]), r'write a list: \["10de:20b2", "10de:20b0"\]'),
        (lambda facts: fits(facts, "10DE:20B2"), 'write "10de:20b2"'),
        (lambda facts: fits(facts, {"vendor_id": 4318}), 'put the digits into quotes: "10de" or "4318"'),
        (lambda facts: fits(facts, {"vendor_id": 1000}), 'put the digits into quotes: "03e8" or "1000"'),
        (lambda facts: fits(facts, 0x10DE20B2), 'put what is meant into quotes: "10de:20b2"'),
        (lambda facts: fits(facts, {"Vendor_ID": "10de"}), "did you mean vendor_id"),
        (
            lambda facts: free([{**facts["devices"][0], "claimable": "false"}]),
            "0000:00:00.0: its claimable: found the text 'false'; wanted: `true` or `false`",
        ),
        (
            lambda facts: fits([{**facts["devices"][0], "children": ["net"]}], A100),
            r"0000:00:00.0: its children\[0\]: found the text 'net'; wanted: a mapping",
        ),
        (
            lambda facts: fits([{**facts["devices"][0], "children": [NET, {**NET, "size": 8}]}], A100),
            r"0000:00:00.0: its children\[1\].size: found 8; wanted: digits",
        ),
        (
            lambda facts: fits([{**facts["devices"][0], "vendor_id": 8086}], A100),
            "0000:00:00.0: its vendor_id: found 8086; wanted: four hexadecimal digits",
        ),
        (
            lambda facts: fits({**facts, "iommu_groups": "12"}, A100),
            "the facts: its iommu_groups: found the text '12'; wanted: a list",
        ),
        (
            lambda facts: claimed({"capability": "pci", "address": "0000:3b:00.0", "owner": "train1"}),
            "its owner: found the text 'train1'",
        ),
        (lambda facts: fits({"kernel": "6.12"}, A100), "the facts: found a mapping with kernel"),
        (lambda facts: fits({"ansible_facts": {}}, A100), "ansible_facts: found a mapping with nothing in it"),
        (lambda facts: free({"host": {}, "pools": []}), "found host, pools, and no devices; .*gather_subset"),
        (lambda facts: free(facts["pools"]), "the devices: found a mapping with class"),
        (lambda facts: free(["x"]), "the devices: found the text 'x'"),
        (lambda facts: pools({"devices": {}}), "devices: found a mapping with nothing in it"),
        (lambda facts: free(only(facts)), "0000:00:00.0: the facts do not have its claimable; .*option fields"),
        (lambda facts: pools(only(facts, "claimable")), "do not have its vendor_id"),
        (lambda facts: fits(only(facts), A100), "the facts do not have its vendor_id"),
        (lambda facts: fits(only(facts, "physical_function"), {"parent_ifname": "x"}), "do not have its children"),
        (
            lambda facts: fits(facts["devices"], {"iommu_group_size": 1}),
            "iommu_group_size: found a list of some devices",
        ),
        (lambda facts: fits(facts["devices"], {"parent_ifname": "x"}), "parent_ifname: found a list of some devices"),
        (lambda facts: fits(facts["devices"], {"link_width": 8}), "link_width: found a list of some devices"),
        (lambda facts: fits(only(facts, "vendor_id"), {"memory": "1 GiB"}), "do not have its bars"),
        (lambda facts: fits(only(facts, "link"), {"link_width": 1}), "do not have its path"),
        (lambda facts: fits(only(facts, "vendor_id"), {"total_vfs": 0}), "do not have its total_vfs"),
        (
            lambda facts: fits({"devices": fits(facts, "8086:10ca")}, {"link_speed": 16}),
            "0000:01:10.0: the facts do not have the port 0000:00:10.0 above it",
        ),
        (lambda facts: fits(facts, {"memory": "64 GB"}), 'did you mean "64 GiB"'),
        (
            lambda facts: fits({"devices": facts["devices"]}, {"iommu_group_size": 1}),
            "iommu_group_size: the facts do not have iommu_groups",
        ),
        (
            lambda facts: fits({"devices": fits(facts, "8086:10ca")}, {"parent_ifname": "enp1s0"}),
            "0000:01:10.0: the facts do not have its physical function 0000:01:00.0",
        ),
        (lambda facts: claimable("0000:01:10.0"), "pci_claimable: the device: found the text '0000:01:10.0'"),
        (claimable, "pci_claimable: the device: found a mapping with claims, devices"),
        (lambda facts: claimable(only(facts)["devices"][0]), "do not have its claimable"),
        (lambda facts: claimed(only(facts)["devices"][0]), "pci_claimed: .*do not have its owner"),
        (lambda facts: claimed(NODE_DEVICE, 7), "owner: found 7; wanted: the name of an owner"),
    ],
)
def test_what_can_not_be_answered_is_an_error(facts, ask, told):
    with pytest.raises(AnsibleFilterError, match=told):
        ask(facts)


@pytest.mark.parametrize("owner", ["", " "])
def test_an_owner_without_a_name_is_nobody_to_ask_for(facts, owner):
    with pytest.raises(AnsibleFilterError, match="pci_claimed: owner: found the text .*; wanted: the name of an owner"):
        claimed(facts["devices"][0], owner)
