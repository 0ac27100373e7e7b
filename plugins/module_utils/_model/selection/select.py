# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From requests for PCI functions to what the owner's claim holds of them. Deterministic, no effects."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..claims.cards.identity import as_claimed, held_device, identity_mismatch, moved_devices
from ..claims.claim import Claim, Holding
from ..guards.consent import Consent
from ..guest.domain import LIVE
from .choice import Selection
from .group_closure import check_consent, check_members, group_members, members_on_record, reassigned
from .nearness import too_far

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.request import Request
    from ..snapshot import Snapshot
    from .as_found import AsFound
    from .choice import Asked


def select(snapshot: Snapshot, asked: Asked) -> Claim:
    """The owner's claim once all requests for PCI functions are served; requests that are not named stay as they are.

    Keeps what is held and fits, gives back what a smaller count leaves over, takes the lowest free addresses for
    what is missing, and adds the group mates that must come along. Where devices are to be attached is noted with
    those of the named requests. Raises HostdevError when a request can't be served, with every device that came near
    and what blocks it.
    """
    claim = snapshot.tracker.claim_of(asked.owner)
    chosen, requests = _keeping(snapshot, asked, claim)
    named = {request.name for request in requests}
    missing = {
        request.name: request.count - sum(1 for name in chosen.serving.values() if name == request.name)
        for request in requests
    }
    if any(count > 0 for count in missing.values()):
        from .take import take

        take(chosen, requests, missing)
    written = {**claim.requests, **{request.name: request for request in _requests(asked)}}

    def found(device: PciDevice) -> AsFound:
        from .as_found import as_found

        return as_found(snapshot, snapshot.domain_of(asked.owner), device)

    return Claim(asked.owner, written, _holdings(chosen, claim, asked.places, named, found), claim.node_devices)


def given_back(snapshot: Snapshot, asked: Asked) -> set[str]:
    """The held devices that serve a request of the owner and will not any more: a smaller count leaves them over.

    Raises HostdevError as `select` does for a held device that no longer fits.
    """
    claim = snapshot.tracker.claim_of(asked.owner)
    chosen, _requests = _keeping(snapshot, asked, claim)
    return {address for address, held in claim.holdings.items() if held.request is not None} - chosen.serving.keys()


def _keeping(snapshot: Snapshot, asked: Asked, claim: Claim) -> tuple[Selection, list[Request]]:
    """The selection with what is held and stays, and the requests for PCI functions. Raises HostdevError."""
    chosen = _selection(snapshot, asked, claim)
    check_members(chosen, claim.holdings)
    requests = [request.resolved(chosen.inventory, chosen.held) for request in _requests(asked)]
    named = {request.name for request in requests}
    for address, held in claim.holdings.items():
        if held.request is not None and held.request not in named:
            chosen.serving[address] = held.request
    for request in requests:
        for address in _keep(chosen, claim, request):
            chosen.serving[address] = request.name
    return chosen, requests


def _requests(asked: Asked) -> list[Request]:
    return [request for request in asked.wish.requests if request.node is None]


def _selection(snapshot: Snapshot, asked: Asked, claim: Claim) -> Selection:
    """The selection before anything is kept or taken, with the owner's claim as it is."""
    inventory, tracker, owner, terms = snapshot.inventory, snapshot.tracker, asked.owner, asked.wish.terms
    present = frozenset(address for address, held in claim.holdings.items() if held_device(inventory, held) is not None)
    addresses = {request.address for request in _requests(asked) if request.address is not None}
    allow_list = asked.wish.allow_list.resolved(inventory, present)
    consent = Consent(
        allow=terms.allow,
        owner_uuid=owner.id if owner.kind == "domain" else None,
        whole_group=terms.whole_group,
        require_reset=terms.require_reset,
        members=terms.members | addresses | present,
        held_by_others={
            address: str(other.owner) for other in tracker if other.owner.key != owner.key for address in other.holdings
        },
        set_aside=frozenset(tracker.set_aside),
    )
    moved = moved_devices(inventory, tracker)
    return Selection(inventory, tracker, owner, allow_list, terms, consent, moved, present, asked.guest)


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


def _keep(chosen: Selection, claim: Claim, request: Request) -> list[str]:
    """The held devices that go on serving the request."""
    fit = []
    for address in claim.serving(request.name):
        device, held = chosen.inventory.devices.get(address), claim.holdings[address]
        misfit = None if device is None else identity_mismatch(device, held)
        if misfit is None and address not in chosen.held:
            device = None  # the one that is there is another one of its model
        if misfit is None and device is not None and not request.wants(as_claimed(device, held), chosen.allow_list):
            misfit = "it does not fit the request, or the device_spec does not permit it"
        if misfit is None and device is not None:
            misfit = too_far(chosen.guest, request, device)
        if misfit is None and device is not None:
            fit.append(address)
        elif not chosen.terms.replace_misfits:
            from .refused.misfits import held_device_mismatch

            raise held_device_mismatch(chosen, claim, request, address, misfit)
    # What an earlier run had to leave with its guest, see left_with_guest, is the first to be given back.
    fit.sort(key=lambda address: claim.holdings[address].attach == (LIVE,))
    return fit[: request.count]


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
