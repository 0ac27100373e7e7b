# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The serial numbers of a function: what is printed on the card or disk, and what PCI Express has for it."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...._model.host.device import Child
    from ...sysfs import Folder

# include/uapi/linux/pci_regs.h, PCI_EXT_CAP_ID_DSN; the list begins behind the space of conventional PCI.
_DEVICE_SERIAL_NUMBER = 0x0003
_EXTENDED_CAPABILITIES = 0x100
# The last one is on all of Realtek's, as their data sheets have it for 00:e0:4c:68:00:01.
_OF_NO_CARD = (bytes(8), b"\xff" * 8, bytes.fromhex("00e04c6800000001"))
_MOST_CAPABILITIES = (4096 - _EXTENDED_CAPABILITIES) // 8


def serials(
    folder: Folder, children: t.Sequence[Child], vital: bytes, may_have_pcie_serial: bool
) -> tuple[str | None, str | None]:
    """The serial of the card from its `vital` product data, else of its disk, else its first interface's own MAC; and
    the one of PCI Express, which also a guest's function tells, where no vital product data do.

    A VF has none: it is made and its MAC is given anew with each sriov_numvfs.
    """
    if "physfn" in folder.names:
        return None, None
    serial = vpd_serial(vital)
    if serial:
        return serial, None
    if not may_have_pcie_serial:
        return _of_children(children), None
    with folder.pieces("config") as read:
        return _of_children(children), pcie_serial(read)


def _of_children(children: t.Sequence[Child]) -> str | None:
    for child in children:
        if child.kind in ("nvme", "block") and child.attributes.get("serial"):
            return child.attributes["serial"]
    for child in children:
        # addr_assign_type 0 is the address in the hardware (include/uapi/linux/netdevice.h).
        if child.kind == "net" and child.attributes.get("addr_assign_type") == "0":
            return child.attributes.get("address")
    return None


def pcie_serial(read: t.Callable[[int, int], bytes]) -> str | None:
    """The device serial number (PCI Express 6.0, 7.9.3), as lspci writes it; None without, and of no number.

    `read` takes a place in the configuration space and a size. Each four bytes of it ask the device, so that only the
    list of capabilities is read. Root alone may.
    """
    place = _EXTENDED_CAPABILITIES
    for _turn in range(_MOST_CAPABILITIES):
        header = int.from_bytes(read(place, 4), "little")
        if header & 0xFFFF == _DEVICE_SERIAL_NUMBER:
            number = read(place + 4, 8)
            known = len(number) == 8 and number not in _OF_NO_CARD
            return "-".join(f"{byte:02x}" for byte in reversed(number)) if known else None
        place = header >> 20 & 0xFFC
        if place < _EXTENDED_CAPABILITIES:
            return None
    return None


def vpd_serial(data: bytes) -> str | None:
    """The SN keyword of vital product data (PCI Local Bus 3.0, appendix I); None when there is none or it is broken."""
    place = 0
    while place + 3 <= len(data) and data[place] & 0x80:
        tag, size = data[place], int.from_bytes(data[place + 1 : place + 3], "little")
        place += 3
        if tag == 0x90:
            field = place
            while field + 3 <= min(place + size, len(data)):
                keyword, length = data[field : field + 2], data[field + 2]
                if keyword == b"SN":
                    return data[field + 3 : field + 3 + length].decode("ascii", "replace").strip("\0 ") or None
                field += 3 + length
        place += size
    return None
