# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""From requests to devices: what an owner's claim shall be after a claim or a release. Deterministic, no effects."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from ..address import address_order
from ..availability.states import DeviceTracker, TransitionError
from ..claims.identity import Moved, as_claimed, held_device, identity_mismatch, moved_devices
from ..claims.tracker import Claim, Holding
from ..errors import HostdevError
from ..guards.function import Blocker, Consent, blockers, comes_along
from ..guest.domain import LIVE
from .matching import ANYWHERE, Guest, claim_some
from .refusals import not_enough, refusal, too_far

if t.TYPE_CHECKING:
    from ..claims.tracker import Owner, Tracker
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..requests.device_spec import AllowList
    from ..requests.request import Request


@dataclass(frozen=True)
class Terms:
    """What the asker accepts: `allow` blocker codes, `members` group mates by address or `whole_group` all of them.

    With `replace_misfits` a held device that no longer fits its request is given back and another one taken, with
    `require_reset` none is taken without a known reset method.
    """

    allow: frozenset[str] = frozenset()
    whole_group: bool = False
    members: frozenset[str] = frozenset()
    replace_misfits: bool = False
    require_reset: bool = False


@dataclass
class Selection:
    """One resolution in progress: what each request keeps or takes."""

    inventory: Inventory
    tracker: Tracker
    owner: Owner
    allow_list: AllowList
    terms: Terms
    consent: Consent
    moved: t.Mapping[str, Moved]
    held: frozenset[str]
    books: DeviceTracker
    guest: Guest
    serving: dict[str, str] = field(default_factory=dict)


def select(
    inventory: Inventory,
    tracker: Tracker,
    owner: Owner,
    requests: t.Sequence[Request],
    allow_list: AllowList,
    terms: Terms,
    *,
    attach: tuple[str, ...] = (),
    guest: Guest = ANYWHERE,
) -> Claim:
    """The owner's claim once all requests are served; requests of the owner that are not named stay as they are.

    Keeps what is held and fits, gives back what a smaller count leaves over, takes the lowest free addresses for
    what is missing, and adds the group mates that must come along. `attach` is noted with the named requests'
    devices, `guest` is where the owner runs. Raises HostdevError when a request can't be served, with every device
    that came near and what blocks it.
    """
    claim = tracker.claim_of(owner)
    named = {request.name for request in requests}
    asked = {request.address for request in requests if request.address is not None}
    absent = {address for address, held in claim.holdings.items() if held_device(inventory, held) is None}
    present = frozenset(claim.holdings.keys() - absent)
    consent = Consent(
        allow=terms.allow,
        owner_uuid=owner.id if owner.kind == "domain" else None,
        whole_group=terms.whole_group,
        require_reset=terms.require_reset,
        members=terms.members | asked | present,
        held_by_others={
            address: str(other.owner) for other in tracker if other.owner.key != owner.key for address in other.holdings
        },
    )
    moved = moved_devices(inventory, tracker)
    requests = [request.resolved(inventory, present) for request in requests]
    allow_list = allow_list.resolved(inventory, present)
    books = DeviceTracker(allow_list)
    books.sync(inventory.devices.values())
    chosen = Selection(inventory, tracker, owner, allow_list, terms, consent, moved, present, books, guest)
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
    # Of a request that is not named, a device that is gone or has another in its place stays on record untouched.
    left = {address for address, name in chosen.serving.items() if address in absent and name not in named}
    members = _members(inventory, chosen.serving.keys() - left)
    _check_consent(chosen, members)
    written = dict(claim.requests)
    written.update({request.name: request.as_dict() for request in requests})
    kept = left | (set(_members_on_record(claim)) - {*chosen.serving, *members} if left else set())
    holdings = {address: claim.holdings[address] for address in kept}
    for address in sorted({*chosen.serving, *members} - left, key=address_order):
        held = _holding(chosen, claim, address)
        holdings[address] = replace(held, attach=attach) if held.request in named else held
        _check_rebind(chosen, address)
    ordered = {address: holdings[address] for address in sorted(holdings, key=address_order)}
    return Claim(owner, written, ordered, claim.node_devices)


def _note_held(chosen: Selection) -> None:
    """Claim in the books what others hold, and what this owner keeps."""
    held = [(address, one.owner.key) for one in chosen.tracker for address in one.holdings]
    others = [(address, key) for address, key in held if key != chosen.owner.key]
    for address, key in [*others, *((address, chosen.owner.key) for address in chosen.serving)]:
        device = chosen.inventory.devices.get(address)
        if device is not None:
            # A PF and its VF on record together are both refused all the same, see _taken_by.
            with contextlib.suppress(TransitionError):
                chosen.books.adopt(device, key)


