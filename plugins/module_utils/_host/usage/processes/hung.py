# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions that somebody in the kernel does not let go of: whoever takes one of them waits with that."""

from __future__ import annotations

import typing as t

from ...._model.host.uses import HostUse
from ...hung_writes import all_hung_writes, where
from ...reading.pci.overrides import UNREADABLE

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...hung_writes import HungWrite
    from ...sysfs import Tree


def hung_uses(tree: Tree, devices: t.Iterable[PciDevice]) -> list[HostUse]:
    """A use for each function that hangs by a note, and for each of which no note could be left: root alone may."""
    details = {device.address: _LOCKED for device in devices if device.driver_override == UNREADABLE}
    details.update({address: _detail(hung) for address, hung in all_hung_writes(tree).items()})
    return [HostUse("held_by_process", address, detail) for address, detail in details.items()]


_LOCKED = (
    "somebody keeps the device's lock in the kernel: a driver that is being bound or unbound, by whichever program, "
    "and has not come back"
)


def _detail(hung: HungWrite) -> str:
    if hung.reading:
        return f"{_LOCKED}; process {hung.process} has been waiting for it since it was last looked at"
    return (
        f"process {hung.process} has not come back from its write to {hung.path}{where(hung.process)}: only a reboot "
        "frees the device"
    )
