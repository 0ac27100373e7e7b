# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would bind devices or make VFs beside the record, at boot or when a domain starts: where, and what to do."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..address import normalize_address

if t.TYPE_CHECKING:
    from ..sriov.makers.maker import VfMaker

DRIVERCTL = "driverctl"
MODPROBE = "modprobe.d"
COMMAND_LINE = "kernel command line"
UDEV_RULE = "udev rule"
SCRIPT = "unit or script"
HOOK = "libvirt hook"
NETWORK = "libvirt network"
INITRAMFS = "initramfs"
MDEVCTL = "mdevctl"
_AT_BOOT = (DRIVERCTL, MODPROBE, COMMAND_LINE, UDEV_RULE, SCRIPT, INITRAMFS)

ADDRESS = re.compile(r"(?<![0-9a-fA-F:])(?:[0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7](?![0-9a-fA-F])")
"""An address as sysfs or lspci spells it."""
NODEDEV = re.compile(r"\bpci_[0-9a-fA-F]{4}_[0-9a-fA-F]{2}_[01][0-9a-fA-F]_[0-7]\b")
_IDS = re.compile(r"(?<![0-9a-fA-F:])([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?![0-9a-fA-F])")


@dataclass(frozen=True)
class Fighter:
    """A place in a file; `line` counts from 1, 0 is the file as such.

    `address` is the device that it names, None where it names none, or several. `ids` are vendor and product as
    lspci -n prints them: all devices that have them are taken. `detail` is what it does, `remedy` how to stop that.
    """

    kind: str
    path: str
    line: int
    detail: str
    remedy: str
    address: str | None = None
    ids: tuple[str, ...] = ()

    def gives_away(self, address: str, ids: str) -> bool:
        """Whether a function, with its vendor and product as in `ids`, is given to VFIO by this at boot already."""
        return self.kind in _AT_BOOT and (self.address == address or ids in self.ids)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "path": self.path,
            "line": self.line,
            "detail": self.detail,
            "address": self.address,
            "ids": list(self.ids),
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        return f"{self.kind} {self.path}{f':{self.line}' if self.line else ''}: {self.detail} ({self.remedy})"


def of_maker(maker: VfMaker, pf: str) -> Fighter:
    """A maker of VFs, of a PF or perhaps of it, as what acts beside the record."""
    remedy = "take it out there; kvm.hostdev.pci_sriov makes VFs, and with persist at boot too"
    detail = maker.text if maker.certain else f"{maker.text} (of {pf}, or of another card)"
    return Fighter(maker.kind, maker.path, maker.line, detail, remedy, pf)


def address_in(text: str) -> str | None:
    """The one device that a text names, None where it names none, or several."""
    found = {normalize_address(word) for pattern in (ADDRESS, NODEDEV) for word in pattern.findall(text)}
    return found.pop() if len(found) == 1 else None


def ids_in(text: str) -> tuple[str, ...]:
    """Vendor and product of each entry of a list such as vfio-pci's `ids` (vendor:device[:subvendor ...])."""
    return tuple(
        dict.fromkeys(
            f"{match[1]}:{match[2]}".lower() for entry in re.split(r"[,\s\"']+", text) if (match := _IDS.match(entry))
        )
    )
