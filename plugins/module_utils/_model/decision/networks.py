# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices can have the network settings that a request asks for."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError
from ..host.device import TYPE_VF

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..host.inventory import Inventory


def check_networks(inventory: Inventory, claim: Claim) -> None:
    """Refuse network settings for what is no VF, and a MAC address or VLAN where no libvirt would set it."""
    for address, held in claim.holdings.items():
        network = claim.options(address).network
        if network is None or address not in inventory.devices:
            continue
        kind = inventory.devices[address].device_type
        if kind != TYPE_VF:
            raise HostdevError(
                "not_a_vf",
                subject=f"{address}, for request {held.request} with network",
                found=f"it is of type {kind}",
                wanted=f"a device of type {TYPE_VF}, whose network settings its physical function has",
                remedy="take network out of the request, or ask for device_type type-VF in its specs",
            )
        if not held.attach and (network.mac is not None or network.vlan is not None):
            raise HostdevError(
                "invalid_request",
                subject=f"network of request {held.request}",
                found="a MAC address or a VLAN for a device that is attached nowhere",
                wanted="a domain to attach it to: libvirt sets both when the guest gets the device",
                remedy="set them with ip link on the host, and ask for trust and spoof_check only",
            )
