# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VFs a change is about, so that what their PFs have of them is read, and of no others."""

from __future__ import annotations

import typing as t

from ...address import address_order
from ...plan.plan import RELEASE

if t.TYPE_CHECKING:
    from ...plan.plan import Change


def vfs_concerned(change: Change) -> list[str]:
    """Addresses of the devices whose settings the change may set or put back: those that have a network now, or had.

    Of a release only those that it gives back.
    """
    before, after = change.before, change.after
    addresses = {address for address, held in before.holdings.items() if held.vf_settings}
    addresses.update(address for address in after.holdings if after.options(address).network is not None)
    if change.operation == RELEASE:
        addresses -= after.holdings.keys()
    return sorted(addresses, key=address_order)
