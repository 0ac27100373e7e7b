# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounted file systems: of every mount namespace, with all devices that each lies on."""

from __future__ import annotations

import re
import typing as t

from .file_systems import members, mounted_by_kernel

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .block_devices import BlockDevices

# What a running system can't do without: losing one of these ends it or the next boot.
_SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc", "/nix", "/ostree"})


class _Mount(t.NamedTuple):
    """A line of mountinfo: the file system's number, where it is mounted, its type, source and own options."""

    number: str
    point: str
    kind: str
    source: str
    options: str


def mount_uses(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    """Code, block device and detail of each mounted file system.

    What only other namespaces than the host's own have mounted is told once for each device, with one process there:
    containers have copies of many mounts. Last comes what the kernel knows to be mounted and no process shows.
    """
    companions = members(blocks.tree)
    told: set[str] = set()
    for process, lines in _namespaces(blocks.tree):
        where = f" in the mount namespace of process {process}" if process else ""
        for mount in filter(None, map(_parse, lines)):
            code = "root_disk" if mount.point in _SYSTEM_MOUNTS and not process else "mounted_fs"
            for block, what in _mounted(blocks, mount, companions):
                if process and block in told:
                    continue
                told.add(block)
                yield code, block, f"/dev/{block} {what} at {mount.point}{where}"
    for block, detail in mounted_by_kernel(blocks, companions):
        if block not in told:
            yield "mounted_fs", block, detail


def _namespaces(tree: Tree) -> t.Iterator[tuple[str, list[str]]]:
    """For each mount namespace a process in it, with its name, and the lines of its mountinfo; first the host's own.

    The host's own is that of the first process, where this one may know it, else this one's: sudo may have made a
    namespace for it (pam_namespace). For the host's own the process is "".
    """
    own = "1" if tree.link_target("/proc/1/ns/mnt") else "self"
    first = tree.text(f"/proc/{own}/mountinfo") or ""
    yield "", first.split("\n")
    seen, texts = {tree.link_target(f"/proc/{own}/ns/mnt")}, {first}
    for process in sorted(filter(str.isdecimal, tree.names("/proc")), key=int):
        namespace = tree.link_target(f"/proc/{process}/ns/mnt")
        # Without root most can't be told; then each process is looked at.
        if namespace is not None and namespace in seen:
            continue
        text = tree.text(f"/proc/{process}/mountinfo")
        if not text:
            continue  # it has just ended
        if namespace is not None:
            seen.add(namespace)
        if text not in texts:
            texts.add(text)
            yield f"{process} ({tree.text(f'/proc/{process}/comm') or '?'})", text.split("\n")


def _parse(line: str) -> _Mount | None:
    """What a line says, None of one that makes no sense and of one that can name no block device."""
    # Most lines, of which a host with containers has ten thousands, are of no block device at all.
    if " 0:" in line and "/dev/" not in line:
        return None
    # proc_pid_mountinfo(5): id parent major:minor root mount-point options ... - type source super-options
    before, separator, after = line.partition(" - ")
    parts, rest = before.split(), after.split()
    if not separator or len(parts) < 5 or len(rest) < 2:
        return None
    return _Mount(parts[2], unescape(parts[4]), rest[0], unescape(rest[1]), "".join(rest[2:3]))


def _mounted(
    blocks: BlockDevices, mount: _Mount, companions: t.Mapping[str, t.Sequence[str]]
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


def unescape(text: str) -> str:
    """The kernel writes white space and backslashes of a path as octal (fs/proc_namespace.c, mangle)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
