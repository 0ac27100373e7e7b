# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shown of a PCI function and no rule looks at: its link, its BARs and the like."""

from __future__ import annotations

import typing as t

from .._model.device import Bar, PciDetails, PcieLink

if t.TYPE_CHECKING:
    from .._model.config_space import ConfigSpace
    from .sysfs import Folder

# include/linux/ioport.h
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM = 0x200
_IORESOURCE_PREFETCH = 0x2000
_IORESOURCE_MEM_64 = 0x100000
_ROM_INDEX = 6
_NO_BAR = "0x0000000000000000 0x0000000000000000 0x0000000000000000"


def read_details(folder: Folder, config: ConfigSpace) -> PciDetails:
    """The details, of which the configuration space tells some."""
    d3cold = folder.text("d3cold_allowed")
    return PciDetails(
        revision=config.revision or hexadecimal(folder.text("revision"), 2),
        link=config.link if config.capabilities_known else _link(folder),
        bars=tuple(_bars(folder)),
        has_rom="rom" in folder.names,
        d3cold_allowed=None if d3cold is None else d3cold == "1",
    )


def hexadecimal(text: str | None, width: int) -> str:
    """The digits of a hexadecimal number in a file, zeros where there is none."""
    try:
        return f"{int(text or '0', 16):0{width}x}"
    except ValueError:
        return "0" * width


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


def _bars(folder: Folder) -> t.Iterator[Bar]:
    for index, line in enumerate((folder.text("resource") or "").split("\n", _ROM_INDEX)[:_ROM_INDEX]):
        if line == _NO_BAR:
            continue
        try:
            start, end, flags = [int(number, 16) for number in line.split()]
        except ValueError:
            continue
        if not flags & (_IORESOURCE_IO | _IORESOURCE_MEM) or end <= start:
            continue
        sizes: tuple[int, ...] = ()
        if f"resource{index}_resize" in folder.names:
            mask = int(hexadecimal(folder.text(f"resource{index}_resize"), 16), 16)
            sizes = tuple(1 << 20 + bit for bit in range(64) if mask >> bit & 1)
        yield Bar(
            index,
            end - start + 1,
            io=bool(flags & _IORESOURCE_IO),
            is_64bit=bool(flags & _IORESOURCE_MEM_64),
            prefetchable=bool(flags & _IORESOURCE_PREFETCH),
            resizable_sizes=sizes,
        )
