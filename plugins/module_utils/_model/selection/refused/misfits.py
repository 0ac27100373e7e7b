# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user is told of a held device that can't go on serving its request."""

from __future__ import annotations

import typing as t

from ...claims.unmade_vf import pfs_of_unmade, unmade
from ...errors import HostdevError
from ..making_vfs import make_again

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...requests.request import Request
    from ..choice import Selection

REPLACE = "set on_mismatch to replace, or release the request first"


def held_device_mismatch(
    chosen: Selection, claim: Claim, request: Request, address: str, misfit: str | None
) -> HostdevError:
    """The error; `misfit` is why the device that is there does not fit, None where it is gone."""
    found, remedy = (misfit, REPLACE) if misfit is not None else _absence(chosen, claim, address)
    return HostdevError(
        "held_device_mismatch",
        subject=f"{address}, held by {claim.owner} for request {request.name}",
        found=found,
        wanted=request.describe(),
        remedy=remedy,
    )


def _absence(chosen: Selection, claim: Claim, address: str) -> tuple[str, str]:
    """Where a device went that is gone, and what leads on from there."""
    for present, moved in chosen.moved.items():
        if (moved.claimed_at, moved.owner.key) == (address, chosen.owner.key):
            again = "run the playbook kvm.hostdev.reconcile: record and definition follow it"
            return f"it moved to {present}", f"{again}; or set on_mismatch to replace, which takes another one"
    pfs = pfs_of_unmade(chosen.inventory, claim.holdings[address])
    if pfs:
        # Another device in its place is no help: it would be lost at the next boot as well.
        again = "; or ".join(make_again(chosen, pf) for pf in pfs)
        return f"it is no longer on the host: {unmade(pfs)}", f"{again}; have the host do so at each boot"
    return "it is no longer on the host", REPLACE
