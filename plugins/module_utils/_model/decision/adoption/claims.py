# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what domains have of a host's functions to claims that say so.

No guard refuses: the devices are given away already. What can't be told apart, or is another owner's, is left and told.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ...address import address_order
from ...claims.cards.found_again import is_nowhere
from ...claims.cards.identity import moved_devices, waiting_device
from ...claims.claim import Holding, Owner
from ...guards.function import use_blockers
from ...guest.domain import CONFIG, LIVE, PLACES
from ...host.device import host_driven
from ...plan.domain.attaching import with_guest_addresses
from ...plan.domain.leaving import with_what_stood
from ...requests.request import Request
from ...selection.as_found import as_found
from ...selection.group_closure import group_members
from .adoption import Adopted

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...guest.domain import Domain
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from .adoption import AdoptWish

# Base class, or base class and subclass (PCI Code and ID Assignment Specification): the first that fits.
_NAMES = (("02", "nic"), ("03", "gpu"), ("0108", "disk"))
_USER_ALIAS = re.compile("ua-(.+)")
"""An alias that a user chose (https://libvirt.org/formatdomain.html); others are libvirt's, and change."""


class Claims(t.NamedTuple):
    """Claims that are to be written down, functions with a VFIO driver that nobody has, and what is to be said."""

    claims: tuple[Adopted, ...]
    unattached: tuple[str, ...]
    warnings: tuple[str, ...]


def adopt_claims(snapshot: Snapshot, wish: AdoptWish) -> Claims:
    """What domains have and the record does not know; of one function for one owner."""
    run = _Adopting(snapshot, wish)
    domains = [domain for domain in snapshot.domains or () if wish.is_about(domain.uuid)]
    for domain in sorted(domains, key=lambda domain: (domain.name, domain.uuid)):
        run.adopt_for_domain(domain)
    unattached = run.unattached()
    if wish.unattached_owner is not None:
        owner = Owner("name", wish.unattached_owner, wish.unattached_owner)
        run.adopt(owner, {address: _name(snapshot.inventory.devices[address]) for address in unattached}, None)
        unattached = []
    return Claims(tuple(run.claims), tuple(unattached), tuple(run.warnings))


