# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""PCI addresses: parse, print, sort.

An address is `domain:bus:slot.function` in hexadecimal. The domain has four digits or more: Intel VMD
numbers its domains from 10000 (drivers/pci/controller/vmd.c).
"""

from __future__ import annotations

import functools
import re
import typing as t

_ADDRESS = re.compile(
    r"(?:(?P<domain>[0-9a-fA-F]{4,8}):)?(?P<bus>[0-9a-fA-F]{1,2}):(?P<slot>[0-9a-fA-F]{1,2})\.(?P<function>[0-7])"
)
_NODEDEV = re.compile(r"pci_([0-9a-fA-F]{4,8})_([0-9a-fA-F]{2})_([0-9a-fA-F]{2})_([0-7])")


class PciAddress(t.NamedTuple):
    """A PCI function's place: four non-negative integers."""

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: object) -> PciAddress:
        """Read `0000:3b:00.0`, `3b:00.0` (domain 0) or libvirt's `pci_0000_3b_00_0`.

        Raises ValueError with what was found and what is accepted.
        """
        match = None
        if isinstance(text, str):
            match = _ADDRESS.fullmatch(text.strip()) or _NODEDEV.fullmatch(text.strip())
        if match is None or int(match.group(3), 16) > 0x1F:
            raise ValueError(
                f"{text!r} is not a PCI address; wanted domain:bus:slot.function in hexadecimal, such as 0000:3b:00.0"
            )
        domain, bus, slot, function = match.groups()
        return cls(int(domain or "0", 16), int(bus, 16), int(slot, 16), int(function, 16))

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"

    @property
    def nodedev_name(self) -> str:
        """The name that libvirt's node device driver gives the function."""
        return nodedev_name(str(self))


def normalize_address(text: object) -> str:
    """The address as sysfs spells it; raises ValueError as PciAddress.parse does."""
    return str(PciAddress.parse(text))


@functools.cache
def nodedev_name(address: str) -> str:
    """The name that libvirt's node device driver gives a function, from its address in sysfs spelling."""
    return f"pci_{address.replace(':', '_').replace('.', '_')}"


def address_order(address: str) -> tuple[int, str]:
    """Sort key of an address in sysfs spelling: only the domain varies in width, so a longer one is a larger one."""
    return len(address), address
