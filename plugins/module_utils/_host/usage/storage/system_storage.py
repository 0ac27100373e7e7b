# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounts of all mount namespaces, and what the host runs from: mounts of the system and the disks below them."""

from __future__ import annotations

import typing as t

from .mountinfo import SYSTEM_MOUNTS, holding, namespaces, parse_mount, unescape

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .mountinfo import Mount


class SystemStorage(t.NamedTuple):
    """Mount points, and the sysfs paths of block devices at all levels, that the host runs from."""

    mount_points: frozenset[str]
    blocks: frozenset[str]


def read_mounts(tree: Tree) -> list[Mount]:
    """Of the host's own namespace, then those that only others have."""
    lines = (line for _process, own in namespaces(tree) for line in own)
    after = dict.fromkeys(line.split(" ", 2)[-1] for line in lines)  # without the mount's own number and its parent's
    return [mount for mount in (parse_mount(f"0 0 {line}") for line in after) if mount is not None]


def system_storage(tree: Tree, mounts: t.Sequence[Mount]) -> SystemStorage:
    """The mounts of the system, those that they lie on (an overlay's layers, an image's file), swap, and all disks."""
    vital: dict[str, None] = {}
    blocks: dict[str, None] = {}
    swaps = [unescape(line.split()[0]) for line in tree.lines("/proc/swaps")[1:] if line.strip()]
    below = [_block(tree, node) for node in swaps if node.startswith("/dev/")]
    # A file to swap to is only looked for in the table: its server may be dead.
    holders = [holding(mounts, file) for file in swaps if not file.startswith("/dev/")]
    pending = [mount for mount in mounts if mount.point in SYSTEM_MOUNTS or mount in holders]
    while pending or below:
        for mount in pending:
            vital[mount.point] = None
            below += _blocks(tree, mount)
        files = [file for mount in pending for file in _layers(mount)]
        for block in _all_below(tree, below, blocks):
            files.append(tree.text(f"{block}/loop/backing_file") or "")
        held = (holding(mounts, file) for file in files)
        pending = [mount for mount in held if mount is not None and mount.point not in vital]
        below = []
    return SystemStorage(frozenset(vital), frozenset(blocks))


def _layers(mount: Mount) -> list[str]:
    """The folders that an overlay shows together (Documentation/filesystems/overlayfs.rst)."""
    if mount.kind != "overlay":
        return []
    options = mount.named_options
    texts = (options.get(name, "") for name in ("lowerdir", "lowerdir+", "datadir+", "upperdir"))
    return [folder for text in texts for folder in text.split(":") if folder.startswith("/")]


def _blocks(tree: Tree, mount: Mount) -> list[str]:
    numbered = f"/sys/dev/block/{mount.number}"
    if tree.exists(numbered):
        return [tree.real(numbered)]
    if not mount.source.startswith("/dev/"):
        return []
    block = _block(tree, mount.source)
    for uuid in tree.names("/sys/fs/btrfs") if mount.kind == "btrfs" else ():
        members = tree.names(f"/sys/fs/btrfs/{uuid}/devices")
        if block.rpartition("/")[2] in members:
            return [tree.real(f"/sys/class/block/{member}") for member in members]
    return [block]


def _block(tree: Tree, node: str) -> str:
    """The sysfs path of a block device by the path of its node."""
    return tree.real(f"/sys/class/block/{tree.real(node).rpartition('/')[2]}")


def _all_below(tree: Tree, paths: t.Iterable[str], seen: dict[str, None]) -> list[str]:
    """The block devices and all that they lie on that were not seen before."""
    pending, found = list(paths), []
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen[path] = None
        found.append(path)
        pending.extend(tree.real(f"/sys/class/block/{name}") for name in tree.names(f"{path}/slaves"))
        if tree.exists(f"{path}/partition"):
            pending.append(path.rpartition("/")[0])
    return found
