# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a device that somebody has begun to use since it was chosen."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError
from .blocker import Blocker
from .function import own_blockers, use_blockers

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..host.inventory import Inventory
    from ..host.nodes.node_device import NodeDevice
    from ..snapshot import Snapshot
    from .consent import Consent


def check_still_free(inventory: Inventory, address: str, consent: Consent) -> None:
    """Refuse to take a function that has blockers by now. Raises HostdevError with code device_in_use."""
    reasons = own_blockers(inventory, inventory.devices[address], consent)
    if reasons:
        raise _in_use(address, reasons, "a device that is still as free as when it was chosen")


def check_unused(inventory: Inventory, address: str) -> None:
    """Refuse to take a function from a driver of the host that uses it. Raises HostdevError with code device_in_use."""
    reasons = use_blockers(address, inventory.host_uses.get(address, ()))
    if reasons:
        raise _in_use(address, reasons, "a device that the host does not use, to take it from its driver")


def check_node_still_free(snapshot: Snapshot, node: NodeDevice, owner: Owner, allow: t.Collection[str]) -> None:
    """Refuse to take a USB or SCSI device that has blockers by now. Raises HostdevError with code device_in_use."""
    from .usb_scsi import node_guards

    reasons = node_guards(snapshot, node, owner, allow)
    if reasons:
        raise _in_use(node.name, reasons, "a device that is still as free as when it was chosen")


def _in_use(address: str, reasons: list[Blocker], wanted: str) -> HostdevError:
    return HostdevError(
        "device_in_use",
        subject=address,
        found="by now " + "; ".join(f"{reason.code}: {reason.detail}" for reason in reasons),
        wanted=wanted,
        remedy="; or ".join(dict.fromkeys(reason.remedy for reason in reasons)),
        details={"blockers": [reason.as_dict() for reason in reasons]},
    )


def found_blockers(error: HostdevError) -> bool:
    """Whether an error is of a device in use, as the guards, asked again, or the kernel found it."""
    return error.code == "device_in_use" and "blockers" in error.details
