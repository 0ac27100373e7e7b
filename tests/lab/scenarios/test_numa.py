# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An NVMe disk by its class and NUMA node."""

from __future__ import annotations

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import HostState, read_state

_SERIALS = "cat /sys/class/nvme/*/serial | sort"


def test_nvme_is_claimed_by_its_numa_node(lab: Lab, before: HostState) -> None:
    guest_before = lab.guest_pci("web1")
    serials = lab.sh(_SERIALS).stdout.split()
    assert "LABNVME1" in serials

    claim = {"domain": "web1", "requests": [{"name": "disk", "specs": [{"class": "0108", "numa_node": 1}]}]}
    claimed = play(lab.inventory(), tasks({"name": "claim", "kvm.hostdev.pci_passthrough_claim": claim}))
    assert claimed.code == 0, claimed.output
    assert [device["address"] for device in claimed.of("claim").result["devices"]] == [topology.NUMA_NVME]
    assert read_state(lab).driver(topology.NUMA_NVME) == "vfio-pci"
    assert lab.sh(_SERIALS).stdout.split() == [serial for serial in serials if serial != "LABNVME1"]
    guest = lab.wait_guest_pci("web1", lambda devices: any(device.driver == "nvme" for device in devices))
    assert [device.ids for device in guest if device not in guest_before] == ["1b36:0010"]

    released = play(
        lab.inventory(), tasks({"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}})
    )
    assert released.code == 0, released.output
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    lab.sh("udevadm settle")
    assert lab.sh(_SERIALS).stdout.split() == serials
    assert lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before)) == guest_before


def test_a_domain_gets_a_disk_of_the_nodes_that_it_is_bound_to(lab: Lab, before: HostState) -> None:
    definition = lab.sh("virsh dumpxml --inactive db1").stdout
    disk = {"specs": [{"class": "0108", "device_type": "type-PCI"}], "numa_policy": "required"}
    claim = {"domain": "db1", "attach": ["config"], "group_members": "claim"}
    lab.sh("virsh numatune db1 --mode preferred --nodeset 1 --config")
    try:
        asked = play(
            lab.inventory(),
            tasks(
                {"name": "one", "kvm.hostdev.pci_passthrough_claim": {**claim, "requests": [{"name": "one", **disk}]}},
                {
                    "name": "two",
                    "kvm.hostdev.pci_passthrough_claim": {**claim, "requests": [{"name": "two", "count": 2, **disk}]},
                    "ignore_errors": True,
                },
            ),
            "--check",
        )
    finally:
        lab.sh("virsh define /dev/stdin", text=definition)
    assert [device["address"] for device in asked.of("one").result["devices"]] == [topology.NUMA_NVME]
    error = asked.of("two").result["error"]
    assert error["code"] == "not_enough_devices"
    assert "numa_policy is required" in error["refused"][topology.NVME]
    assert read_state(lab) == before
