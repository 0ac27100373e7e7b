# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an owner can't be served beside the others of the same run: who gets what it asks for."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError, few
from ..claim import choose, for_owner

if t.TYPE_CHECKING:
    from ...host.inventory import Inventory
    from ...plan.plan import Plan
    from ...selection.choice import Asked
    from ...snapshot import Snapshot


def competing(free: Snapshot, asked: Asked, claimed: t.Sequence[Plan], error: HostdevError) -> HostdevError:
    """The error of an owner, with those that compete with it where it would be served alone.

    `free` is the host before anybody of this run got something, `claimed` are the plans of those that did.
    """
    label = asked.owner.label
    told = error.but(subject=f"{label}: {error.subject}")
    try:
        alone = choose(for_owner(free, asked.wish), asked.wish).change
    except HostdevError:
        return told
    wanted = {*alone.after.holdings, *alone.after.node_devices} - {*alone.before.holdings, *alone.before.node_devices}
    near = _with_relatives(free.inventory, wanted)
    rivals = {}
    for plan in claimed:
        taken = [name for name in _taken(plan) if name in near or _fits(free, asked, name)]
        if taken:
            rivals[plan.after.owner.label] = sorted(taken)
    if not rivals:
        return told
    gets = "; ".join(f"{rival} gets {few(taken)}" for rival, taken in rivals.items())
    return HostdevError(
        "owners_compete",
        subject=f"{label} and {', '.join(rivals)}",
        found=f"{gets}, and then for {label}: {error.found} ({error.subject})",
        wanted="devices for all of them",
        remedy=f"ask for fewer, or for other devices, for one of them; alone {label} would get {few(sorted(wanted))}",
        details={"owners": [label, *rivals], "unserved": error.as_result()},
    )


def _taken(plan: Plan) -> set[str]:
    before, after = plan.before, plan.after
    return {*after.holdings, *after.node_devices} - {*before.holdings, *before.node_devices}


def _with_relatives(inventory: Inventory, addresses: t.Collection[str]) -> set[str]:
    """The devices with their group mates, PFs and VFs: who has one of these has the device."""
    near = set(addresses)
    for address in addresses:
        device = inventory.devices.get(address)
        if device is not None:
            near.update(mate.address for mate in inventory.group_mates(address))
            near.update(device.virtual_functions)
            near.update([] if device.physical_function is None else [device.physical_function])
    return near


def _fits(snapshot: Snapshot, asked: Asked, address: str) -> bool:
    device = snapshot.inventory.devices.get(address)
    allow_list = asked.wish.allow_list.resolved(snapshot.inventory, frozenset())
    requests = [request for request in asked.wish.requests if request.node is None]
    return device is not None and any(
        request.resolved(snapshot.inventory, frozenset()).wants(device, allow_list) for request in requests
    )
