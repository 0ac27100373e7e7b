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

from ..._model.claims.identity import identity_mismatch
from ..._model.errors import HostdevError
from ..._model.guest.domain import CONFIG, LIVE
from ..._model.plan.steps import DriverStep, HostdevStep, NodeStep, RootPortsStep, VfSettingsStep
from ..._model.plan.usb_scsi import node_absence
from ..reading.pci import named_vfio

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain
    from ..._model.host.node_device import Nodes
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import Step
    from ..binding.binder import Binder
    from ..libvirt.changes import DomainChanges


class Settling:
    """Drives steps of one plan to their ends.

    `apply` does one step, `nodes` reads the USB and SCSI devices, `rebooted` tells whether the host was since.
    """

    def __init__(
        self,
        plan: Plan,
        binder: Binder,
        domains: DomainChanges | None,
        apply: t.Callable[[Step], None],
        *,
        nodes: t.Callable[[], Nodes],
        rebooted: bool,
    ) -> None:
        self._owner = plan.after.owner
        self._holdings = {**plan.before.holdings, **plan.after.holdings}
        self._held_nodes = {**plan.before.node_devices, **plan.after.node_devices}
        self._nodes = nodes
        self._binder = binder
        self._domains = domains
        self._apply = apply
        self._rebooted = rebooted
        self._notes: list[str] = []
        self.left: list[Step] = []
        self.stuck: dict[str, HostdevError] = {}

    def drive(self, steps: t.Iterable[Step], *, without_libvirt: bool = False) -> list[str]:
        """Do the steps in their order. What can't be done any more, since its thing is gone, is told in a sentence.

        Raises HostdevError at the first step that fails; `left` are that one and those after it. A device whose driver
        does not come back is set aside, in `stuck`, and the others go on: only a reboot helps it. With
        `without_libvirt` a libvirt that does not answer only leaves out what needs it, and is raised in the end: a
        driver goes back as soon as no process, QEMU's among them, has the device.
        """
        unreachable: HostdevError | None = None
        self.left = list(steps)
        for step in tuple(self.left):
            try:
                self._drive_one(step, without_libvirt)
            except HostdevError as error:
                if isinstance(step, DriverStep) and error.code == "unbind_timeout" and error.subject == step.address:
                    self._notes.append(f"{error.message} It stays on record, held by {self._owner}")
                    self.stuck[step.address] = error
                elif error.code == "no_libvirt" and without_libvirt:
                    unreachable = unreachable or error
                    continue
                else:
                    raise
            self.left.remove(step)
        if unreachable is not None:
            raise unreachable
        return self._notes

    def _drive_one(self, step: Step, without_libvirt: bool) -> None:
        if self._hangs_with_its_device(step):
            return
        gone = self._gone(step)
        if gone is not None:
            self._notes.append(f"{gone}: nothing is left of the step '{step}'")
            return
        if isinstance(step, DriverStep):
            try:
                self._take_from_guests(step)
            except HostdevError as error:
                if error.code != "no_libvirt" or not without_libvirt:
                    raise
        self._apply(step)

    def _hangs_with_its_device(self, step: Step) -> bool:
        if isinstance(step, RootPortsStep) or step.address not in self.stuck:
            return False
        return isinstance(step, DriverStep) or step.after is not None

    def _gone(self, step: Step) -> str | None:
        if self._rebooted and _takes(step):
            return "the host was rebooted"
        if isinstance(step, (DriverStep, VfSettingsStep)):
            device = self._binder.present(step.address)
            if device is None:
                return f"{step.address} is no longer on the host"
            held = self._holdings.get(step.address)
            mismatch = None if held is None else identity_mismatch(device, held)
            return None if mismatch is None else f"another device is at {step.address} now ({mismatch})"
        if step.after is None or self._domains is None:
            return None
        if isinstance(step, NodeStep):
            absence = node_absence(self._nodes(), step, self._held_nodes.get(step.address))
            if absence is not None:
                return absence
        place = CONFIG if isinstance(step, RootPortsStep) else step.place
        domain = next((one for one in self._domains.all() if one.uuid == step.uuid), None)
        if domain is None:
            return f"domain {step.domain} is gone"
        if domain.layout(place) is None:
            return f"domain {step.domain} " + ("does not run" if place == LIVE else "has no definition")
        return None

    def _take_from_guests(self, step: DriverStep) -> None:
        device = self._binder.present(step.address)
        if self._domains is None or device is None or not device.vfio or device.driver == step.after.driver:
            return
        for domain in self._domains.all():
            assigned = domain.live.assigned.get(step.address) if domain.live is not None else None
            if assigned is None:
                continue
            if domain.uuid != self._owner.id:
                raise _in_use(step, domain)
            self._apply(HostdevStep(step.address, domain.name, domain.uuid, LIVE, assigned.xml, None))


def _takes(step: Step) -> bool:
    if isinstance(step, DriverStep):
        return step.after.driver is not None and named_vfio(step.after.driver)
    if isinstance(step, VfSettingsStep):
        # The PF has forgotten them, and the host may use the VF again: it must not find it trusted, say.
        return True
    return isinstance(step, HostdevStep) and step.place == LIVE and step.after is not None


def _in_use(step: DriverStep, domain: Domain) -> HostdevError:
    return HostdevError(
        "device_in_use",
        subject=step.address,
        found=f"domain {domain.name} ({domain.uuid}) is running with it",
        wanted=f"to give it back to {step.after.driver or 'no driver'}",
        remedy=f"detach it from {domain.name} or shut that domain down, then run the task again",
    )
