# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift of USB and SCSI devices."""

from __future__ import annotations

import typing as t

from ..claims.usb_scsi import node_mismatch
from ..guest.usb_scsi_xml import names_only, node_elements

if t.TYPE_CHECKING:
    from ..claims.tracker import Tracker
    from ..guest.domain import Domain
    from ..host.node_device import Nodes


def node_drift(nodes: Nodes, tracker: Tracker, domains: t.Sequence[Domain] | None) -> list[dict[str, t.Any]]:
    """Every difference between the record's USB and SCSI devices and what is, as drift_report has those of PCI.

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
