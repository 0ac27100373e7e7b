# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices and specs of the cases, in our terms."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import PciAddress
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, inventory

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

Data = t.Mapping[str, t.Any]

# The criteria and tags that Nova knows; any other key is a free tag there.
_NOVA_KEYS = frozenset(
    "address devname vendor_id product_id managed live_migratable one_time_use trusted remote_managed physical_network "
    "resource_class traits".split()
)
_VPD = ("capabilities", "vpd", "card_serial_number")


def our_spec(spec: object) -> object:
    """A Nova device spec or request spec as ours: `dev_type` is `device_type`, free tags are below `tags`."""
    if not isinstance(spec, dict):
        return spec
    fields = {key: value for key, value in spec.items() if key in _NOVA_KEYS}
    if "dev_type" in spec:
        fields["device_type"] = spec["dev_type"]
    tags = {key: value for key, value in spec.items() if key not in _NOVA_KEYS and key != "dev_type"}
    return {**fields, "tags": tags} if tags else fields


def pci_device(entry: Data) -> PciDevice:
    """A device of a case as its host would show it."""
    kind, parent = entry.get("dev_type", "type-PCI"), entry.get("parent_addr")
    serial: t.Any = entry
    for key in _VPD:
        serial = (serial or {}).get(key)
    return device(
        entry["address"],
        vendor_id=entry["vendor_id"],
        product_id=entry["product_id"],
        numa_node=entry.get("numa_node"),
        physical_function=parent if kind in ("type-VF", "vdpa") else None,
        total_vfs=64 if kind == "type-PF" else 0,
        children=(Child("vdpa", "vdpa0"),) if kind == "vdpa" else (),
        serial=serial,
    )


def host(sysfs: Data, *entries: Data) -> Inventory:
    """The host that has these devices, and what `sysfs` tells: PFs, ids, VFs' product ids, interfaces.

    A VF whose parent is not told to be a PF is none: sysfs shows no `physfn` of it.
    """
    functions = set(sysfs.get("physical_functions", ()))
    functions.update(netdev["address"] for netdev in sysfs.get("netdevs", {}).values() if netdev.get("is_pf"))
    known: dict[str, Data] = {}
    for address in [
        *functions,
        *sysfs.get("ids", {}),
        *(netdev["address"] for netdev in sysfs.get("netdevs", {}).values()),
    ]:
        vendor, product = sysfs.get("ids", {}).get(address, ("0000", "0000"))
        kind = "type-PF" if address in functions else "type-PCI"
        known[address] = {"address": address, "vendor_id": vendor, "product_id": product, "dev_type": kind}
    for upper, product in sysfs.get("vf_product_ids", {}).items():
        address = str(PciAddress.parse(upper)._replace(slot=0x1F, function=7))
        vf = {"address": address, "product_id": product, "dev_type": "type-VF", "parent_addr": upper}
        known[address] = {**vf, "vendor_id": known[upper]["vendor_id"]}
    known.update({entry["address"]: entry for entry in entries})
    devices = []
    for address, entry in known.items():
        function = pci_device(entry)
        nets = tuple(Child("net", name) for name, net in sysfs.get("netdevs", {}).items() if net["address"] == address)
        upper = function.physical_function if function.physical_function in functions else None
        below = [vf for vf, fields in known.items() if fields.get("parent_addr") == address]
        vfs = tuple(below if address in functions else ())
        devices.append(
            function._replace(physical_function=upper, virtual_functions=vfs, children=(*function.children, *nets))
        )
    return inventory(*devices)
