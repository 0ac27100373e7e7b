# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The group mates that must be held along with the devices that serve requests."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..errors import HostdevError, few
from ..guards.mates import comes_along

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..host.inventory import Inventory
    from .choice import Selection


def group_members(inventory: Inventory, serving: t.Collection[str]) -> list[str]:
    """The group mates that must be held along with the devices that serve requests."""
    members = {
        mate.address
        for address in serving
        if address in inventory.devices
        for mate in inventory.group_mates(address)
        if mate.address not in serving and comes_along(mate)
    }
    return sorted(members, key=address_order)


def members_on_record(claim: Claim) -> list[str]:
    """The group members that the claim holds. Whose mates they are can't be told while a requested device is gone."""
    return [address for address, held in claim.holdings.items() if held.request is None]


def reassigned(held: Holding, request: str | None) -> Holding:
    """The same holding in another role: what only comes along is attached nowhere."""
    return replace(held, request=request, attach=held.attach if request is not None else ())


def check_consent(chosen: Selection, members: t.Sequence[str]) -> None:
    missing = [address for address in members if address not in chosen.consent.members]
    if not missing or chosen.terms.whole_group:
        return
    named = few([f"{address} ({chosen.inventory.devices[address].driver or 'no driver'})" for address in missing])
    groups = {chosen.inventory.devices[address].iommu_group for address in missing}
    wanted_by = [
        address
        for address in chosen.serving
        if address in chosen.inventory.devices and chosen.inventory.devices[address].iommu_group in groups
    ]
    raise HostdevError(
        "group_incomplete",
        subject=few([f"{it} (request {chosen.serving[it]})" for it in sorted(wanted_by, key=address_order)]),
        found=f"the IOMMU group has further members that would leave the host too: {named}",
        wanted="consent to take them",
        remedy=f"{consent_to(members)}; they are bound but not attached",
        details={"group_members": list(members)},
    )


def consent_to(members: t.Sequence[str]) -> str:
    """How to consent to group mates. Those of all devices are in the list, also those that were consented to: it is
    what the option is to be."""
    return f"set group_members to claim, or to the list {list(members)}"


def check_members(chosen: Selection, on_record: t.Collection[str]) -> None:
    """Refuse consent to a mate that there is not: it is misspelt, or a card moved. Raises HostdevError.

    What the owner holds may have been pulled out since.
    """
    for address in sorted(chosen.terms.members - chosen.inventory.devices.keys() - set(on_record), key=address_order):
        raise HostdevError(
            "no_such_device",
            subject=f"group_members: {address}",
            found="there is no such PCI function on this host",
            wanted="addresses of group mates that are",
            remedy="take it out of group_members; what an IOMMU group has is in iommu_groups of kvm.hostdev.pci_facts",
        )
