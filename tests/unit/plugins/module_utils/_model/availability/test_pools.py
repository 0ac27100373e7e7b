# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.recorded_pools import FORM, recorded
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Bar, Child, PciDetails, PcieLink
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, claim, device, holding, inventory, pf, vf

# Of devices on the root bus that were read without details, in groups of their own.
NOTHING_KNOWN = {
    "pcie_root": "pci0000:00",
    "pcie_switches": [],
    "memory": None,
    "link_speed": None,
    "link_width": None,
    "total_vfs": 0,
    "iommu_group_size": 1,
}


def free_pools(host):
    return pools(Topology(host), host.devices)


def test_devices_that_look_the_same_are_one_pool():
    host = inventory(
        pf("0000:01:00.0", "0000:01:10.0", "0000:01:10.2", children=(Child("net", "eth0"),)),
        vf("0000:01:10.0", "0000:01:00.0"),
        vf("0000:01:10.2", "0000:01:00.0"),
        vf("0000:02:10.0", "0000:02:00.0"),
        device("0000:03:00.0", numa_node=0),
        device("0000:04:00.0", numa_node=1),
        device("0000:05:00.0", numa_node=0),
        device("0000:06:00.0", numa_node=0, driver="vfio-pci"),
        device("0000:07:00.0", numa_node=0, class_id="060100"),
    )
    tracker = Tracker([claim(DPDK, holding("0000:06:00.0"))])
    nic = {"vendor_id": "8086", "class": "020000"}
    assert pools(Topology(host), filter(Statuses(host, tracker).claimable, host.devices)) == [
        {
            **nic,
            "product_id": "10ca",
            "device_type": "type-VF",
            "numa_node": None,
            **NOTHING_KNOWN,
            "physical_function": "0000:01:00.0",
            "parent_ifname": "eth0",
            "remote_managed": False,
            "count": 2,
        },
        {
            **nic,
            "product_id": "10ca",
            "device_type": "type-VF",
            "numa_node": None,
            **NOTHING_KNOWN,
            "physical_function": "0000:02:00.0",
            "parent_ifname": None,
            "remote_managed": False,
            "count": 1,
        },
        {
            **nic,
            "product_id": "10d3",
            "device_type": "type-PCI",
            "numa_node": 0,
            **NOTHING_KNOWN,
            "physical_function": None,
            "parent_ifname": None,
            "remote_managed": None,
            "count": 2,
        },
        {
            **nic,
            "product_id": "10d3",
            "device_type": "type-PCI",
            "numa_node": 1,
            **NOTHING_KNOWN,
            "physical_function": None,
            "parent_ifname": None,
            "remote_managed": None,
            "count": 1,
        },
    ]


def test_without_free_devices_there_are_no_pools():
    host = inventory(device("0000:01:00.0", class_id="060100"))
    assert pools(Topology(host), filter(Statuses(host, Tracker()).claimable, host.devices)) == []


A, B, C = "0000:01:00.0", "0000:01:10.0", "0000:03:00.0"
PORT, SWITCH, DOWN = "0000:16:02.0", "0000:17:00.0", "0000:18:08.0"
LINK = PcieLink("2.5 GT/s PCIe", 16, "16.0 GT/s PCIe", 16)
GIB = 1 << 30


def gpu(address, *above, **fields):
    path = "/".join(("/sys/devices/pci0000:16", *above, address))
    bars = (Bar(0, 32 << 20, False, False, False), Bar(1, 32 * GIB, False, True, True), Bar(3, GIB, False, True, True))
    made = {"path": path, "class_id": "030200", "parent": above[-1], "details": PciDetails(link=LINK, bars=bars)}
    return device(address, **{**made, **fields})


def port(address, link):
    return device(address, class_id="060400", header_type=1, details=PciDetails(link=link))


def test_gpus_below_different_switches_are_different_pools():
    host = inventory(gpu("0000:19:00.0", PORT, SWITCH, DOWN), gpu("0000:3b:00.0", PORT))
    found = [(pool["pcie_root"], pool["pcie_switches"], pool["count"]) for pool in free_pools(host)]
    assert found == [("pci0000:16", [SWITCH], 1), ("pci0000:16", [], 1)]


def test_what_is_not_known_of_where_devices_sit_is_null_in_a_pool_too():
    (pool,) = free_pools(inventory(gpu("0000:19:00.0", PORT, path="")))
    assert (pool["pcie_root"], pool["pcie_switches"]) == (None, None)


def test_memory_is_the_largest_prefetchable_bar():
    (pool,) = free_pools(inventory(gpu("0000:19:00.0", PORT)))
    assert pool["memory"] == 32 * GIB


@pytest.mark.parametrize(
    ("port_link", "wanted"),
    [
        (None, (16.0, 16)),
        (PcieLink(None, None, "8.0 GT/s PCIe", None), (8.0, 16)),
        (PcieLink(None, None, "32.0 GT/s PCIe", 8), (16.0, 8)),
    ],
)
def test_a_link_is_the_lesser_of_what_device_and_port_can_do_and_not_what_it_does_now(port_link, wanted):
    host = inventory(port(PORT, port_link), gpu("0000:19:00.0", PORT))
    (pool,) = pools(Topology(host), ["0000:19:00.0"])
    assert (pool["link_speed"], pool["link_width"]) == wanted


def test_a_vf_has_the_link_of_its_pf():
    card = pf(A, B, parent=PORT, details=PciDetails(link=LINK))
    host = inventory(card, vf(B, A, details=PciDetails(link=PcieLink(None, None, None, None))))
    (pool,) = pools(Topology(host), [B])
    assert (pool["link_speed"], pool["link_width"]) == (16.0, 16)


def test_a_speed_that_makes_no_sense_is_not_known():
    odd = PciDetails(link=PcieLink(None, None, "very fast GT/s", None))
    (pool,) = free_pools(inventory(gpu("0000:19:00.0", PORT, details=odd)))
    assert (pool["link_speed"], pool["link_width"]) == (None, None)


def test_the_size_of_the_group_and_the_number_of_vfs_tell_pools_apart():
    host = inventory(device(A, iommu_group=1), device(B, iommu_group=1), device(C, iommu_group=None, total_vfs=8))
    found = [(pool["iommu_group_size"], pool["total_vfs"], pool["count"]) for pool in free_pools(host)]
    assert found == [(2, 0, 2), (None, 8, 1)]


def test_a_pool_on_record_is_of_the_records_form_and_says_nothing_of_what_is_not_known():
    host = inventory(gpu("0000:19:00.0", PORT, SWITCH, DOWN), device(A, iommu_group=None))
    known, bare = recorded(free_pools(host))[::-1]
    for pool in (known, bare):
        FORM(pool, "pools")
    assert known["pcie_switches"] == [SWITCH]
    assert sorted(bare) == [
        "class",
        "count",
        "device_type",
        "pcie_root",
        "pcie_switches",
        "product_id",
        "total_vfs",
        "vendor_id",
    ]
