# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of a device that is not where, or not what, the record has."""

from __future__ import annotations

import typing as t

from ..claims.cards.identity import identity_mismatch
from .blocker import Blocker, blocker
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..claims.cards.identity import Moved
    from ..claims.claim import Claim
    from ..claims.set_aside import SetAside
    from ..claims.unmade_vf import UnmadeVf
    from ..host.device import PciDevice


class OnRecord(t.NamedTuple):
    """What the record says of a device: who holds what was at its address, of which claim the device itself is that
    moved, that it is set aside, and that a VF of it, which is to be made again, is held."""

    holder: Claim | None = None
    move: Moved | None = None
    aside: SetAside | None = None
    unmade_vf: UnmadeVf | None = None


def record_blockers(device: PciDevice, known: OnRecord) -> list[Blocker]:
    if known == OnRecord():
        return []
    return [
        blocker(code, device.address, detail) for code, guard in _GUARDS if (detail := guard(device, known)) is not None
    ]


def identity_changed(device: PciDevice, known: OnRecord) -> str | None:
    holder = known.holder
    mismatch = None if holder is None else identity_mismatch(device, holder.holdings[device.address])
    return None if holder is None or mismatch is None else f"held by {holder.owner}, but {mismatch}"


def moved(_device: PciDevice, known: OnRecord) -> str | None:
    return None if known.holder is not None or known.move is None else str(known.move)


def set_aside(_device: PciDevice, known: OnRecord) -> str | None:
    return None if known.aside is None else known.aside.told()


def pf_has_vfs(_device: PciDevice, known: OnRecord) -> str | None:
    return None if known.unmade_vf is None else str(known.unmade_vf)


_GUARDS = guards_in(globals())
