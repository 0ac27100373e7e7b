# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions of one host slot stay one slot in the guest: drivers of some cards look for their other functions there.

That is so in a domain's definition. libvirt hot-plugs function 0 of a slot only (src/conf/domain_addr.c,
virDomainPCIAddressEnsureAddr) and unplugs none of a slot with several (src/qemu/qemu_hotplug.c): a running guest gets
each function behind a root port of its own, until its next start. A VF is no part of a slot, whatever its address.
"""

from __future__ import annotations

import typing as t

from ...address import PciAddress, address_order
from ...errors import HostdevError
from ...guest.domain import CONFIG, LIVE

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...guest.domain import Domain, DomainLayout
    from ...host.inventory import Inventory


def host_slots(inventory: Inventory, staying: t.Iterable[Holding]) -> list[list[Holding]]:
    """Holdings for a definition by the host slot that they are functions of, lowest function first."""
    slots: dict[PciAddress, list[Holding]] = {}
    for held in sorted(staying, key=lambda held: address_order(held.address)):
        device = inventory.devices.get(held.address)
        if device is not None and device.express and not device.physical_function and CONFIG in held.attach:
            slots.setdefault(PciAddress.parse(held.address)._replace(function=0), []).append(held)
    return list(slots.values())


def guest_slots(
    inventory: Inventory, layout: DomainLayout, staying: t.Sequence[Holding], after: Claim
) -> dict[str, str]:
    """Places in the guest, by host address, of functions that enter a definition and of those that make way for them.

    `layout` is the definition without what leaves it.
    Functions are numbered as on the host; without function 0, for which a guest looks first (PCI Local Bus 3.0,
    3.2.2.3.4) and which alone says that there are more, the lowest one becomes it.
    """
    places: dict[str, str] = {}
    asked = {after.options(held.address).address for held in staying}
    taken = {PciAddress.parse(place).bus for place in asked if place is not None}
    for members in host_slots(inventory, staying):
        present = {
            held.address: layout.assigned[held.address].place for held in members if held.address in layout.assigned
        }
        for held in members[1:]:
            _check_alone(held, members[0], after)
        if not _disturbed(members, present, layout):
            continue
        functions = {held.address: PciAddress.parse(held.address).function for held in members}
        if 0 not in functions.values():
            functions[members[0].address] = 0
        asked_place = after.options(members[0].address).address
        had = [place for held in members for place in (present.get(held.address), held.guest_address)]
        slot = _slot(layout, asked_place, had, functions, taken)
        taken.add(slot.bus)
        places.update({address: str(slot._replace(function=number)) for address, number in functions.items()})
    return places


def check_unplug(domain: Domain, addresses: t.Iterable[str]) -> None:
    """Refuse to take a function of a slot with several out of a running guest: libvirt would, in the middle."""
    layout = domain.live
    for address in addresses if layout is not None else ():
        assigned = layout.assigned.get(address) if layout is not None else None
        place = assigned.place if assigned is not None else None
        if layout is None or place is None:
            continue
        at = PciAddress.parse(place)
        mates = [f"{what} at {spot}" for spot, what in layout.places.items() if spot != at and spot[:3] == at[:3]]
        if mates:
            raise HostdevError(
                "multifunction_slot",
                subject=f"{address} in domain {domain.name}",
                found=f"the running guest has it at {place}, in one slot with {', '.join(mates)}",
                wanted="a slot of its own: libvirt takes no function out of a shared one while a guest runs",
                remedy=f"shut domain {domain.name} down, then run the task again",
            )


def separated(inventory: Inventory, domain: Domain, staying: t.Sequence[Holding]) -> list[str]:
    """Warnings of functions of one slot that enter a running guest behind ports of their own."""
    layout = domain.live
    if layout is None:
        return []
    return [
        f"{', '.join(held.address for held in members)} are functions of one slot: domain {domain.name} gets each "
        "behind a root port of its own now, and all in one slot at its next start"
        for members in host_slots(inventory, staying)
        if len(members) > 1 and any(LIVE in held.attach and held.address not in layout.assigned for held in members)
    ]


def _disturbed(members: t.Sequence[Holding], present: t.Mapping[str, str | None], layout: DomainLayout) -> bool:
    """Whether functions enter beside others, or are left without any function 0. Others stay as they are."""
    if len(members) > 1 and len(present) < len(members):
        return True
    places = [PciAddress.parse(place) for place in present.values() if place is not None]
    return any(at.function and at._replace(function=0) not in layout.places for at in places)


def _slot(
    layout: DomainLayout,
    asked: str | None,
    had: t.Iterable[str | None],
    members: t.Collection[str],
    taken: t.Collection[int],
) -> PciAddress:
    """The slot asked for, else one that a member has or had, else the first free root port, else one to be added."""
    if asked is not None:
        return PciAddress.parse(asked)
    for place in filter(None, had):
        slot = PciAddress.parse(place)._replace(function=0)
        if slot.bus not in taken and layout.has_room(str(slot), members):
            return slot
    free = [bus for bus in layout.free_root_ports or () if bus not in taken]
    # To a bus that is not there yet libvirt adds the root port.
    return PciAddress(0, free[0] if free else max([*layout.controllers, *taken], default=0) + 1, 0, 0)


def _check_alone(held: Holding, first: Holding, after: Claim) -> None:
    asked = after.options(held.address).address
    if asked is not None:
        raise HostdevError(
            "invalid_request",
            subject=f"guest_address {asked} of request {held.request}, for {held.address}",
            found=f"it is a function of the same slot as {first.address}, which the owner has too",
            wanted="one slot for them in the guest, with the function numbers of the host",
            remedy=f"give guest_address for {first.address} alone",
        )
