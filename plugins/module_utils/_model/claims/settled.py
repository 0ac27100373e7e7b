# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a device that is set aside was mended meanwhile, by hand or by a reboot."""

from __future__ import annotations

import typing as t

from ..host.device import host_driven, named_vfio
from .cards.identity import identity_mismatch

if t.TYPE_CHECKING:
    from ..host.inventory import Inventory
    from .set_aside import SetAside
    from .tracker import Tracker


def is_settled(inventory: Inventory, aside: SetAside) -> bool:
    """Whether it is gone, another one, or with the host again and no longer in its owner's domain.

    Nothing of ours is left on it once it has the driver and override that it had, or any driver of the host that no
    override will take it from, and no process hangs at it or has it open.
    """
    device = inventory.devices.get(aside.address)
    if device is None or identity_mismatch(device, aside.held) is not None:
        return True
    if device.binding != aside.held.original and (not host_driven(device) or named_vfio(device.driver_override or "")):
        return False
    stood = aside.held.stood_before
    left = any(
        use.uuid == aside.owner.id
        and use.has_function
        and ((use.config and "config" not in stood) or (use.live and "live" not in stood))
        for use in inventory.domain_uses.get(aside.address, ())
    )
    held = any(use.code == "held_by_process" for use in inventory.host_uses.get(aside.address, ()))
    return not left and not held


def aside_device(inventory: Inventory, tracker: Tracker, address: str) -> SetAside | None:
    """What the record says of a device that is set aside; None of one that was mended, or took its place."""
    aside = tracker.set_aside.get(address)
    return None if aside is None or is_settled(inventory, aside) else aside
