# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""udev's database as `udevadm info --export-db` prints it: all of a host's devices with their properties.

It has no IOMMU groups, NUMA nodes, PFs or numbers of VFs.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import is_pci_name, pci_addresses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child, PciDevice

from ..recording import DRIVERS, UNASSIGNED, WAYS, Recording, flat, function, of_modalias

FORM = "udevadm"
# Subsystems of what a function carries, by the collection's word for it.
_CHILDREN = {"net": "net", "block": "block", "nvme": "nvme", "drm": "drm", "scsi_host": "scsi_host"}


def is_one(text: str) -> bool:
    """Whether a text is such a database, whole or in part; umockdev's form, which has attributes too, is another."""
    return re.search(r"^P: /devices/.*\n(?:[A-Z]: .*\n)*E: ", text, re.MULTILINE) is not None


def read(name: str, text: str) -> Recording:
    """The functions of the database, with the network interfaces, disks and so on that they carry."""
    entries = [(path, properties) for path, properties in _entries(text) if path]
    children = _children(entries)
    devices, ids = [], {}
    for path, properties in entries:
        device = _function(path, properties, children)
        if device is not None:
            devices.append(device)
            told = of_modalias(device.modalias)
            if told is not None:
                ids[device.address] = told
    return flat(name, FORM, devices, {WAYS, DRIVERS}, ids)


def _entries(text: str) -> t.Iterator[tuple[str, dict[str, str]]]:
    """The path of each device and its properties. Devices are parted by empty lines."""
    for block in re.split(r"\n\s*\n", text):
        path, properties = "", {}
        for line in block.splitlines():
            if line.startswith("P: "):
                path = line[3:].strip()
            elif line.startswith("E: "):
                key, _equals, value = line[3:].partition("=")
                properties[key] = value.strip()
        yield path, properties


def _function(
    path: str, properties: t.Mapping[str, str], children: t.Mapping[str, t.Sequence[Child]]
) -> PciDevice | None:
    """The function of an entry, None of what is none, such as a port's service or a slot."""
    address = path.rpartition("/")[2]
    modalias = properties.get("MODALIAS", "")
    told = of_modalias(modalias) or ("", "", UNASSIGNED)
    vendor, _colon, product = properties.get("PCI_ID", ":".join(told[:2])).lower().partition(":")
    if not is_pci_name(address) or properties.get("SUBSYSTEM", "pci") != "pci" or not vendor:
        return None
    subsystem_vendor, _colon, subsystem_product = properties.get("PCI_SUBSYS_ID", "0000:0000").lower().partition(":")
    return function(
        address,
        f"/sys{path}",
        vendor_id=vendor,
        product_id=product,
        class_id=properties.get("PCI_CLASS", told[2]).lower().zfill(6),
        subsystem_vendor_id=subsystem_vendor,
        subsystem_product_id=subsystem_product,
        modalias=modalias,
        driver=properties.get("DRIVER"),
        children=tuple(children.get(address, ())),
    )


def _children(entries: t.Iterable[tuple[str, t.Mapping[str, str]]]) -> dict[str, list[Child]]:
    """What each function carries: of disks the whole ones, of interfaces those that no other one carries."""
    children: dict[str, list[Child]] = {}
    for path, properties in entries:
        kind = _CHILDREN.get(properties.get("SUBSYSTEM", ""))
        above = pci_addresses(path)
        if kind is None or not above or properties.get("DEVTYPE") == "partition":
            continue
        attributes = {"serial": properties["ID_SERIAL_SHORT"]} if "ID_SERIAL_SHORT" in properties else {}
        children.setdefault(above[-1], []).append(Child(kind, path.rpartition("/")[2], attributes))
    return children
