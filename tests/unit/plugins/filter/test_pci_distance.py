# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters pci_distance and pci_distances."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter.pci_distance import pci_distance
from ansible_collections.kvm.hostdev.plugins.filter.pci_distances import pci_distances

# Root port, and the ports of a switch with another one below it.
PORT, UP, DOWN, OTHER, THIRD, UP2, DOWN2 = (
    *("0000:16:02.0", "0000:17:00.0", "0000:18:00.0", "0000:18:01.0", "0000:18:02.0"),
    *("0000:1a:00.0", "0000:1b:00.0"),
)
GPU, GPU_AUDIO, NIC, FAR_NIC, DISK, LONE, ELSEWHERE = (
    *("0000:19:00.0", "0000:19:00.1", "0000:1c:00.0", "0000:1d:00.0"),
    *("0000:1e:00.0", "0000:60:00.0", "0000:b0:00.0"),
)
BELOW = f"{PORT}/{UP}"


def function(address, way, node, switches=(), **fields):
    told = {"vendor_id": "10de", "product_id": "20b2", "class": "030200", "device_type": "type-PCI", "children": []}
    where = {"path": f"/sys/devices/{way}/{address}", "numa_node": node, "pcie_switches": list(switches)}
    return {"address": address, "capability": "pci", "physical_function": None, **told, **where, **fields}


DEVICES = [
    function(GPU, f"pci0000:16/{BELOW}/{DOWN}", 0, [UP]),
    function(GPU_AUDIO, f"pci0000:16/{BELOW}/{DOWN}", 0, [UP]),
    function(NIC, f"pci0000:16/{BELOW}/{OTHER}", 0, [UP]),
    function(FAR_NIC, f"pci0000:16/{BELOW}/{THIRD}/{UP2}/{DOWN2}", 0, [UP2, UP]),
    function(DISK, "pci0000:16/0000:16:03.0", 0),
    function(LONE, "pci0000:60/0000:60:01.0", 0),
    function(ELSEWHERE, "pci0000:b0/0000:b0:01.0", 1),
]


@pytest.mark.parametrize(
    ("other", "word", "bridges"),
    [
        (GPU, "SAME", 0),
        (GPU_AUDIO, "SAME", 0),
        (NIC, "PIX", 2),
        (FAR_NIC, "PXB", 4),
        (DISK, "PHB", 4),
        (LONE, "NODE", None),
        (ELSEWHERE, "SYS", None),
        ("1c:00.0", "PIX", 2),
        ("0000:1C:00.0", "PIX", 2),
    ],
)
def test_both_directions_have_the_words_of_nvidia(other, word, bridges):
    assert pci_distance(DEVICES, GPU, other) == {"distance": word, "bridges": bridges}
    assert pci_distance({"devices": DEVICES}, other, GPU) == {"distance": word, "bridges": bridges}


def test_a_vf_is_where_its_pf_is():
    vf = function("0000:1d:01.2", f"pci0000:16/{BELOW}/{THIRD}/{UP2}/{DOWN2}", 0, [UP2, UP], physical_function=FAR_NIC)
    assert pci_distance([*DEVICES, vf], vf["address"], FAR_NIC)["distance"] == "SAME"


def test_the_switches_are_those_that_the_host_told_and_not_those_that_paths_look_like():
    # Two bridges to conventional PCI, one below the other, look as the ports of a switch do.
    plain = [{**device, "pcie_switches": []} for device in DEVICES]
    assert pci_distance(DEVICES, GPU, FAR_NIC)["distance"] == "PXB"
    assert pci_distance(plain, GPU, FAR_NIC)["distance"] == "PIX"


def test_of_a_host_with_one_node_the_node_is_known_without_the_kernel():
    devices = [{**device, "numa_node": None} for device in DEVICES]
    assert pci_distance(devices, GPU, LONE) == {"distance": None, "bridges": None}
    one = {"devices": devices, "host": {"numa_nodes": [{"id": 0, "socket": 0}]}}
    assert pci_distance(one, GPU, LONE)["distance"] == "NODE"
    two = {"devices": devices, "host": {"numa_nodes": [{"id": 0, "socket": 0}, {"id": 1, "socket": 1}]}}
    assert pci_distance(two, GPU, LONE)["distance"] is None


def test_the_distances_of_several_are_told_each_from_each():
    assert pci_distances(DEVICES, [{"address": GPU}, {"address": NIC}, {"address": ELSEWHERE}]) == {
        GPU: {GPU: "SAME", NIC: "PIX", ELSEWHERE: "SYS"},
        NIC: {GPU: "PIX", NIC: "SAME", ELSEWHERE: "SYS"},
        ELSEWHERE: {GPU: "SYS", NIC: "SYS", ELSEWHERE: "SAME"},
    }


@pytest.mark.parametrize(
    ("facts", "addresses", "told"),
    [
        (DEVICES, (GPU, "0000:19:00.7"), "pci_distance: 0000:19:00.7: the facts have no such function; .*did you mean"),
        (DEVICES, (GPU, 5), "pci_distance: an address: .*5.* is not a PCI address"),
        (DEVICES, (GPU, GPU_AUDIO[:-2]), "is not a PCI address"),
        ([{"address": GPU, "capability": "pci"}], (GPU, GPU), f"{GPU}: the facts do not have its path"),
        ([{**DEVICES[0], "pcie_switches": "x"}], (GPU, GPU), "its pcie_switches: found the text 'x'; wanted: a list"),
        ({"devices": DEVICES, "host": {"numa_nodes": 2}}, (GPU, NIC), "numa_nodes: found 2; wanted: a list"),
        ("x", (GPU, NIC), "the facts: found the text 'x'"),
    ],
)
def test_what_can_not_be_told_says_why(facts, addresses, told):
    with pytest.raises(AnsibleFilterError, match=told):
        pci_distance(facts, *addresses)


@pytest.mark.parametrize(
    ("facts", "specs", "told"),
    [
        (DEVICES, [], "pci_distances: specs: found an empty list"),
        ([{k: v for k, v in DEVICES[0].items() if k != "pcie_switches"}], "10de:20b2", "do not have its pcie_switches"),
    ],
)
def test_the_distances_of_several_ask_for_specs_and_whole_facts(facts, specs, told):
    with pytest.raises(AnsibleFilterError, match=told):
        pci_distances(facts, specs)
