# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver that each function is kept for, as far as the kernel tells.

Whoever reads it waits for the device's lock (drivers/pci/pci-sysfs.c, driver_override_show), which a driver that probes
or removes has meanwhile, whoever told it to: for ever, where that hangs.
"""

from __future__ import annotations

import functools
import typing as t

from ...._model.host.device import UNREADABLE
from ...hung_writes import all_hung_writes, note_hung_write
from ...sysfs import as_text
from ..bounded import read_bounded

if t.TYPE_CHECKING:
    from ...sysfs import Tree

_DEVICES = "/sys/bus/pci/devices"


def read_overrides(tree: Tree, addresses: t.Iterable[str]) -> dict[str, str | None]:
    """The override of each function, None without, `UNREADABLE` of one whose lock somebody keeps.

    Of such a one a note is left, so that the next run does not try again as long as that lasts.
    """
    noted = all_hung_writes(tree)
    paths = {f"{_DEVICES}/{address}/driver_override": address for address in addresses if address not in noted}
    data, hung = read_bounded(tree, list(paths))
    for path, process in hung.items():
        note_hung_write(tree, paths[path], process, path, reading=True)
    overrides: dict[str, str | None] = {paths[path]: _override(text) for path, text in data.items()}
    overrides.update(dict.fromkeys([*noted, *(paths[path] for path in hung)], UNREADABLE))
    return overrides


@functools.cache
def _override(data: bytes | None) -> str | None:
    """The kernel prints "(null)" for an unset override."""
    text = as_text(data or b"")
    return None if text in ("", "(null)") else text
