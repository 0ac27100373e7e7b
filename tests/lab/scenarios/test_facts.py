# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts on a real host: with libvirt and without, as a task and from fact gathering."""

from __future__ import annotations

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.scenarios.idle import Idle
from tests.lab.scenarios.idle import facts as facts_of


def test_facts_agree_with_the_host_and_change_nothing(lab: Lab, idle: Idle) -> None:
    facts = idle.facts
    devices = {device["address"]: device for device in facts["devices"] if device["capability"] == "pci"}

    # lspci's own view of the same host.
    listed = {}
    for block in lab.sh("lspci -Dvmmnnk").stdout.strip().split("\n\n"):
        fields = dict(line.split(":\t", 1) for line in block.splitlines())
        listed[fields["Slot"]] = fields
    assert list(devices) == sorted(listed)
    for address, fields in listed.items():
        device = devices[address]
        assert fields["Vendor"].endswith(f"[{device['vendor_id']}]")
        assert fields["Device"].endswith(f"[{device['product_id']}]")
        assert fields["Class"].endswith(f"[{device['class'][:4]}]")
        assert fields.get("Driver") == device["driver"]
        assert fields.get("NUMANode") == (None if device["numa_node"] is None else str(device["numa_node"]))
        assert fields.get("IOMMUGroup") == (None if device["iommu_group"] is None else str(device["iommu_group"]))

    assert devices[topology.NUMA_NVME]["numa_node"] == 1
    assert devices[topology.NUMA_NVME]["serial"] == "LABNVME1"
    assert devices[topology.IGB_PF]["virtual_functions"] == list(topology.IGB_VFS[:4])
    assert set(topology.IGB_VFS[:4]) <= set(devices[topology.IGB_PF]["affected"])
    group = {device["iommu_group"] for device in (devices[address] for address in topology.MULTIFUNCTION)}
    assert len(group) == 1
    others = {device["capability"] for device in facts["devices"]} - {"pci"}
    assert {"net", "storage", "usb_device", "scsi_host", "system"} <= others
    assert facts["host"]["iommu"] is True
    assert facts["host"]["boot_id"] == lab.get("/proc/sys/kernel/random/boot_id").strip()
    vfs = [pool["count"] for pool in facts["pools"] if pool["physical_function"] == topology.IGB_PF]
    assert vfs == [4]

    without = facts_of(idle.answers, "without libvirt")
    assert without["host"]["libvirt"] is False
    assert [device["address"] for device in without["devices"]] == list(devices)
    gathered = {device["address"] for device in idle.answers.of("gathered").result["msg"] if "address" in device}
    assert set(devices) <= gathered
    assert idle.after == idle.before
