# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts are made of every function without a crash, and every blocker says what to do."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.module_aliases import ModuleAliases
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.ids import PciIds
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import nodedev_name
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import device_report, tree_report
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.listing import Listing

from .verdict import Held

if t.TYPE_CHECKING:
    from ..recording import Recording

_HOST_BRIDGE = "0600"


def facts(recording: Recording) -> Held:
    """Devices, blockers, pools and tree."""
    held = Held("facts")
    inventory = recording.inventory
    statuses, topology = Statuses(inventory, Tracker()), Topology(inventory)
    names, aliases = PciIds({}, {}, {}), ModuleAliases(Tree("/nowhere"), "")
    claimable = []
    for address, device in inventory.devices.items():
        report = device_report(statuses, topology[address], device, names, aliases)
        held.equal(f"{address} as JSON", json.loads(json.dumps(report)), report)
        for blocker in report["blockers"]:
            _blocker(held, address, blocker, inventory.devices)
        if report["claimable"]:
            claimable.append(address)
        stays = device.is_bridge or device.class_id.startswith(_HOST_BRIDGE)
        held.true(f"{address} is a bridge and could be claimed", not (stays and report["claimable"]))
        held.equal(f"{address} claimable", report["claimable"], not report["blockers"])
        _iommu(held, recording, address, [blocker["code"] for blocker in report["blockers"]])
    held.equal("devices in pools", sum(pool["count"] for pool in pools(topology, claimable)), len(claimable))
    tree = tree_report(Listing(inventory, [], statuses, (), frozenset()).parents())
    held.equal("names in the tree", sorted(_names(tree)), sorted(map(nodedev_name, inventory.devices)))
    return held


def _blocker(held: Held, address: str, blocker: t.Mapping[str, str | None], devices: t.Container[str]) -> None:
    code, detail, remedy = blocker["code"], blocker["detail"], blocker["remedy"]
    held.true(f"{address}: no code {code}", code in GUARDS)
    held.true(f"{address}: {code} without a detail", detail and detail.strip())
    held.true(f"{address}: {code} without a remedy: {remedy}", remedy and remedy.strip() and "{" not in remedy)
    held.true(f"{address}: {code} is about {blocker['address']}, which is not there", blocker["address"] in devices)


def _iommu(held: Held, recording: Recording, address: str, codes: t.Sequence[str]) -> None:
    """Without an IOMMU, or where nobody knows of one, no endpoint can be claimed, and that is why."""
    device, host = recording.inventory.devices[address], recording.inventory.host
    if not device.is_bridge:
        held.equal(f"{address} iommu_off", "iommu_off" in codes, not host.iommu)
        held.equal(f"{address} no_group", "no_group" in codes, host.iommu is True and device.iommu_group is None)


def _names(tree: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[str]:
    pending = list(tree)
    while pending:
        node = pending.pop()
        yield node["name"]
        pending.extend(node["children"])
