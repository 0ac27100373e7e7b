# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of devices that a process has open."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...device_numbers import DeviceNumber
    from ...sysfs import Tree

# What is open everywhere and is of no device that a guest could have; that they are left out saves time alone.
_EVERYWHERE = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "ptmx", "kvm"))
_PLAIN = ("/memfd:", "/dev/shm/", "/dev/pts/", "/dev/hugepages/", "/anon_hugepage", "/SYSV", "/proc/")


class OpenFile(t.NamedTuple):
    """A file as the process calls it, in its own mount namespace; `number` is None of what is known by its name."""

    path: str
    number: DeviceNumber | None


def open_files(tree: Tree, process: str) -> set[OpenFile]:
    """The device nodes and the files below /sys that a process has open."""
    folder = f"/proc/{process}/fd"
    links = (f"{folder}/{number}" for number in tree.names(folder))
    files = (device_file(tree, link, tree.link_target(link) or "") for link in links)
    return {file for file in files if file is not None}


def device_file(tree: Tree, link: str, path: str) -> OpenFile | None:
    """What a link of /proc/PID/fd or map_files leads to, where that is, or may be, of a device.

    `path` is the link's text, which for a socket, a pipe and the like is no path.
    """
    if not path.startswith("/") or path in _EVERYWHERE or path.startswith(_PLAIN):
        return None
    if "/devices/pci" in path:
        return OpenFile(path, None)
    try:
        number = tree.open_device(link)
    except OSError:
        # It has gone, or it is recorded by its name alone.
        return OpenFile(path, None) if "/dev/" in path else None
    return None if number is None else OpenFile(path, number)
