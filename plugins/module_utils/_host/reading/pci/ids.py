# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of vendors, products and classes from the host's own pci.ids."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...sysfs import Tree

# Debian's and Fedora's hwdata, Debian's pci.ids, SUSE's and Gentoo's.
_PLACES = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/usr/share/pci.ids", "/var/lib/pciutils/pci.ids")
_NEXT_SECTION = re.compile(rb"\n[^\t\n#]")


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
    """The names that the devices need. Only their vendors' sections are read: a host has few, the file two thousand."""
    wanted: dict[str, set[str]] = {}
    kinds: set[str] = set()
    for device in devices:
        kinds.add(device.class_id[:2])
        wanted.setdefault(device.vendor_id, set()).add(device.product_id)
        wanted.setdefault(device.subsystem_vendor_id, set())
    data = b"\n" + next(filter(None, (tree.data(place, 1 << 23) for place in _PLACES)), b"")
    vendors: dict[str, str] = {}
    products: dict[str, str] = {}
    for vendor, wanted_products in wanted.items():
        product = ""
        for line in _section(data, vendor):
            if line[:1] != "\t":
                vendors[vendor] = line[4:].strip()
            elif line[1:2] != "\t":
                product = line[1:5] if line[1:5] in wanted_products else ""
                if product:
                    products[vendor + product] = line[5:].strip()
            elif product:
                products[vendor + product + line[2:6] + line[7:11]] = line[11:].strip()
    classes: dict[str, str] = {}
    for kind in kinds:
        for line in _section(data, f"C {kind}"):
            if line[:1] != "\t":
                classes[kind] = line[4:].strip()
            elif line[1:2] != "\t":
                classes[kind + line[1:3]] = line[3:].strip()
    return PciIds(vendors, products, classes)


def _section(data: bytes, head: str) -> list[str]:
    """The line that begins with `head` and what is indented below it; no line where there is none."""
    begin = data.find(f"\n{head}".encode())
    if begin < 0:
        return []
    end = _NEXT_SECTION.search(data, begin + 1)
    section = data[begin + 1 : end.start() if end else None].decode("utf-8", "replace")
    return [line for line in section.splitlines() if line and line[0] != "#"]
