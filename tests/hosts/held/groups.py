# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""IOMMU groups and whether a guest could use them, by the kernel's rule as it is written down here once more.

From 5.19 (drivers/iommu/iommu.c, iommu_device_use_default_domain, and the drivers that set driver_managed_dma) a member
has no driver, one of VFIO's, pci-stub or pcieport. Before (drivers/vfio/vfio.c, vfio_dev_driver_allowed) a bridge may
have any.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import groups_report

from ..recording import DRIVERS
from .verdict import Held

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice

    from ..recording import Recording

_LETS_GO = re.compile(r"(?:.+[-_])?vfio[-_]pci|pci-stub")
_BRIDGES = ("0604", "0607", "0609")


def groups(recording: Recording) -> Held:
    """Members, viability where drivers are told, and that nobody may have a device whose group is not viable."""
    held = Held("groups")
    inventory = recording.inventory
    members: dict[int, list[str]] = {}
    for address, device in inventory.devices.items():
        if device.iommu_group is not None:
            members.setdefault(device.iommu_group, []).append(address)
    report = {group["id"]: group for group in groups_report(inventory)}
    held.equal("groups", {number: group["devices"] for number, group in report.items()}, members)
    for number, told in recording.members.items():
        held.equal(f"members of {number}", {*report.get(number, {}).get("devices", ())}, told & {*inventory.devices})
    if DRIVERS in recording.tells:
        for number, group in report.items():
            let = all(_may_stay(recording, inventory.devices[address]) for address in members[number])
            held.equal(f"{number} viable", group["viable"], let)
    statuses = Statuses(inventory, Tracker())
    for address, device in inventory.devices.items():
        if device.iommu_group is not None and statuses.claimable(address):
            mates = [inventory.devices[mate] for mate in members[device.iommu_group] if mate != address]
            kept = [mate.address for mate in mates if not _may_stay(recording, mate)]
            held.true(f"{address} could be claimed, but {kept} are in its group", not kept)
    return held


def _may_stay(recording: Recording, device: PciDevice) -> bool:
    if device.driver is None or device.vfio or _LETS_GO.fullmatch(device.driver):
        return True
    if recording.inventory.host.kernel >= (5, 19):
        return device.driver == "pcieport"
    return device.class_id[:4] in _BRIDGES
