# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of a PCI function only where it is shown, or a device spec is about it: its link, BARs and the like."""

from __future__ import annotations

import functools
import typing as t

from ...._model.host.device import Bar, PciDetails, PcieLink
from ...sysfs import as_hexadecimal

if t.TYPE_CHECKING:
    from ...._model.host.config_space import ConfigSpace
    from ...sysfs import Folder

# include/linux/ioport.h
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM = 0x200
_IORESOURCE_PREFETCH = 0x2000
_IORESOURCE_MEM_64 = 0x100000
_ROM_INDEX = 6
_NO_BAR = b"0x0000000000000000 0x0000000000000000 0x0000000000000000"


def read_details(folder: Folder, config: ConfigSpace) -> PciDetails:
    """The details, of which the configuration space tells some."""
    d3cold = folder.text("d3cold_allowed")
    return PciDetails(
        revision=config.revision or as_hexadecimal(folder.data("revision"), 2),
        link=config.link if config.capabilities_known else _link(folder),
        bars=_bars(folder),
        has_rom="rom" in folder.names,
        d3cold_allowed=None if d3cold is None else d3cold == "1",
    )


def _link(folder: Folder) -> PcieLink | None:
    """The link from sysfs' own files, where the capabilities in config space are only for root."""
    if "max_link_speed" not in folder.names:
        return None

    def speed(name: str) -> str | None:
        text = folder.text(name)
        return None if text is None or text.startswith("Unknown") else text

    def width(name: str) -> int | None:
        lanes = folder.number(name)
        return lanes if lanes and lanes != 255 else None

    return PcieLink(
        speed("current_link_speed"), width("current_link_width"), speed("max_link_speed"), width("max_link_width")
    )


def _bars(folder: Folder) -> tuple[Bar, ...]:
    bars = []
    for number, line in enumerate((folder.data("resource") or b"").split(b"\n", _ROM_INDEX)[:_ROM_INDEX]):
        if line == _NO_BAR:
            continue
        try:
            start, end, flags = line.split()
            kind = _kind(flags)
            size = 0 if kind is None else int(end, 16) - int(start, 16) + 1
        except ValueError:
            continue
        if kind is not None and size > 1:
            bars.append(Bar(number, size, *kind, _sizes(folder, f"resource{number}_resize")))
    return tuple(bars)


@functools.cache
def _kind(flags: bytes) -> tuple[bool, bool, bool] | None:
    """Whether a resource is one of ports, of 64 bits, prefetchable; None of one that is none."""
    known = int(flags, 16)
    if not known & (_IORESOURCE_IO | _IORESOURCE_MEM):
        return None
    return known & _IORESOURCE_IO != 0, known & _IORESOURCE_MEM_64 != 0, known & _IORESOURCE_PREFETCH != 0


def _sizes(folder: Folder, name: str) -> tuple[int, ...]:
    """The sizes that a BAR can have: a bit for each power of two of a MiB, none of a BAR that is fixed."""
    if name not in folder.names:
        return ()
    mask = int(as_hexadecimal(folder.data(name), 16), 16)
    return tuple(1 << 20 + bit for bit in range(64) if mask >> bit & 1)
