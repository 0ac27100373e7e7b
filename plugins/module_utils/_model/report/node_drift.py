# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift of USB and SCSI devices."""

from __future__ import annotations

import typing as t

from ..claims.usb_scsi import node_mismatch
from ..guest.usb_scsi_xml import names_only, node_elements
from .differences import difference, orphaned

if t.TYPE_CHECKING:
    from ..snapshot import Snapshot
    from .differences import Difference


def node_drift(snapshot: Snapshot) -> list[Difference]:
    """The differences of USB and SCSI devices."""
    differences: list[Difference] = []
    for claim in snapshot.tracker:
        domain = snapshot.domain_of(claim.owner)
        for name, held in claim.node_devices.items():
            node = snapshot.nodes.get(name)
            mismatch = None if node is None else node_mismatch(node, held)
            details = orphaned(snapshot, claim)
            if node is None:
                details.append(("removed", "there is no such device on the host"))
            elif mismatch is not None:
                details.append(("identity_changed", mismatch))
            elif domain is not None:
                layouts = [layout for layout in (domain.config, domain.live) if layout is not None]
                elements = (element for layout in layouts for element in node_elements(layout))
                if held.attach and not any(names_only(element, snapshot.nodes, node) for element in elements):
                    details.append(("not_attached", f"{claim.owner} does not have it"))
            differences.extend(difference(code, name, claim.owner, detail) for code, detail in details)
    return differences
