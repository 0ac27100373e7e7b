# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes back before owners get theirs: what the data no longer names, orphans, and what smaller counts leave."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from ...requests.wish import ReleaseWish
from ...selection.select import given_back

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Owner
    from ...requests.wish import HostWish
    from ...selection.choice import Asked
    from ...snapshot import Snapshot


def give_backs(snapshot: Snapshot, wish: HostWish, owners: t.Sequence[Asked]) -> t.Iterator[tuple[ReleaseWish, Owner]]:
    """A release for each owner that gives something back, in the order of the record.

    Raises HostdevError for orphans when libvirt could not be asked, and for a held device that no longer fits.
    """
    asked_of = {asked.owner.key: asked for asked in owners}
    orphans = _orphans(snapshot) if wish.orphans else set()
    for claim in snapshot.tracker:
        asked = asked_of.get(claim.owner.key)
        if asked is None and claim.owner.key in orphans:
            yield ReleaseWish(), claim.owner
            continue
        names = _unnamed(claim, asked) if wish.purge else ()
        try:
            surplus = () if asked is None else _surplus(snapshot, asked, claim)
        except HostdevError as error:
            raise error.but(subject=f"{claim.owner.label}: {error.subject}") from error
        if names or surplus:
            yield ReleaseWish(names=names, addresses=surplus), claim.owner


def stale(snapshot: Snapshot, owners: t.Sequence[Asked]) -> tuple[tuple[str, str], ...]:
    """Owners by their labels, with the requests that a purge would give back."""
    asked_of = {asked.owner.key: asked for asked in owners}
    return tuple(
        (claim.owner.label, name)
        for claim in snapshot.tracker
        for name in _unnamed(claim, asked_of.get(claim.owner.key))
    )


def _unnamed(claim: Claim, asked: Asked | None) -> tuple[str, ...]:
    """The requests that the data named before, and no longer does."""
    named = set() if asked is None else {request.name for request in asked.wish.requests}
    return tuple(sorted(claim.declared & claim.requests.keys() - named))


def _surplus(snapshot: Snapshot, asked: Asked, claim: Claim) -> tuple[str, ...]:
    """The devices that go since their requests ask for fewer, or for others where these may be replaced."""
    fewer = any(len(claim.serving(request.name)) > request.count for request in asked.wish.requests)
    if not fewer and not asked.wish.terms.replace_misfits:
        return ()
    return tuple(sorted(given_back(snapshot, asked)))


def _orphans(snapshot: Snapshot) -> set[str]:
    if snapshot.domains is None:
        raise HostdevError(
            "no_libvirt",
            subject="orphans",
            found="no connection to libvirt",
            wanted="libvirt's word on which domains no longer exist",
            remedy="start libvirt on the host",
        )
    alive = {domain.uuid for domain in snapshot.domains}
    return {
        claim.owner.key for claim in snapshot.tracker if claim.owner.kind == "domain" and claim.owner.id not in alive
    }
