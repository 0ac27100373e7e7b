# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounted file systems: of every mount namespace, with all devices that each lies on."""

from __future__ import annotations

import re
import typing as t

from .file_systems import members, mounted_by_kernel
from .mountinfo import SYSTEM_MOUNTS, namespaces, parse_mount, unescape

if t.TYPE_CHECKING:
    from .block_devices import BlockDevices
    from .mountinfo import Mount


def mount_uses(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    """Code, block device and detail of each mounted file system.

    What only other namespaces than the host's own have mounted is told once for each device, with one process there:
    containers have copies of many mounts. Last comes what the kernel knows to be mounted and no process shows.
    """
    companions = members(blocks.tree)
    told: set[str] = set()
    for process, lines in namespaces(blocks.tree):
        where = f" in the mount namespace of process {process}" if process else ""
        for mount in filter(None, map(parse_mount, filter(_of_block_device, lines))):
            code = "root_disk" if mount.point in SYSTEM_MOUNTS and not process else "mounted_fs"
            for block, what in _mounted(blocks, mount, companions):
                if process and block in told:
                    continue
                told.add(block)
                yield code, block, f"/dev/{block} {what} at {mount.point}{where}"
    for block, detail in mounted_by_kernel(blocks, companions):
        if block not in told:
            yield "mounted_fs", block, detail


def _of_block_device(line: str) -> bool:
    """Whether a line may name a block device: most don't, of which a host with containers has ten thousands."""
    return " 0:" not in line or "/dev/" in line


def _mounted(
    blocks: BlockDevices, mount: Mount, companions: t.Mapping[str, t.Sequence[str]]
) -> t.Iterator[tuple[str, str]]:
    """The block devices of one mount, each with what it is of it."""
    numbered = None if mount.number.startswith("0:") else blocks.numbered(mount.number)
    # File systems on several devices may have a number of their own; bcachefs names all in its source.
    sources = re.split(r":(?=/dev/)", mount.source)
    named = map(blocks.named, sources) if numbered is None or len(sources) > 1 else ()
    found = [block for block in (numbered, *named) if block is not None]
    for member in dict.fromkeys([*found, *(other for name in found for other in companions.get(name, ()))]):
        yield member, "is mounted"
    for option in mount.options.split(","):
        key, _equals, value = option.partition("=")
        other = _optional(blocks, key, unescape(value))
        if other is not None and other not in found:
            yield other, f"is the {key} of the file system that is mounted"


def _optional(blocks: BlockDevices, key: str, value: str) -> str | None:
    """The device that an option of a mount names: a log, a journal, a part for other data."""
    if "/dev/" in value:
        return blocks.named(value)
    if key == "journal_dev" and re.fullmatch(r"0x[0-9a-f]{1,8}|\d{1,10}", value):
        # ext4 takes the number as include/linux/kdev_t.h, new_encode_dev, writes it.
        number = int(value, 0) if value.startswith("0x") else int(value)
        return blocks.numbered(f"{number >> 8 & 0xFFF}:{number & 0xFF | number >> 12 & 0xFFF00}")
    return None
