# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All claims of a host in one run: the parts that are about several owners."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...._model.decision.claim import asking
from ...._model.decision.concerned import decide_cleaned
from ...._model.decision.passthrough.decision import decide_passthrough
from ...._model.decision.passthrough.owners import Owners, about, entry
from ...._model.plan.plan import CLAIM, of_each_owner
from ...._model.requests.wish import ReleaseWish
from ..snapshot import with_named
from .vf_states import VfStates

if t.TYPE_CHECKING:
    from ...._model.guest.domain import Domain
    from ...._model.plan.plan import Plan
    from ...._model.record.record import Record
    from ...._model.requests.wish import ClaimWish, HostWish
    from ...._model.snapshot import Snapshot
    from ..host import ChangingHost
    from ..outcome import Outcome

    Persisting = t.Callable[[ClaimWish, t.Optional[Domain], Outcome], ClaimWish]


class Passthrough:
    """The parts of one run; what comes of them goes to the outcome."""

    def __init__(self, host: ChangingHost, record: Record, outcome: Outcome) -> None:
        self._host = host
        self._record = record
        self._outcome = outcome

    def asked(self, snapshot: Snapshot, wish: HostWish) -> tuple[Snapshot, Owners]:
        """The snapshot with all domains that are named, and who asks. Raises HostdevError."""
        owners = []
        for index, claim in enumerate(wish.claims):
            with about(entry(index, claim.domain or claim.owner)):
                domain = None
                if claim.domain is not None:
                    snapshot, domain = with_named(self._host, snapshot, claim.domain)
                owners.append(asking(replace(snapshot, named=domain), claim))
        return snapshot, Owners(owners)

    def check_gone(self, snapshot: Snapshot, wish: HostWish) -> None:
        """Where claims of domains that are gone may go, be sure that libvirt tells all. Raises HostdevError."""
        gone = any(one.owner.kind == "domain" and snapshot.domain_of(one.owner) is None for one in snapshot.tracker)
        if gone and (wish.purge or wish.orphans) and self._host.domains is not None:
            self._host.domains.check_complete()

    def persisting(self, snapshot: Snapshot, owners: Owners, persisting: Persisting) -> Owners:
        """Who asks, with whether the devices come back when the host is started anew. Raises HostdevError."""
        made = []
        for asked in owners:
            with about(owners.called(asked.owner)):
                wish = persisting(asked.wish, snapshot.domain_of(asked.owner), self._outcome)
            made.append(asked._replace(wish=wish))
        return Owners(made)

    def decide(self, snapshot: Snapshot, owners: Owners, wish: HostWish) -> t.Sequence[Plan]:
        """The plans of all owners. Raises HostdevError where one can't be served."""
        decision = decide_passthrough(snapshot, owners, wish, VfStates(self._host))
        self._outcome.warnings.extend(decision.warnings)
        self._outcome.stale.extend(decision.stale)
        self._outcome.undeclared.extend(decision.undeclared)
        self._outcome.together.update(decision.together)
        self._outcome.of_several, self._outcome.complete = decision.of_several, decision.complete
        return decision.plans

    def note(self, plans: t.Sequence[Plan], snapshot: Snapshot, *, check_mode: bool) -> None:
        """What was done, or would be, with one diff of all."""
        if not check_mode:
            plans = [self._as_on_record(plan) for plan in plans]
        self._outcome.plans.extend(plans)
        self._outcome.warnings.extend(decide_cleaned(snapshot, ReleaseWish(), plans).warnings)
        steps = [step for plan in plans for step in plan.steps]
        if not steps:
            return
        from ...._model.plan.diff import domain_diff, host_diff

        self._outcome.diff.extend(host_diff(replace(plans[0], steps=tuple(steps))))
        for plan in of_each_owner(plans):
            domain = snapshot.domain_of(plan.after.owner)
            if domain is None or not plan.steps:
                continue
            ask = None if check_mode else self._host.domains
            self._outcome.diff.extend(domain_diff(plan, domain, None if ask is None else ask.find(domain.uuid)))

    def _as_on_record(self, plan: Plan) -> Plan:
        """A plan with the claim as it came to be: with guest addresses, and what a guest did not let go."""
        if plan.operation != CLAIM:
            return plan
        now = self._record.tracker.claim_of(plan.after.owner)
        return replace(plan, before=plan.before if plan.changed else now, after=now)
