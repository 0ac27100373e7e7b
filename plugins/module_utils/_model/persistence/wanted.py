# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the record comes back when the host is started anew."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..claims.same_card import is_same, pf_identity
from ..claims.unmade_vf import bridges_of, place_below
from ..host.device import VF_NUMBER, named_vfio

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..claims.made_vfs import MadeVfs
    from ..claims.tracker import Tracker

STORAGE = "01"  # the base class of mass storage controllers (PCI Code and ID Assignment, 1.2)


def persistent(tracker: Tracker) -> bool:
    """Whether anything on record comes back, so that something is to lie on the host for it."""
    return any(claim.persist for claim in tracker) or any(made.persist for made in tracker.made_vfs.values())


def persistent_claims(tracker: Tracker) -> list[Claim]:
    """By their owners."""
    return sorted((claim for claim in tracker if claim.persist), key=lambda claim: claim.owner.key)


def persistent_vfs(tracker: Tracker) -> list[MadeVfs]:
    """By their PFs: those that are persistent themselves, and those of which a persistent claim holds one."""
    held = _holdings(tracker)
    return [
        made
        for _address, made in sorted(tracker.made_vfs.items(), key=lambda item: address_order(item[0]))
        if made.persist or any(may_be_vf_of(made, holding) for holding in held)
    ]


def persistent_functions(tracker: Tracker) -> list[Holding]:
    """What persistent claims hold, by address, without VFs and without what others bind at boot.

    A device that was with VFIO before it was adopted is bound by whatever did so before (driverctl, ids in
    modprobe.d), and stays with that.
    """
    made = tracker.made_vfs.values()
    return [holding for holding in _holdings(tracker) if not _bound_by_others(holding) and not _is_vf(holding, made)]


def storage_claimed(tracker: Tracker) -> bool:
    """Whether a disk's controller is among what comes back, which the host must not mount anything of."""
    return any((holding.identity["class_id"] or "").startswith(STORAGE) for holding in _holdings(tracker))


def may_be_vf_of(made: MadeVfs, held: Holding) -> bool:
    """Whether a held device may be one of a PF's VFs, by what is on record of both.

    Where it does not tell the device's PF: a VF has no serial, and its PF's vendor id and class (SR-IOV 1.1, 3.4.1.1
    and 3.4.1.6); it lies behind the same bridges and after its PF. Two ports of one card have one serial number and
    one model.
    """
    pf, vf = made.identity, held.identity
    if pf_identity(vf):
        return is_same(pf_identity(vf), pf)
    if vf.get("serial") is not None or any(pf[key] != vf[key] for key in ("vendor_id", "class_id")):
        return False
    ours, its = pf.get("stable_path") or "", vf.get("stable_path") or ""
    if bridges_of(ours) != bridges_of(its) or place_below(ours) >= place_below(its):
        return False
    twins = pf["product_id"] == vf["product_id"] and pf.get("pcie_serial") == vf.get("pcie_serial")
    return not (twins and pf.get("pcie_serial") is not None)


def _is_vf(held: Holding, made_vfs: t.Iterable[MadeVfs]) -> bool:
    """Whether it is none but a VF. A second port without a serial number looks like a VF that has its PF's model."""
    return VF_NUMBER in held.identity or any(
        may_be_vf_of(made, held) and made.identity["product_id"] != held.identity["product_id"] for made in made_vfs
    )


def _bound_by_others(held: Holding) -> bool:
    original = held.original
    return held.adopted and any(named_vfio(name or "") for name in (original.driver, original.override))


def _holdings(tracker: Tracker) -> list[Holding]:
    held = (holding for claim in tracker if claim.persist for holding in claim.holdings.values())
    return sorted(held, key=lambda holding: address_order(holding.address))
