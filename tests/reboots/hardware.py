# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The claimed cards of the lab host, and what is plugged in where in each situation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.lab import topology
from tests.lab.topology import Device, Disk

from .changes import GONE, OTHER_MODEL, OWN, SWAPPED, TWIN, Situation

VF_IDS = "8086:10ca"


@dataclass(frozen=True)
class Claimed:
    """A function as it was claimed: its owner, where, the ids its guest sees, and its serial where it has one.

    `guest` is false for a member of a group that its domain does not get.
    """

    name: str
    domain: str
    address: str
    ids: str
    serial: str | None = None
    guest: bool = True


VF = Claimed("VF", "web1", topology.IGB_VFS[1], VF_IDS)
#: Without a serial in its configuration space: only its driver shows it.
DISK = Claimed("disk", "db1", topology.NVME, "1b36:0010", "LABNVME0")
#: Each with a serial in its configuration space. One goes to the guest, the others are in its IOMMU group.
PORTS = Claimed("NIC", "db1", topology.MULTIFUNCTION[0], "8086:10d3", "52:54:00:12:34:58")
MATE = Claimed("NIC's mate", "db1", topology.MULTIFUNCTION[1], "8086:10d3", "52:54:00:12:34:59", guest=False)
MATE_DISK = Claimed("NIC's disk", "db1", topology.MULTIFUNCTION[2], "1b36:0010", "LABNVMEMF", guest=False)
CLAIMED = (VF, DISK, PORTS, MATE, MATE_DISK)


def present(card: Claimed, situation: Situation) -> tuple[str | None, bool]:
    """Return where a claimed function is, None when it is not on the host, and whether it is in its own slot."""
    occupant = {VF: situation.nic, DISK: situation.disk}.get(card, OWN)
    if occupant == SWAPPED:
        return topology.NUMA_NVME, False
    return (topology.moved(card.address, situation.ports), True) if occupant == OWN else (None, False)


def devices(situation: Situation) -> tuple[Device, ...]:
    """Return what is plugged in."""
    return tuple(_devices(situation))


def _devices(situation: Situation) -> Iterator[Device]:
    for device in topology.renumbered(situation.ports):
        if device.name == "igb":
            yield from _in_place(device, situation.nic, "mac=52:54:00:12:34:57", "mac=52:54:00:12:35:57")
        elif device.name == "NVMe":
            yield from _in_place(device, situation.disk, "serial=LABNVME0", "serial=LABTWIN0")
        elif device.name == "NVMe on node 1" and situation.disk == SWAPPED:
            yield _with_disk(device, "numa", "LABNVME1", "nvme", "LABNVME0")
        else:
            yield device


def _in_place(device: Device, occupant: str, serial: str, other_serial: str) -> Iterator[Device]:
    """Yield who is in the place of DEVICE."""
    options = device.options[-1]
    if occupant == OWN:
        yield device
    elif occupant == OTHER_MODEL:
        bus = next(option for option in options.split(",") if option.startswith("bus="))
        stranger = (f"e1000e,{bus},romfile=,mac=52:54:00:12:36:00",)
        yield replace(device, options=stranger, ids="8086:10d3", disk=None)
    elif occupant == TWIN:
        yield replace(device, options=(options.replace(serial, other_serial),))
    elif occupant == SWAPPED:
        yield _with_disk(device, "nvme", "LABNVME0", "numa", "LABNVME1")
    else:
        assert occupant == GONE, occupant


def _with_disk(device: Device, name: str, serial: str, other_name: str, other_serial: str) -> Device:
    *before, options = device.options
    options = options.replace(f"drive={name},serial={serial}", f"drive={other_name},serial={other_serial}")
    return replace(device, options=(*before, options), disk=Disk(other_name))
