# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions whose lock somebody else keeps, such as whoever writes to a file of sysfs by which drivers or VFs go."""

from __future__ import annotations

import re
import typing as t

from ...reading.pci.functions import pci_addresses

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...hung_writes import HungWrite
    from ...sysfs import Tree

_LOCKED = (
    "somebody keeps the device's lock in the kernel: a driver that is being bound or unbound, by whichever program, "
    "and has not come back"
)
_CONTROL = re.compile(
    r"/sys/(devices|bus/pci)/(.+/)?(sriov_numvfs|remove|rescan|reset|bind|unbind|new_id|drivers_probe)"
)
_FLAGS = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE)


def of_others(
    tree: Tree,
    paths: t.Mapping[str, str],
    hangs: t.Mapping[str, HungWrite | None],
    leaving: t.Mapping[str, t.Sequence[PciDevice]],
) -> t.Iterator[tuple[str, str]]:
    """By address in words who keeps the lock of functions, and who waits for it; `paths` are the functions' in sysfs.

    `leaving` are by PF the VFs that come or go, if somebody writes the number of that one's VFs.
    """
    writers = _writers(tree)
    for pf, vfs in leaving.items():
        for writer in writers:
            if writer.path.endswith(f"/{pf}/sriov_numvfs"):
                yield pf, f"{writer}, and has {', '.join(vf.address for vf in vfs)} before it"
                yield from ((vf.address, f"the kernel adds or removes it at this moment: {writer}") for vf in vfs)
    for address, hung in hangs.items():
        told = [_LOCKED, *(str(writer) for writer in writers if writer.may_keep(paths.get(address, "")))]
        if hung is not None:
            told.append(f"process {hung.process} has been waiting for it since it was last looked at")
        yield address, "; ".join(told)


class _Writer(t.NamedTuple):
    """A process that has a file of sysfs open for writing."""

    process: str
    name: str
    path: str

    def may_keep(self, device: str) -> bool:
        """Whether it may have a function's lock, given as the path of its folder.

        The file is a driver's or the bus's, or of a function beside it: a VF that is being removed has no link to its
        PF any more (drivers/pci/iov.c, pci_iov_remove_virtfn).
        """
        if not pci_addresses(self.path):
            return True
        function = self.path.rpartition("/")[0]
        return device == function or device.rpartition("/")[0] == function.rpartition("/")[0]

    def __str__(self) -> str:
        return f"process {self.process} ({self.name}) writes to {self.path}"


def _writers(tree: Tree) -> list[_Writer]:
    """All of them; it needs root to see other users' processes."""
    found: dict[_Writer, None] = {}
    for process in filter(str.isdecimal, tree.names("/proc")):
        for number in tree.names(f"/proc/{process}/fd"):
            path = tree.link_target(f"/proc/{process}/fd/{number}") or ""
            if not _CONTROL.fullmatch(path):
                continue
            flags = _FLAGS.search(tree.text(f"/proc/{process}/fdinfo/{number}") or "")
            if flags is not None and int(flags[1], 8) & 3:  # O_WRONLY or O_RDWR (proc_pid_fdinfo(5))
                found[_Writer(process, tree.text(f"/proc/{process}/comm") or "?", path)] = None
    return list(found)
