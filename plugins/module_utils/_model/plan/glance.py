# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether all is as a claim wants it, as far as a glance tells: so most tasks find it, and need no rule of a plan."""

from __future__ import annotations

import typing as t

from ..claims.cards.identity import held_device
from ..guest.domain import PLACES
from ..requests.guest_options import NO_OPTIONS
from .plan import CLAIM

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..host.inventory import Inventory
    from ..snapshot import Snapshot
    from .plan import Change


def at_rest(snapshot: Snapshot, change: Change) -> bool:
    """Whether planner.function_steps surely has no step for a claim's functions, and nothing of them waits.

    What a glance does not tell is False: options of requests, functions that share a slot, and all that differs.
    """
    before, after = change.before, change.after
    if (
        change.operation != CLAIM
        or before.holdings != after.holdings
        or change.free_root_ports is not None
        or snapshot.vf_states
    ):
        return False
    held = list(after.holdings.values())
    domain = snapshot.domain_of(after.owner)
    layouts = [] if domain is None else [(place, domain.layout(place)) for place in PLACES]
    return (
        all(_bound(snapshot.inventory, holding) and _plain(holding, before, after) for holding in held)
        and _apart(snapshot.inventory, held)
        and all(
            holding.address in layout.assigned and (layout.assigned[holding.address].place or ".0").endswith(".0")
            for place, layout in layouts
            if layout is not None
            for holding in held
            if holding.request is not None and place in holding.attach
        )
    )


def _bound(inventory: Inventory, held: Holding) -> bool:
    device = held_device(inventory, held)
    return device is not None and device.vfio


def _plain(held: Holding, before: Claim, after: Claim) -> bool:
    """Whether nothing is asked for but the device, now and before."""
    return not held.vf_settings and before.options(held.address) == after.options(held.address) == NO_OPTIONS


def _apart(inventory: Inventory, holdings: t.Sequence[Holding]) -> bool:
    """Whether no two are functions of one host slot; a VF is no part of one."""
    slots = [
        held.address.rpartition(".")[0] for held in holdings if not inventory.devices[held.address].physical_function
    ]
    return len(slots) == len(set(slots))