def give_back(
    inventory: Inventory, claim: Claim, *, names: t.Collection[str] = (), addresses: t.Collection[str] = ()
) -> Claim:
    """The owner's claim after a release: of everything, or of the requests in `names` and the devices in `addresses`.

    A released device whose group mate stays with the owner stays too, as a group member: on the host's driver it
    would take the whole group from the guest.
    """
    if not names and not addresses:
        return Claim(claim.owner)
    requests = {name: request for name, request in claim.requests.items() if name not in names}
    serving = {
        address: held.request
        for address, held in claim.holdings.items()
        if held.request is not None and held.request in requests and address not in addresses
    }
    nodes = {name: held for name, held in claim.node_devices.items() if held.request in requests}
    for name in requests.keys() - {held.request for held in nodes.values()}:
        left = sum(1 for request in serving.values() if request == name)
        if left == 0:
            del requests[name]
        elif left < len(claim.serving(name)):
            requests[name] = {**requests[name], "count": left}
    members = [address for address in _members(inventory, serving) if address in claim.holdings]
    if any(held_device(inventory, claim.holdings[address]) is None for address in serving):
        members.extend(_members_on_record(claim))
    return Claim(
        claim.owner,
        requests,
        {
            address: _reassigned(claim.holdings[address], serving.get(address))
            for address in sorted({*serving, *members}, key=address_order)
        },
        nodes,
    )


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
    refused: dict[str, list[Blocker] | str] = {}
    taken: list[str] = []
    # A device that the owner's domain has already comes first, one without group mates before others.
    for worst in range(3):

        def admits(device: PciDevice, _request: Request, worst: int = worst) -> bool:
            if device.address in refused or _rank(chosen, device.address) > worst:
                return False
            why = refusal(chosen, device)
            if why is not None:
                refused[device.address] = why
            return why is None

        taken += claim_some(chosen.books, chosen.owner.key, request, missing - len(taken), chosen.guest, admits)
    if len(taken) < missing:
        raise not_enough(chosen, request, missing, taken)
    return taken


def _rank(chosen: Selection, address: str) -> int:
    uuid = chosen.consent.owner_uuid
    if any(use.uuid == uuid for use in chosen.inventory.domain_uses.get(address, ())):
        return 0
    return 1 if set(_members(chosen.inventory, {address})) <= chosen.serving.keys() | chosen.held else 2


def _members(inventory: Inventory, serving: t.Collection[str]) -> list[str]:
    """The group mates that must be held along with the devices that serve requests."""
    found = {
        mate.address
        for address in serving
        if address in inventory.devices
        for mate in inventory.group_mates(address)
        if mate.address not in serving and comes_along(mate)
    }
    return sorted(found, key=address_order)


def _members_on_record(claim: Claim) -> list[str]:
    """The group members that the claim holds. Whose mates they are can't be told while a requested device is gone."""
    return [address for address, held in claim.holdings.items() if held.request is None]


def _check_consent(chosen: Selection, members: t.Sequence[str]) -> None:
    missing = [address for address in members if address not in chosen.consent.members]
    if not missing or chosen.terms.whole_group:
        return
    named = ", ".join(f"{address} ({chosen.inventory.devices[address].driver or 'no driver'})" for address in missing)
    groups = {chosen.inventory.devices[address].iommu_group for address in missing}
    wanted_by = [
        address
        for address in chosen.serving
        if address in chosen.inventory.devices and chosen.inventory.devices[address].iommu_group in groups
    ]
    raise HostdevError(
        "group_incomplete",
        subject=", ".join(sorted(wanted_by, key=address_order)),
        found=f"the IOMMU group has further members that would leave the host too: {named}",
        wanted="consent to take them",
        remedy=f"set group_members to claim, or to the list {list(missing)}; they are bound but not attached",
        details={"group_members": list(missing)},
    )


def _check_rebind(chosen: Selection, address: str) -> None:
    """A held device that went back to the host, say by a reboot, may be in use there again: look before it is taken."""
    device = chosen.inventory.devices[address]
    if device.vfio:
        return
    consent = replace(chosen.consent, whole_group=True)
    reasons = blockers(chosen.inventory, address, consent)
    if reasons:
        raise HostdevError(
            "device_blocked",
            subject=address,
            found="; ".join(f"{one.code} ({one.address}: {one.detail})" for one in reasons),
            wanted="a device that nothing keeps with the host",
            remedy="take it out of use on the host, or release it",
            details={"blockers": [one.as_dict() for one in reasons]},
        )


def _holding(chosen: Selection, claim: Claim, address: str) -> Holding:
    """The device as the claim shall hold it: as before when it is the same device, else as it is now."""
    device, request = chosen.inventory.devices[address], chosen.serving.get(address)
    held = claim.holdings.get(address)
    if held is not None and identity_mismatch(device, held) is None:
        return _reassigned(held, request)
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


def _reassigned(held: Holding, request: str | None) -> Holding:
    """The same holding in another role: what only comes along is attached nowhere."""
    return replace(held, request=request, attach=held.attach if request is not None else ())
