# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which elements enter a domain, and which of its definition are made anew because a request's options changed."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ..address import PciAddress
from ..errors import HostdevError
from ..guest.domain import CONFIG, LIVE, PLACES
from ..guest.pci_xml import device_element, guest_place, lacks, moved
from .guest_slots import guest_slots, separated
from .plan import CLAIM
from .steps import HostdevStep

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..guest.domain import Domain, DomainLayout
    from ..host.inventory import Inventory
    from ..requests.guest_options import GuestOptions
    from .plan import Change


class _At(t.NamedTuple):
    """One place of a domain: what is `gone` from it then, and places in the guest by host address, see guest_slots."""

    domain: Domain
    place: str
    layout: DomainLayout
    gone: t.Collection[str]
    slots: t.Mapping[str, str]


def entering(inventory: Inventory, domain: Domain, change: Change, staying: t.Sequence[Holding]) -> list[HostdevStep]:
    """Steps of the devices that are not where their holdings say, and of those in the definition with other options.

    For a release only of those that make way in a slot of the guest. A running guest keeps its devices as they are: it
    would lose them for a moment. See waiting. Raises HostdevError where a guest address that is asked for is not free.
    """
    after = change.after
    gone = {address for address in change.before.holdings if address not in after.holdings}
    gone.update(address for address, held in after.holdings.items() if held.request is None)
    requested = [held for held in staying if held.request is not None]
    steps: list[HostdevStep] = []
    for place in PLACES:
        layout = domain.layout(place)
        if layout is None:
            continue
        slots = guest_slots(inventory, layout, requested, after, gone) if place == CONFIG else {}
        at = _At(domain, place, layout, gone, slots)
        placed: list[HostdevStep] = []
        for held in requested:
            assigned = layout.assigned.get(held.address)
            wanted = _wanted(at, change, held) if place in held.attach else None
            text = None if wanted is None else ET.tostring(wanted, encoding="unicode").strip()
            if text is None or (assigned is not None and text == assigned.xml):
                continue
            if assigned is not None:
                steps.append(HostdevStep(held.address, domain.name, domain.uuid, place, assigned.xml, None))
            placed.append(HostdevStep(held.address, domain.name, domain.uuid, place, None, text))
        # libvirt chooses for those without a place: not before the others have theirs. Function 0 says whether a slot
        # has others.
        steps.extend(sorted(placed, key=_attach_order))
    return steps


def _wanted(at: _At, change: Change, held: Holding) -> ET.Element | None:
    """The element that a device shall have in a place, None where it may stay out, or as it is."""
    assigned, slot = at.layout.assigned.get(held.address), at.slots.get(held.address)
    after, mend, wanted = change.after, change.operation == CLAIM, None
    if assigned is None:
        if mend:
            _check_place(at, held, after, {*at.gone, *at.slots})
            kept = _kept(at.layout, at.place, held, at.gone)
            wanted = _element(held, after, managed=change.managed, kept=kept)
    elif mend and at.place == CONFIG and _outdated(held.address, assigned.element, change.before, after):
        _check_place(at, held, after, {*at.gone, *at.slots, held.address})
        wanted = _element(held, after, managed=change.managed, kept=assigned.place)
    elif slot is not None:
        wanted = assigned.element
    if wanted is not None and slot is not None:
        wanted = moved(wanted, slot, multifunction=slot.endswith(".0") and _shared(slot, at.slots))
    return wanted


def _kept(layout: DomainLayout, place: str, held: Holding, gone: t.Collection[str]) -> str | None:
    """The place on record, where it can be had; the root complex has no hot-plug slots."""
    at = held.guest_address
    if at is None or not layout.has_room(at, gone) or (place == LIVE and _fixed(layout, PciAddress.parse(at).bus)):
        return None
    return at


def _fixed(layout: DomainLayout, bus: int) -> bool:
    return layout.controllers.get(bus) == "pcie-root"


def _shared(slot: str, slots: t.Mapping[str, str]) -> bool:
    return sum(1 for other in slots.values() if other.rpartition(".")[0] == slot.rpartition(".")[0]) > 1


