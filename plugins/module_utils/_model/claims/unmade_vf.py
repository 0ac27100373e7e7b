# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Held VFs that are gone since nobody made them again: the kernel does not keep their number over a reboot."""

from __future__ import annotations

import typing as t

from ..host.device import VF_NUMBER
from .cards.identity import held_device
from .same_card import is_same, pf_identity

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from .claim import Holding, Owner
    from .tracker import Tracker


def pfs_of_unmade(inventory: Inventory, held: Holding) -> list[PciDevice]:
    """The PFs of which a held VF that is gone may be one: they have fewer than they can have.

    Empty of what was no VF, or was pulled out with its PF. Where the record does not tell the PF: a VF has no serial
    and its PF's vendor id, and lies behind the same bridge, after its PF (SR-IOV 1.1, 2.1.2 and 3.4.1.1). Of a card
    with several PFs it may be any one's then.
    """
    identity, pf = held.identity, pf_identity(held.identity)
    lacking = [device for device in inventory.devices.values() if device.total_vfs > device.num_vfs]
    if pf:
        number = int(identity[VF_NUMBER] or 0)
        return [device for device in lacking if is_same(pf, device.identity) and number >= device.num_vfs]
    if identity.get("serial") is not None:
        return []
    bridges = bridges_of(identity.get("stable_path") or "")
    return [
        device
        for device in lacking
        if device.vendor_id == identity["vendor_id"]
        and device.vf_product_id in (None, identity["product_id"])
        and bridges_of(device.stable_path) == bridges
        and place_below(device.stable_path) < place_below(identity.get("stable_path") or "")
    ]


def unmade_vfs(inventory: Inventory, tracker: Tracker) -> dict[str, UnmadeVf]:
    """By each PF that it may be one of, a held VF that was not made again."""
    held = ((claim.owner, holding) for claim in tracker for holding in claim.holdings.values())
    return {
        pf.address: UnmadeVf(holding.address, owner)
        for owner, holding in held
        if held_device(inventory, holding) is None
        for pf in pfs_of_unmade(inventory, holding)
    }


class UnmadeVf(t.NamedTuple):
    """A VF by the address that it had, and who holds it."""

    address: str
    owner: Owner

    def __str__(self) -> str:
        return f"its VF {self.address}, which was not made again, is held by {self.owner}"


def unmade(pfs: t.Sequence[PciDevice]) -> str:
    """That it is so, in words."""
    told = (f"{pf.address}, which has {pf.num_vfs} of {pf.total_vfs}" for pf in pfs)
    return f"the VFs were not made again (of {', or of '.join(told)})"


def bridges_of(stable_path: str) -> str:
    """The part of a stable path that a PF and its VFs share: all bridges, or the domain on a root bus."""
    above, dash, _place = stable_path.rpartition("-")
    return above if dash else stable_path.partition("_")[0]


def place_below(stable_path: str) -> str:
    """A function's place on the buses behind its bridges: of one width, so that texts are in the order of numbers."""
    return stable_path.rpartition("-")[2]
