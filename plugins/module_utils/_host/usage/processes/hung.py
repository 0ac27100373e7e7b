# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions that somebody in the kernel does not let go of: whoever takes one of them waits with that."""

from __future__ import annotations

import typing as t

from ...._model.host.device import UNREADABLE
from ...._model.host.leaving import leaving_vfs
from ...._model.host.uses import HostUse
from ...hung_writes import all_hung_writes, where

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...hung_writes import HungWrite
    from ...sysfs import Tree


def hung_uses(tree: Tree, devices: t.Sequence[PciDevice]) -> list[HostUse]:
    """A use for each function that hangs by a note, and for each of which no note could be left: root alone may."""
    hangs: dict[str, HungWrite | None] = {one.address: None for one in devices if one.driver_override == UNREADABLE}
    hangs.update(all_hung_writes(tree))
    ours = {address: hung for address, hung in hangs.items() if hung is not None and not hung.reading}
    details = [(address, _detail(hung)) for address, hung in ours.items()]
    leaving = leaving_vfs(devices)
    if leaving or len(ours) < len(hangs):
        from .locked import of_others

        others = {address: hung for address, hung in hangs.items() if address not in ours}
        details.extend(of_others(tree, {one.address: one.path for one in devices}, others, leaving))
    return [HostUse("held_by_process", address, detail) for address, detail in details]


def _detail(hung: HungWrite) -> str:
    return (
        f"process {hung.process} has not come back from its write to {hung.path}{where(hung.process)}: only a reboot "
        "frees the device"
    )
