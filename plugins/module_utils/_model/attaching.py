# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Which elements enter a domain, and which of its definition are made anew because a request's options changed."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from .device import TYPE_VF
from .domain import CONFIG, LIVE, PLACES
from .errors import HostdevError
from .guest_device import device_xml, lacks, place_of
from .guest_options import options_of
from .plan import HostdevStep

if t.TYPE_CHECKING:
    from .domain import Domain
    from .inventory import Inventory
    from .tracker import Claim, Holding


def check_networks(inventory: Inventory, claim: Claim) -> None:
    """Refuse network settings for what is no VF, and a MAC address or VLAN where no libvirt would set it."""
    for address, held in claim.holdings.items():
        network = options_of(claim, address).network
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


def entering(
    domain: Domain, staying: t.Sequence[Holding], before: Claim, after: Claim, *, managed: bool
) -> list[HostdevStep]:
    """Steps of the devices that are not where their holdings say, and of those in the definition with other options.

    A running guest keeps its devices as they are: it would lose them for a moment. See waiting.
    """
    steps: list[HostdevStep] = []
    for place in PLACES:
        layout = domain.layout(place)
        if layout is None:
            continue
        for held in staying:
            if held.request is None or place not in held.attach:
                continue
            assigned = layout.assigned.get(held.address)
            wanted = _element(held, after, managed=managed)
            if assigned is None:
                steps.append(HostdevStep(held.address, domain.name, domain.uuid, place, None, wanted))
            elif place == CONFIG and _outdated(held.address, assigned.xml, before, after):
                wanted = _element(held, after, managed=managed, kept=place_of(ET.fromstring(assigned.xml)))
                steps.append(HostdevStep(held.address, domain.name, domain.uuid, place, assigned.xml, None))
                steps.append(HostdevStep(held.address, domain.name, domain.uuid, place, None, wanted))
    return steps


def waiting(domain: Domain, after: Claim) -> list[str]:
    """Warnings of what a running guest gets at its next start only: its devices can't be changed in their place."""
    if domain.live is None:
        return []
    found = []
    for address, held in after.holdings.items():
        assigned = domain.live.assigned.get(address)
        if assigned is None or LIVE not in held.attach:
            continue
        missing = lacks(assigned.xml, options_of(after, address))
        if missing:
            found.append(
                f"{address} is in the running domain {domain.name} without the {', '.join(missing)} of request "
                f"{held.request}: that takes effect at its next start"
            )
    return found


def _outdated(address: str, xml: str, before: Claim, after: Claim) -> bool:
    """Whether an element is other than asked for; what nobody asked for, now or before, is left as it is."""
    options, earlier = options_of(after, address), options_of(before, address)
    return bool(lacks(xml, options)) or (address in before.holdings and options.in_xml() != earlier.in_xml())


def _element(held: Holding, claim: Claim, *, managed: bool, kept: str | None = None) -> str:
    """The device's element; what the allow list says of `managed` goes before the request, that before the claim."""
    options = options_of(claim, held.address)
    said = (held.managed, options.managed, managed)
    return device_xml(
        held.address,
        managed=next(one for one in said if one is not None),
        options=options,
        place=options.address or kept,
    )
