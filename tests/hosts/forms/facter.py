# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of nixos-facter: JSON with the host's hardware in lists by class, in several of which a function may be.

Its classes are those of hwinfo, which has subclasses of its own for wireless cards and others. Older versions have no
IOMMU groups: where no function has one, it is unknown whether the host's IOMMU is on. None has NUMA nodes, PFs or
numbers of VFs.
"""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import is_pci_name, pci_addresses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child, PciDevice

from ..recording import DRIVERS, GROUPS, UNASSIGNED, WAYS, Ids, Recording, flat, function, of_modalias

FORM = "nixos-facter"

# hwinfo counts on from there: its own classes are 100 and more, and 80 is "other" in most of PCI's.
_LARGEST_CLASS, _LARGEST_SUBCLASS = 0xFF, 0x80

Entry = t.Mapping[str, t.Any]


def is_one(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("hardware"), dict)


def read(name: str, data: t.Mapping[str, t.Any]) -> Recording:
    """The functions of a report, merged from all its lists."""
    lists = [listed for listed in data["hardware"].values() if isinstance(listed, list)]
    entries = [entry for listed in lists for entry in listed if isinstance(entry, dict)]
    merged: dict[str, dict[str, t.Any]] = {}
    for entry in entries:
        address = entry.get("sysfs_bus_id") or ""
        if is_pci_name(address):
            merged.setdefault(address, {}).update(entry)
    children = _children(entries)
    devices = [_function(address, entry, children.get(address, ())) for address, entry in merged.items()]
    grouped = any("sysfs_iommu_group_id" in entry for entry in merged.values())
    tells = {WAYS, DRIVERS, *((GROUPS,) if grouped else ())}
    return flat(name, FORM, devices, tells, {address: _ids(entry) for address, entry in merged.items()})


def _function(address: str, entry: Entry, children: t.Sequence[Child]) -> PciDevice:
    detail, group = entry.get("detail") or {}, entry.get("sysfs_iommu_group_id")
    drivers = [entry.get("driver"), *(entry.get("drivers") or ())]
    vendor, product, kind = of_modalias(entry.get("module_alias") or "") or _ids(entry)
    return function(
        address,
        f"/sys{entry['sysfs_id']}" if entry.get("sysfs_id") else None,
        vendor_id=vendor or "0000",
        product_id=product or "0000",
        class_id=kind.ljust(6, "0") if kind else UNASSIGNED,
        subsystem_vendor_id=_hexadecimal(entry.get("sub_vendor")) or "0000",
        subsystem_product_id=_hexadecimal(entry.get("sub_device")) or "0000",
        modalias=entry.get("module_alias") or "",
        driver=next(filter(None, drivers), None),
        iommu_group=None if group is None else int(group),
        children=tuple(children),
        **({"header_type": detail["header_type"]} if "header_type" in detail else {}),
    )


def _hexadecimal(told: Entry | None) -> str | None:
    """Four digits of `{hex, name, value}`; ids of PCI are marked above them in `value`."""
    if not told or not {"hex", "value"} & told.keys():
        return None
    number = int(told["hex"], 16) if "hex" in told else told["value"]
    return f"{number & 0xFFFF:04x}"


def _ids(entry: Entry) -> Ids:
    """By hwinfo's fields, but of class and subclass what is not hwinfo's own or is not told."""
    vendor, product, base, sub = (
        _hexadecimal(entry.get(key)) for key in ("vendor", "device", "base_class", "sub_class")
    )
    kind = "" if base is None or int(base, 16) > _LARGEST_CLASS else base[2:]
    if kind and sub is not None and int(sub, 16) <= _LARGEST_SUBCLASS:
        kind += sub[2:]
    return vendor or "", product or "", kind


def _children(entries: t.Iterable[Entry]) -> dict[str, list[Child]]:
    """Interfaces and disks by the function that carries them."""
    kinds = {"network_interface": "net", "disk": "block"}
    children: dict[str, list[Child]] = {}
    for entry in entries:
        kind = next((kinds[name] for name in entry.get("class_list") or () if name in kinds), None)
        above = pci_addresses(str(entry.get("sysfs_device_link") or ""))
        if kind is not None and above:
            name = entry.get("sysfs_id", "").rpartition("/")[2]
            children.setdefault(above[-1], []).append(Child(kind, name))
    return children
