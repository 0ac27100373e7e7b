# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where held devices are since the host was started anew. A card more or less gives other bus numbers to many.

Stricter than identity_mismatch: of two cards of one model without serial numbers the one that sits where the claimed
one did is meant, and none that has come to its address.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ...address import PciAddress
from ...elements import sourced
from ...host.device import OF_PF, VF_NUMBER
from ..same_card import SERIALS, is_same, pf_identity
from ..tracker import Tracker

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from ..claim import Holding, Waiting


_Mark = tuple[str, str, t.Optional[str]]
"""A serial number or path, by its key in an identity; of a VF these are its PF's, and its number comes with them."""


class Finder:
    """Finds the devices of a host by what they are."""

    def __init__(self, inventory: Inventory) -> None:
        self._devices = inventory.devices
        self._by_path: dict[_Mark, PciDevice] | None = None
        self._by_serial: dict[_Mark, list[PciDevice]] | None = None

    def device(self, address: str) -> PciDevice | None:
        """What is at an address now."""
        return self._devices.get(address)

    def at_home(self, held: Holding | Waiting) -> bool:
        """Whether the claimed device is at the address that the record has."""
        device = self._devices.get(held.address)
        return device is not None and self._is(device, held)

    def address_of(self, held: Holding | Waiting) -> str | None:
        """Where the claimed device is; None where it is nowhere on the host."""
        if self.at_home(held):
            return held.address
        if self._by_path is None:
            self._by_path = {path: device for device in self._devices.values() for path in _paths(device.identity)}
        for path in _paths(held.identity):
            there = self._by_path.get(path)
            if there is not None and self._is(there, held):
                return there.address
        # It has come to another slot: only a serial number tells that.
        return next((device.address for device in self._with_serial(held) if self._is(device, held)), None)

    def _is(self, device: PciDevice, held: Holding | Waiting) -> bool:
        """As `is_it`. A path is no proof where another device has the serial number: cards have changed places.

        A disk's is not read without its driver, so that the one at the path may have none to tell for now.
        """
        if not is_it(device, held):
            return False
        marked = {other.address for other in self._with_serial(held) if is_it(other, held)}
        if len(marked) > 1:
            # Some makers give all cards of a model one number, as Realtek does: then it tells nothing.
            return device.stable_path == held.identity.get("stable_path")
        return not marked or device.address in marked

    def _with_serial(self, held: Holding | Waiting) -> list[PciDevice]:
        """The devices that have a serial number of a held one, in the order of their addresses."""
        if self._by_serial is None:
            self._by_serial = {}
            for device in self._devices.values():
                for mark in _serial_numbers(device.identity):
                    self._by_serial.setdefault(mark, []).append(device)
        return [device for mark in _serial_numbers(held.identity) for device in self._by_serial.get(mark, ())]


def _serial_numbers(identity: t.Mapping[str, str | None]) -> list[_Mark]:
    """The serial numbers of a card."""
    return _marks(pf_identity(identity) or identity, SERIALS, identity.get(VF_NUMBER))


def _paths(identity: t.Mapping[str, str | None]) -> list[_Mark]:
    """A function's own path, and that of a VF's PF: its VFs have other places where it counts them otherwise."""
    return [
        *_marks(identity, ("stable_path",), None),
        *_marks(pf_identity(identity), ("stable_path",), identity.get(VF_NUMBER)),
    ]


def _marks(identity: t.Mapping[str, str | None], keys: t.Iterable[str], number: str | None) -> list[_Mark]:
    return [(key, mark, number) for key in keys if (mark := identity.get(key)) is not None]


def is_it(device: PciDevice, held: Holding | Waiting) -> bool:
    """Whether a device is surely the one that was claimed, as far as anything tells."""
    return is_same(held.identity, device.identity)


def described(identity: t.Mapping[str, str | None]) -> str:
    """What a card is, and where it sits, for who has to tell two of them apart."""
    serial = identity.get("pcie_serial") or identity.get("serial")
    marked = "" if serial is None else f", serial {serial}"
    told = f"{identity['vendor_id']}:{identity['product_id']}{marked} at {identity.get('stable_path')}"
    pf = pf_identity(identity)
    return f"{told}, VF {identity[VF_NUMBER]} of {described(pf)}" if pf else told


