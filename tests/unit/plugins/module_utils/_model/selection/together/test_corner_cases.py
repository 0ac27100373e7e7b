# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees that are not as one thinks: root buses without ports, VMD, expander buses, one bus for each card, holes."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import answer

GPU, NIC, DISK = "10de:2330", "15b3:1021", "144d:a824"
CLASSES = {GPU: "030200", NIC: "020000", DISK: "010802"}


def host(nodes=2, **devices):
    """Devices as `g01="PATH"`: a GPU, NIC or disk by the letter, on that bus."""
    kinds = {"g": GPU, "n": NIC, "d": DISK}
    made = {}
    for name, facts in devices.items():
        ids = kinds[name[0]]
        facts = {"path": facts} if isinstance(facts, str) else facts
        made[at(name)] = {"id": ids, "class": CLASSES[ids], **facts}
    return {"numa_nodes": {str(node): {"socket": node} for node in range(nodes)}, "devices": made}


def at(name):
    return f"0000:{name[1:]}:00.0"


def asked(on, *constraints, **requests):
    """What a claim says for `NAME=IDS` or `NAME=(IDS, COUNT)`."""
    entries = []
    for name, wanted in requests.items():
        ids, count = wanted if isinstance(wanted, tuple) else (wanted, 1)
        entries.append({"name": name, "count": count, "specs": [ids]})
    found = answer({"area": "corner", "host": on, "requests": entries, "constraints": list(constraints)})
    return found.get("selected") or found["error"]


def bound(relation, attribute, *requests, **more):
    return {"requests": list(requests), relation: attribute, **more}


def test_on_the_root_bus_there_is_no_switch_but_the_root():
    on = host(g01="pci0000:00", n02="pci0000:00", n81="pci0000:80/0000:80:01.0", g82="pci0000:40/0000:40:01.0")
    both = {"gpu": GPU, "nic": NIC}
    found = asked(on, bound("match", "pcie_root", "gpu", "nic"), **both)
    assert found == {"gpu": [at("g01")], "nic": [at("n02")]}
    assert asked(on, bound("match", "pcie_switch", "gpu", "nic"), **both) == "constraint_unmet"
    assert "gpu" in asked(on, bound("distinct", "pcie_switch", "gpu", "nic"), **both)


SRIOV = {
    "0000:03:00.0": {"path": "pci0000:00/0000:00:01.0", "id": NIC, "class": "020000", "total_vfs": 4},
    **{
        address: {"path": "pci0000:00/0000:00:01.0", "id": "15b3:101e", "class": "020000", "physical_function": pf}
        for address, pf in (("0000:03:02.1", "0000:03:00.0"), ("0000:04:00.1", "0000:03:00.0"))
    },
}


def test_vfs_are_in_their_pf_s_slot_whatever_their_bus():
    same = asked({"devices": SRIOV}, bound("match", "slot", "vf"), vf=("15b3:101e", 2))
    assert same == {"vf": ["0000:03:02.1", "0000:04:00.1"]}
    assert asked({"devices": SRIOV}, bound("distinct", "slot", "vf"), vf=("15b3:101e", 2)) == "constraint_unmet"


def test_functions_of_a_card_are_one_slot_and_those_behind_its_switch_are_not():
    card = "pci0000:00/0000:00:01.0/0000:01:00.0"
    on = host(g03=f"{card}/0000:02:00.0", g04=f"{card}/0000:02:01.0")
    on["devices"]["0000:03:00.1"] = {"path": f"{card}/0000:02:00.0", "id": NIC, "class": "020000"}
    found = asked(on, bound("match", "slot", "gpu", "nic"), gpu=GPU, nic=NIC)
    assert found == {"gpu": [at("g03")], "nic": ["0000:03:00.1"]}
    assert asked(on, bound("match", "slot", "gpu"), gpu=(GPU, 2)) == "constraint_unmet"
    below = bound("match", "pcie_switch", "gpu"), bound("distinct", "slot", "gpu")
    assert asked(on, *below, gpu=(GPU, 2)) == {"gpu": [at("g03"), at("g04")]}


