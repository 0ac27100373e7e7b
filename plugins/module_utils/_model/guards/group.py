# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's rule for IOMMU groups, and the guards that follow from it.

The rule of the kernel, from 5.19 (drivers/iommu/iommu.c, iommu_device_use_default_domain): a group can be given to a
user when every member has no driver, a VFIO driver or pci-stub, or a driver that declares driver_managed_dma, which
among PCI drivers is pcieport. Before 5.19 (drivers/vfio/vfio.c, vfio_dev_driver_allowed) every function whose header
type is not 0 was exempt, whatever its driver.
"""

from __future__ import annotations

import typing as t

from .blocker import NOBODY, Blocker, Consent, blocker
from .function import CLASS_HOST_BRIDGE, CLASS_ISA_BRIDGE, own_blockers

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory


# A device with one of these stays where it is even when its owner's own domain refers to it.
_DOMAIN_CODES = frozenset({"in_domain_xml", "in_interface_hostdev"})


def exempt_from_group(device: PciDevice, kernel: tuple[int, int]) -> bool:
    """Whether the kernel lets the function keep its present driver while its group is with a guest."""
    if device.driver is None or device.vfio or device.driver == "pci-stub":
        return True
    if kernel >= (5, 19):
        return device.driver == "pcieport"
    return device.is_bridge


def group_viable(inventory: Inventory, group: int) -> bool:
    """Whether a guest could use the group as its drivers are now."""
    return all(
        exempt_from_group(inventory.devices[member], inventory.host.kernel) for member in inventory.groups[group]
    )


def blockers(inventory: Inventory, address: str, consent: Consent = NOBODY) -> list[Blocker]:
    """All reasons why the function may not be given away, those of its own first; empty when there is none."""
    device = inventory.devices[address]
    reasons = own_blockers(inventory, device, consent)
    if not device.is_bridge:
        reasons.extend(_group_blockers(inventory, device, consent))
    return reasons


def comes_along(mate: PciDevice) -> bool:
    """Whether a group mate must be held with its group: bridges and the platform's own functions stay, undriven."""
    return not mate.is_bridge and not mate.class_id.startswith((CLASS_HOST_BRIDGE, CLASS_ISA_BRIDGE))


def _group_blockers(inventory: Inventory, device: PciDevice, consent: Consent) -> t.Iterator[Blocker]:
    held_by_others = consent.held_by_others or {}
    for mate in inventory.group_mates(device.address):
        if mate.address in held_by_others:
            yield blocker("group_used_by_domain", mate.address, f"held by {held_by_others[mate.address]}")
            continue
        if not comes_along(mate):
            if not exempt_from_group(mate, inventory.host.kernel):
                yield blocker("group_blocked", mate.address, f"driver {mate.driver} keeps it with the host")
            continue
        reasons = own_blockers(inventory, mate, consent)
        if reasons and all(reason.code in _DOMAIN_CODES for reason in reasons):
            yield blocker("group_used_by_domain", mate.address, "; ".join(reason.detail for reason in reasons))
        elif reasons:
            why = "; ".join(f"{reason.code}: {reason.detail}" for reason in reasons)
            yield blocker("group_blocked", mate.address, why)
        elif not consent.whole_group and mate.address not in consent.members:
            yield Blocker(
                "group_incomplete",
                mate.address,
                f"same IOMMU group {device.iommu_group}, driver {mate.driver or 'none'}",
                "group_members: claim",
            )
