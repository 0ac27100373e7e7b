# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a domain's XML takes of the host by other names than those of devices that are assigned to it.

Disks and other nodes in /dev are found by `disk_nodes`, USB and SCSI devices by `sources`.
"""

from __future__ import annotations

import re
import typing as t

from ..address import PciAddress

if t.TYPE_CHECKING:
    from .domain import DomainLayout

# https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands
_ARGUMENTS = "{http://libvirt.org/schemas/domain/qemu/1.0}commandline/{http://libvirt.org/schemas/domain/qemu/1.0}arg"
# With the domain or without, as hw/core/qdev-properties-system.c takes it. A guest's own address has no bus in front.
_FUNCTION = re.compile(
    r"(?<![\w:.-])(?:[0-9a-f]{4,8}:)?[0-9a-f]{1,2}:[01]?[0-9a-f]\.[0-7](?![\w:.])", re.IGNORECASE | re.ASCII
)


def interfaces_below(layout: DomainLayout) -> list[str]:
    """The host's interfaces on which a domain has some of its own (macvtap)."""
    sources = layout.elements("devices/interface[@type='direct']/source")
    return list(dict.fromkeys(source.get("dev", "") for source in sources))


def functions_of_arguments(layout: DomainLayout) -> list[str]:
    """The addresses of functions that a domain's own arguments to QEMU name, which libvirt looks at none of."""
    if "commandline" not in layout.xml:
        return []
    texts = (argument.get("value", "") for argument in layout.elements(_ARGUMENTS))
    names = (name for text in texts for name in _FUNCTION.findall(text))
    return list(dict.fromkeys(str(PciAddress.parse(name)) for name in names))
