# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of a claim, of a release, of making VFs and of adoption, from the lock to the closed journal."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.errors import HostdevError
from ..._model.requests.wish import FAIL
from ..reading.host_facts import machine_id, read_host
from ..record.lock import LOCK, locked
from .kept import Kept
from .opening import opened
from .outcome import Outcome
from .snapshot import read_snapshot, with_vf_states

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim, Owner
    from ..._model.claims.tracker import Tracker
    from ..._model.decision.adoption.adoption import AdoptWish
    from ..._model.decision.concerned import Cleaned
    from ..._model.decision.decision import Decision
    from ..._model.decision.limits.untold import Untold
    from ..._model.plan.plan import Plan
    from ..._model.record.record import Record
    from ..._model.requests.request import Request
    from ..._model.requests.wish import ClaimWish, HostWish, ReleaseWish
    from ..._model.snapshot import Snapshot
    from ..._model.sriov.wish import VfsWish
    from ..persistence.keeping import Keeper
    from ..record.record_file import RecordFile
    from .host import ChangingHost
    from .steps.transaction import Transaction
    from .vfs import VfsRun


class Flow:
    """Claims, releases and VFs on one host: read, decide, act. With `check_mode` nothing is written, not even the lock.

    It has many parameters since each is an option of the task, which a caller names. Times are in seconds. What only a
    claim, a release or a change needs is imported where that begins: most tasks find everything as it shall be.
    """

    def __init__(
        self,
        system: ChangingHost,
        file: RecordFile,
        *,
        check_mode: bool,
        lock_path: str = LOCK,
        lock_timeout: float = 60.0,
        detach_timeout: float = 30.0,
        on_detach_timeout: str = FAIL,
        keeper: t.Callable[[], Keeper] | None = None,
    ) -> None:
        """`keeper` makes what keeps something for the next start of the host, None where nothing is kept."""
        self._system = system
        self._file = file
        self._check_mode = check_mode
        self._lock_path = lock_path
        self._lock_timeout = lock_timeout
        self._detach_timeout = detach_timeout
        self._on_detach_timeout = on_detach_timeout
        self._kept = Kept(system, keeper, check_mode=check_mode)
        self._untold: Untold | None = None

    def claim(self, wish: ClaimWish) -> Outcome:
        """Make the owner's claim serve the requests. Raises HostdevError with the host as it was."""
        from ..._model.decision.claim import asking, choose_alone, decide_claim

        outcome = Outcome()
        whose = wish.domain or wish.owner
        with self._telling(wish.tenant, whose, outcome), self._opened(outcome, f"claim for {whose}") as record:
            snapshot = self._read(
                record, outcome, domain=wish.domain, requests=wish.requests, details=wish.needs_details
            )
            if wish.tenant is not None:
                from ..._model.decision.limits.tenants import for_tenant

                wish = for_tenant(snapshot, wish.tenant, asking(snapshot, wish).owner, wish)
            snapshot = self._followed(snapshot, record, outcome)
            wish = self._kept.persisting(wish, snapshot.named, outcome)
            choice = choose_alone(snapshot, asking(snapshot, wish))
            snapshot = with_vf_states(self._system, snapshot, choice.change)
            decision = decide_claim(snapshot, choice)
            # Of devices that come back already nobody asks that now, so that it fails nothing.
            with self._kept.around(record, outcome, prepare=bool(wish.persist)):
                self._carry_out(decision, record, snapshot, outcome)
            outcome.together[decision.plan.after.owner.key] = decision.together
            outcome.complete = decision.complete
        return outcome

    def passthrough(self, wish: HostWish) -> Outcome:
        """Make the claims of a host what they shall be, all or none. Raises HostdevError with the host as it was."""
        from .owners.passthrough import Passthrough

        outcome = Outcome()
        with self._opened(outcome, "all claims of the host") as record:
            run = Passthrough(self._system, record, outcome)
            requests = [request for claim in wish.claims for request in claim.requests]
            details = any(claim.needs_details for claim in wish.claims)
            snapshot, owners = run.asked(self._read(record, outcome, requests=requests, details=details), wish)
            run.check_gone(snapshot, wish)
            owners = run.persisting(snapshot, owners, self._kept.persisting)
            plans = run.decide(snapshot, owners, wish)
            with self._kept.around(record, outcome, prepare=any(asked.wish.persist for asked in owners)):
                if not self._check_mode and any(plan.changed for plan in plans):
                    plans = self._act_all(plans, owners.called, record, snapshot, outcome)
                run.note(plans, snapshot, check_mode=self._check_mode)
        return outcome

    def release(self, wish: ReleaseWish) -> Outcome:
        """Give devices back to the host. What nobody holds is no error: it is released already.

        Of devices that several owners hold all go back, or none; orphans and what is overdue are each their own matter.
        """
        from ..._model.decision.concerned import concerned, decide_cleaned

        outcome = Outcome()
        named = wish.domain or wish.owner
        whose = named or _unnamed(wish)
        if wish.orphans and self._system.domains is not None:
            self._system.domains.check_complete()
        with self._telling(wish.tenant, named, outcome), self._opened(outcome, f"release for {whose}") as record:
            snapshot = self._read(record, outcome)
            claims, warnings = concerned(snapshot, wish)
            outcome.warnings.extend(warnings)
            failed: dict[str, HostdevError] = {}
            for number, claim in enumerate(claims):
                try:
                    if number and not self._check_mode:
                        # What is overdue was told by the time at which the run began.
                        snapshot = replace(self._read(record, outcome), now=snapshot.now)
                    self._give_back(snapshot, wish, claim, record, outcome)
                except HostdevError as error:
                    if len(claims) == 1:
                        raise
                    failed[str(claim.owner)] = error
                    if not wish.each_alone or record.journal is not None:
                        break
            if failed:
                from .owners.retaken import told

                retake = [] if wish.each_alone or self._check_mode else [*outcome.plans]
                raise told(failed, retake, outcome, record, self._transaction(record))
            if not record.tracker.set_aside.keys().isdisjoint(wish.addresses):
                from .settling import Settling

                snapshot = self._read(record, outcome)
                settling = Settling(self._system, self._file, self._detach_timeout, check_mode=self._check_mode)
                settling.try_again(snapshot, wish, record, outcome)
            self._clean(decide_cleaned(snapshot, wish, outcome.plans), record, outcome)
            self._kept.keep(record, outcome)
        return outcome

    def set_vfs(self, wish: VfsWish) -> Outcome:
        """Make the VFs of PFs, and set them. Raises HostdevError with all as it was."""
        outcome = Outcome()
        with self._opened(outcome, f"VFs of {wish.where}") as record:
            from .vfs import note

            run = self._vfs_run()
            details = any(spec.needs_details for spec in wish.specs)
            decisions = run.decide(self._read(record, outcome, details=details), wish)
            if not decisions:
                outcome.warnings.append(f"{wish.where}: no device of this host fits, and nothing is given back")
            files = run.files(decisions, record)
            with self._kept.around(record, outcome, prepare=wish.persist):
                if not self._check_mode:
                    outcome.warnings.extend(run.carry_out(decisions, record))
                note(decisions, files, outcome)
        return outcome

    def reconcile(self, *, persistent: bool = False) -> Outcome:
        """Bring the host back to the record; with `persistent` only what comes back when the host is started anew.

        What can't be brought back is in the outcome's `failed`, and keeps nothing else.
        """
        from ..._model.decision.decision import Decision
        from .reconciling import Reconciling

        outcome = Outcome()
        with self._opened(outcome, "reconciliation") as record:

            def read() -> Snapshot:
                return self._read(record, outcome)

            def carry_out(plan: Plan, snapshot: Snapshot) -> None:
                self._carry_out(Decision(plan), record, snapshot, outcome)

            reconciling = Reconciling(self._system, self._file, record, outcome, check_mode=self._check_mode)
            reconciling.run(self._vfs_run(), read, carry_out, persistent=persistent)
            self._kept.keep(record, outcome)
        return outcome

    def adopt(self, wish: AdoptWish) -> Outcome:
        """Write down what somebody did by hand. Nothing else of the host is changed. Raises HostdevError."""
        outcome = Outcome()
        with self._opened(outcome, "adoption") as record:
            from .adopting import Adopting

            run = Adopting(self._system, self._file, self._free_pools)
            adoption = outcome.adoption = run.decide(self._read(record, outcome), wish, self._vfs_run)
            outcome.warnings.extend(adoption.warnings)
            outcome.diff.extend(adoption.diff(self._file.path))
            with self._kept.around(record, outcome, prepare=wish.persist and adoption.changed):
                if adoption.changed and not self._check_mode:
                    run.write_down(adoption, record)
        return outcome

    def _followed(self, snapshot: Snapshot, record: Record, outcome: Outcome) -> Snapshot:
        """The snapshot once the named domain's definition has followed devices that moved since it was written."""
        named = snapshot.named
        claim = next((claim for claim in snapshot.tracker if named is not None and claim.owner.id == named.uuid), None)
        if claim is None or all(held.moved_from is None for held in claim.holdings.values()):
            return snapshot
        from ..._model.decision.decision import Decision
        from ..._model.decision.foretold import foretold
        from ..._model.decision.reconciling import followed_plan

        plan = followed_plan(snapshot, claim)
        if plan is None:
            return snapshot
        self._carry_out(Decision(plan), record, snapshot, outcome)
        return foretold(snapshot, plan)

    def _give_back(self, snapshot: Snapshot, wish: ReleaseWish, claim: Claim, record: Record, outcome: Outcome) -> None:
        from ..._model.decision.release import decide_release, give_back

        if (
            self._system.domains is not None
            and claim.owner.kind == "domain"
            and snapshot.domain_of(claim.owner) is None
        ):
            self._system.domains.check_complete()
        choice = give_back(snapshot, wish, claim)
        snapshot = with_vf_states(self._system, snapshot, choice.change)
        decision = decide_release(snapshot, wish, choice)
        self._carry_out(decision, record, snapshot, outcome)
        if wish.to_host and not self._check_mode:
            outcome.note_vfio(self._system.tree, decision.plan)

    def _opened(self, outcome: Outcome, doing: str) -> t.ContextManager[Record]:
        """The record under the lock, an interrupted run recovered; `doing` is told to who waits for the lock."""
        machine = machine_id(self._system.tree)
        lock = (
            contextlib.nullcontext()
            if self._check_mode
            else locked(self._system.tree.local(self._lock_path), seconds=self._lock_timeout, doing=doing)
        )
        return opened(self._file, outcome, lock, check_mode=self._check_mode, recover=self._recover, machine=machine)

    @contextlib.contextmanager
    def _telling(self, tenant: str | None, asked: str | None, outcome: Outcome) -> t.Iterator[None]:
        """Errors and warnings within the block as the tenant is told them; `asked` is the owner that it names."""
        if tenant is None:
            yield
            return
        from ..._model.decision.limits.untold import untold

        self._untold = untold(tenant, asked)
        if self._untold is None:
            yield
            return
        try:
            yield
        except HostdevError as error:
            raise self._untold.error(error) from None  # with its cause a traceback would tell the names
        finally:
            outcome.warnings[:] = self._untold.warnings(outcome.warnings)

    def _recover(self, record: Record) -> list[str] | None:
        if self._untold is not None:
            self._untold.note(record)
        boot_id = read_host(self._system.tree).boot_id
        told = [] if record.journal is None else [*(self._transaction(record).recover(boot_id) or ())]
        if record.vfs_journal:
            told.extend(self._vfs_run().recover(record, boot_id))
        return told

    def _vfs_run(self) -> VfsRun:
        from .vfs import VfsRun

        return VfsRun(self._system, self._file, self._free_pools)

    def _read(
        self,
        record: Record,
        outcome: Outcome,
        *,
        domain: str | None = None,
        requests: t.Iterable[Request] = (),
        details: bool = False,
    ) -> Snapshot:
        if self._untold is not None:
            self._untold.note(record)
        snapshot = read_snapshot(self._system, record.tracker, domain=domain, requests=requests, details=details)
        if self._untold is not None:
            self._untold.note(record, snapshot.domains or ())
        host = snapshot.inventory.host
        snapshot = replace(snapshot, restarted=record.boot_id not in ("", host.boot_id))
        record.boot_id, record.machine_id = host.boot_id, host.machine_id or record.machine_id
        if not record.tracker.set_aside:
            return snapshot
        from .settling import without_mended

        return without_mended(snapshot, record, outcome, None if self._check_mode else self._file)

    def _carry_out(self, decision: Decision, record: Record, snapshot: Snapshot, outcome: Outcome) -> None:
        """Run the plan unless in check mode, and add it to the outcome with its diff."""
        plan, after = decision.plan, None
        domain = snapshot.domain_of(plan.after.owner)
        if plan.changed and not self._check_mode:
            plan = self._act(plan, record, snapshot, outcome)
            if domain is not None and self._system.domains is not None:
                after = self._system.domains.find(domain.uuid)
        outcome.warnings.extend(decision.warnings)
        outcome.plans.append(plan)
        if not plan.steps:
            return
        from ..._model.plan.diff import domain_diff, host_diff

        outcome.diff.extend(host_diff(plan))
        if domain is not None:
            outcome.diff.extend(domain_diff(plan, domain, after))

    def _act(self, plan: Plan, record: Record, snapshot: Snapshot, outcome: Outcome) -> Plan:
        """Run the plan; comes back as it was done, with the claim as it is on record by then."""
        from .steps.stubborn_guest import StubbornGuest

        guest = StubbornGuest(self._on_detach_timeout, self._system.domains, snapshot.inventory)
        transaction = self._transaction(record)
        try:
            plan = transaction.run(plan, guest)
        except HostdevError as error:
            raise guest.told(error) from error
        outcome.warnings.extend([*transaction.notes, *guest.warnings])
        outcome.stopped.extend(guest.stopped)
        return replace(plan, after=record.tracker.claim_of(plan.after.owner))

    def _act_all(
        self,
        plans: t.Sequence[Plan],
        called: t.Callable[[Owner], str],
        record: Record,
        snapshot: Snapshot,
        outcome: Outcome,
    ) -> t.Sequence[Plan]:
        """Run the plans of several owners, all or none; they come back as they were done. `called` names an owner."""
        from .steps.stubborn_guest import StubbornGuest

        guest = StubbornGuest(self._on_detach_timeout, self._system.domains, snapshot.inventory)
        transaction = self._transaction(record)
        changed = [number for number, plan in enumerate(plans) if plan.changed]
        try:
            done = dict(zip(changed, transaction.run_all([plans[number] for number in changed], called, guest)))
        except HostdevError as error:
            found = "; before that: ".join([error.found, *guest.warnings])
            raise guest.told(error.but(found=found)) from error
        outcome.warnings.extend([*transaction.notes, *guest.warnings])
        outcome.stopped.extend(guest.stopped)
        return [done.get(number, plan) for number, plan in enumerate(plans)]

    def _clean(self, cleaned: Cleaned, record: Record, outcome: Outcome) -> None:
        outcome.warnings.extend(cleaned.warnings)
        outcome.cleaned = list(cleaned.addresses)
        waiting = record.tracker.waiting
        if not self._check_mode and not waiting.keys().isdisjoint(cleaned.addresses):
            for address in cleaned.addresses:
                waiting.pop(address, None)
            self._file.write(record)

    def _transaction(self, record: Record) -> Transaction:
        from .steps.executors import Executors
        from .steps.transaction import Transaction

        executors = Executors(self._system, self._detach_timeout)
        return Transaction(self._file, record, executors, pools=self._free_pools)

    def _free_pools(self, tracker: Tracker) -> list[dict[str, t.Any]]:
        from ..._model.availability.pools import pools
        from ..._model.availability.recorded_pools import recorded
        from ..._model.availability.status import Statuses
        from ..._model.host.topology import Topology

        # With the details, which tell memory and link: of 559 functions that takes 5 ms more than without.
        inventory = self._system.inventory(details=True)
        free = filter(Statuses(inventory, tracker).claimable, inventory.devices)
        return recorded(pools(Topology(inventory), free))


def _unnamed(wish: ReleaseWish) -> str:
    """What a release that names no owner is for."""
    return "what is overdue" if wish.expired else "orphans" if wish.orphans else ", ".join(wish.addresses)
