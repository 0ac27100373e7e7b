# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a device is to somebody who looks for one: free, held, or kept by the host. Table and picture have it from here.

Devices are the plain entries of `ansible_facts.hostdev.devices`, see RETURN of the module pci_facts.
"""

from __future__ import annotations

import typing as t

from .classes import class_word

FREE = "free"
"""Anybody may claim it now, without any consent."""
HELD = "held"
"""An owner on record holds it."""
ASIDE = "set_aside"
"""It could not be settled: on record with reason and commands, given to nobody until mended."""
KEPT = "kept"
"""It stays with the host, or with a domain that has it by hand, for the reasons in its blockers or its status."""
STATES = (FREE, HELD, KEPT, ASIDE)

Device = t.Mapping[str, t.Any]


def is_function(device: Device) -> bool:
    """Whether it is a PCI function that could be somebody's: no bridge, no child of a function."""
    return device.get("capability") == "pci" and device.get("claimable") is not None and not is_bridge(device)


def is_bridge(device: Device) -> bool:
    """A bridge that can be nobody's: what is behind it is shown, it is not. An NVSwitch, of class 0680, is none.

    One that may be claimed, or is, counts: there are endpoints that call themselves bridges.
    """
    if device.get("claimable") or device.get("owner"):
        return False
    pci_class = str(device.get("class") or "")
    return bool(device.get("header_type")) or (pci_class.startswith("06") and not pci_class.startswith("0680"))


def state(device: Device) -> str:
    """One of STATES for a PCI function."""
    codes = {blocker["code"] for blocker in device.get("blockers") or ()}
    if "set_aside" in codes:
        return ASIDE
    if device.get("owner") is not None:
        return HELD
    return FREE if device.get("claimable") else KEPT


def ids(device: Device) -> str:
    """Vendor and product as `lspci -nn` prints them, such as 10de:20b2."""
    return f"{device.get('vendor_id')}:{device.get('product_id')}"


def label(device: Device) -> str:
    """Its name for people: the product's, else what its class is called, else the ids."""
    pci_class = str(device.get("class") or "")
    return str(device.get("product_name") or device.get("class_name") or class_word(pci_class) or ids(device))