class _Adopting:
    """Claims one after the other, each with what the ones before it took."""

    def __init__(self, snapshot: Snapshot, wish: AdoptWish) -> None:
        self._snapshot, self._wish = snapshot, wish
        self._inventory = snapshot.inventory
        self._tracker = snapshot.tracker.copy()
        self._moved = moved_devices(snapshot.inventory, snapshot.tracker)
        self.claims: list[Adopted] = []
        self.warnings: list[str] = []

    def adopt_for_domain(self, domain: Domain) -> None:
        """The claim of a domain with all that it has."""
        owner = Owner("domain", domain.uuid, domain.name)
        names: dict[str, str] = {}
        for address in _assigned(domain):
            holder = self._tracker.holder(address)
            if holder is not None and holder.owner.key == owner.key:
                continue
            why = self._why_not(domain, address, None if holder is None else holder.owner)
            if why is None:
                names[address] = _own_name(domain, address) or _name(self._inventory.devices[address])
                self.warnings.extend(self._odd(domain, address))
            else:
                self.warnings.append(f"{address} of domain {domain.name} is not adopted: {why}")
        self.adopt(owner, names, domain)

    def adopt(self, owner: Owner, names: t.Mapping[str, str], domain: Domain | None) -> None:
        """Add functions to an owner's claim, each with a request of its own, named by `names` as far as that is free.

        Group mates with a VFIO driver came along already; nobody else may have them.
        """
        if not names:
            return
        before = self._tracker.claim_of(owner)
        requests, holdings = dict(before.requests), dict(before.holdings)
        for address in sorted(names, key=address_order):
            name = _unused(names[address], requests)
            requests[name] = Request(name, address=address)
            attach = () if domain is None else _places(domain, address)
            holdings[address] = self._holding(domain, address, name, attach)
        for mate in self._mates(holdings, owner, names):
            holdings[mate.address] = self._holding(domain, mate.address, None, ())
        persist = before.persist or self._wish.persist
        ordered = {address: holdings[address] for address in sorted(holdings, key=address_order)}
        after = replace(before, requests=requests, holdings=ordered, persist=persist)
        if domain is not None:
            after = with_what_stood(before, after, domain)
            after = with_guest_addresses(after if domain.active else _left_to_its_guest(before, after), domain)
        self._tracker.put(after)
        self.claims.append(Adopted(before, after))

    def _holding(self, domain: Domain | None, address: str, request: str | None, attach: tuple[str, ...]) -> Holding:
        device = self._inventory.devices[address]
        original, adopted = as_found(self._snapshot, domain, device)
        now = self._snapshot.now or None
        return Holding(address, request, device.identity, original, adopted=adopted, attach=attach, since=now)

    def unattached(self) -> list[str]:
        """Functions that a VFIO driver has, and neither a domain nor the record."""
        tracker = self._tracker
        return [
            address
            for address, device in self._inventory.devices.items()
            if device.vfio
            and not device.is_bridge
            and not self._inventory.domain_uses.get(address)
            and tracker.holder(address) is None
            and address not in tracker.set_aside
            and address not in self._moved
            and waiting_device(tracker, device) is None
        ]

    def _why_not(self, domain: Domain, address: str, holder: Owner | None) -> str | None:
        """Why a function that a domain has is not written down for it; None where it is."""
        if holder is not None:
            return f"it is on record for {holder}; release it there, or take it out of the domain"
        behind = self._definition_behind(domain, address)
        if behind is not None:
            return behind
        if address in self._tracker.set_aside:
            return f"it is {self._tracker.set_aside[address].told()}"
        device = self._inventory.devices.get(address)
        if device is None:
            return "there is no such device on this host; take it out of the domain, or put the card back"
        if self._wish.persist or self._tracker.claim_of(Owner("domain", domain.uuid, domain.name)).persist:
            # At the next start nobody uses it yet, and no guard is in the way of what is on record.
            blockers = use_blockers(address, self._inventory.host_uses.get(address, ())) if host_driven(device) else []
            if blockers:
                told = "; ".join(f"{blocker.code}: {blocker.detail}" for blocker in blockers)
                return f"the host itself uses it ({told}), and with persist it would be without it from its next start"
        if address in self._moved:
            return f"it is another one's device that moved here ({self._moved[address]})"
        if waiting_device(self._tracker, device) is not None:
            return "the record says that it is to be cleaned; release it with cleaned: true first"
        if device.is_bridge:
            return "it is a bridge, which VFIO gives to nobody"
        if device.virtual_functions and not device.vfio:
            return f"it has {device.num_vfs} VFs, which go when the domain starts"
        return self._anothers(domain, address)

    def _definition_behind(self, domain: Domain, address: str) -> str | None:
        """Whether a definition means a device on record that was there, and not what is there since a boot."""
        for claim in self._tracker:
            held = next((held for held in claim.holdings.values() if held.moved_from == address), None)
            if held is not None and claim.owner.id == domain.uuid:
                now = "gone" if is_nowhere(held.address) else f"at {held.address} now"
                return (
                    f"the device on record for it was there, and is {now}: the definition has not followed; run "
                    "kvm.hostdev.reconcile first"
                )
        return None

    def _anothers(self, domain: Domain, address: str) -> str | None:
        """Who else has it, or chose it: libvirt, of the VFs of a network, anew with each start."""
        if _of_network(domain, address):
            return "libvirt chose it from a network, and takes another one at the next start"
        uses = self._inventory.domain_uses.get(address, ())
        others = [use for use in uses if use.has_function and use.uuid != domain.uuid]
        running = [use.domain for use in others if use.live]
        if running:
            return f"domain {running[0]} is running with it"
        is_live = domain.live is not None and address in domain.live.assigned
        defined = [use.domain for use in others if self._wish.is_about(use.uuid)]
        if defined and not is_live:
            return f"domain {defined[0]} is defined with it as well; name the one that is to have it in domains"
        return None

    def _odd(self, domain: Domain, address: str) -> t.Iterator[str]:
        """What is to be said of a function that is adopted."""
        device = self._inventory.devices[address]
        if not device.responding:
            yield f"{address} does not answer: its config space reads all ones"
        config = None if domain.config is None else domain.config.assigned.get(address)
        if config is not None and config.element.get("managed") != "yes" and not device.vfio and not domain.active:
            yield (
                f"{address} has {device.driver or 'no driver'} and no VFIO driver, and domain {domain.name}, which "
                "does not start so, has managed='no' for it: a claim binds it"
            )

    def _mates(self, holdings: t.Mapping[str, Holding], owner: Owner, new: t.Collection[str]) -> t.Iterator[PciDevice]:
        """The group mates of new functions that come along; of others it is said who has them."""
        for address in group_members(self._inventory, new):
            mate, holder = self._inventory.devices[address], self._tracker.holder(address)
            if address in holdings:
                continue
            users = [use.domain for use in self._inventory.domain_uses.get(address, ()) if use.has_function]
            if holder is not None:
                told = f"is on record for {holder.owner}"
            elif users:
                told = f"is with domain {users[0]}"
            elif host_driven(mate):
                told = f"has {mate.driver}, a driver of the host: no guest can start so"
            elif not mate.vfio:
                told = f"has {mate.driver or 'no driver'}, and is not adopted: a claim asks for consent to take it"
            else:
                yield mate
                continue
            self.warnings.append(f"{address}, in an IOMMU group with what {owner} has, {told}")


