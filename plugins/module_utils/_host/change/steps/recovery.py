# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that are undone or finished later than they were planned: what they were for may be gone by then.

A device that was pulled out, or in whose place there is another, has nothing to be put back, and neither has a guest
that stopped. After a reboot the host may use again what a step would take from it: then definitions are put right and
devices given back, and none is taken or set up. What the host uses by then stays with it. A guest that was started
meanwhile, by libvirt at the boot of the host say, may have a device that a step gives back: it must let go first, since
the unbind would wait in the kernel until it does. And it may have one that no step gives back: it must let that go in
the end, since nobody holds it for the guest any more.
"""

from __future__ import annotations

import typing as t

from ...._model.errors import HostdevError
from ...._model.guards.again import found_blockers
from ...._model.host.device import host_driven
from ...._model.plan.domain.unheld import unheld_steps
from ...reading.pci.functions import read_identified
from ...reading.usb_scsi import read_usb_and_scsi
from .asked_again import AskedAgain

if t.TYPE_CHECKING:
    from ...._model.guest.domain import Domain
    from ...._model.host.device import PciDevice
    from ...._model.host.nodes.node_device import NodeDevice
    from ...._model.plan.plan import Plan
    from ...._model.plan.steps import Step
    from ..host import ChangingHost
    from .executors import Executors


class Recovery:
    """Drives steps of one plan to their ends; `rebooted` tells whether the host was since they were planned.

    `undo` says that the way is back to what was before the plan, else to what it was made for.
    With `settle` nothing but libvirt's silence keeps it from its end: a device that can't be driven there is set aside.
    Without, only one whose driver does not come back is, which no second attempt would help. `undriven` are the steps
    that are left after an error, `set_aside` the errors of devices by address, `with_host` those of devices that the
    host uses by now and keeps, and `notes` tell all that was not done.
    """

    def __init__(
        self, plan: Plan, executors: Executors, *, rebooted: bool, settle: bool = False, undo: bool = False
    ) -> None:
        self._ends = (plan.after, plan.before) if undo else (plan.before, plan.after)
        self._now = _Now(plan, executors.host)
        self._again = AskedAgain(plan, executors.host)
        self._apply = executors.apply
        self._rebooted = rebooted
        self._settle = settle
        self.notes: list[str] = []
        self.undriven: list[Step] = []
        self.set_aside: dict[str, HostdevError] = {}
        self.with_host: dict[str, HostdevError] = {}

    @property
    def not_held(self) -> set[str]:
        """The devices that no claim holds any more, whatever the plan says."""
        return {*self.set_aside, *self.with_host}

    def drive(self, steps: t.Iterable[Step], *, without_libvirt: bool = False) -> list[str]:
        """Do the steps in their order. What can't be done any more, since its thing is gone, is told in a sentence.

        Raises HostdevError at the first step that fails and is no device's own trouble. With `without_libvirt` a
        libvirt that does not answer only leaves out what needs it, and is raised in the end: a driver goes back as
        soon as no process, QEMU's among them, has the device.
        """
        unreachable: HostdevError | None = None
        self.undriven = list(steps)
        for step in tuple(self.undriven):
            try:
                self._do(step, without_libvirt)
            except HostdevError as error:
                if error.code != "no_libvirt" or not without_libvirt:
                    raise
                unreachable = unreachable or error
        if unreachable is not None:
            raise unreachable
        for step in unheld_steps(*self._ends, self._now):
            self.undriven.append(step)
            self._do(step, without_libvirt)
        return self.notes

    def _do(self, step: Step, without_libvirt: bool) -> None:
        try:
            self._drive_step(step, without_libvirt)
        except HostdevError as error:
            if error.code == "no_libvirt":
                raise
            self._put_up_with(step, error)
        self.undriven.remove(step)

    def _put_up_with(self, step: Step, error: HostdevError) -> None:
        """Note that a step's device is set aside, or stays with the host. Raises the error where it is neither."""
        address = step.address
        if step.takes_device and address is not None and found_blockers(error):
            self.notes.append(f"{address} stays with the host, which uses it, and is no longer held: {error.found}")
            self.with_host[address] = error
        elif step.changes_driver and address is not None and (self._settle or _hangs(step, error)):
            self.notes.append(f"{error.message} It is set aside: nobody gets it until it is mended")
            self.set_aside[address] = error
        elif self._settle:
            self.notes.append(f"{error.message} What is left of '{step}' is to be done by hand: {step.command()}")
            # A device that is held in the end stays bound and held: the next claim mends the rest.
            if address is not None and address in self._now.holdings and address not in self._ends[1].holdings:
                self.set_aside.setdefault(address, error)
        else:
            raise error

    def _drive_step(self, step: Step, without_libvirt: bool) -> None:
        if step.address in self.not_held and step.needs_device:
            return
        missing = self._undone_by_reboot(step) or step.missing(self._now)
        if missing is not None:
            self.notes.append(f"{missing}: nothing is left of the step '{step}'")
            return
        try:
            for first in step.first(self._now):
                self._apply(first)
        except HostdevError as error:
            if error.code != "no_libvirt" or not without_libvirt:
                raise
        self._apply(step, self._again.about(step))

    def _undone_by_reboot(self, step: Step) -> str | None:
        """A driver that the host gave a device as it booted stays, whatever was there before: the host may use it."""
        if not self._rebooted:
            return None
        device = self._now.function(step.address) if step.changes_driver and step.address is not None else None
        if step.takes_after_reboot or (device is not None and host_driven(device)):
            return "the host was rebooted"
        return None


def _hangs(step: Step, error: HostdevError) -> bool:
    return error.code == "unbind_timeout" and error.subject == step.address


class _Now:
    """What the steps of a plan ask of the host as it is now."""

    def __init__(self, plan: Plan, host: ChangingHost) -> None:
        self.owner = plan.after.owner
        self.holdings = {**plan.before.holdings, **plan.after.holdings}
        self.node_holdings = {**plan.before.node_devices, **plan.after.node_devices}
        self.has_libvirt = host.domains is not None
        self._host = host

    def function(self, address: str) -> PciDevice | None:
        return read_identified(self._host.tree, address)

    def nodes(self) -> t.Mapping[str, NodeDevice]:
        return read_usb_and_scsi(self._host.tree)

    def domains(self) -> t.Sequence[Domain]:
        return () if self._host.domains is None else self._host.domains.all()
