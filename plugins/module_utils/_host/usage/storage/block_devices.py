# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Block devices of the host: by number or by the path of a node, and what each of them lies on."""

from __future__ import annotations

import functools
import re
import typing as t

from ...reading.pci.functions import locate
from .mountinfo import holding, namespaces, parse_mount

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .mountinfo import Mount

_CLASS = "/sys/class/block"
_VIRTUAL = "/sys/devices/virtual/"
# Where a block device of the kernel's own names another by path: a loop device's backing (drivers/block/loop.c), what
# a compressed one in memory writes back to (Documentation/admin-guide/blockdev/zram.rst).
_BACKING = ("loop/backing_file", "backing_dev")
# What is mounted at a /dev, a container's too; file systems on disks whose mounts may have no disk's number.
_OF_NODES = frozenset({"devtmpfs", "tmpfs", "ramfs", "overlay"})
_ON_DISKS = frozenset({"bcachefs", "btrfs", "zfs"})


class BlockDevices:
    """The block devices of a host by their names in sysfs, disks and partitions. Each thing is read once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._named: dict[str, str | None] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._locations: dict[str, list[tuple[str, str]]] = {}

    @functools.cached_property
    def names(self) -> dict[str, None]:
        """All names, in their order."""
        return dict.fromkeys(self.tree.names(_CLASS))

    def numbered(self, number: str) -> str | None:
        """The device with this MAJOR:MINOR."""
        name = self.tree.link_name(f"/sys/dev/block/{number}")
        return name if name in self.names else None

    def named(self, path: str) -> str | None:
        """The device that a path leads to: by its number, else by the name that it has in sysfs.

        The path may be in another root folder (a container's), or of a node that is gone. Only what is in /dev, or on
        a disk of this host, is looked at: a stat of anything else may hang with the server that it comes from.
        """
        if path not in self._named:
            self._named[path] = self._find(path.removesuffix(" (deleted)"))
        return self._named[path]

    def _find(self, path: str) -> str | None:
        candidates = []
        if path.startswith("/dev/"):
            number = self.tree.block_number(path)
            candidates = [number and self.numbered(number), self.tree.real(path).rsplit("/", 1)[-1]]
        elif not path.startswith("/") or self._is_plain(path):
            return None
        # Of a disk in a folder of its driver's sysfs has "!" for the slash (lib/kobject.c, kobject_set_name_vargs).
        _root, dev, rest = path.rpartition("/dev/")
        candidates += [rest.replace("/", "!")] if dev else []
        return next((name for name in candidates if name in self.names), None)

    def _is_plain(self, path: str) -> bool:
        """Whether a path outside /dev is of a plain file, or of a file system that is no place for nodes of disks."""
        if "/dev/" not in path:
            return True
        mount = holding(self._mounts, path)
        if mount is None or mount.kind in _OF_NODES:
            return False
        if mount.number.startswith("0:") and mount.kind not in _ON_DISKS:
            return True
        return self.tree.is_file(path)

    @functools.cached_property
    def _mounts(self) -> list[Mount]:
        """Those of the host's own namespace."""
        _process, lines = next(namespaces(self.tree))
        return [mount for mount in map(parse_mount, lines) if mount is not None]

    def below(self, name: str) -> tuple[str, ...]:
        """What a device lies on directly, by device mapper, RAID, bcache ..., as a loop device or as a partition."""
        if name not in self._below:
            self._below[name] = tuple(self._read_below(name))
        return self._below[name]

    def _read_below(self, name: str) -> t.Iterator[str]:
        yield from self.tree.names(f"{_CLASS}/{name}/slaves")
        path = self.tree.real(f"{_CLASS}/{name}")
        if not path.startswith(_VIRTUAL):
            return
        disk = path.rsplit("/", 2)[-2]
        if disk in self.names:
            yield disk
        for file in _BACKING:
            backing = self.named(self.tree.text(f"{_CLASS}/{name}/{file}") or "")
            if backing is not None:
                yield backing

    def is_partition(self, name: str) -> bool:
        return self.tree.real(f"{_CLASS}/{name}").rsplit("/", 2)[-2] in self.names

    def locations(self, name: str) -> list[tuple[str, str]]:
        """The disks and partitions that a device lies on, in the end.

        Each as its sysfs path and its PCI function, which is "" where it is on none; of multipath NVMe the controllers.
        """
        if name not in self._locations:
            self._locations[name] = list(self._read_locations(name))
        return self._locations[name]

    def _read_locations(self, block: str) -> dict[tuple[str, str], None]:
        locations: dict[tuple[str, str], None] = {}
        pending, seen = [block], set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            path = self.tree.real(f"{_CLASS}/{name}")
            locations.update(dict.fromkeys(locate(self.tree, path)))
            pending.extend(self.below(name))
            # A multipath namespace hangs below its subsystem, which links to the controllers that lead to it.
            subsystem = re.match(r".*/nvme-subsystem/[^/]+", path)
            if subsystem:
                for controller in self.tree.names(subsystem.group()):
                    if re.fullmatch(r"nvme\d+", controller):
                        locations.update(dict.fromkeys(locate(self.tree, f"{subsystem.group()}/{controller}")))
        return locations


def block_locations(tree: Tree, block: str) -> list[tuple[str, str]]:
    """The disks and partitions that a block device lies on, see BlockDevices.locations."""
    return BlockDevices(tree).locations(block)
