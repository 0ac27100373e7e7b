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

from .blocker import Blocker, blocker
from .consent import NOBODY, Consent
from .domain import DOMAIN_CODES
from .function import own_blockers
from .mates import comes_along
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory


class Mate(t.NamedTuple):
    """A group mate as its guards see it: the label of the other owner that holds it, and its own blockers.

    A bridge, or a function of the platform, has none: it stays, whoever uses it.
    """

    device: PciDevice
    holder: str | None
    blockers: t.Sequence[Blocker] = ()


def exempt_from_group(device: PciDevice, kernel: tuple[int, int]) -> bool:
    """Whether the kernel lets the function keep its present driver while its group is with a guest."""
    if device.driver is None or device.vfio or device.driver == "pci-stub":
        return True
    if kernel >= (5, 19):
        return device.driver == "pcieport"
    return device.is_bridge


def group_viable(inventory: Inventory, group: int) -> bool:
    """Whether a guest could use the group as its drivers are now."""
    kernel = inventory.host.kernel
    return all(exempt_from_group(inventory.devices[member], kernel) for member in inventory.groups[group])


class Known:
    """What was found out under one consent: functions' own blockers, and what each is for its group mates."""

    def __init__(self) -> None:
        self.own: dict[str, list[Blocker]] = {}
        self.mates: dict[str, Blocker | None] = {}


def blockers(
    inventory: Inventory, address: str, consent: Consent = NOBODY, known: Known | None = None
) -> list[Blocker]:
    """All reasons why the function may not be given away, those of its own first; empty when there is none.

    `known` keeps what was found out from one call to the next of the same consent, since each function is asked for
    with each of its group mates.
    """
    known = Known() if known is None else known
    device = inventory.devices[address]
    own = [*_own_blockers(inventory, device, consent, known), *_held_below(inventory, address, consent)]
    if device.is_bridge or device.iommu_group is None or len(inventory.groups[device.iommu_group]) == 1:
        return list(own)
    mates = [_mate_blocker(inventory, mate, consent, known) for mate in inventory.group_mates(address)]
    return [*own, *(reason for reason in mates if reason is not None)]


def _held_below(inventory: Inventory, address: str, consent: Consent) -> t.Iterator[Blocker]:
    """What other owners hold of the functions that go when an endpoint above them does, in whatever group they are."""
    for below in inventory.carried(address):
        held = consent.held_by_others or {}
        if below in held and inventory.devices[below].iommu_group != inventory.devices[address].iommu_group:
            yield blocker("group_used_by_domain", below, f"below it, held by {held[below]}")


def _own_blockers(inventory: Inventory, device: PciDevice, consent: Consent, known: Known) -> list[Blocker]:
    reasons = known.own.get(device.address)
    if reasons is None:
        reasons = known.own[device.address] = own_blockers(inventory, device, consent)
    return reasons


def _mate_blocker(inventory: Inventory, device: PciDevice, consent: Consent, known: Known) -> Blocker | None:
    """What a function is for its mates: what the first guard says that has anything to say of it."""
    address = device.address
    if address not in known.mates:
        mate = Mate(device, (consent.held_by_others or {}).get(address))
        if mate.holder is None and comes_along(device):
            mate = mate._replace(blockers=_own_blockers(inventory, device, consent, known))
        details = ((code, guard(inventory, mate, consent)) for code, guard in _GUARDS)
        code, detail = next((pair for pair in details if pair[1] is not None), ("", None))
        known.mates[address] = None if detail is None else blocker(code, address, detail, causes=mate.blockers)
    return known.mates[address]


# The guards.


def group_used_by_domain(_inventory: Inventory, mate: Mate, _consent: Consent) -> str | None:
    if mate.holder is not None:
        return f"held by {mate.holder}"
    # A mate with nothing but these stays where it is even when its owner's own domain refers to it.
    if mate.blockers and all(reason.code in DOMAIN_CODES for reason in mate.blockers):
        return "; ".join(reason.detail for reason in mate.blockers)
    return None


def group_blocked(inventory: Inventory, mate: Mate, consent: Consent) -> str | None:
    if mate.device.address in consent.set_aside:
        return "it is set aside"
    if not comes_along(mate.device):
        exempt = exempt_from_group(mate.device, inventory.host.kernel)
        return None if exempt else f"driver {mate.device.driver} keeps it with the host"
    return "; ".join(f"{reason.code}: {reason.detail}" for reason in mate.blockers) or None


def group_incomplete(_inventory: Inventory, mate: Mate, consent: Consent) -> str | None:
    device = mate.device
    if consent.whole_group or device.address in consent.members or not comes_along(device):
        return None
    return f"same IOMMU group {device.iommu_group}, driver {device.driver or 'none'}"


_GUARDS = guards_in(globals())
