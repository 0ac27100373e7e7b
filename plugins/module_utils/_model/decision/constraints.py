# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which constraints and wishes a claim has once a task is done. Only tasks and records that have any need it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..requests.constraints import check_constraints, kept_constraints, named_all, reference

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..claims.tracker import Tracker
    from ..requests.wish import ClaimWish


def with_constraints(tracker: Tracker, wish: ClaimWish, before: Claim) -> Claim:
    """The owner's claim with the constraints that hold for its requests by then: what is asked for, and what stays.

    Raises HostdevError with code invalid_constraint for what can't be meant of the requests, named or on record.
    """
    requests = {**before.requests, **{request.name: request for request in wish.requests}}
    check_constraints(wish.constraints, requests, "constraints")
    check_constraints(wish.prefer, requests, "prefer")
    left = nameable(tracker, replace(before, requests=requests))
    names = [request.name for request in wish.requests]
    named = {*names, *(reference(before.owner.id, name) for name in names)}
    after = replace(
        before,
        constraints=kept_constraints(before.constraints, named, wish.constraints, left),
        prefer=kept_constraints(before.prefer, named, wish.prefer, left),
    )
    _check_kept(after, wish, requests)
    return after


def nameable(tracker: Tracker, claim: Claim) -> set[str]:
    """The names that a constraint of the claim may have, once it is on record: see Claim."""
    claims = [*(one for one in tracker if one.owner.key != claim.owner.key), claim]
    return {*claim.requests, *(reference(one.owner.id, name) for one in claims for name in one.requests)}


def standing(tracker: Tracker, claim: Claim) -> Claim:
    """The claim with those of its constraints alone whose requests are all there, once it is on record."""
    names = nameable(tracker, claim)
    constraints, prefer = (
        tuple(one for one in kept if named_all(one, names)) for kept in (claim.constraints, claim.prefer)
    )
    return replace(claim, constraints=constraints, prefer=prefer)


def settle(tracker: Tracker) -> None:
    """Forget the constraints over requests that are not on record any more, whosever they were."""
    for claim in [one for one in tracker if one.constraints or one.prefer]:
        settled = standing(tracker, claim)
        if settled != claim:
            tracker.put(settled)


def _check_kept(after: Claim, wish: ClaimWish, requests: t.Mapping[str, t.Any]) -> None:
    """Refuse a count that a pair on record does not go with; of several owners' pairs none knows all requests."""
    named = {request.name for request in wish.requests}
    for kept, asked in ((after.constraints, wish.constraints), (after.prefer, wish.prefer)):
        own = [one for one in kept if one not in asked and requests.keys() >= set(one.requests)]
        of_task = [one for one in own if not named.isdisjoint(one.requests)]
        check_constraints(of_task, requests, "constraints on record")
