# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a device is the one that was claimed, and where it went. The address is a hint, never the identity."""

from __future__ import annotations

import typing as t

from ..same_card import function_of, is_same, pf_identity, untold

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from ..claim import Holding, Owner, Waiting
    from ..tracker import Tracker


class Moved(t.NamedTuple):
    """A held device that now sits at another address."""

    owner: Owner
    claimed_at: str

    def __str__(self) -> str:
        return f"{self.owner} claimed it at {self.claimed_at}"


def identity_mismatch(device: PciDevice, held: Holding | Waiting) -> str | None:
    """How the device at a held address differs from the one that was claimed, None when it is the same.

    A serial counts only when both are known: a disk's is not readable while the disk is with a guest. The path is
    no part of it, since a card may move. A VF differs where its PF does, or its number among the PF's VFs.
    """
    identity = device.identity
    for key, wanted in held.identity.items():
        if key.endswith("stable_path") or wanted is None or identity.get(key) is None:
            continue
        if identity[key] != wanted:
            return f"{key} is {identity[key]}, claimed was {wanted}"
    pf, claimed = pf_identity(identity), pf_identity(held.identity)
    if pf and claimed and function_of(pf) != function_of(claimed):
        return f"its PF is function {function_of(pf)} of the card, claimed was one of function {function_of(claimed)}"
    return None


def may_be_another(device: PciDevice, held: Holding) -> bool:
    """Whether nothing tells a device from another of its model that was put in its place while the host was off.

    Its serial was that of its disk or interface, which its own driver shows, and it has none of PCI Express.
    """
    return device.vfio and not_told(device, held)


def not_told(device: PciDevice, held: Holding) -> bool:
    """Whether a claimed device had a serial, and nothing shows one now that could be compared with it."""
    return untold(held.identity, device.identity)


def pf_not_told(device: PciDevice, held: Holding) -> bool:
    """The same of a VF's PF, whose interface may show its serial after the VFs have come (igb with max_vfs)."""
    return untold(pf_identity(held.identity), pf_identity(device.identity))


def held_device(inventory: Inventory, held: Holding) -> PciDevice | None:
    """The device that was claimed, None when it is no longer on the host or another one sits at its address.

    Of two cards of one model without serial numbers the path tells which it is, where both are on the host.
    """
    device = inventory.devices.get(held.address)
    if device is None or identity_mismatch(device, held) is not None:
        return None
    if is_same(held.identity, device.identity):
        return device
    from .found_again import Finder

    return device if Finder(inventory).address_of(held) is None else None


def waiting_device(tracker: Tracker, device: PciDevice) -> Waiting | None:
    """What the record says of a device that waits to be cleaned; None for another one that sits at its address now.

    One that has moved since waits as well, as far as anything tells that it is the one.
    """
    waiting = tracker.waiting.get(device.address)
    if waiting is not None and identity_mismatch(device, waiting) is None:
        return waiting
    model = device.vendor_id, device.product_id  # before all else, as the host may have ten thousand
    alike = [
        one for one in tracker.waiting.values() if (one.identity["vendor_id"], one.identity["product_id"]) == model
    ]
    return next((one for one in alike if is_same(one.identity, device.identity)), None)


def as_claimed(device: PciDevice, held: Holding | None) -> PciDevice:
    """The device with what only its own driver shows, while it is held and has a VFIO driver instead."""
    if held is None or not device.vfio:
        return device
    return device._replace(driver=held.original.driver, serial=device.serial or held.identity.get("serial"))


def moved_devices(inventory: Inventory, tracker: Tracker) -> dict[str, Moved]:
    """By present address, the held devices that are no longer where they were claimed.

    A device is found again by its serial, and where it has none by its path through the bridges, which keeps still
    when buses are numbered anew; ids must agree as well. A VF is found through its PF.
    """
    lost = [
        (claim.owner, held)
        for claim in tracker
        for held in claim.holdings.values()
        if held_device(inventory, held) is None
    ]
    if not lost:
        return {}
    from .found_again import Finder

    finder = Finder(inventory)
    found = ((owner, held, finder.address_of(held)) for owner, held in lost)
    return {
        present: Moved(owner, held.address)
        for owner, held, present in found
        if present is not None and tracker.holder(present) is None
    }
