# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a USB or SCSI device may not be given away now."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ..guest.sources import DomainSources
from .blocker import Blocker, blocker
from .function import by_code

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..claims.tracker import Tracker
    from ..guest.domain import Domain
    from ..host.inventory import Inventory
    from ..host.node_device import NodeDevice


def node_blockers(inventory: Inventory, node: NodeDevice) -> list[Blocker]:
    """What the host itself uses a USB or SCSI device for: the device, or what lies below it."""
    uses = inventory.host_uses_within(node.path) if node.path is not None else ()
    return [blocker(code, node.name, detail) for code, detail in by_code(uses)]


PCI_PARENT = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?=/)")


@dataclass(frozen=True)
class NodeHost:
    """What is known of the host when a device is chosen; `nodes` are its USB and SCSI devices by name."""

    nodes: t.Mapping[str, NodeDevice]
    inventory: Inventory
    domains: t.Sequence[Domain]
    tracker: Tracker


def node_guards(host: NodeHost, node: NodeDevice, owner: Owner, allow: t.Collection[str]) -> list[Blocker]:
    """Why the device may not be given to the owner now, but for codes in `allow` that may be accepted."""
    found = []
    if node.fields.get("hub"):
        kind = "root hub" if node.fields.get("root_hub") else "hub"
        found.append(Blocker("not_endpoint", node.name, f"a USB {kind}, which QEMU gives to no guest"))
    for address in PCI_PARENT.findall(node.path or ""):
        holder = host.tracker.holder(address)
        if holder is not None:
            found.append(Blocker("group_used_by_domain", address, f"it hangs on {address}, held by {holder.owner}"))
    uses = node_blockers(host.inventory, node)
    if any(domain.live is not None and _takes([domain.live.xml], node) for domain in host.domains):
        uses = [one for one in uses if one.code != "held_by_process"]  # by QEMU; the domain is named below
    found.extend(uses)
    for domain in host.domains:
        live = domain.live is not None and _takes([domain.live.xml], node, own=domain.uuid == owner.id)
        config = domain.config is not None and _takes([domain.config.xml], node, own=domain.uuid == owner.id)
        if live or config:
            where = "running with it" if live else "defined with it"
            detail = f"domain {domain.name} ({domain.uuid}) is {where}"
            found.append(Blocker("in_domain_xml", node.name, detail, None if live else "allow: [in_domain_xml]"))
    return [one for one in found if one.override is None or one.code not in allow]


def _takes(xmls: t.Sequence[str], node: NodeDevice, *, own: bool = False) -> bool:
    """Whether a domain has the device or a disk on it; of the asking domain itself only the disk counts."""
    disks = [replace(node, capability="storage", fields={"devlinks": node.fields.get("block_paths", ())})]
    sources = DomainSources(xmls)
    return any(sources.take(one) for one in ([] if own else [node]) + disks)
