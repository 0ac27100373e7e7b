# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which elements enter a domain, and which of its definition are made anew because a request's options changed."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ...address import PciAddress
from ...errors import HostdevError
from ...guest.adjusting import Earlier, adjusted, unsuited
from ...guest.domain import CONFIG, LIVE, PLACES
from ...guest.pci_xml import device_element, guest_place, lacks, moved, unplaced, with_own_alias_only
from ...requests.guest_options import NO_OPTIONS
from ..plan import CLAIM
from ..steps import HostdevStep
from .guest_addresses import Places, asked_for, check_apart
from .guest_slots import guest_slots, separated
from .leaving import layout_after, stood_element

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...guest.domain import Domain
    from ...host.inventory import Inventory
    from ...requests.guest_options import GuestOptions
    from ..plan import Change
    from ..steps import Step


class _Entry(t.NamedTuple):
    """What enters one place of a domain: `places` there, and the elements that its `definition` has by then."""

    places: Places
    change: Change
    definition: t.Mapping[str, ET.Element]


def entering(
    inventory: Inventory, domain: Domain, change: Change, staying: t.Sequence[Holding], leaving: t.Sequence[Step]
) -> list[HostdevStep]:
    """Steps of the devices that are not where their holdings say, and of those in the definition with other options.

    `leaving` are the steps of devices that leave the domain, and of what it gets back. For a release only those enter
    that make way in a slot of the guest. A running guest keeps its devices as they are: it would lose them for a
    moment. See waiting. Raises HostdevError where a guest address that is asked for is not free.
    """
    after = change.after
    if change.operation == CLAIM:
        check_apart(domain, after)
    requested = [held for held in staying if held.request is not None]
    conventional = {held.address for held in requested if not inventory.devices[held.address].express}
    steps: list[HostdevStep] = []
    definition: dict[str, ET.Element] = {}
    for place in PLACES:
        present = domain.layout(place)
        if present is None:
            continue
        layout = layout_after(present, leaving, place)
        slots = guest_slots(inventory, layout, requested, after) if place == CONFIG else {}
        there = [held for held in requested if place in held.attach]
        places = Places(domain, place, layout, slots, {**asked_for(after, there), **slots}, conventional)
        entry = _Entry(places, change, definition)
        placed: list[HostdevStep] = []
        for held in requested:
            assigned = layout.assigned.get(held.address)
            wanted = _wanted(entry, held) if place in held.attach else None
            element = wanted if wanted is not None or assigned is None else assigned.element
            if place == CONFIG and element is not None:
                definition[held.address] = element
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


def _wanted(entry: _Entry, held: Holding) -> ET.Element | None:
    """The element that a device shall have in a place, None where it may stay out, or as it is."""
    places, address = entry.places, held.address
    assigned, slot = places.layout.assigned.get(address), places.slots.get(address)
    wanted = None
    if entry.change.operation != CLAIM:
        wanted = None if assigned is None or slot is None else assigned.element
    elif assigned is None:
        places.check(held, entry.change.after)
        wanted = _made(entry, held)
    elif places.place == CONFIG:
        wanted = _changed(entry.change, held, assigned.element)
        if guest_place(wanted) != assigned.place:
            places.check(held, entry.change.after)
    if wanted is not None and slot is not None:
        wanted = moved(wanted, slot, multifunction=slot.endswith(".0") and _shared(slot, places.slots))
    return wanted


def _changed(change: Change, held: Holding, element: ET.Element) -> ET.Element:
    """The element that is there, with what was asked for changed, and nothing else. Raises HostdevError."""
    before, after, address = change.before, change.after, held.address
    options = _followed(after, address)
    _check_suited(element, options, held)
    earlier = _followed(before, address) if address in before.holdings else NO_OPTIONS
    managed = change.managed if held.managed is None else held.managed
    return adjusted(element, options, Earlier(earlier, stood_element(after, address, CONFIG), managed))


def _made(entry: _Entry, held: Holding) -> ET.Element:
    """The element of a device that is not there: like the one that is or was there by hand, in this place or the other.

    What the allow list says of `managed` goes before the request, that before the claim.
    """
    change, place, address = entry.change, entry.places.place, held.address
    options = change.after.options(address)
    model = stood_element(change.after, address, place, *PLACES)
    if place == LIVE:
        model = entry.definition.get(address, model)
    if model is None:
        said = (held.managed, options.managed, change.managed)
        managed = next(answer for answer in said if answer is not None)
        at = options.address or entry.places.kept(address, held.guest_address)
        return device_element(address, managed=managed, options=options, place=at)
    at = options.address or entry.places.kept(
        address, held.guest_address or (guest_place(model) if place == CONFIG else None)
    )
    options = replace(_followed(change.after, address), address=None)
    _check_suited(model, options, held)
    made = with_own_alias_only(unplaced(adjusted(model, options)))
    if place == LIVE and options.driver is None:
        # libvirt would bind it anew to a driver that only the definition names: that is for the next start.
        for driver in made.findall("driver[@model]"):
            del driver.attrib["model"]
    return made if at is None else moved(made, at, multifunction=False)


def _check_suited(element: ET.Element, options: GuestOptions, held: Holding) -> None:
    for name in unsuited(element, options):
        raise HostdevError(
            "invalid_request",
            subject=f"{name} of request {held.request}, for {held.address}",
            found="the domain has the device as a <disk type='nvme'>, which QEMU drives itself",
            wanted="a device that the guest sees itself",
            remedy=f"take that <disk> out of the domain, or leave {name} out",
        )


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


def _followed(claim: Claim, address: str) -> GuestOptions:
    """The options that count: where both say something of `managed` the allow list goes before the request."""
    options, held = claim.options(address), claim.holdings.get(address)
    if held is None or held.managed is None or options.managed is None:
        return options
    return replace(options, managed=held.managed)
