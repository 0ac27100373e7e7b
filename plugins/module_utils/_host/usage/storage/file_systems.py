# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel tells of mounted file systems whatever namespace they are mounted in: their devices."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .block_devices import BlockDevices

_BTRFS, _BCACHEFS = "/sys/fs/btrfs", "/sys/fs/bcachefs"
# Folders in which many file systems have one by the name of their first device (ext4, XFS, F2FS ...), the journal's
# (jbd2, fs/jbd2/journal.c, by the name of the device alone where that is a journal and nothing else).
_BY_DEVICE = ("/sys/fs", "/proc/fs")
# What is mounted there: its names are its users'.
_OTHERS = frozenset({"bpf", "cgroup", "fuse", "nfsd", "pstore", "resctrl", "selinux", "smackfs"})


def members(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Of each device of a mounted file system on several devices all of these devices."""
    groups = [tree.names(f"{_BTRFS}/{uuid}/devices") for uuid in tree.names(_BTRFS)]
    for uuid in tree.names(_BCACHEFS):
        devices = [f"{_BCACHEFS}/{uuid}/{name}/block" for name in tree.names(f"{_BCACHEFS}/{uuid}")]
        groups.append([block for block in map(tree.link_name, devices) if block is not None])
    return {block: tuple(group) for group in groups for block in group}


def mounted_by_kernel(blocks: BlockDevices, companions: t.Mapping[str, t.Sequence[str]]) -> t.Iterator[tuple[str, str]]:
    """Block devices that hold a mounted file system, each with a detail; `companions` are those of `members`.

    Some are in no table of mounts: a journal, what was unmounted lazily, what only a namespace without processes has.
    """
    unseen = "that is mounted where no process shows it"
    for block in companions:
        yield block, f"/dev/{block} belongs to a file system {unseen}"
    for folder in _BY_DEVICE:
        for kind in blocks.tree.names(folder):
            if kind in _OTHERS:
                continue
            for name in blocks.tree.names(f"{folder}/{kind}"):
                if name in blocks.names and kind == "jbd2":
                    yield name, f"/dev/{name} is the journal of a mounted file system"
                elif name in blocks.names:
                    yield name, f"/dev/{name} has a file system ({kind}) {unseen}"
