# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of long tables the lines that concern a host's functions: the kernel's of modules, and the names of PCI ids."""

from __future__ import annotations

import fnmatch
import typing as t

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice


def of_aliases(text: str, devices: t.Iterable[PciDevice]) -> str:
    """The lines of a modules.alias that fit some function."""
    known = _without_bus(devices)
    return "\n".join(
        line
        for line in text.split("\n")
        if line.startswith(("alias pci:", "alias vfio_pci:")) and _fits_one(line.split()[1], known)
    )


def of_builtin(text: str, devices: t.Iterable[PciDevice]) -> str:
    """The same of a modules.builtin.modinfo, whose entries end with a NUL."""
    known = _without_bus(devices)
    kept = []
    for entry in text.split("\0"):
        pattern = entry.partition(".alias=")[2]
        if pattern.startswith(("pci:", "vfio_pci:")) and _fits_one(pattern, known):
            kept.append(entry + "\0")
    return "".join(kept)


def _without_bus(devices: t.Iterable[PciDevice]) -> set[str]:
    return {device.modalias.partition(":")[2] for device in devices}


def _fits_one(alias: str, known: t.Iterable[str]) -> bool:
    pattern = alias.partition(":")[2]
    return any(fnmatch.fnmatchcase(modalias, pattern) for modalias in _of_vendor(known, pattern))


def _of_vendor(known: t.Iterable[str], pattern: str) -> t.Iterator[str]:
    """Most patterns name a vendor that the host has nothing of: then nothing is compared."""
    vendor = pattern[: len("v00008086")]
    return (modalias for modalias in known if "*" in vendor or modalias.startswith(vendor))


def of_ids(text: str, devices: t.Collection[PciDevice]) -> str:
    """The lines of a pci.ids about the vendors, products, subsystems and classes of the functions."""
    vendors = {device.vendor_id for device in devices} | {device.subsystem_vendor_id for device in devices}
    products = {(device.vendor_id, device.product_id) for device in devices}
    classes = {device.class_id[:2] for device in devices}
    kept, section, product = [], "", False
    for line in text.split("\n"):
        if line[:1] not in ("\t", "#", ""):
            kind, _space, rest = line.partition(" ")
            section = f"C {rest[:2]}" if kind == "C" else kind
            wanted = rest[:2] in classes if kind == "C" else section in vendors
            section = section if wanted else ""
            product = section.startswith("C ")
        elif section and line[:1] == "\t" and line[1:2] != "\t":
            product = section.startswith("C ") or (section, line[1:5]) in products
            wanted = product
        else:
            wanted = bool(section) and product and line[:2] == "\t\t"
        if wanted:
            kept.append(line)
    return "\n".join(kept) + "\n"
