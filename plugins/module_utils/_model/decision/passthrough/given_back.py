# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes back before owners get theirs: what the data no longer names, orphans, and what smaller counts leave."""

from __future__ import annotations

import typing as t

from ...requests.wish import ReleaseWish
from ...selection.select import given_back
from ..concerned import orphans
from ..constraints import with_constraints
from .owners import about

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Owner
    from ...plan.plan import Change
    from ...requests.wish import HostWish
    from ...selection.choice import Asked
    from ...snapshot import Snapshot
    from ..decision import Decision
    from .owners import Owners

    Serving = t.Mapping[str, t.Mapping[str, str]]
    # The snapshot with what PFs have of the VFs that a change is about, see decision.claim.
    States = t.Callable[[Snapshot, Change], Snapshot]


def give_backs(
    snapshot: Snapshot, wish: HostWish, owners: Owners, served: Serving | None
) -> t.Iterator[tuple[ReleaseWish, Owner]]:
    """A release for each owner that gives something back, in the order of the record.

    `served` are by owner the devices that serve all of them, where that is known; without it each is asked alone.
    Raises HostdevError for orphans when libvirt could not be asked, and for a held device that no longer fits.
    """
    orphaned = {claim.owner.key for claim in orphans(snapshot)} if wish.orphans else set()
    for claim in snapshot.tracker:
        asked = owners.asked(claim.owner)
        if asked is None and claim.owner.key in orphaned:
            yield ReleaseWish(), claim.owner
            continue
        names = claim.declared & owners.unnamed(claim) if wish.purge else frozenset()
        with about(owners.called(claim.owner)):
            surplus = () if asked is None else _surplus(snapshot, asked, claim, served)
            names |= set() if asked is None else _changed_nodes(snapshot, asked, claim)
        if names or surplus:
            yield ReleaseWish(names=tuple(sorted(names)), addresses=surplus), claim.owner


def stale(snapshot: Snapshot, owners: Owners) -> tuple[tuple[Owner, str], ...]:
    """The requests that the data named before and no longer does, which a purge would give back."""
    return tuple(
        (claim.owner, name) for claim in _by_label(snapshot) for name in sorted(claim.declared & owners.unnamed(claim))
    )


def undeclared(snapshot: Snapshot, owners: Owners) -> tuple[tuple[Owner, str], ...]:
    """The requests that others claimed and the data does not name, which no purge gives back."""
    return tuple(
        (claim.owner, name) for claim in _by_label(snapshot) for name in sorted(owners.unnamed(claim) - claim.declared)
    )


def _by_label(snapshot: Snapshot) -> list[Claim]:
    """All claims: a run changes their order on record, and what is told twice is told alike."""
    return sorted(snapshot.tracker, key=lambda claim: (claim.owner.label, claim.owner.key))


def may_give_back(asked: Asked, claim: Claim) -> bool:
    """Whether an owner's requests ask for fewer devices than it has, or for others where these may be replaced."""
    fewer = any(len(claim.serving(request.name)) > request.count for request in asked.wish.requests)
    return fewer or asked.wish.terms.replace_misfits


def _surplus(snapshot: Snapshot, asked: Asked, claim: Claim, served: Serving | None) -> tuple[str, ...]:
    """The devices that go since their requests ask for fewer, or for others where these may be replaced."""
    if not may_give_back(asked, claim):
        return ()
    if served is not None:
        return tuple(
            sorted(
                address
                for request in asked.wish.requests
                for address in claim.serving(request.name)
                if address not in served[asked.owner.key]
            )
        )
    bound = with_constraints(snapshot.tracker, asked.wish, claim)
    return tuple(sorted(given_back(snapshot, asked, bound.constraints, bound.prefer)))


def _changed_nodes(snapshot: Snapshot, asked: Asked, claim: Claim) -> set[str]:
    """The requests whose USB or SCSI device goes since they ask for another one, and may have it."""
    if not claim.node_devices or not asked.wish.terms.replace_misfits:
        return set()
    from ...selection.usb_scsi import requests_for_others

    return requests_for_others(snapshot, asked)


def decide_given_back(snapshot: Snapshot, release: ReleaseWish, owner: Owner, states: States) -> Decision:
    """What an owner gives back. Raises HostdevError."""
    from ..release import decide_release, give_back

    choice = give_back(snapshot, release, snapshot.tracker.claim_of(owner))
    return decide_release(states(snapshot, choice.change), release, choice)
