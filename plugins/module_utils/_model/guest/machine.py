# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the machine type of a domain makes of a device."""

from __future__ import annotations

import typing as t

from ..errors import of_all

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from .domain import Domain


def machine_warnings(domain: Domain | None, devices: t.Iterable[PciDevice]) -> list[str]:
    """A warning of PCI Express devices that come into a machine without PCI Express, such as QEMU's pc (i440fx).

    They work there as conventional devices: QEMU shows the guest the first 256 bytes of their configuration space.
    """
    layout = None if domain is None else domain.config or domain.live
    if domain is None or layout is None or layout.free_root_ports is not None or not layout.conventional_slots:
        return []
    where = f"and the machine of domain {domain.name} has no PCI Express: the guest sees"
    rest = "without extended configuration space. A driver that needs that fails; machine type q35 has it"
    return of_all(
        [device.address for device in devices if device.express],
        f"is a PCI Express device, {where} a conventional PCI device {rest}",
        f"are PCI Express devices, {where} conventional PCI devices {rest}",
    )
