# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What serves an owner's requests: what it keeps of what it holds, before anything is taken."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..claims.cards.identity import as_claimed, held_device, identity_mismatch, moved_devices
from ..guards.consent import Consent
from ..guest.domain import LIVE
from .choice import Selection
from .group_closure import check_members
from .nearness import too_far

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..requests.request import Request
    from ..snapshot import Snapshot
    from .choice import Asked


@dataclass(frozen=True)
class Party:
    """An owner's part of a selection: what it asks for, what it has on record, and which of that fits.

    `keeping` are the held devices of each request that may go on serving it.
    """

    asked: Asked
    chosen: Selection
    claim: Claim
    requests: tuple[Request, ...]
    keeping: t.Mapping[str, list[str]]

    @property
    def lacking(self) -> bool:
        """Whether a request has too few devices."""
        return any(len(self.keeping[request.name]) < request.count for request in self.requests)

    @property
    def at_rest(self) -> bool:
        """Whether each request has just what it asks for."""
        return all(len(self.keeping[request.name]) == request.count for request in self.requests)


def party(snapshot: Snapshot, asked: Asked) -> Party:
    """An owner with what it keeps. Raises HostdevError for a held device that does not fit and may not be replaced."""
    asked.wish.allow_list.check(snapshot.inventory)
    claim = snapshot.tracker.claim_of(asked.owner)
    chosen = _selection(snapshot, asked, claim)
    check_members(chosen, claim.holdings)
    requests = tuple(request.resolved(chosen.inventory, chosen.held) for request in functions_of(asked))
    keeping = {request.name: _keep(chosen, claim, request) for request in requests}
    made = Party(asked, chosen, claim, requests, keeping)
    put(made, keeping)
    return made


def put(one: Party, serving: t.Mapping[str, t.Iterable[str]]) -> None:
    """Let these devices serve the requests of a selection, and what is held serve those that are not named."""
    chosen = one.chosen
    chosen.serving.clear()
    for address, held in one.claim.holdings.items():
        if held.request is not None and held.request not in one.keeping:
            chosen.serving[address] = held.request
    for name, addresses in serving.items():
        chosen.serving.update(dict.fromkeys(addresses, name))


def settled(snapshot: Snapshot, asked: Asked, serving: t.Mapping[str, str]) -> Selection:
    """The selection where it is settled what serves each request."""
    chosen = _selection(snapshot, asked, snapshot.tracker.claim_of(asked.owner))
    chosen.serving.update(serving)
    return chosen


def functions_of(asked: Asked) -> list[Request]:
    """The requests for PCI functions."""
    return [request for request in asked.wish.requests if request.node is None]


def _selection(snapshot: Snapshot, asked: Asked, claim: Claim) -> Selection:
    """The selection before anything is kept or taken, with the owner's claim as it is."""
    inventory, tracker, owner, terms = snapshot.inventory, snapshot.tracker, asked.owner, asked.wish.terms
    present = frozenset(address for address, held in claim.holdings.items() if held_device(inventory, held) is not None)
    addresses = {request.address for request in functions_of(asked) if request.address is not None}
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


def _keep(chosen: Selection, claim: Claim, request: Request) -> list[str]:
    """The held devices that may go on serving the request, those first that are to be kept first."""
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
    fit.sort(key=lambda address: is_parting(claim, address))
    return fit


def is_parting(claim: Claim, address: str) -> bool:
    """Whether an earlier run had to leave it with its guest: it is the first to be given back. See left_with_guest."""
    return claim.holdings[address].attach == (LIVE,)
