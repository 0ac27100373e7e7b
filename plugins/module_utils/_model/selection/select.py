# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what serves an owner's requests for PCI functions to what its claim holds. Deterministic, no effects."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..claims.claim import Claim, Holding
from ..errors import HostdevError
from .group_closure import check_consent, group_members, members_on_record, reassigned
from .serving import functions_of, party, put, settled
from .together.served import serve

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.constraints import Constraint
    from ..snapshot import Snapshot
    from .as_found import AsFound
    from .choice import Asked, Selection


def select(snapshot: Snapshot, asked: Asked) -> Claim:
    """The owner's claim once all requests for PCI functions are served; requests that are not named stay as they are.

    The group mates that must come along are added, and where devices of the named requests are to be attached. Raises
    HostdevError when a request can't be served, with every device that came near and what blocks it.
    """
    claim = snapshot.tracker.claim_of(asked.owner)
    if asked.serving is None:
        chosen = serve(snapshot, [(asked, (), ())])[0].chosen
    else:
        chosen = settled(snapshot, asked, asked.serving)
    requests = functions_of(asked)
    named = {request.name for request in requests}
    written = {**claim.requests, **{request.name: request for request in requests}}

    def found(device: PciDevice) -> AsFound:
        from .as_found import as_found

        return as_found(snapshot, snapshot.domain_of(asked.owner), device)

    return Claim(asked.owner, written, _holdings(chosen, claim, asked.places, named, found), claim.node_devices)


def given_back(
    snapshot: Snapshot, asked: Asked, constraints: t.Sequence[Constraint], wishes: t.Sequence[Constraint]
) -> set[str]:
    """The held devices that serve a request of the owner and will not any more: a smaller count leaves them over.

    Raises HostdevError as `serve` does for a held device that no longer fits.
    """
    claim = snapshot.tracker.claim_of(asked.owner)
    one = party(snapshot, asked)
    try:
        kept = serve(snapshot, [(asked, constraints, wishes)])[0].chosen.serving.keys()
    except HostdevError:
        # What others give back may be what it lacks: by then it is asked again.
        put(one, {request.name: one.keeping[request.name][: request.count] for request in one.requests})
        kept = one.chosen.serving.keys()
    return {address for address, held in claim.holdings.items() if held.request is not None} - kept


def _holdings(
    chosen: Selection,
    claim: Claim,
    places: tuple[str, ...],
    named: t.Collection[str],
    found: t.Callable[[PciDevice], AsFound],
) -> dict[str, Holding]:
    """What the claim holds once the requests of these names are served, group members too.

    Of a request that is not named, a device that is gone or has another in its place stays on record untouched.
    """
    absent = claim.holdings.keys() - chosen.held
    left = {address for address, name in chosen.serving.items() if address in absent and name not in named}
    members = group_members(chosen.inventory, chosen.serving.keys() - left)
    check_consent(chosen, members)
    kept = left | (set(members_on_record(claim)) - {*chosen.serving, *members} if left else set())
    holdings = {address: claim.holdings[address] for address in kept}
    for address in sorted({*chosen.serving, *members} - left, key=address_order):
        held = _holding(chosen, claim, address, found)
        holdings[address] = replace(held, attach=places) if held.request in named else held
        if not chosen.inventory.devices[address].vfio:
            # A held device that went back to the host, say by a reboot, may be in use there again.
            from .refused.refusals import check_rebind

            check_rebind(chosen, address)
    return {address: holdings[address] for address in sorted(holdings, key=address_order)}


def _holding(chosen: Selection, claim: Claim, address: str, found: t.Callable[[PciDevice], AsFound]) -> Holding:
    """The device as the claim shall hold it: as before when it is the same device, else as it is now."""
    device, request = chosen.inventory.devices[address], chosen.serving.get(address)
    held = claim.holdings.get(address)
    if held is not None and address in chosen.held:
        return reassigned(held, request)
    tags = chosen.allow_list.tags_of(device) or {}
    managed = tags.get("managed")
    original, adopted = found(device)
    return Holding(
        address,
        request,
        device.identity,
        original,
        adopted=adopted,
        managed=None if managed is None else managed == "true",
        one_time_use=tags.get("one_time_use") == "true",
    )
