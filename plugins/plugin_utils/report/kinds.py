# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people look for, by PCI class (PCI Code and ID Assignment Specification, 1): the longest prefix counts."""

from __future__ import annotations

OTHER = "other"
"""What belongs to the platform, as performance counters and system peripherals do. Hardly anybody looks for it."""

_BY_CLASS = {
    "03": "GPU",
    "12": "accelerator",
    "0b40": "accelerator",
    "02": "network",
    "0108": "NVMe",
    "01": "storage",
    "0c04": "storage",
    "0c03": "USB",
    "04": "sound",
}
KINDS = (*dict.fromkeys(_BY_CLASS.values()), OTHER)
"""All kinds, what is looked for most comes first."""


def kind(pci_class: object) -> str:
    """One of KINDS for a class of six hexadecimal digits."""
    text = str(pci_class or "")
    return _BY_CLASS.get(text[:4]) or _BY_CLASS.get(text[:2]) or OTHER
