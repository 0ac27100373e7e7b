# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that are undone or finished later than they were planned: what they were for may be gone by then.

A device that was pulled out, or in whose place there is another, has nothing to be put back, and neither has a guest
that stopped. After a reboot the host may use again what a step would take from it: then definitions are put right and
devices given back, and none is taken or set up. A guest that was started meanwhile, by libvirt at the boot of the host
say, may have a device that a step gives back: it must let go first, since the unbind would wait in the kernel until it
does.
"""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..reading.pci import read_device
from ..reading.usb_scsi import read_usb_and_scsi

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain
    from ..._model.host.device import PciDevice
    from ..._model.host.node_device import NodeDevice
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import Step
    from .executors import Executors
    from .host import ChangingHost


class Recovery:
    """Drives steps of one plan to their ends; `rebooted` tells whether the host was since they were planned."""

    def __init__(self, plan: Plan, executors: Executors, *, rebooted: bool) -> None:
        self._now = _Now(plan, executors.host)
        self._apply = executors.apply
        self._rebooted = rebooted
        self._notes: list[str] = []
        self.left: list[Step] = []
        self.set_aside: dict[str, HostdevError] = {}

    def drive(self, steps: t.Iterable[Step], *, without_libvirt: bool = False) -> list[str]:
        """Do the steps in their order. What can't be done any more, since its thing is gone, is told in a sentence.

        Raises HostdevError at the first step that fails; `left` are that one and those after it. A device whose driver
        does not come back is in `set_aside`, and the others go on: only a reboot helps it. With `without_libvirt` a
        libvirt that does not answer only leaves out what needs it, and is raised in the end: a driver goes back as
        soon as no process, QEMU's among them, has the device.
        """
        unreachable: HostdevError | None = None
        self.left = list(steps)
        for step in tuple(self.left):
            try:
                self._drive_step(step, without_libvirt)
            except HostdevError as error:
                if step.changes_driver and error.code == "unbind_timeout" and error.subject == step.address:
                    self._notes.append(f"{error.message} It stays on record, held by {self._now.owner}")
                    self.set_aside[error.subject] = error
                elif error.code == "no_libvirt" and without_libvirt:
                    unreachable = unreachable or error
                    continue
                else:
                    raise
            self.left.remove(step)
        if unreachable is not None:
            raise unreachable
        return self._notes

    def _drive_step(self, step: Step, without_libvirt: bool) -> None:
        if step.address in self.set_aside and step.needs_device:
            return
        missing = "the host was rebooted" if self._rebooted and step.takes_after_reboot else step.missing(self._now)
        if missing is not None:
            self._notes.append(f"{missing}: nothing is left of the step '{step}'")
            return
        try:
            for first in step.first(self._now):
                self._apply(first)
        except HostdevError as error:
            if error.code != "no_libvirt" or not without_libvirt:
                raise
        self._apply(step)


class _Now:
    """What the steps of a plan ask of the host as it is now."""

    def __init__(self, plan: Plan, host: ChangingHost) -> None:
        self.owner = plan.after.owner
        self.holdings = {**plan.before.holdings, **plan.after.holdings}
        self.node_holdings = {**plan.before.node_devices, **plan.after.node_devices}
        self.has_libvirt = host.domains is not None
        self._host = host

    def function(self, address: str) -> PciDevice | None:
        return read_device(self._host.tree, address)

    def nodes(self) -> t.Mapping[str, NodeDevice]:
        return read_usb_and_scsi(self._host.tree)

    def domains(self) -> t.Sequence[Domain]:
        return () if self._host.domains is None else self._host.domains.all()
