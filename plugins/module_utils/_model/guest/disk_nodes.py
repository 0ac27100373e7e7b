# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes in /dev that a domain's disks are, by its XML and the storage pools that this names."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from .domain import Domain, DomainLayout

# What is said of a domain and not to QEMU: titles, and what management programs note.
_NOTES = re.compile(r"<(metadata|description|title)\b[^>]*(?<!/)>.*?</\1>", re.DOTALL)
_NODE = re.compile(r"(?<![\w./-])/dev/[^\s\"'<>,;]+")


def device_nodes(layout: DomainLayout) -> frozenset[str]:
    """The paths in /dev that a domain's XML names, wherever it does: disks, what is below snapshots, QEMU's arguments.

    Some are of no block device: whoever asks finds out.
    """
    if "/dev/" not in layout.xml:
        return frozenset()
    return frozenset(_NODE.findall(_NOTES.sub("", layout.xml)))


def volumes_of(layout: DomainLayout) -> list[tuple[str, str]]:
    """Storage pool and volume of each disk that is one."""
    sources = (disk.find("source") for disk in layout.elements("devices/disk[@type='volume']"))
    pairs = [(source.get("pool", ""), source.get("volume", "")) for source in sources if source is not None]
    return list(dict.fromkeys(pair for pair in pairs if all(pair)))


def volume_nodes(domain: Domain, layout: DomainLayout) -> list[str]:
    """The paths in /dev that a domain's volumes have by one of its two XMLs."""
    paths = (path for volume in volumes_of(layout) for path in domain.volumes.get(volume, ()))
    return [path for path in paths if path.startswith("/dev/")]
