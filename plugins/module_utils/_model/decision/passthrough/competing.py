# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an owner can't be served beside the others of the same run: who gets what it asks for."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError, few
from ..claim import choose

if t.TYPE_CHECKING:
    from ...claims.claim import Owner
    from ...host.inventory import Inventory
    from ...selection.choice import Asked
    from ...snapshot import Snapshot
    from .owners import Owners


def competing(free: Snapshot, served: Snapshot, asked: Asked, owners: Owners, error: HostdevError) -> HostdevError:
    """The error of an owner, with those of the same run who have, or would get, what it asks for.

    `free` is the host before anybody of this run got something, `served` with what those before this owner got.
    Where the host has too few devices for this owner alone, nobody competes with it.
    """
    called, name = owners.called(asked.owner), owners.names[asked.owner.key]
    told = error.but(subject=f"{called}: {error.subject}")
    if error.details.keys().isdisjoint(("refused", "blockers")):
        return told  # it is about something else than what others have
    alone = _alone(free, asked)
    fitting = _Fitting(free, asked)
    if not alone and not fitting.enough:
        return told
    near = _with_relatives(free.inventory, alone) | {one["address"] for one in error.details.get("blockers", ())}
    rivals: dict[Owner, list[str]] = {}
    for other in owners:
        claim = served.tracker.claim_of(other.owner)
        has = [name for name in (*claim.holdings, *claim.node_devices) if name in near or name in fitting]
        if has and other.owner.key != asked.owner.key:
            rivals[other.owner] = has
    if not rivals:
        return told
    gets = "; ".join(f"{owners.names[rival.key]} gets {few(has)}" for rival, has in rivals.items())
    advice = f"; alone {name} would get {few(sorted(alone))}" if alone else ""
    return HostdevError(
        "owners_compete",
        subject=f"{called} and {', '.join(map(owners.called, rivals))}",
        found=f"{gets}, and then for {name}: {error.found} ({error.subject})",
        wanted="devices for all of them",
        remedy=f"ask for fewer, or for other devices, for one of them{advice}",
        details={"owners": [name, *(owners.names[rival.key] for rival in rivals)], "unserved": error.as_result()},
    )


def _alone(free: Snapshot, asked: Asked) -> set[str]:
    """What the owner would get if it were the only one of this run, beside what it holds."""
    try:
        change = choose(free, asked).change
    except HostdevError:
        return set()
    before, after = change.before, change.after
    return {*after.holdings, *after.node_devices} - {*before.holdings, *before.node_devices}


class _Fitting:
    """The functions of the host that fit a request of an owner; `enough` that each request could have its count."""

    def __init__(self, snapshot: Snapshot, asked: Asked) -> None:
        devices = snapshot.inventory.devices
        allow_list = asked.wish.allow_list.resolved(snapshot.inventory, devices.keys())
        requests = [one.resolved(snapshot.inventory, devices.keys()) for one in asked.wish.requests if one.node is None]
        of_each = [
            [device.address for device in devices.values() if request.wants(device, allow_list)] for request in requests
        ]
        self.enough = all(len(fit) >= request.count for fit, request in zip(of_each, requests))
        self._addresses = {address for fit in of_each for address in fit}

    def __contains__(self, address: str) -> bool:
        return address in self._addresses


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
