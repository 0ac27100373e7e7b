# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices serve the owners of a run, all of them together."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...errors import HostdevError
from ...selection.together.served import serve
from ..constraints import with_constraints

if t.TYPE_CHECKING:
    from ...requests.wish import HostWish
    from ...snapshot import Snapshot
    from .owners import Owners
    from .shared import Shared


class Served(t.NamedTuple):
    """By owner the devices that serve its requests, and whether there is no better way for certain.

    Where not all can be served there are none, and `refused` is the error.
    """

    serving: t.Mapping[str, t.Mapping[str, str]]
    complete: bool = True
    refused: HostdevError | None = None


def served_before(snapshot: Snapshot, wish: HostWish, owners: Owners, together: Shared | None) -> Served | None:
    """What serves all owners as they hold their devices, so that only what then serves nobody is given back.

    None where nobody may give any back, or where some need what others do.
    """
    from .given_back import may_give_back

    if not any(may_give_back(asked, snapshot.tracker.claim_of(asked.owner)) for asked in owners):
        return None
    from ..foretold import foretold
    from .given_back import decide_given_back, give_backs

    try:
        everything = {
            asked.owner.key: dict.fromkeys(snapshot.tracker.claim_of(asked.owner).holdings, "") for asked in owners
        }
        for release, owner in give_backs(snapshot, wish, owners, everything):
            plan = decide_given_back(snapshot, release, owner, lambda known, _change: known).plan
            snapshot = foretold(snapshot, plan) if plan.changed else snapshot
        served = served_now(snapshot, owners, together, lambda: _freed(snapshot, owners))
    except HostdevError:
        return None
    return served if served.refused is None else None


def _freed(snapshot: Snapshot, owners: Owners) -> Snapshot:
    """The host as it would be if all owners had given back what they may."""
    from ...requests.wish import ReleaseWish
    from ..foretold import foretold
    from .given_back import decide_given_back, may_give_back

    for asked in owners:
        claim = snapshot.tracker.claim_of(asked.owner)
        named = {request.name for request in asked.wish.requests}
        going = tuple(address for address, held in claim.holdings.items() if held.request in named)
        if going and may_give_back(asked, claim):
            plan = decide_given_back(
                snapshot, ReleaseWish(addresses=going), asked.owner, lambda known, _change: known
            ).plan
            snapshot = foretold(snapshot, plan) if plan.changed else snapshot
    return snapshot


def served_now(
    snapshot: Snapshot, owners: Owners, together: Shared | None, freed: t.Callable[[], Snapshot] | None = None
) -> Served:
    """What serves the owners in the best way for all of them; `freed` is as `serve` takes it.

    Raises HostdevError where only constraints are in the way.
    """
    try:
        several = []
        for asked in owners:
            claim = with_constraints(snapshot.tracker, asked.wish, snapshot.tracker.claim_of(asked.owner))
            if together is not None:
                requests = {**claim.requests, **{request.name: request for request in asked.wish.requests}}
                claim = together.noted(snapshot.tracker, replace(claim, requests=requests))
            several.append((asked, claim.constraints, claim.prefer))
        served = serve(snapshot, several, freed)
    except HostdevError as error:
        if error.code in ("constraint_unmet", "search_bounded"):
            raise
        return Served({}, refused=error)
    serving: dict[str, t.Mapping[str, str]] = {
        asked.owner.key: one.chosen.serving for asked, one in zip(owners, served)
    }
    return Served(serving, all(one.complete for one in served))
