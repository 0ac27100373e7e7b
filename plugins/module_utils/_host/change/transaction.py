# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out a plan so that nothing is half done: journal first, each step on record, undone where one fails."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.errors import HostdevError
from ..._model.plan.attaching import with_guest_addresses
from ..._model.plan.commands import by_hand
from ..._model.plan.partial import with_set_aside
from ..._model.plan.plan import Journal, Plan
from ..._model.plan.steps import DriverStep, HostdevStep, RootPortsStep, Step, VfSettingsStep
from .recovery import Settling

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim
    from ..._model.claims.tracker import Tracker
    from ..._model.host.node_device import Nodes
    from ..._model.record.schema import Record
    from ..binding.binder import Binder
    from ..binding.vf_settings import VfSettings
    from ..libvirt.changes import DomainChanges
    from ..record.record_file import RecordFile
    from .stubborn_guest import Insisting


class Transaction:
    """Applies plans to a host and keeps the record in step.

    Every step is applied by driving its thing to the step's `after`, from whatever state it is in, so that a step
    can be repeated, and undone by applying its inverse. `domains` is None where there is no libvirt. `pools` counts
    the free devices once all is done, `nodes` reads the USB and SCSI devices.
    """

    def __init__(
        self,
        file: RecordFile,
        record: Record,
        binder: Binder,
        domains: DomainChanges | None,
        *,
        pools: t.Callable[[Tracker], list[dict[str, t.Any]]],
        nodes: t.Callable[[], Nodes],
        detach_timeout: float,
        vf_settings: VfSettings | None = None,
    ) -> None:
        self._file = file
        self._record = record
        self._binder = binder
        self._domains = domains
        self._pools = pools
        self._nodes = nodes
        self._detach_timeout = detach_timeout
        self._vf_settings = vf_settings
        self._rebooted = False

    def run(self, plan: Plan, insisting: Insisting | None = None) -> Plan:
        """Do all of the plan, or nothing: raises HostdevError after what was done is undone.

        Where the undo fails too, the journal stays in the record for the next run and the error says what is left.
        Returns the plan as it was done: `insisting` may ease it where a guest does not let a device go.
        """
        journal = Journal(plan, self._record.boot_id)
        if plan.steps:
            self._save(journal)
        index = 0
        while index < len(plan.steps):
            journal = Journal(plan, journal.boot_id, index + 1)
            try:
                self._save(journal)
                eased = self._insist(plan, index, insisting)
            except HostdevError as error:
                self._undo_after(journal, error)
                raise
            index += 1 if eased is plan else 0
            plan = eased
        journal = Journal(plan, journal.boot_id, len(plan.steps))
        try:
            self._close(plan, kept=True)
        except HostdevError as error:
            self._undo_after(journal, error)
            raise
        return plan

    def recover(self, boot_id: str) -> list[str] | None:
        """Settle a journal that an earlier run left, and say what was done; None when there is none.

        A claim that did not come to its end is undone, a release is finished: both give devices back to the host. A
        release that can't be finished is undone. `boot_id` is the host's as it runs now. Raises HostdevError, and the
        journal stays, when a claim or such a release can't be undone.
        """
        journal = self._record.journal
        if journal is None:
            return None
        plan = journal.plan
        self._rebooted = boot_id != journal.boot_id
        if self._domains is not None:
            for uuid in sorted({step.uuid for step in plan.steps if isinstance(step, (HostdevStep, RootPortsStep))}):
                self._domains.await_job(uuid)
        if plan.operation != "release":
            settling = self._settling(plan)
            notes = settling.drive(_inverses(journal))
            self._close(plan, kept=False, stuck=settling.stuck)
            begun = f"{journal.begun} of {len(plan.steps)} steps begun"
            return [f"undid an interrupted claim of {plan.after.owner} ({begun})", *notes]
        settling = self._settling(plan)
        try:
            notes = settling.drive(plan.steps)
        except HostdevError as error:
            journal = replace(journal, begun=len(plan.steps))
            self._undo_after(journal, error)
            return [f"undid an interrupted release for {plan.before.owner}, which can't be finished: {error.message}"]
        self._close(plan, kept=True, stuck=settling.stuck)
        return [f"finished an interrupted release for {plan.before.owner}", *notes]

    def _insist(self, plan: Plan, index: int, insisting: Insisting | None) -> Plan:
        """Do the plan's step of this number; the plan comes back, or an eased one whose step that is not done yet."""
        try:
            self._apply(plan.steps[index])
        except HostdevError as error:
            eased = None if insisting is None else insisting.eased(plan, index, error)
            if eased is None:
                raise
            if eased is not plan:
                return eased
            self._apply(plan.steps[index])
        return plan

    def _settling(self, plan: Plan) -> Settling:
        return Settling(plan, self._binder, self._domains, self._apply, nodes=self._nodes, rebooted=self._rebooted)

    def _apply(self, step: Step) -> None:
        if isinstance(step, DriverStep):
            self._binder.apply(step)
        elif isinstance(step, VfSettingsStep):
            if self._vf_settings is None:
                raise ValueError("a system without interfaces has no VFs to be set")
            self._vf_settings.apply(step)
        elif self._domains is not None and isinstance(step, RootPortsStep):
            self._domains.apply_root_ports(step)
        elif self._domains is not None and isinstance(step, HostdevStep):
            self._domains.apply(step, timeout=self._detach_timeout)
        else:
            raise HostdevError(
                "no_libvirt",
                subject=f"domain {step.domain}",
                found="no connection to libvirt",
                wanted=f"to {step}",
                remedy="start libvirt on the host, and install its Python binding",
            )

    def _undo_after(self, journal: Journal, error: HostdevError) -> None:
        """Undo, and where that fails as well, leave the journal and add to the error how to mend it by hand."""
        settling = self._settling(journal.plan)
        try:
            settling.drive(_inverses(journal), without_libvirt=True)
        except HostdevError as undo_error:
            commands = [by_hand(step) for step in settling.left]
            raise HostdevError(
                error.code,
                subject=error.subject,
                found=f"{error.found}; undoing the steps before it failed as well: {undo_error.message}",
                wanted=error.wanted,
                remedy="run the task again, which goes on with the undo; or by hand: " + " && ".join(commands),
                details={**error.details, "undo_failed": undo_error.as_result(), "commands": commands},
            ) from error
        try:
            self._close(journal.plan, kept=False, stuck=settling.stuck)
        except HostdevError as record_error:
            raise HostdevError(
                error.code,
                subject=error.subject,
                found=f"{error.found}; all was undone, but the record could not say so: {record_error.message}",
                wanted=error.wanted,
                remedy=f"{record_error.remedy}, and run the task again; first: {error.remedy}",
                details={**error.details, "record": record_error.as_result()},
            ) from error
        if settling.stuck:
            addresses = ", ".join(settling.stuck)
            raise HostdevError(
                error.code,
                subject=error.subject,
                found=f"{error.found}; all else was undone, and {addresses} stays on record with "
                f"{journal.plan.after.owner}, so that nobody else gets it",
                wanted=error.wanted,
                remedy=f"{error.remedy}; release it after that. Other devices can be claimed and released meanwhile",
                details={**error.details, "stuck": list(settling.stuck)},
            ) from error

    def _save(self, journal: Journal | None) -> None:
        self._record.journal = journal
        self._file.write(self._record)

    def _close(self, plan: Plan, *, kept: bool, stuck: t.Iterable[str] = ()) -> None:
        claim = self._noted(plan.after) if kept else plan.before
        self._record.tracker.put(with_set_aside(plan, claim, stuck))
        # Of a host where libvirt is gone by now the counts of before stand: they are no reason to undo what is done.
        with contextlib.suppress(HostdevError):
            self._record.pools = self._pools(self._record.tracker)
        self._save(None)

    def _noted(self, claim: Claim) -> Claim:
        """The claim with the guest addresses that libvirt chose; as it is where they can't be read."""
        if self._domains is not None and any(held.attach for held in claim.holdings.values()):
            with contextlib.suppress(HostdevError):
                return with_guest_addresses(claim, self._domains.find(claim.owner.id))
        return claim


def _inverses(journal: Journal) -> list[Step]:
    """What undoes the steps that were begun, the last one first."""
    return [step.inverse() for step in reversed(journal.plan.steps[: journal.begun])]
