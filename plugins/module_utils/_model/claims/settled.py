# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a device that is set aside was mended meanwhile, by hand or by a reboot."""

from __future__ import annotations

import typing as t

from ..host.device import host_driven, named_vfio
from .identity import identity_mismatch

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from .set_aside import SetAside
    from .tracker import Tracker


def is_settled(aside: SetAside, device: PciDevice | None) -> bool:
    """Whether it is gone, another one, or with the host again.

    Nothing of ours is left on it once it has the driver and override that it had, or any driver of the host that no
    override will take it from.
    """
    if device is None or identity_mismatch(device, aside.held) is not None:
        return True
    if device.binding == aside.held.original:
        return True
    return host_driven(device) and not named_vfio(device.driver_override or "")


def aside_device(tracker: Tracker, device: PciDevice) -> SetAside | None:
    """What the record says of a device that is set aside; None of one that was mended, or took its place."""
    aside = tracker.set_aside.get(device.address)
    return None if aside is None or is_settled(aside, device) else aside


def settled(inventory: Inventory, asides: t.Iterable[SetAside]) -> list[SetAside]:
    """Those that were mended meanwhile, and that no process hangs at or has open."""
    return [
        aside
        for aside in asides
        if is_settled(aside, inventory.devices.get(aside.address))
        and not any(use.code == "held_by_process" for use in inventory.host_uses.get(aside.address, ()))
    ]