def test_behind_vmd_the_root_is_the_bus_that_vmd_sits_on():
    vmd = "pci0000:5d/0000:5d:05.5/pci10000:00/10000:00:02.0"
    on = host(n5e="pci0000:5d/0000:5d:01.0", n81="pci0000:80/0000:80:01.0")
    on["devices"]["10000:01:00.0"] = {"path": vmd, "id": DISK, "class": "010802"}
    found = asked(on, bound("match", "pcie_root", "nic", "disk"), nic=NIC, disk=DISK)
    assert found == {"nic": [at("n5e")], "disk": ["10000:01:00.0"]}
    assert asked(on, bound("match", "pcie_switch", "nic", "disk"), nic=NIC, disk=DISK) == "constraint_unmet"


def test_a_bridge_to_conventional_pci_is_no_switch_and_what_is_behind_it_is_below_the_one_above():
    lone = host(n05="pci0000:00/0000:00:01.0/0000:04:00.0", g06="pci0000:00/0000:00:01.0/0000:04:00.0")
    both = {"gpu": GPU, "nic": NIC}
    assert asked(lone, bound("match", "pcie_switch", "gpu", "nic"), **both) == "constraint_unmet"
    switch = "pci0000:00/0000:00:01.0/0000:01:00.0"
    below = host(n05=f"{switch}/0000:02:00.0/0000:04:00.0", g06=f"{switch}/0000:02:01.0")
    assert asked(below, bound("match", "pcie_switch", "gpu", "nic"), **both) == {"gpu": [at("g06")], "nic": [at("n05")]}


@pytest.mark.parametrize("relation", ["match", "distinct"])
def test_each_expander_bus_and_each_host_bridge_is_a_root_of_its_own(relation):
    on = host(g01="pci0000:00/0000:00:01.0", g41="pci0000:40/0000:40:00.0", n42="pci0000:40/0000:40:01.0")
    found = asked(on, bound(relation, "pcie_root", "gpu", "nic"), gpu=GPU, nic=NIC)
    assert found == {"gpu": [at("g41" if relation == "match" else "g01")], "nic": [at("n42")]}
    power = host(g01="pci0001:00/0001:00:00.0", g02="pci0002:00/0002:00:00.0")
    found = asked(power, bound(relation, "pcie_root", "gpu"), gpu=(GPU, 2))
    assert found == ("constraint_unmet" if relation == "match" else {"gpu": [at("g01"), at("g02")]})


@pytest.mark.parametrize("relation", ["match", "distinct"])
def test_what_a_record_does_not_tell_matches_nothing_and_is_distinct_from_nothing(relation):
    paths = {"g01": "pci0000:00/0000:00:01.0", "n02": "pci0000:00/0000:00:02.0"}
    one = bound(relation, "numa_node", "gpu", "nic")
    assert asked(host(**paths), one, gpu=GPU, nic=NIC) == "constraint_unmet"
    assert asked(host(nodes=0, **paths), one, gpu=GPU, nic=NIC) == "constraint_unmet"
    alone = asked(host(nodes=1, **paths), one, gpu=GPU, nic=NIC)
    assert alone == ({"gpu": [at("g01")], "nic": [at("n02")]} if relation == "match" else "constraint_unmet")


def test_paths_alone_suffice_for_switches():
    switch = "pci0000:00/0000:00:01.0/0000:01:00.0"
    on = host(nodes=0, g03=f"{switch}/0000:02:00.0", n04=f"{switch}/0000:02:01.0", n09="pci0000:00/0000:00:02.0")
    found = asked(on, bound("match", "pcie_switch", "gpu", "nic"), gpu=GPU, nic=NIC)
    assert found == {"gpu": [at("g03")], "nic": [at("n04")]}
