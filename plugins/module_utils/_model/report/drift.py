# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: where record, drivers, domain definitions and running domains differ."""

from __future__ import annotations

import typing as t

from ..availability.status import Standing
from ..claims.claim import Owner
from ..claims.identity import identity_mismatch
from ..claims.usb_scsi import node_mismatch
from ..guest.usb_scsi_xml import node_elements
from ..plan.usb_scsi import Nodes, names_only

if t.TYPE_CHECKING:
    from ..claims.tracker import Tracker
    from ..guest.domain import Domain
    from ..host.inventory import Inventory


def drift_report(
    inventory: Inventory, tracker: Tracker, domain_uuids: t.Collection[str] | None
) -> list[dict[str, t.Any]]:
    """Every difference between the record and what is: `code`, address, owner, detail.

    `domain_uuids` are the domains that exist, None when libvirt could not be asked.
    """
    found: list[dict[str, t.Any]] = []
    standing = Standing(inventory, tracker)
    for claim in tracker:
        gone = claim.owner.kind == "domain" and domain_uuids is not None and claim.owner.id not in domain_uuids
        for address, held in claim.holdings.items():
            device = inventory.devices.get(address)
            differences = []
            if gone:
                differences.append(("orphan", f"{claim.owner} no longer exists"))
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
                if not gone and domain_uuids is not None:
                    uses = [use for use in inventory.domain_uses.get(address, ()) if use.uuid == claim.owner.id]
                    if held.attach and not uses:
                        differences.append(("not_attached", f"{claim.owner} does not have it"))
            found.extend(
                {"code": code, "address": address, "owner": claim.owner.as_dict(), "detail": detail}
                for code, detail in differences
            )
    return found + list(_unrecorded(inventory, tracker))


def _unrecorded(inventory: Inventory, tracker: Tracker) -> t.Iterator[dict[str, t.Any]]:
    """Devices that a domain has by somebody else's hand."""
    for address, uses in inventory.domain_uses.items():
        holder = tracker.holder(address)
        for use in uses:
            if holder is None or holder.owner.id != use.uuid:
                owner = Owner("domain", use.uuid, use.domain).as_dict()
                where = "running with it" if use.live else "defined with it"
                detail = f"domain {use.domain} is {where} by {use.via}, the record " + (
                    "knows nothing of it" if holder is None else f"has it for {holder.owner}"
                )
                yield {"code": "not_on_record", "address": address, "owner": owner, "detail": detail}


def node_drift(nodes: Nodes, tracker: Tracker, domains: t.Sequence[Domain] | None) -> list[dict[str, t.Any]]:
    """Every difference between the record's USB and SCSI devices and what is, as report.drift_report has those of PCI.

    `domains` is None when libvirt could not be asked.
    """
    found: list[dict[str, t.Any]] = []
    for claim in tracker:
        domain = next((one for one in domains or () if one.uuid == claim.owner.id), None)
        for name, held in claim.node_devices.items():
            node = nodes.get(name)
            mismatch = None if node is None else node_mismatch(node, held)
            differences = []
            if domains is not None and domain is None:
                differences.append(("orphan", f"{claim.owner} no longer exists"))
            if node is None:
                differences.append(("removed", "there is no such device on the host"))
            elif mismatch is not None:
                differences.append(("identity_changed", mismatch))
            elif domain is not None:
                layouts = [layout for layout in (domain.config, domain.live) if layout is not None]
                has = any(names_only(one, nodes, node) for layout in layouts for one in node_elements(layout.xml))
                if held.attach and not has:
                    differences.append(("not_attached", f"{claim.owner} does not have it"))
            found.extend(
                {"code": code, "address": name, "owner": claim.owner.as_dict(), "detail": detail}
                for code, detail in differences
            )
    return found
