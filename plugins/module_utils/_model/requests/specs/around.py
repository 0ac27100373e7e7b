# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a device spec asks of what is around a device: interfaces, the serial of the PF, the IOMMU group."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from .comparison import Comparison


CLASS_NETWORK = "02"


class Around(t.NamedTuple):
    """The criteria of a spec that are about that."""

    devname: str | None
    parent_ifname: str | None
    iommu_group_size: Comparison | None
    remote_managed: bool


def addresses_around(asked: Around, inventory: Inventory, held: t.Collection[str]) -> frozenset[str]:
    """The functions that fit in that, see DeviceSpec.permitting."""
    names = {name for name in (asked.devname, asked.parent_ifname) if name is not None}
    gone = names.difference(name for device in inventory.devices.values() for name in device.interfaces)
    return frozenset(
        device.address
        for device in inventory.devices.values()
        if _fits_around(asked, device, inventory, gone if device.address in held else ())
    )


def _fits_around(asked: Around, device: PciDevice, inventory: Inventory, gone: t.Collection[str]) -> bool:
    """`gone` are the interfaces that nobody has, and that the device may have had before it was claimed."""
    upper = inventory.devices.get(device.physical_function or "")
    functions = [device] if upper is None else [device, upper]
    # Nothing but a network function can have had an interface.
    had = gone if device.vfio and device.class_id.startswith(CLASS_NETWORK) else ()
    names = {*had, *(name for function in functions for name in function.interfaces)}
    if asked.devname is not None and asked.devname not in names:
        return False
    # nova/virt/libvirt/host.py, _get_pcidev_info: the interface of the PF, which only VFs have.
    if asked.parent_ifname is not None and (upper is None or asked.parent_ifname not in {*had, *upper.interfaces}):
        return False
    if asked.iommu_group_size is not None:
        group = device.iommu_group
        if group is None or not asked.iommu_group_size.fits(len(inventory.groups[group])):
            return False
    return not asked.remote_managed or any(function.serial for function in functions)
