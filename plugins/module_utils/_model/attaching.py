# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Which elements enter a domain, and which of its definition are made anew because a request's options changed."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .address import PciAddress
from .device import TYPE_VF
from .domain import CONFIG, LIVE, PLACES
from .errors import HostdevError
from .guest_device import device_xml, guest_place, lacks
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

    A running guest keeps its devices as they are: it would lose them for a moment. See waiting. Raises HostdevError
    where a guest address that is asked for is not free.
    """
    gone = {address for address, held in before.holdings.items() if address not in after.holdings}
    gone.update(address for address, held in after.holdings.items() if held.request is None)
    steps: list[HostdevStep] = []
    for place in PLACES:
        layout = domain.layout(place)
        if layout is None:
            continue
        placed: list[HostdevStep] = []
        for held in staying:
            if held.request is None or place not in held.attach:
                continue
            assigned = layout.assigned.get(held.address)
            if assigned is None:
                _check_place(domain, place, held, after, gone)
                at = held.guest_address
                kept = at if at is not None and layout.has_room(at, gone) else None
            elif place == CONFIG and _outdated(held.address, assigned.xml, before, after):
                _check_place(domain, place, held, after, {*gone, held.address})
                kept = guest_place(assigned.xml)
                steps.append(HostdevStep(held.address, domain.name, domain.uuid, place, assigned.xml, None))
            else:
                continue
            wanted = _element(held, after, managed=managed, kept=kept)
            placed.append(HostdevStep(held.address, domain.name, domain.uuid, place, None, wanted))
        # libvirt chooses for those without a place: not before the others have theirs.
        steps.extend(sorted(placed, key=lambda step: guest_place(step.after or "<hostdev />") is None))
    return steps


def with_guest_addresses(claim: Claim, domain: Domain) -> Claim:
    """The claim with where the guest sees its devices: as defined, or as it runs where nothing is defined."""
    holdings = dict(claim.holdings)
    for address, held in claim.holdings.items():
        for place in PLACES:
            layout = domain.layout(place)
            assigned = layout.assigned.get(address) if layout is not None else None
            at = guest_place(assigned.xml) if assigned is not None else None
            if held.request is not None and place in held.attach and at is not None:
                holdings[address] = replace(held, guest_address=at)
                break
    return replace(claim, holdings=holdings)


def _check_place(domain: Domain, place: str, held: Holding, after: Claim, gone: t.Collection[str]) -> None:
    """Refuse a guest address that another device has, or that the running guest has no hot-plug slot for.

    To a definition libvirt adds the controllers that an address needs.
    """
    wanted, layout = options_of(after, held.address).address, domain.layout(place)
    if wanted is None or layout is None or layout.has_room(wanted, gone):
        return
    bus = PciAddress.parse(wanted).bus
    if bus not in layout.controllers:
        if place == CONFIG:
            return
        found = f"the running domain has no PCI controller with index {bus}"
    else:
        there = ", ".join(f"{what} at {at}" for at, what in layout.places.items() if at.bus == bus)
        found = f"in the {'definition' if place == CONFIG else 'running domain'} it is not free: bus {bus} " + (
            f"has {there}" if there else f"is a {layout.controllers[bus]}, which has its only slot at 00.0"
        )
    ports = ", ".join(f"0000:{index:02x}:00.0" for index in layout.free_root_ports or ())
    raise HostdevError(
        "guest_address_taken",
        subject=f"guest_address {wanted} of request {held.request}, for {held.address} in domain {domain.name}",
        found=found,
        wanted="an address of the guest that is free",
        remedy=f"choose another one ({ports or 'no root port is free'}), or leave guest_address out"
        + (", or set attach to [config], which takes effect at its next start" if place == LIVE else ""),
    )


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
