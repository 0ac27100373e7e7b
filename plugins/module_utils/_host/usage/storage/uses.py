# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host itself needs its disks, and the functions that carry them, for: file systems, swap, volumes ..."""

from __future__ import annotations

import typing as t

from ...._model.host.uses import HostUse
from .block_devices import BlockDevices, block_locations
from .holders import held
from .mountinfo import unescape
from .mounts import mount_uses

if t.TYPE_CHECKING:
    from ...sysfs import Tree

__all__ = ["block_locations", "storage_uses"]

# Where the kernel keeps what it exports, and pools. Few hosts have any of it: the rest imports less.
_EXPORTS = (
    *("/sys/kernel/config", "/sys/kernel/scst_tgt", "/sys/class/rnbd-server", "/sys/module/pstore_blk"),
    "/sys/bus/usb/drivers/usbip-host",
)
_POOLS = "/proc/spl/kstat/zfs"


def storage_uses(tree: Tree) -> list[HostUse]:
    """Mounted file systems, swap, whatever else the kernel has a disk open for, and members of ZFS pools."""
    blocks = BlockDevices(tree)
    uses = {
        HostUse(code, address, detail, path): None
        for code, block, detail in [*mount_uses(blocks), *_swaps(blocks), *held(blocks), *_pool_members(blocks)]
        for path, address in blocks.locations(block)
    }
    return [*uses, *dict.fromkeys(_exports(blocks))]


def _pool_members(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    if blocks.tree.any_in(_POOLS):
        from .zfs import zfs_members

        yield from zfs_members(blocks)


def _exports(blocks: BlockDevices) -> t.Iterator[HostUse]:
    if any(map(blocks.tree.any_in, _EXPORTS)):
        from .exports import exported

        for path, address, detail in exported(blocks):
            yield HostUse("kernel_holder", address, detail, path)


def _swaps(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    for line in blocks.tree.lines("/proc/swaps")[1:]:
        # A file to swap to is its file system's matter, which is mounted.
        name = unescape(line.split()[0]) if line.split() else ""
        block = blocks.named(name)
        if block is not None:
            yield "swap", block, f"the host swaps to {name}"
