# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How devices leave a domain: what was attached for a claim goes, what stood there before it stays or comes back.

A running guest keeps a device that it had before the claim: it never was the claim's to take.
"""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ...address import address_order
from ...claims.cards.found_again import is_nowhere
from ...elements import parse_element, same_xml, sourced
from ...guest.domain import CONFIG, LIVE, PLACES, parse_layout
from ...guest.pci_xml import guest_place, unplaced
from ..steps import HostdevStep
from .guest_slots import check_unplug

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...guest.domain import Domain, DomainLayout
    from ..steps import Step


def with_what_stood(before: Claim, after: Claim, domain: Domain | None) -> Claim:
    """The claim `after` with what the domain has of the devices that it takes. What was seen first stays on record."""
    holdings = dict(after.holdings)
    for address, held in after.holdings.items():
        if address in before.holdings:
            stood = before.holdings[address].stood_before
        else:
            stood = {} if domain is None else _elements(domain, address)
        if dict(held.stood_before) != dict(stood):
            holdings[address] = replace(held, stood_before=stood)
    return replace(after, holdings=holdings)


def _elements(domain: Domain, address: str) -> dict[str, str]:
    layouts = [(place, domain.layout(place)) for place in PLACES]
    return {
        place: layout.assigned[address].xml
        for place, layout in layouts
        if layout is not None and address in layout.assigned
    }


def leaving(domain: Domain, before: Claim, addresses: t.Iterable[str]) -> tuple[list[HostdevStep], list[HostdevStep]]:
    """The steps of devices out of the domain, first of the running one, and those of what the definition gets back.

    Raises HostdevError for a function that libvirt takes out of no running guest.
    """
    leave: list[HostdevStep] = []
    back: list[HostdevStep] = []
    ordered = sorted(addresses, key=address_order)
    check_unplug(domain, [address for address in ordered if LIVE not in before.holdings[address].stood_before])
    for place in (LIVE, CONFIG):
        layout = domain.layout(place)
        for address in ordered if layout is not None else ():
            held = before.holdings[address]
            stood = held.stood_before.get(place)
            # The definition may not have followed yet a device that has moved, and never follows one that is gone.
            at = held.moved_from if place == CONFIG and held.moved_from is not None else address
            assigned = layout.assigned.get(at) if layout is not None else None
            if stood is not None and is_nowhere(address):
                address = at
                stood = None if is_nowhere(at) else sourced(stood, at)
            same = assigned is not None and stood is not None and same_xml(assigned.xml, stood)
            if stood is not None and (place == LIVE or same):
                continue
            if assigned is not None:
                leave.append(HostdevStep(at, domain.name, domain.uuid, place, assigned.xml, None))
            if stood is not None:
                back.append(HostdevStep(address, domain.name, domain.uuid, place, None, stood))
    return leave, _with_room(domain, leave, back)


def _with_room(domain: Domain, leave: list[HostdevStep], back: list[HostdevStep]) -> list[HostdevStep]:
    """What comes back where it was, or where libvirt likes if something else is there by now."""
    if domain.config is None or not back:
        return back
    layout = layout_after(domain.config, leave)
    roomy = []
    for step in back:
        at = guest_place(step.element)
        if at is not None and any(str(place) == at for place in layout.places):
            step = replace(step, after=ET.tostring(unplaced(step.element), encoding="unicode").strip())
        roomy.append(step)
    return roomy


def layout_after(layout: DomainLayout, steps: t.Sequence[Step], place: str = CONFIG) -> DomainLayout:
    """One XML of a domain as it is once these steps are done, but for the places that libvirt will choose."""
    concerned = [step for step in steps if step.place == place]
    if not concerned:
        return layout
    root = copy.deepcopy(layout.root)
    devices = root.find("devices")
    if devices is None:
        devices = ET.SubElement(root, "devices")
    for step in concerned:
        step.foretell(devices)
    return parse_layout(ET.tostring(root, encoding="unicode"))


def stays_in_guest(domain: Domain | None, claim: Claim, address: str) -> bool:
    """Whether the owner's running guest keeps a device that the claim lets go: it had that before."""
    held = claim.holdings[address]
    live = None if domain is None else domain.live
    return live is not None and LIVE in held.stood_before and address in live.assigned


def stood_element(claim: Claim, address: str, *places: str) -> ET.Element | None:
    """What stood before the claim in the first of these places where anything did."""
    held = claim.holdings.get(address)
    texts = [] if held is None else [held.stood_before[place] for place in places if place in held.stood_before]
    return parse_element(texts[0]) if texts else None
