# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the guest sees devices that enter it: at the address asked for, else where it had them, else as libvirt likes.

What can't be had is refused before anything is done: libvirt would refuse it in the middle.
"""

from __future__ import annotations

import typing as t

from ...address import PciAddress
from ...errors import HostdevError
from ...guest.domain import CONFIG, LIVE, ONE_SLOT

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...guest.domain import Domain, DomainLayout


class Places(t.NamedTuple):
    """The places in one XML of a domain: `layout` is that without what leaves it, and with what it gets back.

    `slots` are those of functions of one slot by host address, see guest_slots; `promised` those that were asked for
    or chosen for a device, which no other one gets. `conventional` are the devices without PCI Express.
    """

    domain: Domain
    place: str
    layout: DomainLayout
    slots: t.Mapping[str, str]
    promised: dict[str, str]
    conventional: t.Collection[str]

    def kept(self, address: str, at: str | None) -> str | None:
        """A place that the device had, where it can be had; the root complex has no hot-plug slots."""
        if at is None or not self.layout.has_room(at, {address, *self.slots}):
            return None
        if self.place == LIVE and _fixed(self.layout, PciAddress.parse(at).bus):
            return None
        if any(other != address and _collide(self.layout, at, there) for other, there in self.promised.items()):
            return None
        self.promised[address] = at
        return at

    def check(self, held: Holding, after: Claim) -> None:
        """Refuse a guest address that another device has, or that the running guest has no hot-plug slot for.

        To a definition libvirt adds the controllers that an address needs.
        """
        wanted = after.options(held.address).address
        reason = None if wanted is None else self._why_not(wanted, held.address)
        if wanted is not None and reason is not None:
            raise _taken(self.domain, self.layout, held, wanted, reason, live=self.place == LIVE)

    def _why_not(self, wanted: str, address: str) -> str | None:
        layout, at = self.layout, PciAddress.parse(wanted)
        if at.bus not in layout.controllers:
            if self.place == LIVE:
                return f"the running domain has no PCI controller with index {at.bus}"
            return self._why_not_new(at, address)
        if layout.has_room(wanted, {address, *self.slots}) and (self.place == CONFIG or not _fixed(layout, at.bus)):
            return None
        there = ", ".join(f"{what} at {spot}" for spot, what in layout.places.items() if spot.bus == at.bus)
        return f"in the {'definition' if self.place == CONFIG else 'running domain'} it is not free: bus {at.bus} " + (
            f"has {there}"
            if there
            else f"is a {layout.controllers[at.bus]}, which has no such slot, or none for hot-plugging"
        )

    def _why_not_new(self, at: PciAddress, address: str) -> str | None:
        """What libvirt adds as a bus that is not there yet (src/conf/domain_addr.c, virDomainPCIAddressSetGrow)."""
        port = self.layout.free_root_ports is not None and address not in self.conventional
        if port == bool(at.slot):
            what = (
                "pcie-root-port as bus {}, which has slot 00 alone" if port else "bridge as bus {}, without a slot 00"
            )
            return f"libvirt adds a {what.format(at.bus)}"
        return None


def asked_for(claim: Claim, holdings: t.Iterable[Holding]) -> dict[str, str]:
    """The guest addresses that requests name, by the host's addresses of these devices."""
    return {
        held.address: at
        for held in holdings
        if held.request is not None and (at := claim.options(held.address).address) is not None
    }


def check_apart(domain: Domain, claim: Claim) -> None:
    """Refuse one guest address for two devices of a claim, wherever they are to be attached."""
    first: dict[str, str] = {}
    for address, at in asked_for(claim, claim.holdings.values()).items():
        if at in first:
            other = claim.holdings[first[at]]
            found = f"request {other.request} asks for it too, for {other.address}"
            layout = domain.config or domain.live
            raise _taken(domain, layout, claim.holdings[address], at, found, live=False)
        first[at] = address


def _collide(layout: DomainLayout, one: str, other: str) -> bool:
    """Whether two places are one slot, or behind one port."""
    first, second = PciAddress.parse(one), PciAddress.parse(other)
    return first.bus == second.bus and (first.slot == second.slot or layout.controllers.get(first.bus) in ONE_SLOT)


def _fixed(layout: DomainLayout, bus: int) -> bool:
    return layout.controllers.get(bus) == "pcie-root"


def _taken(
    domain: Domain, layout: DomainLayout | None, held: Holding, wanted: str, reason: str, *, live: bool
) -> HostdevError:
    free = None if layout is None else layout.free_root_ports
    bus = PciAddress.parse(wanted).bus
    ports = ", ".join(f"0000:{index:02x}:00.0" for index in free or () if index != bus)
    return HostdevError(
        "guest_address_taken",
        subject=f"guest_address {wanted} of request {held.request}, for {held.address} in domain {domain.name}",
        found=reason,
        wanted="an address of the guest that is free",
        remedy=f"choose another one ({ports or 'no root port is free'}), or leave guest_address out"
        + (", or set attach to [config], which takes effect at its next start" if live else ""),
    )
