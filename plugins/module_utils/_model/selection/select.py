# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From requests for PCI functions to what the owner's claim holds of them. Deterministic, no effects."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..address import address_order
from ..availability.states import DeviceStates, TransitionError
from ..claims.claim import Claim, Holding
from ..claims.identity import as_claimed, held_device, identity_mismatch, moved_devices
from ..errors import HostdevError
from ..guards.blocker import Consent
from ..guards.group import blockers
from ..guest.domain import LIVE
from .choice import Selection
from .give_back import reassigned
from .group_closure import check_consent, group_members, members_on_record
from .matching import claim_some
from .refusals import not_enough, refusal, too_far
from .remedies import RELEASE, Refusal, advice, blocked

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.request import Request
    from ..snapshot import Snapshot
    from .choice import Asked


def select(snapshot: Snapshot, asked: Asked) -> Claim:
    """The owner's claim once all requests for PCI functions are served; requests that are not named stay as they are.

    Keeps what is held and fits, gives back what a smaller count leaves over, takes the lowest free addresses for
    what is missing, and adds the group mates that must come along. Where devices are to be attached is noted with
    those of the named requests. Raises HostdevError when a request can't be served, with every device that came near
    and what blocks it.
    """
    claim = snapshot.tracker.claim_of(asked.owner)
    chosen = _selection(snapshot, asked, claim)
    requests = [request.resolved(chosen.inventory, chosen.held) for request in _requests(asked)]
    named = {request.name for request in requests}
    for address, held in claim.holdings.items():
        if held.request is not None and held.request not in named:
            chosen.serving[address] = held.request
    for request in requests:
        for address in _keep(chosen, claim, request):
            chosen.serving[address] = request.name
    _note_held(chosen)
    for request in requests:
        have = sum(1 for name in chosen.serving.values() if name == request.name)
        for address in _take(chosen, request, request.count - have):
            chosen.serving[address] = request.name
    written = {**claim.requests, **{request.name: request for request in _requests(asked)}}
    return Claim(asked.owner, written, _holdings(chosen, claim, asked.places, named), claim.node_devices)


def _requests(asked: Asked) -> list[Request]:
    return [request for request in asked.wish.requests if request.node is None]


def _selection(snapshot: Snapshot, asked: Asked, claim: Claim) -> Selection:
    """The selection before anything is kept or taken, with the owner's claim as it is."""
    inventory, tracker, owner, terms = snapshot.inventory, snapshot.tracker, asked.owner, asked.wish.terms
    present = frozenset(address for address, held in claim.holdings.items() if held_device(inventory, held) is not None)
    addresses = {request.address for request in _requests(asked) if request.address is not None}
    allow_list = asked.wish.allow_list.resolved(inventory, present)
    states = DeviceStates(allow_list, inventory.devices.values())
    consent = Consent(
        allow=terms.allow,
        owner_uuid=owner.id if owner.kind == "domain" else None,
        whole_group=terms.whole_group,
        require_reset=terms.require_reset,
        members=terms.members | addresses | present,
        held_by_others={
            address: str(other.owner) for other in tracker if other.owner.key != owner.key for address in other.holdings
        },
    )
    moved = moved_devices(inventory, tracker)
    return Selection(inventory, tracker, owner, allow_list, terms, consent, moved, present, states, asked.guest)


def _holdings(chosen: Selection, claim: Claim, places: tuple[str, ...], named: t.Collection[str]) -> dict[str, Holding]:
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
        held = _holding(chosen, claim, address)
        holdings[address] = replace(held, attach=places) if held.request in named else held
        _check_rebind(chosen, address)
    return {address: holdings[address] for address in sorted(holdings, key=address_order)}


def _note_held(chosen: Selection) -> None:
    """Claim in the states what others hold, and what this owner keeps."""
    held = [(address, claim.owner.key) for claim in chosen.tracker for address in claim.holdings]
    others = [(address, key) for address, key in held if key != chosen.owner.key]
    for address, key in [*others, *((address, chosen.owner.key) for address in chosen.serving)]:
        device = chosen.inventory.devices.get(address)
        if device is not None:
            # A PF and its VF on record together are both refused all the same, see _taken_by.
            with contextlib.suppress(TransitionError):
                chosen.states.adopt(device, key)


