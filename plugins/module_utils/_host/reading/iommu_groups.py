# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel tells of IOMMU groups beside their members: if an IOMMU is behind them, and what is reserved."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree

GROUPS = "/sys/kernel/iommu_groups"
_NO_IOMMU = "vfio-noiommu"


def has_iommu(tree: Tree) -> bool:
    """Whether any group has an IOMMU behind it."""
    if not tree.any_in(GROUPS):
        return False
    without = groups_without_iommu(tree)
    return not without or any(name not in without for name in tree.names(GROUPS))


def groups_without_iommu(tree: Tree) -> frozenset[str]:
    """The groups that VFIO itself made for functions without an IOMMU (drivers/vfio/group.c, vfio_noiommu_group_alloc).

    Where nothing speaks for it that there are any, ten thousand groups are not asked for their names.
    """
    if (
        tree.any_in("/sys/class/iommu")
        and tree.text("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") != "Y"
        and not any(name.startswith("noiommu-") for name in tree.names("/sys/class/vfio"))
    ):
        return frozenset()
    return frozenset(name for name in tree.names(GROUPS) if tree.text(f"{GROUPS}/{name}/name") == _NO_IOMMU)


def reserved_memory(tree: Tree, devices: t.Collection[PciDevice]) -> dict[int, str]:
    """The memory that must stay mapped for the devices of a group as it is, by group (RMRR, IVMD and the like).

    Regions of type direct (Documentation/ABI/testing/sysfs-kernel-iommu_groups); direct-relaxable is let through. What
    firmware reserves memory for are functions that are there at boot, or all behind a bridge: the groups of VFs, which
    may be thousands, are only asked where that of their PF has such a region.
    """
    reserved: dict[int, str] = {}
    physical = {device.iommu_group for device in devices if device.physical_function is None and not device.is_bridge}
    _read(tree, physical, reserved)
    if reserved:
        groups = {device.address: device.iommu_group for device in devices}
        vfs = {
            device.iommu_group
            for device in devices
            if device.physical_function is not None and groups.get(device.physical_function) in reserved
        }
        _read(tree, vfs - physical, reserved)
    return reserved


def _read(tree: Tree, groups: t.Iterable[int | None], reserved: dict[int, str]) -> None:
    for group in groups:
        if group is None:
            continue
        regions = []
        for line in tree.lines(f"{GROUPS}/{group}/reserved_regions"):
            start, end, kind = (*line.split(), "", "", "")[:3]
            if kind == "direct":
                regions.append(f"{start}-{end}")
        if regions:
            reserved[group] = ", ".join(regions)
