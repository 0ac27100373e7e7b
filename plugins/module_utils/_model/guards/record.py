# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of a device that is not where, or not what, the record has."""

from __future__ import annotations

import typing as t

from ..claims.identity import identity_mismatch
from .blocker import Blocker, blocker
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..claims.identity import Moved
    from ..host.device import PciDevice


def record_blockers(device: PciDevice, holder: Claim | None, move: Moved | None) -> list[Blocker]:
    """`holder` holds what was at the device's address; `move` tells of a claim that the device itself is of."""
    if holder is None and move is None:
        return []
    return [
        blocker(code, device.address, detail)
        for code, guard in _GUARDS
        if (detail := guard(device, holder, move)) is not None
    ]


def identity_changed(device: PciDevice, holder: Claim | None, _move: Moved | None) -> str | None:
    mismatch = None if holder is None else identity_mismatch(device, holder.holdings[device.address])
    return None if holder is None or mismatch is None else f"held by {holder.owner}, but {mismatch}"


def moved(_device: PciDevice, holder: Claim | None, move: Moved | None) -> str | None:
    return None if holder is not None or move is None else str(move)


_GUARDS = guards_in(globals())
