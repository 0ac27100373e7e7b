# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written down of a host, in one line."""

from __future__ import annotations

import typing as t

from ...claims.words import short
from ...errors import few, one_line

if t.TYPE_CHECKING:
    from .adoption import Adoption


def told(adoption: Adoption, *, check_mode: bool) -> str:
    """What is written down, or in check mode would be, and how much on the host does the same by itself."""
    parts = []
    devices = sum(len(adopted.holdings) for adopted in adoption.claims)
    if devices:
        owners = few([short(adopted.after.owner.label) for adopted in adoption.claims])
        parts.append(f"{devices} device{_s(devices)} of {owners}")
    if adoption.vfs:
        parts.append(f"the VFs of {few([made.address for made in adoption.vfs])}")
    done = "would be written down" if check_mode else "written down"
    said = f"{' and '.join(parts)} {done}" if parts else "nothing is to be written down"
    fighters = len(adoption.fighters)
    if fighters:
        acts = "place binds devices or makes" if fighters == 1 else "places bind devices or make"
        said += f"; {fighters} {acts} VFs beside the record, see fighters"
    return one_line(said)


def _s(number: int) -> str:
    return "" if number == 1 else "s"
