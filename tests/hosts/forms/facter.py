# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of nixos-facter: JSON with the host's hardware in lists by class, in several of which a function may be.

Older versions have no IOMMU groups: where no function has one, it is unknown whether the host's IOMMU is on. None has
NUMA nodes, PFs or numbers of VFs.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import is_pci_name, pci_addresses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child, PciDevice

from ..recording import DRIVERS, GROUPS, WAYS, Ids, Recording, flat, function, of_modalias

FORM = "nixos-facter"

Entry = t.Mapping[str, t.Any]


def is_one(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("hardware"), dict)


def read(name: str, data: t.Mapping[str, t.Any]) -> Recording:
    """The functions of a report, merged from all its lists."""
    entries = [entry for listed in data["hardware"].values() if isinstance(listed, list) for entry in listed]
    merged: dict[str, dict[str, t.Any]] = {}
    for entry in entries:
        address = entry.get("sysfs_bus_id") or ""
        if is_pci_name(address):
            merged.setdefault(address, {}).update(entry)
    children = _children(entries)
    devices = [_function(address, entry, children.get(address, ())) for address, entry in merged.items()]
    grouped = any("sysfs_iommu_group_id" in entry for entry in merged.values())
    tells = {WAYS, DRIVERS, *((GROUPS,) if grouped else ())}
    return flat(name, FORM, devices, tells, dict(_ids(merged)))


def _function(address: str, entry: Entry, children: t.Sequence[Child]) -> PciDevice:
    detail = entry.get("detail") or {}
    drivers = [entry.get("driver"), *entry.get("drivers", ())]
    told = of_modalias(entry.get("module_alias", "")) or ("0000", "0000", "ff0000")
    return function(
        address,
        f"/sys{entry['sysfs_id']}" if entry.get("sysfs_id") else None,
        vendor_id=_hexadecimal(entry.get("vendor")) or told[0],
        product_id=_hexadecimal(entry.get("device")) or told[1],
        class_id=_class(entry) or told[2],
        subsystem_vendor_id=_hexadecimal(entry.get("sub_vendor")) or "0000",
        subsystem_product_id=_hexadecimal(entry.get("sub_device")) or "0000",
        modalias=entry.get("module_alias", ""),
        driver=next(filter(None, drivers), None),
        iommu_group=entry.get("sysfs_iommu_group_id"),
        children=tuple(children),
        **({"header_type": detail["header_type"]} if "header_type" in detail else {}),
    )


def _hexadecimal(told: Entry | None) -> str | None:
    """Four digits of `{hex, name, value}`."""
    return told["hex"].lower().zfill(4) if told and re.fullmatch("[0-9a-fA-F]{1,4}", told.get("hex", "")) else None


def _class(entry: Entry) -> str | None:
    """A class without subclasses, and a subclass with one interface, are told without the zero."""
    base = _hexadecimal(entry.get("base_class"))
    parts = (entry.get("sub_class"), entry.get("pci_interface"))
    return None if base is None else base[2:] + "".join((_hexadecimal(part) or "0000")[2:] for part in parts)


def _children(entries: t.Iterable[Entry]) -> dict[str, list[Child]]:
    """Interfaces and disks by the function that carries them."""
    kinds = {"network_interface": "net", "disk": "block"}
    children: dict[str, list[Child]] = {}
    for entry in entries:
        kind = next((kinds[name] for name in entry.get("class_list", ()) if name in kinds), None)
        above = pci_addresses(entry.get("sysfs_device_link") or "")
        if kind is not None and above:
            name = entry.get("sysfs_id", "").rpartition("/")[2]
            children.setdefault(above[-1], []).append(Child(kind, name))
    return children


def _ids(merged: t.Mapping[str, Entry]) -> t.Iterator[tuple[str, Ids]]:
    for address, entry in merged.items():
        told = of_modalias(entry.get("module_alias", ""))
        if told is not None:
            yield address, told
