# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PCI classes are called, in the words of pci.ids, for hosts that have no such file."""

from __future__ import annotations

CLASSES = {
    "00": "Unclassified device",
    "01": "Mass storage controller",
    "0100": "SCSI storage controller",
    "0104": "RAID bus controller",
    "0106": "SATA controller",
    "0107": "Serial Attached SCSI controller",
    "0108": "Non-Volatile memory controller",
    "02": "Network controller",
    "0200": "Ethernet controller",
    "0207": "Infiniband controller",
    "03": "Display controller",
    "0300": "VGA compatible controller",
    "0302": "3D controller",
    "04": "Multimedia controller",
    "0403": "Audio device",
    "05": "Memory controller",
    "0502": "CXL",
    "06": "Bridge",
    "0600": "Host bridge",
    "0601": "ISA bridge",
    "0604": "PCI bridge",
    "07": "Communication controller",
    "0700": "Serial controller",
    "0703": "Modem",
    "08": "System peripheral",
    "0801": "DMA controller",
    "09": "Input device controller",
    "0a": "Docking station",
    "0b": "Processor",
    "0b40": "Co-processor",
    "0c": "Serial bus controller",
    "0c03": "USB controller",
    "0c04": "Fibre Channel",
    "0c05": "SMBus",
    "0c06": "InfiniBand",
    "0d": "Wireless controller",
    "0280": "Network controller",
    "0e": "Intelligent controller",
    "0f": "Satellite communications controller",
    "10": "Encryption controller",
    "11": "Signal processing controller",
    "12": "Processing accelerators",
    "13": "Non-Essential Instrumentation",
}
"""By class and subclass, else by class alone: PCI Code and ID Assignment Specification 1.16."""


def class_word(pci_class: str) -> str | None:
    """What six digits of a class are called; None for a class that the specification does not have."""
    return CLASSES.get(pci_class[:4]) or CLASSES.get(pci_class[:2])
