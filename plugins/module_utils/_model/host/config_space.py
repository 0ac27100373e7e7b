# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A function's PCI configuration space (PCI Local Bus 3.0, chapter 6; include/uapi/linux/pci_regs.h)."""

from __future__ import annotations

import functools

from .device import PcieLink

_HEADER = 64
_STATUS = 0x06
_STATUS_CAP_LIST = 0x10
_REVISION = 0x08
_HEADER_TYPE = 0x0E
_SECONDARY_BUS = 0x19
_CAPABILITY_LIST = 0x34
_CAP_ID_EXP = 0x10
_EXP_FLAGS = 0x02
_EXP_TYPES_WITHOUT_LINK = (0x9, 0xA)  # root complex integrated endpoint, root complex event collector
_EXP_LINK_CAPABILITIES = 0x0C
_EXP_LINK_STATUS = 0x12
_SPEEDS = {1: "2.5", 2: "5.0", 3: "8.0", 4: "16.0", 5: "32.0", 6: "64.0"}


class ConfigSpace:
    """The first bytes of it: 256 for root, 64 for others, none where it can't be read at all.

    The ids in it are not used: a VF has none of its own there (SR-IOV 1.1, 3.4.1.1).
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.responds = not data or data[:_HEADER].strip(b"\xff") != b""
        """Whether there is anything but ones in the header, which is what a device leaves that does not answer.

        Not by the ids alone: a VF's are all ones.
        """
        self.link = self._link(self._find(_CAP_ID_EXP))
        """The PCI Express link, None for a conventional function; what sits in the root complex shows no values."""

    @property
    def capabilities_known(self) -> bool:
        """Whether the list of capabilities could be read, so that an absent one is truly absent."""
        return len(self._data) >= 256 and self.responds

    @property
    def header_type(self) -> int:
        """0 of what does not respond, too."""
        return 0 if not self.responds else self._data[_HEADER_TYPE] & 0x7F if len(self._data) > _HEADER_TYPE else 0

    @property
    def revision(self) -> str | None:
        """Two hexadecimal digits, None when unknown."""
        return f"{self._data[_REVISION]:02x}" if len(self._data) > _REVISION and self.responds else None

    @property
    def port_type(self) -> int | None:
        """The device/port type of the PCI Express capability, None without one, or where it can't be read."""
        place = self._find(_CAP_ID_EXP)
        return None if place is None or place + _EXP_FLAGS >= len(self._data) else self._data[place + _EXP_FLAGS] >> 4

    @property
    def secondary_bus(self) -> int:
        """The bus number below a bridge, 0 when unknown."""
        return self._data[_SECONDARY_BUS] if len(self._data) > _SECONDARY_BUS and self.responds else 0

    def _link(self, place: int | None) -> PcieLink | None:
        if place is None or place + _EXP_LINK_STATUS + 2 > len(self._data):
            return None
        if self._data[place + _EXP_FLAGS] >> 4 in _EXP_TYPES_WITHOUT_LINK:
            return PcieLink(None, None, None, None)
        capable = int.from_bytes(self._data[place + _EXP_LINK_CAPABILITIES :][:4], "little")
        status = int.from_bytes(self._data[place + _EXP_LINK_STATUS :][:2], "little")
        return PcieLink(*_speed_and_width(status), *_speed_and_width(capable))

    def _find(self, capability: int) -> int | None:
        """Where a capability lies, None without it. A list that runs in circles ends after all places it can have."""
        if not self.capabilities_known or not self._data[_STATUS] & _STATUS_CAP_LIST:
            return None
        place, seen = self._data[_CAPABILITY_LIST] & 0xFC, 0
        while place >= 0x40 and seen < 48:
            if self._data[place] == capability:
                return place
            place, seen = self._data[place + 1] & 0xFC, seen + 1
        return None


@functools.cache
def config_space(data: bytes) -> ConfigSpace:
    """The space, one for all functions whose bytes are the same, as those of VFs mostly are."""
    return ConfigSpace(data)


@functools.cache
def _speed_and_width(register: int) -> tuple[str | None, int | None]:
    """Both the link capabilities and the link status register have the speed in bits 0-3 and the width in 4-9."""
    speed = _SPEEDS.get(register & 0xF)
    return (f"{speed} GT/s PCIe" if speed else None), (register >> 4 & 0x3F) or None