def _attach_order(step: HostdevStep) -> tuple[bool, int]:
    place = guest_place(step.element)
    return place is None, 0 if place is None else PciAddress.parse(place).function


def with_guest_addresses(claim: Claim, domain: Domain) -> Claim:
    """The claim with where the guest sees its devices: as defined, or as it runs where nothing is defined."""
    holdings = dict(claim.holdings)
    for address, held in claim.holdings.items():
        for place in PLACES:
            layout = domain.layout(place)
            assigned = layout.assigned.get(address) if layout is not None else None
            at = assigned.place if assigned is not None else None
            if held.request is not None and place in held.attach and at is not None:
                holdings[address] = replace(held, guest_address=at)
                break
    return replace(claim, holdings=holdings)


def _check_place(at: _At, held: Holding, after: Claim, gone: t.Collection[str]) -> None:
    """Refuse a guest address that another device has, or that the running guest has no hot-plug slot for.

    To a definition libvirt adds the controllers that an address needs.
    """
    wanted, domain, place, layout = after.options(held.address).address, at.domain, at.place, at.layout
    if wanted is None:
        return
    bus = PciAddress.parse(wanted).bus
    if layout.has_room(wanted, gone) and (place == CONFIG or not _fixed(layout, bus)):
        return
    if bus not in layout.controllers:
        if place == CONFIG:
            return
        reason = f"the running domain has no PCI controller with index {bus}"
    else:
        there = ", ".join(f"{what} at {spot}" for spot, what in layout.places.items() if spot.bus == bus)
        reason = f"in the {'definition' if place == CONFIG else 'running domain'} it is not free: bus {bus} " + (
            f"has {there}"
            if there
            else f"is a {layout.controllers[bus]}, which has no such slot, or none for hot-plugging"
        )
    ports = ", ".join(f"0000:{index:02x}:00.0" for index in layout.free_root_ports or ())
    raise HostdevError(
        "guest_address_taken",
        subject=f"guest_address {wanted} of request {held.request}, for {held.address} in domain {domain.name}",
        found=reason,
        wanted="an address of the guest that is free",
        remedy=f"choose another one ({ports or 'no root port is free'}), or leave guest_address out"
        + (", or set attach to [config], which takes effect at its next start" if place == LIVE else ""),
    )


def waiting(inventory: Inventory, domain: Domain, after: Claim) -> list[str]:
    """Warnings of what a running guest gets at its next start only: its devices can't be changed in their place."""
    if domain.live is None:
        return []
    warnings = separated(inventory, domain, [held for held in after.holdings.values() if held.request is not None])
    for address, held in after.holdings.items():
        assigned = domain.live.assigned.get(address)
        if assigned is None or LIVE not in held.attach:
            continue
        missing = lacks(assigned.element, _followed(after, address))
        if missing:
            warnings.append(
                f"{address} is in the running domain {domain.name} without the {', '.join(missing)} of request "
                f"{held.request}: that takes effect at its next start"
            )
    return warnings


def _outdated(address: str, element: ET.Element, before: Claim, after: Claim) -> bool:
    """Whether an element is other than asked for; what nobody asked for, now or before, is left as it is."""
    options, earlier = _followed(after, address), _followed(before, address)
    return bool(lacks(element, options)) or (address in before.holdings and options.in_xml() != earlier.in_xml())


def _followed(claim: Claim, address: str) -> GuestOptions:
    """The options that count: where both say something of `managed` the allow list goes before the request."""
    options, held = claim.options(address), claim.holdings.get(address)
    if held is None or held.managed is None or options.managed is None:
        return options
    return replace(options, managed=held.managed)


def _element(held: Holding, claim: Claim, *, managed: bool, kept: str | None = None) -> ET.Element:
    """The device's element; what the allow list says of `managed` goes before the request, that before the claim."""
    options = claim.options(held.address)
    said = (held.managed, options.managed, managed)
    return device_element(
        held.address,
        managed=next(answer for answer in said if answer is not None),
        options=options,
        place=options.address or kept,
    )
