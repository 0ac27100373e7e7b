# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Carrying out a plan so that nothing is half done: journal first, each step on record, undone where one fails."""

from __future__ import annotations

import contextlib
import shlex
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from .._model.errors import HostdevError
from .._model.plan import DriverStep, HostdevStep, Journal, Plan, Step
from .settling import Settling

if t.TYPE_CHECKING:
    from .._model.node_steps import Nodes
    from .._model.record import Record
    from .._model.tracker import Tracker
    from .binding import Binder
    from .domains import Domains
    from .record import RecordFile


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
        domains: Domains | None,
        *,
        pools: t.Callable[[Tracker], list[dict[str, t.Any]]],
        nodes: t.Callable[[], Nodes],
        detach_timeout: float,
    ) -> None:
        self._file = file
        self._record = record
        self._binder = binder
        self._domains = domains
        self._pools = pools
        self._nodes = nodes
        self._detach_timeout = detach_timeout
        self._rebooted = False

    def run(self, plan: Plan) -> None:
        """Do all of the plan, or nothing: raises HostdevError after what was done is undone.

        Where the undo fails too, the journal stays in the record for the next run and the error says what is left.
        """
        journal = Journal(plan, self._record.boot_id)
        if plan.steps:
            self._save(journal)
        for index, step in enumerate(plan.steps):
            journal = replace(journal, begun=index + 1)
            try:
                self._save(journal)
                self._apply(step)
            except HostdevError as error:
                self._undo_after(journal, error)
                raise
        try:
            self._close(plan, kept=True)
        except HostdevError as error:
            self._undo_after(journal, error)
            raise

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
        if plan.operation != "release":
            notes = self._undo(journal)
            self._close(plan, kept=False)
            begun = f"{journal.begun} of {len(plan.steps)} steps begun"
            return [f"undid an interrupted claim of {plan.after.owner} ({begun})", *notes]
        try:
            notes = self._settling(plan).drive(plan.steps)
        except HostdevError as error:
            journal = replace(journal, begun=len(plan.steps))
            self._undo_after(journal, error)
            return [f"undid an interrupted release for {plan.before.owner}, which can't be finished: {error.message}"]
        self._close(plan, kept=True)
        return [f"finished an interrupted release for {plan.before.owner}", *notes]

    def _settling(self, plan: Plan) -> Settling:
        return Settling(plan, self._binder, self._domains, self._apply, nodes=self._nodes, rebooted=self._rebooted)

    def _apply(self, step: Step) -> None:
        if isinstance(step, DriverStep):
            self._binder.apply(step)
        elif self._domains is not None:
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
        try:
            self._undo(journal)
        except HostdevError as undo_error:
            commands = [by_hand(step.inverse()) for step in reversed(journal.plan.steps[: journal.begun])]
            raise HostdevError(
                error.code,
                subject=error.subject,
                found=f"{error.found}; undoing the steps before it failed as well: {undo_error.message}",
                wanted=error.wanted,
                remedy="run the task again, which goes on with the undo; or by hand: " + " && ".join(commands),
                details={**error.details, "undo_failed": undo_error.as_result(), "commands": commands},
            ) from error
        try:
            self._close(journal.plan, kept=False)
        except HostdevError as record_error:
            raise HostdevError(
                error.code,
                subject=error.subject,
                found=f"{error.found}; all was undone, but the record could not say so: {record_error.message}",
                wanted=error.wanted,
                remedy=f"{record_error.remedy}, and run the task again; first: {error.remedy}",
                details={**error.details, "record": record_error.as_result()},
            ) from error

    def _undo(self, journal: Journal) -> list[str]:
        begun = journal.plan.steps[: journal.begun]
        return self._settling(journal.plan).drive(step.inverse() for step in reversed(begun))

    def _save(self, journal: Journal | None) -> None:
        self._record.journal = journal
        self._file.write(self._record)

    def _close(self, plan: Plan, *, kept: bool) -> None:
        self._record.tracker.put(plan.after if kept else plan.before)
        # Of a host where libvirt is gone by now the counts of before stand: they are no reason to undo what is done.
        with contextlib.suppress(HostdevError):
            self._record.pools = self._pools(self._record.tracker)
        self._save(None)


def by_hand(step: Step) -> str:
    """The shell command that does a step, for an administrator who must mend what could not be undone.

    It is in one line, and for any POSIX shell, whatever the domain's XML and the record hold.
    """
    if isinstance(step, HostdevStep):
        action = "attach-device" if step.after else "detach-device"
        xml = shlex.quote(_on_one_line(step.after or step.before or ""))
        return f"printf %s {xml} | virsh {action} {shlex.quote(step.uuid)} /dev/stdin --{shlex.quote(step.place)}"
    device = f"/sys/bus/pci/devices/{step.address}"
    override = shlex.quote(step.after.override) if step.after.override else ""
    commands = [f"echo {override} > {shlex.quote(f'{device}/driver_override')}"]
    if step.before.driver:
        commands.append(f"echo {shlex.quote(step.address)} > {shlex.quote(f'{device}/driver/unbind')}")
    if step.after.driver:
        commands.append(f"echo {shlex.quote(step.address)} > /sys/bus/pci/drivers_probe")
    return "; ".join(commands)


def _on_one_line(xml: str) -> str:
    """An element without the white space between its parts; what is no XML as it is."""
    try:
        element = ET.fromstring(xml)
    except ET.ParseError:
        return xml
    for part in element.iter():
        part.text = part.text if (part.text or "").strip() else None
        part.tail = part.tail if (part.tail or "").strip() else None
    return ET.tostring(element, encoding="unicode")
