# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a function carries, by the names that people know it by."""

from __future__ import annotations

import typing as t

from .states import Device

_SECTOR = 512
_UNITS = ("kB", "MB", "GB", "TB", "PB")


def interfaces(device: Device) -> list[str]:
    """Names of its network interfaces."""
    return _names(device, "net")


def disks(device: Device) -> list[str]:
    """Names of its disks."""
    return _names(device, "block")


def _names(device: Device, kind: str) -> list[str]:
    return [str(child["name"]) for child in device.get("children") or () if child.get("kind") == kind]


def carried(device: Device) -> str:
    """Interfaces, and disks with their sizes, in one text: `enp1s0f0`, `nvme0n1 1.9 TB`."""
    sized = [
        f"{child['name']}{_size(child.get('size'))}"
        for child in device.get("children") or ()
        if child.get("kind") == "block"
    ]
    return ", ".join([*interfaces(device), *sized])


def _size(sectors: t.Any) -> str:
    """Decimal, as on the disk's label; `sectors` is a text, as sysfs and the facts have it."""
    if not isinstance(sectors, str) or not sectors.isdecimal() or not int(sectors):
        return ""
    size, unit = int(sectors) * _SECTOR / 1000, 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f" {size:.1f} {_UNITS[unit]}" if size < 10 else f" {size:.0f} {_UNITS[unit]}"


def driver(device: Device) -> str:
    """The driver, `-` without one."""
    return str(device.get("driver") or "-")
