# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters and parts of the facts, on a real host whose hardware is known."""

from __future__ import annotations

from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.scenarios.idle import DEVICES, FACTS, Idle, facts


def _devices(result: PlayResult, task: str) -> dict[str, dict[str, Any]]:
    """Return the devices by their names."""
    return {device["name"]: device for device in facts(result, task)["devices"]}


def _addresses(result: PlayResult, task: str) -> list[str]:
    """Return the addresses of PCI functions in the order of the facts."""
    return [device["address"] for device in facts(result, task)["devices"] if device["capability"] == "pci"]


def _interfaces(lab: Lab, *addresses: str) -> set[str]:
    folders = " ".join(f"/sys/bus/pci/devices/{address}/net" for address in addresses)
    return set(lab.sh(f"ls -1 {folders} | grep -v -e : -e '^$'").stdout.split())


def test_filters_choose_by_what_devices_are(lab: Lab, idle: Idle) -> None:
    result = idle.answers
    vfs = facts(result, "vfs")
    assert list(vfs) == ["devices"]
    assert _addresses(result, "vfs") == list(topology.IGB_VFS[:4])
    assert all(set(device) == {"name", "address", "capability", "physical_function"} for device in vfs["devices"])
    assert {device["physical_function"] for device in vfs["devices"]} == {topology.IGB_PF}

    assert _addresses(result, "below the PF") == list(topology.IGB_VFS[:4])
    others = [device for device in _devices(result, "below the PF").values() if device["capability"] != "pci"]
    assert {device["interface"] for device in others} == _interfaces(lab, topology.IGB_PF, *topology.IGB_VFS[:4])

    mates = _devices(result, "mates").values()
    assert _addresses(result, "mates") == [topology.MULTIFUNCTION[0], topology.MULTIFUNCTION[2]]
    interfaces = {device["interface"] for device in mates if device["capability"] == "net"}
    assert interfaces == _interfaces(lab, *topology.MULTIFUNCTION[:2])
    disk = lab.sh(f"basename /sys/bus/pci/devices/{topology.MULTIFUNCTION[2]}/nvme/*/nvme*n1").stdout.strip()
    assert [device["block"] for device in mates if device["capability"] == "storage"] == [f"/dev/{disk}"]

    assert set(facts(result, "kinds")) == {"devices", "host"}
    kinds = _devices(result, "kinds")
    assert _addresses(result, "kinds") == list(topology.IGB_VFS[:4])
    hubs = {name: device["hub"] for name, device in kinds.items() if device["capability"] == "usb_device"}
    assert hubs == {"usb_usb1": True, "usb_usb2": True, "usb_2_1": False}

    assert result.of("conflict").status == "failed"
    error = result.of("conflict").result["error"]
    assert error["code"] == "conflicting_filters"
    assert "affected_by" in error["subject"]
    assert "available" in error["subject"]


def test_passthrough_leaves_out_what_the_host_uses_as_long_as_it_does(lab: Lab) -> None:
    wanted = {**DEVICES, "passthrough": True, "capability": ["pci", "usb_device", "scsi"], "fields": ["path"]}
    every = {**DEVICES, "capability": ["pci", "usb_device", "scsi"], "fields": ["path", "blockers"]}
    disk = lab.sh(f"basename /sys/bus/pci/devices/{topology.USB_CONTROLLER}/usb*/*/*/host*/*/*/block/*").stdout.strip()
    lab.sh(f"mkfs.ext4 -q -F /dev/{disk} && mkdir -p /mnt/usb && mount /dev/{disk} /mnt/usb")
    unmount = f"umount /mnt/usb && rmdir /mnt/usb && wipefs --all --quiet /dev/{disk} && udevadm settle"
    while_mounted = {
        "block": [{"name": "mounted", FACTS: wanted}, {"name": "every", FACTS: every}],
        "always": [{"name": "unmount", "ansible.builtin.raw": unmount}],
    }
    result = play(lab.inventory(), tasks(while_mounted, {"name": "unmounted", FACTS: wanted}))
    assert result.code == 0, result.output

    # A lone function as well as members of a free group: what could be given away if nobody had it.
    functions = [
        topology.SCSI_HBA,
        topology.USB_CONTROLLER,
        *topology.IGB_VFS[:4],
        topology.NVME_PF,
        *topology.MULTIFUNCTION,
        topology.NVME,
        *topology.CONVENTIONAL,
        topology.NUMA_NVME,
    ]
    others = {name: device["path"] for name, device in _devices(result, "unmounted").items() if "address" not in device}
    below_the_controller = {name for name, path in others.items() if f"/{topology.USB_CONTROLLER}/" in path}
    assert _addresses(result, "unmounted") == functions
    assert len(others) == 3
    assert len(below_the_controller) == 2
    assert "usb_2_1" in below_the_controller

    blocked = {
        name: [blocker["code"] for blocker in device["blockers"]]
        for name, device in _devices(result, "every").items()
        if name in others or device.get("address") == topology.USB_CONTROLLER
    }
    assert blocked == {
        "pci_0000_00_05_0": ["mounted_fs"],
        **{name: ["mounted_fs"] if name in below_the_controller else [] for name in others},
    }
    assert _addresses(result, "mounted") == [address for address in functions if address != topology.USB_CONTROLLER]
    left = {name for name, device in _devices(result, "mounted").items() if "address" not in device}
    assert left == set(others) - below_the_controller
