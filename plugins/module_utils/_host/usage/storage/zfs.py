# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of ZFS pools that are imported.

ZFS opens them exclusively and shows no list of them. udev knows what the labels on them say; but a cache or spare has
no name of a pool in its label (OpenZFS, module/zfs/vdev_label.c), and may have nothing that is known to be one.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .block_devices import BlockDevices

_POOLS = "/proc/spl/kstat/zfs"
# The partition type that zpool gives to a whole disk (lib/libefi/rdwr_efi.c, EFI_USR), and its name for the partition.
_PARTITION_TYPE = "6a898cc3-1dd2-11b2-99a6-080020736631"
_PARTITION_NAME = "zfs-"


class _Pools(t.NamedTuple):
    """The imported pools: their names also as udev writes them, and their GUIDs (from OpenZFS 2.2)."""

    names: frozenset[str]
    guids: frozenset[str]


def zfs_members(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    """A use for each member of an imported pool, and for each that can't be told to be of another pool."""
    pools = _imported(blocks.tree)
    if not pools.names:
        return
    for block in blocks.names:
        detail = _membership(_udev(blocks.tree, block), block, pools)
        if detail is not None:
            yield "zfs", block, detail


def _imported(tree: Tree) -> _Pools:
    # Each pool has a folder; beside them are files on ZFS as a whole (module/zfs/spa_stats.c).
    names = [name for name in tree.names(_POOLS) if tree.exists(f"{_POOLS}/{name}/.")]
    guids = [tree.text(f"{_POOLS}/{name}/guid") or "" for name in names]
    mangled = [name.replace(" ", "_") for name in names]
    return _Pools(frozenset([*names, *mangled]), frozenset(filter(None, guids)))


def _membership(known: t.Mapping[str, str], block: str, pools: _Pools) -> str | None:
    label = known.get("ID_FS_LABEL_ENC") or known.get("ID_FS_LABEL")
    if known.get("ID_FS_TYPE") == "zfs_member" and label:
        pool = re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match.group(1), 16)), label)
        # A pool that was imported under another name has the old one in udev's database.
        if pool in pools.names or known.get("ID_FS_UUID") in pools.guids:
            return f"{block} is a member of the imported pool {pool}"
        return None
    zfs_partition = known.get("ID_PART_ENTRY_TYPE", "").lower() == _PARTITION_TYPE
    zfs_partition |= known.get("ID_PART_ENTRY_NAME", "").startswith(_PARTITION_NAME)
    if known.get("ID_FS_TYPE") == "zfs_member" or (zfs_partition and not known.get("ID_FS_TYPE")):
        return f"{block} is made for ZFS and names no pool, as a cache or spare of an imported pool doesn't"
    return None


def _udev(tree: Tree, block: str) -> dict[str, str]:
    number = tree.text(f"/sys/class/block/{block}/dev")
    lines = tree.lines(f"/run/udev/data/b{number}") if number else []
    return dict(line[2:].partition("=")[::2] for line in lines if line[:2] == "E:")
