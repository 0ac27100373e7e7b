# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of devices that a process has open."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ...device_numbers import DeviceNumber
    from ...sysfs import Tree

# What is open everywhere and is of no device that a guest could have; that they are left out saves time alone.
_EVERYWHERE = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "ptmx", "kvm"))
_PLAIN = ("/memfd:", "/dev/shm/", "/dev/pts/", "/dev/hugepages/", "/anon_hugepage", "/SYSV", "/proc/")

FUNCTION_FILE = re.compile(r".*/devices/(.*/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/resource\d(?:_wc)?")
"""Files by which a process drives a function past its driver, in whatever folder a container has sysfs (DPDK, SPDK).

The root bus may lie deep, below a bridge of the platform or Hyper-V's bus. Not `config`, which lspci and whatever
watches a host open for a moment.
"""


class OpenFile(t.NamedTuple):
    """A file as the process calls it, in its own mount namespace; `number` is None of what is known by its name."""

    path: str
    number: DeviceNumber | None


def with_files(tree: Tree, process: str) -> str:
    """Where in /proc the files of a process are: at its own number, unless its first thread has exited.

    Then that has none to show, as of a process that has ended (state Z), and the others go on with all of them.
    """
    if not tree.any_in(f"/proc/{process}/fd"):
        for thread in tree.names(f"/proc/{process}/task"):
            if thread != process and tree.any_in(f"/proc/{process}/task/{thread}/fd"):
                return f"{process}/task/{thread}"
    return process


def open_files(tree: Tree, process: str) -> set[OpenFile]:
    """The device nodes and the files below /sys that a process has open, or a thread, given as `with_files` does."""
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
    if FUNCTION_FILE.fullmatch(path):
        return OpenFile(path, None)
    try:
        number = tree.open_device(link)
    except OSError:
        # It has gone, or it is recorded by its name alone.
        return OpenFile(path, None) if "/dev/" in path else None
    return None if number is None else OpenFile(path, number)
