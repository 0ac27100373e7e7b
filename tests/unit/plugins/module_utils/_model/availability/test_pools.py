# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, claim, device, holding, inventory, pf, vf


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
    assert pools(host, filter(Statuses(host, tracker).claimable, host.devices)) == [
        {
            **nic,
            "product_id": "10ca",
            "device_type": "type-VF",
            "numa_node": None,
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
            "physical_function": None,
            "parent_ifname": None,
            "remote_managed": None,
            "count": 1,
        },
    ]


def test_without_free_devices_there_are_no_pools():
    host = inventory(device("0000:01:00.0", class_id="060100"))
    assert pools(host, filter(Statuses(host, Tracker()).claimable, host.devices)) == []
