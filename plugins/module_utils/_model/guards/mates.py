# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which group mates leave the host with a device of their group."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..host.device import PciDevice

CLASS_HOST_BRIDGE = "0600"
CLASS_ISA_BRIDGE = "0601"


def comes_along(mate: PciDevice) -> bool:
    """Whether a group mate must be held with its group: bridges and the platform's own functions stay, undriven."""
    return not mate.is_bridge and not mate.class_id.startswith((CLASS_HOST_BRIDGE, CLASS_ISA_BRIDGE))
