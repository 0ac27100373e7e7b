# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host itself needs its disks, and the functions that carry them, for: file systems, swap, volumes."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from ..reading.pci import locate

if t.TYPE_CHECKING:
    from ..sysfs import Tree

# What a running system can't do without: losing one of these ends it or the next boot.
_SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc", "/nix", "/ostree"})


def storage_uses(tree: Tree) -> list[HostUse]:
    """Mounted file systems, swap, and the volume groups and RAIDs that lie on a disk, mounted or not."""
    return [
        HostUse(code, address, detail, path)
        for code, block, detail in [*_mounts(tree), *_swaps(tree), *_volumes(tree), *_zfs(tree)]
        for path, address in block_locations(tree, block)
    ]


def block_locations(tree: Tree, block: str) -> list[tuple[str, str]]:
    """The disks and partitions that a block device lies on, by way of device mapper, RAID and NVMe multipath.

    Each as its sysfs path and its PCI function, which is "" where it is on none; of multipath NVMe the controllers.
    """
    locations: dict[tuple[str, str], None] = {}
    pending, seen = [block], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        path = tree.real(f"/sys/class/block/{name}")
        locations.update(dict.fromkeys(locate(tree, path)))
        pending.extend(tree.names(f"{path}/slaves"))
        # A multipath namespace hangs below its subsystem, which links to the controllers that lead to it.
        subsystem = re.match(r".*/nvme-subsystem/[^/]+", path)
        if subsystem:
            for controller in tree.names(subsystem.group()):
                if re.fullmatch(r"nvme\d+", controller):
                    locations.update(dict.fromkeys(locate(tree, f"{subsystem.group()}/{controller}")))
    return list(locations)


def _mounts(tree: Tree) -> t.Iterator[tuple[str, str, str]]:
    for line in tree.lines("/proc/self/mountinfo"):
        # proc_pid_mountinfo(5): id parent major:minor root mount-point options ... - type source super-options
        before, separator, after = line.partition(" - ")
        parts, rest = before.split(), after.split()
        if not separator or len(parts) < 5 or len(rest) < 2:
            continue
        mount_point = _unescape(parts[4])
        code = "root_disk" if mount_point in _SYSTEM_MOUNTS else "mounted_fs"
        for block in _mounted_blocks(tree, parts[2], rest[0], _unescape(rest[1])):
            yield code, block, f"/dev/{block} is mounted at {mount_point}"


def _mounted_blocks(tree: Tree, number: str, kind: str, source: str) -> list[str]:
    """The block devices of one mount; btrfs mounts have a number of their own and may lie on several."""
    by_number = tree.real(f"/sys/dev/block/{number}")
    if tree.exists(f"/sys/dev/block/{number}"):
        return [by_number.rsplit("/", 1)[-1]]
    if not source.startswith("/dev/"):
        return []
    block = tree.real(source).rsplit("/", 1)[-1]
    if kind == "btrfs":
        for uuid in tree.names("/sys/fs/btrfs"):
            members = tree.names(f"/sys/fs/btrfs/{uuid}/devices")
            if block in members:
                return members
    return [block]


def _swaps(tree: Tree) -> t.Iterator[tuple[str, str, str]]:
    for line in tree.lines("/proc/swaps")[1:]:
        name = _unescape(line.split()[0]) if line.split() else ""
        if name.startswith("/dev/"):
            yield "swap", tree.real(name).rsplit("/", 1)[-1], f"the host swaps to {name}"


def _volumes(tree: Tree) -> t.Iterator[tuple[str, str, str]]:
    for block in tree.names("/sys/class/block"):
        if block.startswith("dm-"):
            uuid = tree.text(f"/sys/class/block/{block}/dm/uuid") or ""
            name = tree.text(f"/sys/class/block/{block}/dm/name") or block
            if uuid.startswith("LVM-"):
                yield "lvm", block, f"logical volume {name} lies on it"
            elif uuid.startswith(("CRYPT-", "mpath-")):
                yield "held_by_process", block, f"the kernel's device mapper holds it for {name} ({uuid[:5]})"
        elif block.startswith("md") and tree.exists(f"/sys/class/block/{block}/md"):
            yield "md", block, f"software RAID {block} lies on it"


def _zfs(tree: Tree) -> t.Iterator[tuple[str, str, str]]:
    """Members of pools that are imported; ZFS itself shows no devices, udev knows each member and its pool."""
    imported = set(tree.names("/proc/spl/kstat/zfs"))
    if not imported:
        return
    for block in tree.names("/sys/class/block"):
        number = tree.text(f"/sys/class/block/{block}/dev")
        known = dict(
            line[2:].partition("=")[::2] for line in tree.lines(f"/run/udev/data/b{number}") if line[:2] == "E:"
        )
        pool = known.get("ID_FS_LABEL")
        if known.get("ID_FS_TYPE") == "zfs_member" and pool in imported:
            yield "zfs", block, f"{block} is a member of the imported pool {pool}"


def _unescape(text: str) -> str:
    """The kernel writes white space and backslashes of a path as octal (fs/proc_namespace.c, mangle)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
