# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: where record, drivers, domain definitions and running domains differ."""

from __future__ import annotations

import typing as t

from ..availability.status import Standing
from ..claims.claim import Owner
from ..claims.identity import identity_mismatch
from ..claims.usb_scsi import node_mismatch
from ..guest.usb_scsi_xml import names_only, node_elements

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..snapshot import Snapshot

Difference = dict[str, t.Any]


def drift(snapshot: Snapshot) -> list[Difference]:
    """Every difference between the record and what is, of all kinds of devices: `code`, address, owner, detail."""
    return [difference for of_kind in DRIFTS for difference in of_kind(snapshot)]


def function_drift(snapshot: Snapshot) -> list[Difference]:
    """The differences of PCI functions."""
    inventory, tracker = snapshot.inventory, snapshot.tracker
    found: list[Difference] = []
    standing = Standing(inventory, tracker)
    for claim in tracker:
        gone = _gone(snapshot, claim)
        for address, held in claim.holdings.items():
            device = inventory.devices.get(address)
            differences = [*gone]
            elsewhere = standing.moved_to(claim, address)
            if elsewhere is not None:
                differences.append(("moved", f"the device is at {elsewhere} now"))
            elif device is None:
                differences.append(("removed", "there is no such device on the host"))
            if device is not None:
                mismatch = identity_mismatch(device, held)
                if mismatch is not None:
                    differences.append(("identity_changed", mismatch))
                elif not device.vfio:
                    differences.append(("driver", f"bound to {device.driver or 'no driver'} instead of a VFIO driver"))
                if not gone and snapshot.domains is not None:
                    uses = [use for use in inventory.domain_uses.get(address, ()) if use.uuid == claim.owner.id]
                    if held.attach and not uses:
                        differences.append(("not_attached", f"{claim.owner} does not have it"))
            found.extend(_difference(code, address, claim.owner, detail) for code, detail in differences)
    return found + list(_unrecorded(snapshot))


def node_drift(snapshot: Snapshot) -> list[Difference]:
    """The differences of USB and SCSI devices."""
    found: list[Difference] = []
    for claim in snapshot.tracker:
        domain = snapshot.domain_of(claim.owner)
        for name, held in claim.node_devices.items():
            node = snapshot.nodes.get(name)
            mismatch = None if node is None else node_mismatch(node, held)
            differences = _gone(snapshot, claim)
            if node is None:
                differences.append(("removed", "there is no such device on the host"))
            elif mismatch is not None:
                differences.append(("identity_changed", mismatch))
            elif domain is not None:
                layouts = [layout for layout in (domain.config, domain.live) if layout is not None]
                elements = (element for layout in layouts for element in node_elements(layout.xml))
                if held.attach and not any(names_only(element, snapshot.nodes, node) for element in elements):
                    differences.append(("not_attached", f"{claim.owner} does not have it"))
            found.extend(_difference(code, name, claim.owner, detail) for code, detail in differences)
    return found


# By kind of devices, in the order of decision.kinds.KINDS.
DRIFTS: tuple[t.Callable[[Snapshot], list[Difference]], ...] = (function_drift, node_drift)


def _gone(snapshot: Snapshot, claim: Claim) -> list[tuple[str, str]]:
    """That the claim's domain no longer exists, as far as libvirt could be asked."""
    owner = claim.owner
    if owner.kind != "domain" or snapshot.domains is None or snapshot.domain_of(owner) is not None:
        return []
    return [("orphan", f"{owner} no longer exists")]


def _unrecorded(snapshot: Snapshot) -> t.Iterator[Difference]:
    """Devices that a domain has by somebody else's hand."""
    for address, uses in snapshot.inventory.domain_uses.items():
        holder = snapshot.tracker.holder(address)
        for use in uses:
            if holder is None or holder.owner.id != use.uuid:
                where = "running with it" if use.live else "defined with it"
                detail = f"domain {use.domain} is {where} by {use.via}, the record " + (
                    "knows nothing of it" if holder is None else f"has it for {holder.owner}"
                )
                yield _difference("not_on_record", address, Owner("domain", use.uuid, use.domain), detail)


def _difference(code: str, address: str, owner: Owner, detail: str) -> Difference:
    return {"code": code, "address": address, "owner": owner.as_dict(), "detail": detail}
