# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that have another name in the data by now, and say the same for the rest: their devices stay in the guest.

The name of a request is on record and nowhere else, so that neither definition nor guest has to change for it.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...errors import HostdevError
from ...plan.plan import CLAIM, Plan
from ...requests.constraints import reference
from ..claim import choose

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...claims.usb_scsi import NodeHolding
    from ...requests.constraints import Constraint
    from ...requests.request import Request
    from ...selection.choice import Asked
    from ...snapshot import Snapshot

    _H = t.TypeVar("_H", Holding, NodeHolding)


def renamed_plan(snapshot: Snapshot, asked: Asked, unnamed: t.Collection[str]) -> Plan | None:
    """The plan by which an owner's requests get their new names on record, None where none is only renamed.

    `unnamed` are the names on record that the data does not have. Of those the ones made for the data are renamed, each
    to the first new request that says the same, as far as it is served by just what it has.
    """
    before = claim = snapshot.tracker.claim_of(asked.owner)
    new = [request for request in asked.wish.requests if request.name not in before.requests]
    for name in sorted(before.declared.intersection(unnamed)):
        same = next((request for request in new if _says(request) == _says(before.requests[name])), None)
        if same is None:
            continue
        candidate = _with_name(claim, name, same)
        if _serves(snapshot, asked, candidate, same):
            new.remove(same)
            claim = candidate
    return None if claim is before else Plan(CLAIM, (), before, claim, before.allow)


def _says(request: Request) -> dict[str, t.Any]:
    return {key: value for key, value in request.as_dict().items() if key != "name"}


def _with_name(claim: Claim, name: str, request: Request) -> Claim:
    """The claim whose request of this name is another one."""
    new_names = {name: request.name, reference(claim.owner.id, name): reference(claim.owner.id, request.name)}
    others = {other: one for other, one in claim.requests.items() if other != name}
    return replace(
        claim,
        requests={**others, request.name: request},
        holdings=_reassigned(claim.holdings, name, request.name),
        node_devices=_reassigned(claim.node_devices, name, request.name),
        declared=claim.declared - {name} | {request.name},
        constraints=_renamed(claim.constraints, new_names),
        prefer=_renamed(claim.prefer, new_names),
    )


def _renamed(kept: t.Iterable[Constraint], names: t.Mapping[str, str]) -> tuple[Constraint, ...]:
    return tuple(one.renamed(lambda name: names.get(name, name)) for one in kept)


def _reassigned(held: t.Mapping[str, _H], before: str, after: str) -> dict[str, _H]:
    return {name: replace(one, request=after) if one.request == before else one for name, one in held.items()}


def _serves(snapshot: Snapshot, asked: Asked, claim: Claim, request: Request) -> bool:
    """Whether what the claim has for the request goes on serving it: none is taken or given back for it."""
    tracker = snapshot.tracker.copy()
    tracker.put(claim)
    alone = asked._replace(wish=replace(asked.wish, requests=(request,), constraints=(), prefer=()))
    try:
        after = choose(replace(snapshot, tracker=tracker), alone).change.after
    except HostdevError:
        return False
    return {*after.holdings, *after.node_devices} == {*claim.holdings, *claim.node_devices}
