# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mediated devices (vGPUs and the like), which take the function that they are made on along when it leaves."""

from __future__ import annotations

import typing as t

from ...._model.host.uses import HostUse
from ...reading.pci.functions import is_pci_name, pci_addresses

if t.TYPE_CHECKING:
    from ...sysfs import Tree

_DEVICES = "/sys/bus/mdev/devices"
# What mdevctl(8) makes when it is asked to, or at boot: a folder for each parent, in it a file for each UUID.
_DEFINITIONS = "/etc/mdevctl.d"


def mdev_parents(tree: Tree) -> dict[str, str]:
    """The PCI function of each mediated device by its UUID: of those that there are, and that mdevctl could make."""
    defined = {
        uuid.lower(): parent
        for parent in filter(is_pci_name, tree.names(_DEFINITIONS))
        for uuid in tree.names(f"{_DEFINITIONS}/{parent}")
    }
    return {**defined, **{uuid: use.address for uuid, use in _made(tree)}}


def mdev_uses(tree: Tree) -> list[HostUse]:
    """A use of a function for each mediated device that is made on it."""
    return [use for _uuid, use in _made(tree)]


def _made(tree: Tree) -> t.Iterator[tuple[str, HostUse]]:
    for uuid in tree.names(_DEVICES):
        path = tree.real(f"{_DEVICES}/{uuid}")
        kind = tree.link_name(f"{path}/mdev_type") or "type unknown"
        for address in pci_addresses(path)[-1:]:
            yield uuid.lower(), HostUse("has_mdevs", address, f"mediated device {uuid} ({kind}) is made on it", path)
