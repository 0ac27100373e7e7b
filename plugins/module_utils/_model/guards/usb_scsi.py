# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a USB or SCSI device may not be given away now."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ..guest.disk_nodes import volume_nodes
from ..guest.sources import DomainSources
from ..host.uses import DomainUse
from .blocker import Blocker, blocker
from .domain import domain_blockers
from .function import use_blockers
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..guest.domain import Domain, DomainLayout
    from ..host.inventory import Inventory
    from ..host.nodes.node_device import NodeDevice
    from ..snapshot import Snapshot


def node_blockers(inventory: Inventory, node: NodeDevice) -> list[Blocker]:
    """What the host itself uses a USB or SCSI device for: the device, or what lies below it."""
    uses = inventory.host_uses_within(node.path) if node.path is not None else ()
    return use_blockers(node.name, uses)


PCI_PARENT = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?=/)")


def node_guards(snapshot: Snapshot, node: NodeDevice, owner: Owner, allow: t.Collection[str]) -> list[Blocker]:
    """Why the device may not be given to the owner now, but for codes in `allow` that may be accepted."""
    reasons = [blocker(code, address, detail) for code, guard in _GUARDS for address, detail in guard(snapshot, node)]
    uses = node_blockers(snapshot.inventory, node)
    if any(domain.live is not None and _takes(domain, domain.live, node) for domain in snapshot.domains or ()):
        uses = [reason for reason in uses if reason.code != "held_by_process"]  # by QEMU; the domain is named below
    reasons += [*uses, *domain_blockers(node.name, _domain_uses(snapshot, node, owner))]
    return [reason for reason in reasons if not reason.accepted(allow)]


def not_endpoint(_snapshot: Snapshot, node: NodeDevice) -> t.Iterator[tuple[str, str]]:
    if node.fields.get("hub"):
        kind = "root hub" if node.fields.get("root_hub") else "hub"
        yield node.name, f"a USB {kind}, which QEMU gives to no guest"


def group_used_by_domain(snapshot: Snapshot, node: NodeDevice) -> t.Iterator[tuple[str, str]]:
    for address in PCI_PARENT.findall(node.path or ""):
        holder = snapshot.tracker.holder(address)
        if holder is not None:
            yield address, f"it hangs on {address}, held by {holder.owner}"


def _domain_uses(snapshot: Snapshot, node: NodeDevice, owner: Owner) -> t.Iterator[DomainUse]:
    for domain in snapshot.domains or ():
        own = domain.uuid == owner.id
        live = domain.live is not None and _takes(domain, domain.live, node, own=own)
        config = domain.config is not None and _takes(domain, domain.config, node, own=own)
        if live or config:
            yield DomainUse(domain.name, domain.uuid, "hostdev", domain.live is not None, config, live)


def _takes(domain: Domain, layout: DomainLayout, node: NodeDevice, *, own: bool = False) -> bool:
    """Whether a domain has the device or a disk on it; of the asking domain itself only the disk counts."""
    disks = [replace(node, capability="storage", fields={"devlinks": node.fields.get("block_paths", ())})]
    sources = DomainSources([layout], volume_nodes(domain, layout))
    return any(sources.take(part) for part in ([] if own else [node]) + disks)


_GUARDS = guards_in(globals())
