# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions that somebody in the kernel does not let go of: whoever takes one of them waits with that."""

from __future__ import annotations

import re
import typing as t

from ...._model.host.device import UNREADABLE
from ...._model.host.uses import HostUse
from ...hung_writes import all_hung_writes, where
from ...reading.pci.functions import pci_addresses

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...hung_writes import HungWrite
    from ...sysfs import Tree

_CONTROL = re.compile(
    r"/sys/(devices|bus/pci)/(.+/)?(sriov_numvfs|remove|rescan|reset|bind|unbind|new_id|drivers_probe)"
)
"""Files of sysfs by which drivers come and go, and VFs: whoever writes to one may wait in the kernel."""

_FLAGS = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE)


def hung_uses(tree: Tree, devices: t.Sequence[PciDevice]) -> list[HostUse]:
    """A use for each function that hangs by a note, and for each of which no note could be left: root alone may."""
    waiting: dict[str, HungWrite | None] = {
        device.address: None for device in devices if device.driver_override == UNREADABLE
    }
    waiting.update(all_hung_writes(tree))
    others = [address for address, hung in waiting.items() if hung is None or hung.reading]
    writers = _writers(tree) if others else []
    paths = {device.address: device.path for device in devices if device.address in others}
    uses = []
    for address, hung in waiting.items():
        of_it = [writer for writer in writers if writer.may_keep(paths.get(address, ""))]
        uses.append(HostUse("held_by_process", address, _detail(hung, of_it)))
    return uses


_LOCKED = (
    "somebody keeps the device's lock in the kernel: a driver that is being bound or unbound, by whichever program, "
    "and has not come back"
)


def _detail(hung: HungWrite | None, writers: t.Iterable[_Writer]) -> str:
    if hung is not None and not hung.reading:
        return (
            f"process {hung.process} has not come back from its write to {hung.path}{where(hung.process)}: only a "
            "reboot frees the device"
        )
    told = [_LOCKED, *map(str, writers)]
    if hung is not None:
        told.append(f"process {hung.process} has been waiting for it since it was last looked at")
    return "; ".join(told)


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