@dataclass(frozen=True)
class Followed:
    """The tracker with devices at the addresses that they have now; `moves` has these by the ones on record."""

    tracker: Tracker
    moves: t.Mapping[str, str]


def followed(tracker: Tracker, inventory: Inventory) -> Followed:
    """All claims with the addresses of now. A device that is nowhere keeps the one on record.

    Unless another held device has that one by now: then it gets one that no host has, until it is there again.
    """
    finder = Finder(inventory)
    held = [holding for claim in tracker for holding in claim.holdings.values()]
    found = {holding.address: holding.address if finder.at_home(holding) else None for holding in held}
    for holding in held:
        now = found[holding.address] or finder.address_of(holding)
        if found[holding.address] is None and now not in found.values():
            found[holding.address] = now
    moves = {address: now for address, now in found.items() if now is not None and now != address}
    if not moves:
        return Followed(tracker, {})
    for address in sorted(set(moves.values()) & {address for address, now in found.items() if now is None}):
        moves[address] = nowhere(address, {*found, *moves.values()})
    now_held = {moves.get(address, address) for address in found}
    # Of what is set aside another one is at its address then: it is settled, see is_settled.
    asides = [aside for aside in tracker.set_aside.values() if aside.address not in now_held]
    waiting = _waiting(tracker.waiting.values(), finder, now_held)
    made = Tracker((), waiting, asides, tracker.made_vfs.values())
    for claim in tracker:
        defined = claim.owner.kind == "domain"
        holdings = {
            address: _at(one, moves.get(address), inventory, defined=defined) for address, one in claim.holdings.items()
        }
        made.put(replace(claim, holdings={one.address: one for one in holdings.values()}))
    return Followed(made, moves)


def _waiting(every: t.Iterable[Waiting], finder: Finder, held: t.Collection[str]) -> list[Waiting]:
    """What waits to be cleaned, where it is now; at an address that no host has where a held device has its own."""
    found: dict[str, Waiting] = {}
    for waiting in every:
        address = finder.address_of(waiting) or waiting.address
        if address in held or address in found:
            address = nowhere(address, {*held, *found})
        found[address] = replace(waiting, address=address)
    return list(found.values())


def moved_in_all(first: t.Mapping[str, str], then: t.Mapping[str, str]) -> dict[str, str]:
    """The moves of two turns in one: VFs are found again in the second, once they are made."""
    told = {was: then.get(now, now) for was, now in first.items()}
    told.update((was, now) for was, now in then.items() if was not in first.values())
    return {was: now for was, now in told.items() if was != now}


_NOWHERE = 0xFFFF0000
"""The kernel gives domains of 16 bits, and VMD some more; none is that high (pci_domain_nr, vmd_find_free_domain)."""


def is_nowhere(address: str) -> bool:
    """Whether it is the address of a device that is gone, and whose own one another held device got."""
    return PciAddress.parse(address).domain >= _NOWHERE


def nowhere(address: str, known: t.Container[str]) -> str:
    """An address that no host has, and none of the `known`, for what is gone and whose own one another one got."""
    place = PciAddress.parse(address)
    return next(
        free for number in range(_NOWHERE, 1 << 32) if (free := str(place._replace(domain=number))) not in known
    )


def _at(held: Holding, address: str | None, inventory: Inventory, *, defined: bool) -> Holding:
    """The holding at an address; `defined` says that a domain may have it, also by an element that is not ours."""
    if address is None:
        return held
    device = inventory.devices.get(address)
    now = {} if device is None else device.identity
    paths = {key: now[key] for key in ("stable_path", f"{OF_PF}stable_path") if key in held.identity and key in now}
    defined_at = held.moved_from or held.address
    return replace(
        held,
        address=address,
        identity={**held.identity, **paths},
        stood_before={place: sourced(xml, address) for place, xml in held.stood_before.items()},
        moved_from=None if defined_at == address or not defined else defined_at,
    )
