# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out a plan so that nothing is half done: journal first, each step on record, undone where one fails."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import replace

from ...._model.errors import HostdevError
from ...._model.guards.again import found_blockers
from ...._model.plan.aside import set_aside
from ...._model.plan.domain.attaching import with_guest_addresses
from ...._model.plan.journal import Journal
from ...._model.plan.partial import with_left, without_devices
from ...._model.plan.plan import CLAIM, RELEASE, Plan
from .asked_again import AskedAgain
from .recovery import Recovery

if t.TYPE_CHECKING:
    from ...._model.claims.claim import Claim, Owner
    from ...._model.claims.tracker import Tracker
    from ...._model.plan.steps import Step
    from ...._model.record.record import Record
    from ...record.record_file import RecordFile
    from .executors import Executors
    from .stubborn_guest import StubbornGuest


class Transaction:
    """Applies plans to a host and keeps the record in step.

    Every step is applied by driving its thing to the step's `after`, from whatever state it is in, so that a step
    can be repeated, and undone by applying its inverse. `pools` counts the free devices once all is done. `notes` tell
    what of a plan was left out.
    """

    def __init__(
        self,
        file: RecordFile,
        record: Record,
        executors: Executors,
        *,
        pools: t.Callable[[Tracker], list[dict[str, t.Any]]],
    ) -> None:
        self._file = file
        self._record = record
        self._executors = executors
        self._domains = executors.host.domains
        self._pools = pools
        self._rebooted = False
        self._done: tuple[Plan, ...] | None = None
        self._left: t.Sequence[Plan] = ()
        self._planned: Plan | None = None
        self.notes: list[str] = []

    def run(self, plan: Plan, guest: StubbornGuest | None = None) -> Plan:
        """Do all of the plan, or nothing: raises HostdevError after what was done is undone.

        Where the undo fails too, the journal stays in the record for the next run and the error says what is left.
        Returns the plan as it was done: `guest` may ease it where that does not let a device go.
        """
        journal = self._journal(plan, 0)
        again = AskedAgain(plan, self._executors.host, _taken(plan))
        if plan.steps:
            self._begin(journal)
        index = 0
        while index < len(plan.steps):
            journal = self._journal(plan, index + 1)
            try:
                self._save(journal)
                eased = self._do(plan, index, guest, again)
            except HostdevError as error:
                if self._stays_with_host(plan.steps[index], plan, error):
                    plan = replace(plan, steps=(*plan.steps[:index], *plan.steps[index + 1 :]))
                    continue
                self._undo_after(journal, error)
                raise
            index += 1 if eased is plan else 0
            plan = eased
        journal = self._journal(plan, len(plan.steps))
        try:
            again.about_all()
            self._close(plan, self._following(plan), kept=True)
        except HostdevError as error:
            self._undo_after(journal, error)
            raise
        return plan

    def run_all(
        self, plans: t.Sequence[Plan], called: t.Callable[[Owner], str], guest: StubbornGuest | None = None
    ) -> list[Plan]:
        """Do all plans, one after the other, or nothing of any: raises HostdevError as `run` does.

        An error begins with what its owner is `called`.
        """
        self._done, self._left, done = (), plans, []
        while self._left:
            plan, self._left = self._left[0], self._left[1:]
            self._planned = plan
            try:
                done.append(self.run(plan, guest))
            except HostdevError as error:
                whose = error.but(subject=f"{called(plan.after.owner)}: {error.subject}")
                raise self._undo_done(whose) from error
            self._done = (*self._done, done[-1])
        return done

    def _undo_done(self, error: HostdevError) -> HostdevError:
        """Undo the plans before the one that failed, which is undone; the error comes back with what was not."""
        while (journal := self._record.journal) is not None and len(journal.done or ()) < len(self._done or ()):
            self._done = journal.done
            try:
                self._undo_after(journal, error)
            except HostdevError as told:
                error = told
        return error

    def _begin(self, journal: Journal) -> None:
        try:
            self._save(journal)
        except HostdevError as error:
            if self._done:
                self._undo_after(journal, error)
            raise

    def _journal(self, plan: Plan, begun: int) -> Journal:
        return Journal(plan, self._record.boot_id, begun, self._done)

    def _following(self, plan: Plan) -> Journal | None:
        """What is in the record once a plan is carried out: the next one, with nothing of it begun.

        Raises HostdevError where one that is left needs what a guest did not let go.
        """
        if self._done is None or not self._left:
            return None
        self._left = [with_left(later, self._planned or plan, plan) for later in self._left]
        return Journal(self._left[0], self._record.boot_id, 0, (*self._done, plan))

    def recover(self, boot_id: str) -> list[str] | None:
        """Undo or finish the journal that an earlier run left, and say what was done; None when there is none.

        A claim that did not come to its end is undone, a release is finished: both give devices back to the host. A
        release that can't be finished is undone, and so are all plans of a run for several owners: a device may be on
        its way from one of them to another. `boot_id` is the host's as it runs now. Raises HostdevError, and the
        journal stays, when a claim or such a release can't be undone.
        """
        if self._record.journal is None:
            return None
        self._rebooted = boot_id != self._record.journal.boot_id
        told: list[str] = []
        while self._record.journal is not None:
            told.extend(self._settle(self._record.journal))
        return told

    def _settle(self, journal: Journal) -> list[str]:
        """Undo or finish one plan, so that the record has the one before it, or none."""
        plan = journal.plan
        busy = self._await_jobs(plan)
        if plan.operation != RELEASE or journal.done is not None:
            recovery = self._recovery(plan, settle=True, undo=True)
            notes = recovery.drive(_inverses(journal))
            self._close(plan, journal.before_that(recovery.not_held), kept=False, recovery=recovery)
            begun = f"{journal.begun} of {len(plan.steps)} steps begun"
            return [f"undid an interrupted {plan.operation} of {plan.after.owner} ({begun})", *busy, *notes]
        recovery = self._recovery(plan)
        try:
            notes = recovery.drive(plan.steps)
        except HostdevError as error:
            journal = replace(journal, begun=len(plan.steps))
            notes = self._undo_after(journal, error, settle=True)
            undone = f"undid an interrupted release for {plan.before.owner}, which can't be finished: {error.message}"
            return [undone, *busy, *notes]
        self._close(plan, None, kept=True, recovery=recovery)
        return [f"finished an interrupted release for {plan.before.owner}", *busy, *notes]

    def _await_jobs(self, plan: Plan) -> list[str]:
        """Wait for what a killed run asked libvirt for; what takes too long is told, and keeps nobody from others."""
        told: list[str] = []
        if self._domains is None:
            return told
        for uuid in sorted({step.uuid for step in plan.steps if step.uuid is not None}):
            try:
                self._domains.await_job(uuid)
            except HostdevError as error:
                told.append(error.message)
        return told

    def _stays_with_host(self, step: Step, plan: Plan, error: HostdevError) -> bool:
        """Whether the step was to give a device back that the host uses already: there is nothing left to be done."""
        if step.address in plan.after.holdings or not step.changes_driver or not found_blockers(error):
            return False
        self.notes.append(f"{step.address} stays with the host's driver: {error.found}")
        return True

    def _do(self, plan: Plan, index: int, guest: StubbornGuest | None, again: AskedAgain) -> Plan:
        """Do the plan's step of this number; the plan comes back, or an eased one whose step that is not done yet."""
        try:
            self._executors.apply(plan.steps[index], again.about(plan.steps[index]))
        except HostdevError as error:
            eased = None if guest is None else guest.eased(plan, index, error)
            if eased is None:
                raise
            if eased is not plan:
                return eased
            self._executors.apply(plan.steps[index], again.about(plan.steps[index]))
        return plan

    def _recovery(self, plan: Plan, *, settle: bool = False, undo: bool = False) -> Recovery:
        return Recovery(plan, self._executors, rebooted=self._rebooted, settle=settle, undo=undo)

    def _undo_after(self, journal: Journal, error: HostdevError, *, settle: bool = False) -> list[str]:
        """Undo, and say what was not done; where that fails, leave the journal and add how to mend it by hand.

        With `settle` a device that can't be brought back is set aside; else that is left to the next run, since what
        is wrong may pass.
        """
        recovery = self._recovery(journal.plan, settle=settle, undo=True)
        try:
            recovery.drive(_inverses(journal), without_libvirt=True)
        except HostdevError as undo_error:
            before_it = [step for plan in journal.done or () for step in plan.steps]
            left = [*recovery.undriven, *(step.inverse() for step in reversed(before_it))]
            commands = [step.command() for step in left]
            raise error.but(
                found=f"{error.found}; undoing the steps before it failed as well: {undo_error.message}",
                remedy="run the task again, which goes on with the undo; or by hand: " + " && ".join(commands),
                details={"undo_failed": undo_error.as_result(), "commands": commands},
            ) from error
        try:
            self._close(journal.plan, journal.before_that(recovery.not_held), kept=False, recovery=recovery)
        except HostdevError as record_error:
            raise error.but(
                found=f"{error.found}; all was undone, but the record could not say so: {record_error.message}",
                remedy=f"{record_error.remedy}, and run the task again; first: {error.remedy}",
                details={"record": record_error.as_result()},
            ) from error
        if settle or not recovery.not_held:
            return recovery.notes
        if recovery.set_aside:
            addresses = ", ".join(recovery.set_aside)
            raise error.but(
                found=f"{error.found}; all else was undone, and {addresses} is set aside, so that nobody gets it",
                remedy=f"{error.remedy}; release it by its address after that. Other devices can be claimed and "
                "released meanwhile",
                details={"set_aside": list(recovery.set_aside)},
            ) from error
        raise error.but(found="; ".join([error.found, *recovery.notes])) from error

    def _save(self, journal: Journal | None) -> None:
        self._record.journal = journal
        self._file.write(self._record)

    def _close(self, plan: Plan, then: Journal | None, *, kept: bool, recovery: Recovery | None = None) -> None:
        """Have the claim on record as it is by now; `then` is the journal that is left."""
        claim = self._noted(plan.after) if kept else plan.before
        tracker = self._record.tracker
        if recovery is not None:
            claim = without_devices(claim, recovery.not_held)
        tracker.put(claim)
        if then is not None and not kept:
            tracker.put(then.plan.before)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for address, error in ({} if recovery is None else recovery.set_aside).items():
            aside = set_aside(plan, address, error, since)
            if aside is not None:
                tracker.set_aside[address] = aside
        if then is None and any(claim.constraints or claim.prefer for claim in tracker):
            from ...._model.decision.constraints import settle

            settle(tracker)
        # Of a host where libvirt is gone by now the counts of before stand: they are no reason to undo what is done.
        with contextlib.suppress(HostdevError):
            if then is None:
                self._record.pools = self._pools(self._record.tracker)
        self._save(then)

    def _noted(self, claim: Claim) -> Claim:
        """The claim with the guest addresses that libvirt chose; as it is where they can't be read."""
        if self._domains is not None and any(held.attach for held in claim.holdings.values()):
            with contextlib.suppress(HostdevError):
                return with_guest_addresses(claim, self._domains.find(claim.owner.id))
        return claim


def _inverses(journal: Journal) -> list[Step]:
    """What undoes the steps that were begun, the last one first."""
    return [step.inverse() for step in reversed(journal.plan.steps[: journal.begun])]


def _taken(plan: Plan) -> list[str]:
    """The devices that a claim's plan took, or bound anew."""
    if plan.operation != CLAIM or not plan.changed:
        return []
    bound = {step.address for step in plan.steps if step.changes_driver}
    return [address for address in plan.after.holdings if address in bound or address not in plan.before.holdings]
