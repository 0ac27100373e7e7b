# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line in a unified kernel image or an addon of one: the section .cmdline of a PE file."""

from __future__ import annotations

import struct

_SECTION = struct.Struct("<8sIIII16x")
_DIRECTORIES = 112  # where they begin in the optional header of PE32+
_MOST_SECTIONS = 96  # what Windows' loader allows, and so every tool keeps to


def command_line(data: bytes) -> bytes | None:
    """The section's content without what fills it up; None for what is no such file or has no such section."""
    if len(data) < 0x40 or data[:2] != b"MZ":
        return None
    (header,) = struct.unpack_from("<I", data, 0x3C)
    if data[header : header + 4] != b"PE\0\0" or len(data) < header + 24:
        return None
    (count,) = struct.unpack_from("<H", data, header + 6)
    (optional,) = struct.unpack_from("<H", data, header + 20)
    place = header + 24 + optional
    for _section in range(min(count, _MOST_SECTIONS)):
        if len(data) < place + _SECTION.size:
            return None
        name, virtual, _address, size, start = _SECTION.unpack_from(data, place)
        if name.rstrip(b"\0") == b".cmdline":
            return data[start : start + min(virtual or size, size)].rstrip(b"\0\n")
        place += _SECTION.size
    return None


def is_signed(data: bytes) -> bool:
    """Whether a PE32+ file has a signature: its directory of certificates, the fifth, is not empty."""
    if len(data) < 0x40 or data[:2] != b"MZ":
        return False
    (header,) = struct.unpack_from("<I", data, 0x3C)
    place = header + 24 + _DIRECTORIES + 4 * 8
    if len(data) < place + 8 or data[header + 24 : header + 26] != b"\x0b\x02":
        return False
    _start, size = struct.unpack_from("<II", data, place)
    return bool(size)
