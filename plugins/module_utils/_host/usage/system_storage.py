# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounts of all mount namespaces, and what the host runs from: mounts of the system and the disks below them."""

from __future__ import annotations

import typing as t

from .storage import _SYSTEM_MOUNTS, _unescape

if t.TYPE_CHECKING:
    from ..sysfs import Tree


class Mount(t.NamedTuple):
    """One line of mountinfo; `options` are those of the file system, a word without = has an empty value."""

    number: str
    mount_point: str
    kind: str
    source: str
    options: t.Mapping[str, str]


class SystemStorage(t.NamedTuple):
    """Mount points, and the sysfs paths of block devices at all levels, that the host runs from."""

    mount_points: frozenset[str]
    blocks: frozenset[str]


def read_mounts(tree: Tree) -> list[Mount]:
    """Of this process, then those that only other mount namespaces have."""
    processes = {tree.link_target("/proc/self/ns/mnt"): "self"}
    for name in tree.names("/proc"):
        if name.isdecimal():
            namespace = tree.link_target(f"/proc/{name}/ns/mnt")
            if namespace is not None:
                processes.setdefault(namespace, name)
    lines = (line for process in processes.values() for line in tree.lines(f"/proc/{process}/mountinfo"))
    after = dict.fromkeys(line.split(" ", 2)[-1] for line in lines)
    return [mount for mount in map(_mount, after) if mount is not None]


def _mount(line: str) -> Mount | None:
    """proc_pid_mountinfo(5), without the first two words: major:minor root mount-point ... - type source options."""
    before, separator, after = line.partition(" - ")
    parts, rest = before.split(" "), after.split(" ")
    if not separator or len(parts) < 3 or len(rest) < 3:
        return None
    options = dict(option.partition("=")[::2] for option in rest[2].split(","))
    return Mount(parts[0], _unescape(parts[2]), rest[0], _unescape(rest[1]), options)


def system_storage(tree: Tree, mounts: t.Sequence[Mount]) -> SystemStorage:
    """The mounts of the system, those that they lie on (an overlay's layers, an image's file), swap, and all disks."""
    vital: dict[str, None] = {}
    blocks: dict[str, None] = {}
    pending = [mount for mount in mounts if mount.mount_point in _SYSTEM_MOUNTS]
    below = [_block(tree, line.split()[0]) for line in tree.lines("/proc/swaps")[1:] if line.strip()]
    while pending or below:
        for mount in pending:
            vital[mount.mount_point] = None
            below += _blocks(tree, mount)
        files = [file for mount in pending for file in _layers(mount)]
        for block in _all_below(tree, below, blocks):
            files.append(tree.text(f"{block}/loop/backing_file") or "")
        holding = (_holding(mounts, file) for file in files)
        pending = [mount for mount in holding if mount is not None and mount.mount_point not in vital]
        below = []
    return SystemStorage(frozenset(vital), frozenset(blocks))


def _layers(mount: Mount) -> list[str]:
    """The folders that an overlay shows together (Documentation/filesystems/overlayfs.rst)."""
    if mount.kind != "overlay":
        return []
    texts = (mount.options.get(name, "") for name in ("lowerdir", "lowerdir+", "datadir+", "upperdir"))
    return [folder for text in texts for folder in text.split(":") if folder.startswith("/")]


def _holding(mounts: t.Sequence[Mount], file: str) -> Mount | None:
    """The mount that a file or folder lies in; of several at one place the last covers the others."""
    fitting = [mount for mount in mounts if f"{file}/".startswith(f"{mount.mount_point.rstrip('/')}/")]
    longest = max((len(mount.mount_point) for mount in fitting), default=0)
    return next((mount for mount in reversed(fitting) if len(mount.mount_point) == longest), None)


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
    return tree.real(f"/sys/class/block/{tree.real(_unescape(node)).rpartition('/')[2]}")


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
