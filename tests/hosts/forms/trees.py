# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tree of sysfs, read as a host's is: a folder, a tarball (hwloc's, or one of our own) or a file of entries.

`read` is for any form that can be laid out as a tree. Other programs than ours record a part of sysfs only: what no
function of the host has is taken for left out.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import read_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.iommu_groups import GROUPS as IOMMU_GROUPS
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.iommu_groups import reserved_memory
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import DEVICES, read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

from ..recording import DRIVERS, GROUPS, NODES, UNTOLD, WAYS, Ids, Recording

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice


def root_of(folder: Path) -> Path | None:
    """The folder that stands for /, which is this one or the only one in it; None where there is no PCI below it."""
    within = [entry for entry in folder.iterdir() if entry.is_dir()]
    candidates = [folder, *(within if len(within) == 1 else ())]
    return next((place for place in candidates if Path(f"{place}{DEVICES}").is_dir()), None)


def read(name: str, form: str, root: Path) -> Recording:
    """The host below a root folder."""
    tree = Tree(str(root))
    devices = read_devices(tree, details=True)
    files = {address: frozenset(tree.names(f"{DEVICES}/{address}")) for address in tree.names(DEVICES)}
    there = frozenset().union(*files.values())
    tells = {WAYS} | {told for told, file in _FILES.items() if file in there}
    if tree.exists(IOMMU_GROUPS):
        tells.add(GROUPS)
    host = read_host(tree)
    if GROUPS not in tells:
        host = replace(host, iommu=None, iommu_reason=UNTOLD)
    elif not tree.exists(IOMMU_GROUPS):
        host = replace(host, iommu=True, iommu_reason="on: functions have IOMMU groups")
    inventory = Inventory(
        host,
        [_without_what_is_left_out(device, there) for device in devices],
        reserved_memory=reserved_memory(tree, devices),
    )
    listed = {group: frozenset(tree.names(f"{IOMMU_GROUPS}/{group}/devices")) for group in tree.names(IOMMU_GROUPS)}
    members = {int(group): several for group, several in listed.items() if group.isdecimal() and several}
    return Recording(name, form, inventory, frozenset(tells), dict(_ids(tree, files)), members)


_FILES = {DRIVERS: "driver", GROUPS: "iommu_group", NODES: "numa_node"}


def _without_what_is_left_out(device: PciDevice, there: t.Collection[str]) -> PciDevice:
    """A host without any device that can be reset is none: its files were not recorded."""
    return device if {"reset", "reset_method"} & set(there) else device._replace(reset_methods=None)


def _ids(tree: Tree, files: t.Mapping[str, t.Collection[str]]) -> t.Iterator[tuple[str, Ids]]:
    """Of the functions that tell any, by their single files, where the collection's reader has them from `uevent`."""
    for address, names in files.items():
        if {"vendor", "device", "class"} <= set(names):
            vendor, product, kind = (
                (tree.text(f"{DEVICES}/{address}/{name}") or "").lower().removeprefix("0x")
                for name in ("vendor", "device", "class")
            )
            yield address, (vendor, product, kind)
