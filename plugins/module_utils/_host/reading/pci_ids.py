# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of vendors, products and classes from the host's own pci.ids."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree

# Debian's and Fedora's hwdata, Debian's pci.ids, SUSE's and Gentoo's.
_PLACES = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/usr/share/pci.ids", "/var/lib/pciutils/pci.ids")


class PciIds:
    """Names by id; None where the host has no pci.ids or it doesn't know the id."""

    def __init__(
        self, vendors: t.Mapping[str, str], products: t.Mapping[str, str], classes: t.Mapping[str, str]
    ) -> None:
        self._vendors, self._products, self._classes = vendors, products, classes

    def vendor(self, vendor_id: str) -> str | None:
        return self._vendors.get(vendor_id)

    def product(self, vendor_id: str, product_id: str) -> str | None:
        return self._products.get(vendor_id + product_id)

    def subsystem(self, device: PciDevice) -> str | None:
        key = device.vendor_id + device.product_id + device.subsystem_vendor_id + device.subsystem_product_id
        return self._products.get(key)

    def pci_class(self, class_id: str) -> str | None:
        return self._classes.get(class_id[:4]) or self._classes.get(class_id[:2])


def read_pci_ids(tree: Tree, devices: t.Iterable[PciDevice]) -> PciIds:
    """The names that the devices need, in one pass over the file: it has forty thousand lines, a host few devices."""
    wanted: dict[str, set[str]] = {}
    for device in devices:
        wanted.setdefault(device.vendor_id, set()).add(device.product_id)
        wanted.setdefault(device.subsystem_vendor_id, set())
    vendors: dict[str, str] = {}
    products: dict[str, str] = {}
    classes: dict[str, str] = {}
    vendor = product = pci_class = ""
    in_classes = False
    text = next(filter(None, (tree.data(place, 1 << 23) for place in _PLACES)), b"")
    for line in text.decode("utf-8", "replace").splitlines():
        if not line or line[0] == "#":
            continue
        if line[0] != "\t":
            in_classes = line.startswith("C ")
            if in_classes:
                pci_class = line[2:4]
                classes[pci_class] = line[4:].strip()
            else:
                vendor = line[:4] if line[:4] in wanted else ""
                if vendor:
                    vendors[vendor] = line[4:].strip()
        elif in_classes:
            if line[1:2] != "\t":
                classes[pci_class + line[1:3]] = line[3:].strip()
        elif vendor and line[1:2] != "\t":
            product = line[1:5] if line[1:5] in wanted[vendor] else ""
            if product:
                products[vendor + product] = line[5:].strip()
        elif vendor and product:
            products[vendor + product + line[2:6] + line[7:11]] = line[11:].strip()
    return PciIds(vendors, products, classes)
