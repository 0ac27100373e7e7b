# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot of the host and the wish for all its claims to the plans of all owners: all are served, or none.

First what goes back does, of every owner, then each owner gets what it asks for, on the host as it will be by then: so
a device may go from one owner to another in one run, whoever is named first.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ...errors import HostdevError
from ...relations.told import NOTHING_TOLD, Together
from ..claim import choose, decide_claim
from .owners import about
from .served import served_before, served_now

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Owner
    from ...plan.plan import Plan
    from ...requests.wish import HostWish
    from ...selection.choice import Asked
    from ...snapshot import Snapshot
    from ..decision import Decision
    from .given_back import States
    from .owners import Owners
    from .served import Served
    from .shared import Shared


@dataclass(frozen=True)
class HostDecision:
    """The plans in their order, an owner's give-back and its claim apart, and what is to be said of them.

    `stale` are owners and requests that the data named before and no longer names, and that nothing was asked of;
    `undeclared` those that others claimed, and that the data does not name. `complete` is false where a better choice
    of devices may exist. `together` says by owner how devices belong together, `of_several` how those of several do.
    """

    plans: tuple[Plan, ...]
    warnings: tuple[str, ...]
    stale: tuple[tuple[Owner, str], ...] = ()
    undeclared: tuple[tuple[Owner, str], ...] = ()
    complete: bool = True
    together: t.Mapping[str, Together] = field(default_factory=dict)
    of_several: Together = NOTHING_TOLD


def decide_passthrough(snapshot: Snapshot, owners: Owners, wish: HostWish, states: States) -> HostDecision:
    """All plans. Raises HostdevError where an owner can't be served, with the owners that compete with it."""
    from .given_back import stale, undeclared

    begun, on_record = snapshot, snapshot.tracker.copy()
    together = _shared(snapshot, owners, wish)
    followed, snapshot = _followed(snapshot, owners)
    if wish.purge:
        renamed, snapshot = _renamed(snapshot, owners)
        followed += renamed
    first = served_before(snapshot, wish, owners, together)
    given, snapshot = _all_given_back(snapshot, owners, wish, first, states)
    left = () if wish.purge else stale(snapshot, owners)
    free = snapshot
    served = served_now(snapshot, owners, together) if first is None else first
    claimed: list[Decision] = []
    for asked in owners:
        asked = asked._replace(serving=served.serving.get(asked.owner.key))
        try:
            known = on_record.claim_of(asked.owner)
            decision = _claimed(snapshot, asked, known, states, [one.plan for one in given], together)
        except HostdevError as error:
            from .competing import competing

            raise competing(free, snapshot, asked, owners, error) from error
        claimed.append(decision)
        if decision.plan.changed:
            snapshot = _foretold(snapshot, decision.plan)
    if served.refused is not None:
        raise served.refused  # each could be served, one after the other, but not as their constraints want it
    _check_limits(begun, snapshot, owners, wish)
    plans = [*followed, *(decision.plan for decision in (*given, *claimed))]
    if any(decision.plan.steps for decision in given):
        from .handed_over import handed_over

        plans = handed_over(plans)
    told = [warning for decision in (*given, *claimed) for warning in decision.warnings]
    return HostDecision(
        tuple(plans),
        tuple(dict.fromkeys(told)),
        left,
        undeclared(snapshot, owners),
        complete=served.complete and all(decision.complete for decision in claimed),
        together={decision.plan.after.owner.key: decision.together for decision in claimed},
        of_several=Together() if together is None else _told(snapshot, owners),
    )


def _check_limits(begun: Snapshot, done: Snapshot, owners: Owners, wish: HostWish) -> None:
    """Refuse what would be above a limit once all is done. Raises HostdevError."""
    if wish.limits:
        from ..limits.reached import check_limits

        check_limits(wish.limits, begun, done.tracker, owners.allow_list)


def _all_given_back(
    snapshot: Snapshot, owners: Owners, wish: HostWish, served: Served | None, states: States
) -> tuple[list[Decision], Snapshot]:
    """What goes back before owners get theirs, and the snapshot after it."""
    from .given_back import decide_given_back, give_backs

    given = []
    for release, owner in give_backs(snapshot, wish, owners, None if served is None else served.serving):
        with about(owners.called(owner)):
            decision = decide_given_back(snapshot, release, owner, states)
        given.append(decision)
        if decision.plan.changed:
            snapshot = _foretold(snapshot, decision.plan)
    return given, snapshot


def _followed(snapshot: Snapshot, owners: Owners) -> tuple[list[Plan], Snapshot]:
    """The plans by which definitions follow devices that have moved, and the snapshot after them."""
    plans = []
    for asked in owners:
        claim = snapshot.tracker.claim_of(asked.owner)
        if any(held.moved_from is not None for held in claim.holdings.values()):
            from ..reconciling import followed_plan

            with about(owners.called(asked.owner)):
                plan = followed_plan(snapshot, claim)
            if plan is not None:
                plans.append(plan)
                snapshot = _foretold(snapshot, plan)
    return plans, snapshot


def _renamed(snapshot: Snapshot, owners: Owners) -> tuple[list[Plan], Snapshot]:
    """The plans by which requests get the names that they have in the data by now, and the snapshot after them."""
    plans = []
    for asked in owners:
        claim = snapshot.tracker.claim_of(asked.owner)
        if claim.declared & owners.unnamed(claim):
            from .renamed import renamed_plan

            plan = renamed_plan(snapshot, asked, owners.unnamed(claim))
            if plan is not None:
                plans.append(plan)
                snapshot = _foretold(snapshot, plan)
    return plans, snapshot


def _declared(asked: Asked, claim: Claim) -> frozenset[str]:
    """The requests that were made for the data, when the owner held this claim: those of others stay theirs."""
    return claim.declared | ({request.name for request in asked.wish.requests} - claim.requests.keys())


def _shared(snapshot: Snapshot, owners: Owners, wish: HostWish) -> Shared | None:
    """What is asked for of several owners together; None without any, on record neither."""
    if not wish.constraints and not wish.prefer and not any(one.constraints or one.prefer for one in snapshot.tracker):
        return None
    from .shared import shared

    return shared(snapshot.tracker, owners, wish)


def _told(snapshot: Snapshot, owners: Owners) -> Together:
    """What is to be said of the constraints and wishes over several owners, all of whom are served."""
    from ...relations.held import HeldTogether

    allow_list = next((asked.wish.allow_list for asked in owners), None)
    return HeldTogether(snapshot.inventory, snapshot.tracker, allow_list).told_of_several()


def _claimed(
    snapshot: Snapshot,
    asked: Asked,
    on_record: Claim,
    states: States,
    given: t.Sequence[Plan],
    together: Shared | None,
) -> Decision:
    """More than five parameters: what the run has found out before it comes to the owner."""
    choice = choose(snapshot, asked)
    after = replace(choice.change.after, declared=_declared(asked, on_record))
    if given:
        from ..limits.times import continued

        after = continued(snapshot, asked.wish, on_record, after)
    change = replace(choice.change, after=after if together is None else together.noted(snapshot.tracker, after))
    snapshot = states(snapshot, change)
    if snapshot.vf_states and given:
        from .handed_over import with_settings_after

        snapshot = with_settings_after(snapshot, given)
    return decide_claim(snapshot, choice._replace(change=change))


def _foretold(snapshot: Snapshot, plan: Plan) -> Snapshot:
    from ..foretold import foretold

    return foretold(snapshot, plan)
