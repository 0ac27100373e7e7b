# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes, and reads, that a driver did not come back from, noted by function: nobody waits for one a second time.

While a driver's remove hangs, the kernel holds the device's lock, and whoever reads driver_override waits for it too
(drivers/pci/pci-sysfs.c, driver_override_show): for ever, in state D, the facts among them. So a note is left where a
reboot, which alone frees the device, takes it away as well.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from .process import process_stat, started_at

if t.TYPE_CHECKING:
    from .sysfs import Tree

NOTES = "/run/kvm.hostdev.hung-writes"
_READ = " read"


class HungWrite(t.NamedTuple):
    """A process that hangs in a write to `path`, or in a read of it: then it waits for what somebody else does."""

    process: int
    path: str
    reading: bool = False

    @property
    def doing(self) -> str:
        return f"{'reading' if self.reading else 'writing to'} {self.path}"


def note_hung_write(tree: Tree, address: str, process: int, path: str, *, reading: bool = False) -> None:
    """Leave the note. Where that is not possible, the next run finds out by itself."""
    from .folders import make_folder

    started = started_at(process)
    if started is None:
        return
    folder = tree.local(NOTES)
    with contextlib.suppress(OSError):
        make_folder(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(os.path.join(folder, address), flags, 0o644)
        try:
            os.fchmod(handle, 0o644)  # for facts without root, whatever the umask
            os.write(handle, f"{process} {started} {path}{_READ if reading else ''}\n".encode())
        finally:
            os.close(handle)


def hung_write_at(tree: Tree, address: str) -> HungWrite | None:
    """What hangs at the function now; None when nothing does, or does no longer."""
    process, _space, rest = (tree.text(f"{NOTES}/{address}") or "").partition(" ")
    started, _space, path = rest.partition(" ")
    # A number that another process has by now began at another time.
    if not process.isdecimal() or started_at(int(process)) != started:
        return None
    return HungWrite(int(process), path.removesuffix(_READ), path.endswith(_READ))


def all_hung_writes(tree: Tree) -> dict[str, HungWrite]:
    """What hangs now, by address."""
    writes = ((address, hung_write_at(tree, address)) for address in tree.names(NOTES))
    return {address: write for address, write in writes if write is not None}


def where(process: int) -> str:
    """The state of a process, and where in the kernel it is, as far as this user may know (proc(5))."""
    state = process_stat(process)
    if state is None:
        return ""
    function = ""
    with contextlib.suppress(OSError), open(f"/proc/{process}/wchan", encoding="utf-8") as file:
        function = file.read().strip()
    return f", in state {state[0]}" + (f" in the kernel's {function}" if function not in ("", "0") else "")
