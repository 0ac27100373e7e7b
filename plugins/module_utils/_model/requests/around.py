# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a device spec asks of what is around a device: interfaces, the serial of the PF, the IOMMU group."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory


CLASS_NETWORK = "02"


class Around(t.NamedTuple):
    """The criteria of a spec that are about that."""

    devname: str | None
    iommu_group_size: int | None
    remote_managed: bool


def addresses_around(asked: Around, inventory: Inventory, held: t.Collection[str]) -> frozenset[str]:
    """The functions that fit in that, see DeviceSpec.resolved."""
    if any(carries(device, asked.devname) for device in inventory.devices.values()):
        held = ()
    return frozenset(
        device.address for device in inventory.devices.values() if _fits_around(asked, device, inventory, held)
    )


def _fits_around(asked: Around, device: PciDevice, inventory: Inventory, held: t.Collection[str]) -> bool:
    upper = inventory.devices.get(device.physical_function or "")
    functions = [device] if upper is None else [device, upper]
    # Nothing but a network function can have had an interface.
    had = device.vfio and device.address in held and device.class_id.startswith(CLASS_NETWORK)
    named = had or any(carries(function, asked.devname) for function in functions)
    if asked.devname is not None and not named:
        return False
    if asked.iommu_group_size is not None:
        group = device.iommu_group
        if group is None or len(inventory.groups[group]) != asked.iommu_group_size:
            return False
    return not asked.remote_managed or any(function.serial for function in functions)


def carries(device: PciDevice, interface: str | None) -> bool:
    return any(child.kind == "net" and child.name == interface for child in device.children)
