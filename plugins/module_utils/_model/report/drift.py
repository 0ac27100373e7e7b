# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: where record, drivers, domain definitions and running domains differ."""

from __future__ import annotations

import typing as t

from ..availability.status import Statuses
from ..claims.cards.identity import identity_mismatch
from ..errors import few
from ..guards.function import SILENT
from ..guest.domain import CONFIG, LIVE, PLACES
from .differences import difference, orphaned

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..snapshot import Snapshot
    from .differences import Difference


def drift(snapshot: Snapshot) -> list[Difference]:
    """Every difference between the record and what is, of all kinds of devices: `code`, address, owner, detail."""
    differences = [entry for of_kind in (*DRIFTS, _vfs_drift, _together_drift) for entry in of_kind(snapshot)]
    return [*differences, *_not_restored(snapshot, differences)]


def function_drift(snapshot: Snapshot) -> list[Difference]:
    """The differences of PCI functions."""
    inventory, tracker = snapshot.inventory, snapshot.tracker
    differences: list[Difference] = []
    statuses = Statuses(inventory, tracker)
    for claim in tracker:
        gone = orphaned(snapshot, claim)
        for address, held in claim.holdings.items():
            device = inventory.devices.get(address)
            details = [*gone]
            elsewhere = statuses.moved_to(claim, address)
            if elsewhere is not None:
                details.append(("moved", f"the device is at {elsewhere} now"))
            elif device is None:
                details.append(("removed", _removed(snapshot, held)))
            if device is not None:
                mismatch = identity_mismatch(device, held)
                if mismatch is not None:
                    details.append(("identity_changed", mismatch))
                elif not device.vfio:
                    details.append(("driver", f"bound to {device.driver or 'no driver'} instead of a VFIO driver"))
                if not device.responding:
                    details.append(("not_responding", SILENT))
                if not gone:
                    details += _attachment(snapshot, claim, held)
            differences.extend(difference(code, address, claim.owner, detail) for code, detail in details)
    return [*differences, *_set_aside(snapshot), *_unrecorded(snapshot)]


def _attachment(snapshot: Snapshot, claim: Claim, held: Holding) -> t.Iterator[tuple[str, str]]:
    """The places of the owner's domain that it was attached to and is not in, of those that there are."""
    domain = snapshot.domain_of(claim.owner)
    if domain is None or not held.attach:
        return
    uses = snapshot.inventory.domain_uses.get(held.address, ())
    own = [use for use in uses if use.uuid == claim.owner.id and use.has_function]
    there = [place for place in PLACES if any(getattr(use, place) for use in own)]
    lacking = [place for place in held.attach if place not in there and domain.layout(place) is not None]
    if not there:
        yield "not_attached", f"{claim.owner} does not have it"
    elif lacking:
        yield "half_attached", f"{_WHERE[there[0]]} of {claim.owner} has it, {_WHERE[lacking[0]]} lacks it"


_WHERE = {CONFIG: "the definition", LIVE: "the running guest"}


def _removed(snapshot: Snapshot, held: Holding) -> str:
    from ..claims.unmade_vf import pfs_of_unmade, unmade

    pfs = pfs_of_unmade(snapshot.inventory, held)
    return "there is no such device on the host" + (f": {unmade(pfs)}" if pfs else "")


def _node_drift(snapshot: Snapshot) -> list[Difference]:
    """Of USB and SCSI devices; most hosts hold none, and what it needs is only imported where one does."""
    if not any(claim.node_devices for claim in snapshot.tracker):
        return []
    from .node_drift import node_drift

    return node_drift(snapshot)


def _vfs_drift(snapshot: Snapshot) -> list[Difference]:
    """Of VFs that were made, likewise."""
    if not snapshot.tracker.made_vfs:
        return []
    from .vfs_drift import vfs_drift

    return vfs_drift(snapshot)


def _together_drift(snapshot: Snapshot) -> t.Iterator[Difference]:
    """Constraints on record that devices no longer meet, since cards were put elsewhere, say; likewise."""
    if not any(claim.constraints for claim in snapshot.tracker):
        return
    from ..relations.held import HeldTogether

    held = HeldTogether(snapshot.inventory, snapshot.tracker)
    for claim in snapshot.tracker:
        for constraint, addresses in held.broken(claim):
            told = f"{few(addresses)} do not meet a constraint on record: {held.shown(claim, constraint).describe()}"
            yield difference("constraint_unmet", addresses[0], claim.owner, told)


# By kind of devices, in the order of decision.kinds.KINDS.
DRIFTS: tuple[t.Callable[[Snapshot], list[Difference]], ...] = (function_drift, _node_drift)


def _not_restored(snapshot: Snapshot, differences: t.Sequence[Difference]) -> t.Iterator[Difference]:
    """Why devices were not brought back when the host was started, of those that still are not as on record."""
    for address, reason in snapshot.not_restored.items():
        entry = next((entry for entry in differences if entry["address"] == address), None)
        holder = snapshot.tracker.holder(address)
        if entry is not None:
            yield difference("not_restored", address, None if holder is None else holder.owner, reason)


def _set_aside(snapshot: Snapshot) -> t.Iterator[Difference]:
    """Devices that an earlier run could not settle, until they are mended."""
    if not snapshot.tracker.set_aside:
        return
    from ..claims.settled import is_settled

    for address, aside in snapshot.tracker.set_aside.items():
        if not is_settled(snapshot.inventory, aside):
            yield difference("set_aside", address, aside.owner, aside.told())


def _unrecorded(snapshot: Snapshot) -> t.Iterator[Difference]:
    """Devices that a domain has without being on record for it."""
    if not snapshot.inventory.domain_uses:
        return
    from ..claims.claim import Owner

    for address, uses in snapshot.inventory.domain_uses.items():
        holder = snapshot.tracker.holder(address)
        for use in uses:
            if use.has_function and (holder is None or holder.owner.id != use.uuid):
                where = "running with it" if use.live else "defined with it"
                detail = f"domain {use.domain} is {where} by {use.via}, the record " + (
                    "knows nothing of it" if holder is None else f"has it for {holder.owner}"
                )
                code = "not_on_record" if holder is None or not use.live else "used_by_another"
                yield difference(code, address, Owner("domain", use.uuid, use.domain), detail)
