# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a function was before anybody gave it away: what a release leads back to."""

from __future__ import annotations

import typing as t

from ..guest.pci_xml import is_managed

if t.TYPE_CHECKING:
    from ..guest.domain import Domain
    from ..host.device import Binding, PciDevice
    from ..snapshot import Snapshot


class AsFound(t.NamedTuple):
    """`original` is the binding to restore; `adopted` says that the function was with a VFIO driver already."""

    original: Binding
    adopted: bool


def as_found(snapshot: Snapshot, domain: Domain | None, device: PciDevice) -> AsFound:
    """A function as it is; as it was before libvirt bound it, where a running `domain` has it and is to let it go.

    libvirt binds what is managed for as long as its guest runs, then has the kernel choose a driver: at the next boot
    nobody has bound it. It binds nothing that has a VFIO driver already, and pins what it binds
    (src/util/virpci.c, virPCIDeviceBindToStub, virPCIDeviceBindWithDriverOverride).
    """
    live = None if domain is None or domain.live is None else domain.live.assigned.get(device.address)
    if live is not None and is_managed(live.element) and device.vfio and device.driver_override == device.driver:
        before = snapshot.before_libvirt(device)
        if before is not None:
            return AsFound(before, adopted=False)
    return AsFound(device.binding, adopted=device.vfio)
