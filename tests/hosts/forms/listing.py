# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of functions as JSON, with the keys that whoever made them took over from sysfs or lspci.

What no function has is unknown; where some have a driver, group or node, the others have none.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import normalize_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice

from ..recording import DRIVERS, GROUPS, NODES, UNASSIGNED, WAYS, Recording, flat, function, of_modalias

FORM = "listing"
_TELLING = {"sysfs": WAYS, "driver": DRIVERS, "iommu_group": GROUPS, "numa_node": NODES}

Entry = t.Mapping[str, t.Any]


def is_one(data: object) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(entry, dict) and {"address", "vendor", "device"} <= entry.keys() for entry in data)
    )


def read(name: str, data: t.Sequence[Entry]) -> Recording:
    tells = {told for key, told in _TELLING.items() if any(entry.get(key) is not None for entry in data)}
    devices = [_function(entry) for entry in data]
    ids = {device.address: of_modalias(device.modalias) for device in devices}
    return flat(name, FORM, devices, tells, {address: told for address, told in ids.items() if told is not None})


def _function(entry: Entry) -> PciDevice:
    sysfs, node = entry.get("sysfs"), entry.get("numa_node")
    methods = entry.get("reset_method")
    pinned = entry.get("driver_override")
    pf = entry.get("physfn")
    return function(
        normalize_address(entry["address"]),
        f"/sys{sysfs}" if sysfs else None,
        vendor_id=_digits(entry["vendor"], 4),
        product_id=_digits(entry["device"], 4),
        class_id=_digits(entry.get("class", UNASSIGNED), 6),
        subsystem_vendor_id=_digits(entry.get("subsystem_vendor", "0"), 4),
        subsystem_product_id=_digits(entry.get("subsystem_device", "0"), 4),
        modalias=entry.get("modalias", ""),
        driver=entry.get("driver"),
        driver_override=None if pinned in (None, "", "(null)") else pinned,
        iommu_group=entry.get("iommu_group"),
        numa_node=None if node is None or int(node) < 0 else int(node),
        reset_methods=None if methods is None else tuple(methods.split()),
        physical_function=None if pf is None else normalize_address(pf),
        virtual_functions=tuple(map(normalize_address, entry.get("virtfns", ()))),
        total_vfs=int(entry.get("sriov_totalvfs", 0)),
        boot_vga=str(entry.get("boot_vga", "0")) == "1",
        **({"header_type": entry["header_type"]} if "header_type" in entry else {}),
    )


def _digits(text: str, count: int) -> str:
    """Hexadecimal digits, with or without 0x, of a class with or without its interface."""
    digits = re.sub("^0x", "", str(text).lower())
    return digits.ljust(count, "0") if len(digits) == 4 and count == 6 else digits.zfill(count)
