# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The group mates that must be held along with the devices that serve requests."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..claims.claim import Claim
from ..errors import HostdevError
from ..guards.group import comes_along
from .choice import Selection

if t.TYPE_CHECKING:
    from ..host.inventory import Inventory


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


def check_consent(chosen: Selection, members: t.Sequence[str]) -> None:
    missing = [address for address in members if address not in chosen.consent.members]
    if not missing or chosen.terms.whole_group:
        return
    named = ", ".join(f"{address} ({chosen.inventory.devices[address].driver or 'no driver'})" for address in missing)
    groups = {chosen.inventory.devices[address].iommu_group for address in missing}
    wanted_by = [
        address
        for address in chosen.serving
        if address in chosen.inventory.devices and chosen.inventory.devices[address].iommu_group in groups
    ]
    raise HostdevError(
        "group_incomplete",
        subject=", ".join(sorted(wanted_by, key=address_order)),
        found=f"the IOMMU group has further members that would leave the host too: {named}",
        wanted="consent to take them",
        remedy=f"set group_members to claim, or to the list {list(missing)}; they are bound but not attached",
        details={"group_members": list(missing)},
    )
