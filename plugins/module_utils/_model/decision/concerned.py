# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose claims a release touches, and which devices may be used again after it."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..errors import HostdevError, of_all

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Owner, Waiting
    from ..claims.set_aside import SetAside
    from ..claims.tracker import Tracker
    from ..plan.plan import Plan
    from ..requests.wish import ReleaseWish
    from ..snapshot import Snapshot


class Concerned(t.NamedTuple):
    """The claims that a release touches, one plan each, and what is to be said of the wish."""

    claims: tuple[Claim, ...]
    warnings: tuple[str, ...] = ()


class Cleaned(t.NamedTuple):
    """The one-time-use devices that may be used again, and what is to be said of others."""

    addresses: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def concerned(snapshot: Snapshot, wish: ReleaseWish) -> Concerned:
    """Whose claims the wish touches. Raises HostdevError for orphans when libvirt could not be asked."""
    claims, warnings = list(snapshot.tracker), []
    domains = snapshot.domains or ()
    if wish.orphans:
        claims = orphans(snapshot)
    if wish.domain is not None:
        uuids = {domain.uuid for domain in domains if _names(wish, domain.name, domain.uuid)}
        uuids = uuids or {claim.owner.id for claim in claims if _is_of(claim.owner, wish)}
        if not uuids:
            warnings.append(f"there is no domain {wish.domain}, and no claim of one")
        claims = [claim for claim in claims if claim.owner.kind == "domain" and claim.owner.id in uuids]
    elif wish.owner is not None:
        claims = [claim for claim in claims if claim.owner.kind == "name" and claim.owner.id == wish.owner]
    if wish.expired:
        claims = [claim for claim in claims if claim.overdue(snapshot.now)]
    if wish.names:
        held = {name for claim in claims for name in claim.requests}
        warnings += [f"{_whose(wish)} holds nothing for a request {name}" for name in wish.names if name not in held]
    warnings += [
        f"there is no device {address} on this host, and nobody holds it"
        for address in wish.addresses
        if address not in snapshot.inventory.devices and snapshot.tracker.holder(address) is None
    ]
    owners = {claim.owner.key for claim in claims}
    warnings += [
        f"{aside.address}, which was claimed for {aside.owner}, is {aside.told()}"
        for address, aside in snapshot.tracker.set_aside.items()
        if address not in wish.addresses and (aside.owner.key in owners or _is_of(aside.owner, wish))
    ]
    if wish.addresses and not wish.names:
        claims = [claim for claim in claims if not claim.holdings.keys().isdisjoint(wish.addresses)]
    return Concerned(tuple(claims), tuple(warnings))


def orphans(snapshot: Snapshot) -> list[Claim]:
    """The claims of domains that no longer exist. Raises HostdevError when libvirt could not be asked."""
    if snapshot.domains is None:
        raise HostdevError(
            "no_libvirt",
            subject="orphans",
            found="no connection to libvirt",
            wanted="libvirt's word on which domains no longer exist",
            remedy="start libvirt on the host",
        )
    alive = {domain.uuid for domain in snapshot.domains}
    return [claim for claim in snapshot.tracker if claim.owner.kind == "domain" and claim.owner.id not in alive]


def _is_of(owner: Owner, wish: ReleaseWish) -> bool:
    return owner.kind == "domain" and _names(wish, owner.label, owner.id)


def _names(wish: ReleaseWish, name: str, uuid: str) -> bool:
    """Whether it names this domain; libvirt reads a UUID in any case, and without hyphens."""
    wanted = wish.domain or ""
    return wanted == name or wanted.replace("-", "").lower() == uuid.replace("-", "")


def _whose(wish: ReleaseWish) -> str:
    if wish.orphans:
        return "no orphan"
    return f"domain {wish.domain}" if wish.domain is not None else f"owner {wish.owner}"


def asides_concerned(tracker: Tracker, wish: ReleaseWish) -> list[SetAside]:
    """The devices set aside that the wish names by their addresses, and whose owner it does not exclude."""
    return [
        aside
        for address, aside in tracker.set_aside.items()
        if address in wish.addresses
        and (wish.domain is None or _is_of(aside.owner, wish))
        and wish.owner in (None, aside.owner.id)
    ]


def _is_named(snapshot: Snapshot, wish: ReleaseWish, waiting: Waiting) -> bool:
    """Whether the wish names it by the address that it has now."""
    from ..claims.cards.identity import waiting_device

    devices = snapshot.inventory.devices
    named = [devices[address] for address in wish.addresses if address in devices]
    return any(waiting_device(snapshot.tracker, device) is waiting for device in named)


def decide_cleaned(snapshot: Snapshot, wish: ReleaseWish, plans: t.Iterable[Plan]) -> Cleaned:
    """One-time-use devices that the wish says are clean, given back by these plans or before; else that they wait."""
    given_back = {
        address
        for plan in plans
        for address, held in plan.before.holdings.items()
        if held.one_time_use and address not in plan.after.holdings
    }
    if not wish.cleaned:
        waits = "for one-time use: nobody gets"
        one = f"is {waits} it until it is released with cleaned: true"
        many = f"are {waits} them until they are released with cleaned: true"
        return Cleaned(warnings=tuple(of_all(sorted(given_back, key=address_order), one, many)))
    uuids = {domain.uuid for domain in snapshot.domains or () if domain.name == wish.domain}
    owners = {("name", wish.owner), *(("domain", uuid) for uuid in uuids)}
    for address, waiting in snapshot.tracker.waiting.items():
        owner = waiting.owner
        named = address in wish.addresses or _is_named(snapshot, wish, waiting)
        if named or _is_of(owner, wish) or (owner.kind, owner.id) in owners:
            given_back.add(address)
    return Cleaned(tuple(sorted(given_back, key=address_order)))