def _keep(chosen: Selection, claim: Claim, request: Request) -> list[str]:
    """The held devices that go on serving the request."""
    fit = []
    for address in claim.serving(request.name):
        device, held = chosen.inventory.devices.get(address), claim.holdings[address]
        misfit = _absence(chosen, address) if device is None else identity_mismatch(device, held)
        if misfit is None and device is not None and not request.wants(as_claimed(device, held), chosen.allow_list):
            misfit = "it does not fit the request, or the device_spec does not permit it"
        if misfit is None and device is not None:
            misfit = too_far(chosen, request, device)
        if misfit is None:
            fit.append(address)
        elif not chosen.terms.replace_misfits:
            raise HostdevError(
                "held_device_mismatch",
                subject=f"{address}, held by {claim.owner} for request {request.name}",
                found=misfit,
                wanted=request.describe(),
                remedy="set on_mismatch to replace, or release the request first",
            )
    # What an earlier run had to leave with its guest, see left_with_guest, is the first to be given back.
    fit.sort(key=lambda address: claim.holdings[address].attach == (LIVE,))
    return fit[: request.count]


def _absence(chosen: Selection, address: str) -> str:
    for present, moved in chosen.moved.items():
        if (moved.claimed_at, moved.owner.key) == (address, chosen.owner.key):
            return f"it moved to {present}"
    return "it is no longer on the host"


def _take(chosen: Selection, request: Request, missing: int) -> list[str]:
    """Claim free devices for what the request still lacks; none when it lacks nothing."""
    if missing <= 0:
        return []
    if request.address is not None and request.address not in chosen.inventory.devices:
        raise HostdevError(
            "no_such_device",
            subject=f"{request.address}, asked for by request {request.name}",
            found="there is no such PCI function on this host",
            wanted="the address of one that is",
            remedy="see the addresses with kvm.hostdev.pci_facts; after a move of cards ask by specs instead",
        )
    refused: dict[str, Refusal] = {}
    taken: list[str] = []
    # A device that the owner's domain has already comes first, one without group mates before others.
    for worst in _RANKS if _has_any(chosen) else _RANKS[1:]:

        def admits(device: PciDevice, _request: Request, worst: int = worst) -> bool:
            if device.address in refused or _rank(chosen, device.address) > worst:
                return False
            why = refusal(chosen, device)
            if why is not None:
                refused[device.address] = why
            return why is None

        taken += claim_some(chosen.states, chosen.owner.key, request, missing - len(taken), chosen.guest, admits)
    if len(taken) < missing:
        raise not_enough(chosen, request, missing, taken)
    return taken


_RANKS = (0, 1, 2)


def _has_any(chosen: Selection) -> bool:
    """Whether the owner's domain has any device at all: else nothing is of the first rank, and none is looked at."""
    uuid = chosen.consent.owner_uuid
    return any(use.uuid == uuid for uses in chosen.inventory.domain_uses.values() for use in uses)


def _rank(chosen: Selection, address: str) -> int:
    uuid = chosen.consent.owner_uuid
    if any(use.uuid == uuid for use in chosen.inventory.domain_uses.get(address, ())):
        return 0
    return 1 if set(group_members(chosen.inventory, {address})) <= chosen.serving.keys() | chosen.held else 2


def _check_rebind(chosen: Selection, address: str) -> None:
    """A held device that went back to the host, say by a reboot, may be in use there again: look before it is taken."""
    device = chosen.inventory.devices[address]
    if device.vfio:
        return
    consent = replace(chosen.consent, whole_group=True)
    reasons = blockers(chosen.inventory, address, consent)
    if reasons:
        why = blocked(reasons)
        raise HostdevError(
            "device_blocked",
            subject=address,
            found=why.text,
            wanted="a device that nothing keeps with the host",
            remedy="; or ".join([*advice(why.steps, subject=address), f"release it with {RELEASE}"]),
            details={"blockers": [reason.as_dict() for reason in reasons]},
        )


def _holding(chosen: Selection, claim: Claim, address: str) -> Holding:
    """The device as the claim shall hold it: as before when it is the same device, else as it is now."""
    device, request = chosen.inventory.devices[address], chosen.serving.get(address)
    held = claim.holdings.get(address)
    if held is not None and identity_mismatch(device, held) is None:
        return reassigned(held, request)
    tags = chosen.allow_list.tags_of(device) or {}
    managed = tags.get("managed")
    return Holding(
        address,
        request,
        device.identity,
        device.binding,
        adopted=device.vfio,
        managed=None if managed is None else managed == "true",
        one_time_use=tags.get("one_time_use") == "true",
    )
