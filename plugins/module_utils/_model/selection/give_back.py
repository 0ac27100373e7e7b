# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which PCI functions an owner still holds after a release."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..claims.cards.identity import held_device
from ..claims.claim import Claim
from .group_closure import group_members, members_on_record, reassigned

if t.TYPE_CHECKING:
    from ..host.inventory import Inventory


def give_back(
    inventory: Inventory, claim: Claim, *, names: t.Collection[str] = (), addresses: t.Collection[str] = ()
) -> Claim:
    """What of a claim's PCI functions stays after a release of the requests in `names` and the devices in `addresses`.

    Nothing does where both are empty. A released device whose group mate stays with the owner stays too, as a group
    member: on the host's driver it would take the whole group from the guest.
    """
    if not names and not addresses:
        return Claim(claim.owner)
    others = {held.request for held in claim.node_devices.values()}
    requests = {name: request for name, request in claim.requests.items() if name not in {*names, *others}}
    serving = {
        address: held.request
        for address, held in claim.holdings.items()
        if held.request is not None and held.request in requests and address not in addresses
    }
    for name in list(requests):
        left = sum(1 for request in serving.values() if request == name)
        if left == 0:
            del requests[name]
        elif left < len(claim.serving(name)):
            requests[name] = requests[name].with_count(left)
    members = [address for address in group_members(inventory, serving) if address in claim.holdings]
    if any(held_device(inventory, claim.holdings[address]) is None for address in serving):
        members.extend(members_on_record(claim))
    return Claim(
        claim.owner,
        requests,
        {
            address: reassigned(claim.holdings[address], serving.get(address))
            for address in sorted({*serving, *members}, key=address_order)
        },
    )
