# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot of the host and a wish for a release to plans and warnings.

Each owner's plan is decided on a snapshot of its own, since what was given back for one owner may matter to the next.
As for a claim the states of VFs are read in the middle, see decision.claim: of those alone that are given back.
"""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..claims.claim import Claim
from ..errors import HostdevError
from ..plan.change import RELEASE, Change
from .decision import Choice, Decision
from .kinds import KINDS, make_plan

if t.TYPE_CHECKING:
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
        if snapshot.domains is None:
            raise HostdevError(
                "no_libvirt",
                subject="orphans",
                found="no connection to libvirt",
                wanted="libvirt's word on which domains no longer exist",
                remedy="start libvirt on the host",
            )
        alive = {domain.uuid for domain in domains}
        claims = [claim for claim in claims if claim.owner.kind == "domain" and claim.owner.id not in alive]
    if wish.domain is not None:
        uuids = {domain.uuid for domain in domains if wish.domain in (domain.name, domain.uuid)}
        uuids = uuids or {claim.owner.id for claim in claims if wish.domain in (claim.owner.label, claim.owner.id)}
        if not uuids:
            warnings.append(f"there is no domain {wish.domain}, and no claim of one")
        claims = [claim for claim in claims if claim.owner.kind == "domain" and claim.owner.id in uuids]
    elif wish.owner is not None:
        claims = [claim for claim in claims if claim.owner.kind == "name" and claim.owner.id == wish.owner]
    if wish.addresses and not wish.names:
        claims = [claim for claim in claims if not claim.holdings.keys().isdisjoint(wish.addresses)]
    return Concerned(tuple(claims), tuple(warnings))


def give_back(snapshot: Snapshot, wish: ReleaseWish, claim: Claim) -> Choice:
    """The claim, and what the release leaves of it. Raises HostdevError for what only libvirt can take out."""
    attached = any(held.attach for kind in KINDS for held in kind.held(claim).values())
    if attached and snapshot.domains is None:
        raise HostdevError(
            "no_libvirt",
            subject=str(claim.owner),
            found="no connection to libvirt",
            wanted="one, to detach the devices: the domain may be running with them",
            remedy="start libvirt on the host, and see that its Python binding is installed",
        )
    after = Claim(claim.owner)
    for kind in KINDS:
        after = kind.keep(snapshot, wish, claim, after)
    return Choice(Change(RELEASE, claim, after))


def decide_release(snapshot: Snapshot, wish: ReleaseWish, choice: Choice) -> Decision:
    """The plan for one owner, by a snapshot that has the states of the VFs. Raises HostdevError."""
    plan = make_plan(snapshot, choice.change)
    return Decision(
        plan,
        (*choice.warnings, *(warning for kind in KINDS for warning in kind.warnings_of_release(snapshot, wish, plan))),
    )


def decide_cleaned(snapshot: Snapshot, wish: ReleaseWish, plans: t.Iterable[Plan]) -> Cleaned:
    """One-time-use devices that the wish says are clean, given back by these plans or before; else that they wait."""
    given_back = {
        address
        for plan in plans
        for address, held in plan.before.holdings.items()
        if held.one_time_use and address not in plan.after.holdings
    }
    if not wish.cleaned:
        return Cleaned(
            warnings=tuple(
                f"{address} is for one-time use: nobody gets it until it is released with cleaned: true"
                for address in sorted(given_back, key=address_order)
            )
        )
    uuids = {domain.uuid for domain in snapshot.domains or () if domain.name == wish.domain}
    owners = {("name", wish.owner), *(("domain", name) for name in (wish.domain, *uuids))}
    for address, waiting in snapshot.tracker.waiting.items():
        owner = waiting.owner
        if address in wish.addresses or owners & {(owner.kind, owner.id), (owner.kind, owner.label)}:
            given_back.add(address)
    return Cleaned(tuple(sorted(given_back, key=address_order)))
