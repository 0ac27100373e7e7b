# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot to what brings the host back to the record: nothing is chosen, and nothing new is taken."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.found_again import Finder
from ..errors import HostdevError
from ..plan.domain.following import followed_claim, followed_domain, following
from ..plan.plan import CLAIM, Change, Plan
from ..requests.device_spec import parse_device_specs
from ..sriov.wish import VfsWish
from .kinds import make_plan

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..claims.made_vfs import MadeVfs
    from ..snapshot import Snapshot


def vfs_wish(made: MadeVfs, address: str) -> VfsWish:
    """What is on record of a PF, as a wish; the PF is at `address` now."""
    wanted = made.wanted
    return VfsWish(
        parse_device_specs([{"address": address}], "specs"),
        f"address {address}",
        number=wanted.number,
        vfs=wanted.vfs,
        autoprobe=bool(wanted.autoprobe),
        mtu=wanted.mtu,
        eswitch=wanted.eswitch,
        persist=made.persist,
    )


def reconciled(snapshot: Snapshot, claim: Claim, vf_states: t.Callable[[Snapshot, Change], Snapshot]) -> Plan:
    """The plan that brings one owner's devices, and its domain, back to what is on record. Raises HostdevError.

    `vf_states` gives the snapshot with what PFs have of the VFs that a change is about. A device that is not there is
    left out: see missing.
    """
    domain = snapshot.domain_of(claim.owner)
    steps = [] if domain is None else following(domain, claim)
    after = claim if domain is None else followed_claim(claim)
    if domain is not None and steps:
        moved = followed_domain(domain, steps)
        domains = tuple(moved if other is domain else other for other in snapshot.domains or ())
        snapshot = replace(snapshot, domains=domains)
    change = Change(CLAIM, after, after, allow=claim.allow)
    rest = make_plan(vf_states(snapshot, change), change)
    return Plan(CLAIM, (*steps, *rest.steps), claim, after, claim.allow)


def missing(finder: Finder, claim: Claim) -> dict[str, HostdevError]:
    """By its address on record, why a held device can't be brought back: it is gone, or there is another one."""
    return {
        address: _missing(finder, claim, held) for address, held in claim.holdings.items() if not finder.at_home(held)
    }


def _missing(finder: Finder, claim: Claim, held: Holding) -> HostdevError:
    stranger = finder.device(held.address)
    if stranger is None:
        found = "there is no such device on the host"
    else:
        found = (
            f"there is another device by now: {stranger.vendor_id}:{stranger.product_id}"
            f"{'' if stranger.serial is None else f', serial {stranger.serial}'} at {stranger.stable_path}"
        )
    identity = held.identity
    serial = identity.get("pcie_serial") or identity.get("serial")
    named = "" if serial is None else f", serial {serial}"
    return HostdevError(
        "not_restored",
        subject=held.address,
        found=found,
        wanted=f"{identity['vendor_id']}:{identity['product_id']}{named} at {identity.get('stable_path')}, which "
        f"{claim.owner} holds",
        remedy=f"put it back, or release {held.address} and claim another one",
    )


def no_pf(address: str) -> HostdevError:
    """That a PF whose VFs are on record is gone."""
    return HostdevError(
        "not_restored",
        subject=address,
        found="the physical function whose VFs were made is not on the host",
        wanted="the card that is on record",
        remedy=f"put it back, or run kvm.hostdev.pci_sriov with address: {address} and state: absent",
    )