def _assigned(domain: Domain) -> list[str]:
    layouts = [domain.layout(place) for place in PLACES]
    addresses = {address for layout in layouts if layout is not None for address in layout.assigned}
    return sorted(addresses, key=address_order)


def _places(domain: Domain, address: str) -> tuple[str, ...]:
    """Where a claim would have attached it: also in what the domain has none of, the definition or the guest."""
    layouts = [(place, domain.layout(place)) for place in PLACES]
    return tuple(place for place, layout in layouts if layout is None or address in layout.assigned)


def _left_to_its_guest(before: Claim, after: Claim) -> Claim:
    """The claim of a domain that does not run, with what its guest will have of the definition once it is started.

    It has that by hand: a release takes it from no guest that runs by then.
    """
    holdings = {
        address: held
        if address in before.holdings or CONFIG not in held.stood_before
        else replace(held, stood_before={LIVE: held.stood_before[CONFIG], **held.stood_before})
        for address, held in after.holdings.items()
    }
    return replace(after, holdings=holdings)


def _of_network(domain: Domain, address: str) -> bool:
    """Whether a running guest has a VF that libvirt chose: its definition has an interface of a network there.

    Of such an interface the live XML has the VF, as <interface type='hostdev'> (libvirt, src/conf/domain_conf.c,
    virDomainNetDefFormat), and both have the MAC address.
    """
    live = None if domain.live is None else domain.live.assigned.get(address)
    if live is None or live.via != "interface" or domain.config is None or address in domain.config.assigned:
        return False
    mac = _mac(live.element)
    interfaces = domain.config.elements("devices/interface[@type='network']")
    return mac is not None and any(_mac(interface) == mac for interface in interfaces)


def _mac(interface: t.Any) -> str | None:
    mac = interface.find("mac")
    return None if mac is None else mac.get("address", "").lower()


def _own_name(domain: Domain, address: str) -> str | None:
    """What the definition, or else the guest, calls the device by an alias that a user chose."""
    for place in PLACES:
        layout = domain.layout(place)
        assigned = None if layout is None else layout.assigned.get(address)
        alias = None if assigned is None else assigned.element.find("alias")
        match = None if alias is None else _USER_ALIAS.fullmatch(alias.get("name", "").strip())
        if match is not None:
            return match.group(1)
    return None


def _name(device: PciDevice) -> str:
    """What a request for the device is called, with # for a number."""
    kind = next((name for class_id, name in _NAMES if device.class_id.startswith(class_id)), "device")
    return f"{kind}#"


def _unused(name: str, names: t.Container[str]) -> str:
    """A name that no request has: the first number in place of #, or behind what a user chose."""
    if name not in names and not name.endswith("#"):
        return name
    stem, number = (name[:-1], 0) if name.endswith("#") else (f"{name}-", 2)
    while f"{stem}{number}" in names:
        number += 1
    return f"{stem}{number}"
