# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What carries out each kind of step: one table."""

from __future__ import annotations

import contextlib
import typing as t

from ...._model.errors import HostdevError
from ...._model.plan.steps import DriverStep, HostdevStep, NodeStep, RootPortsStep, VfSettingsStep
from ...reading.usb_scsi import read_usb_and_scsi

if t.TYPE_CHECKING:
    from ...._model.plan.steps import ElementStep, Step
    from ...libvirt.changes import DomainChanges
    from ..host import ChangingHost


Ask = t.Callable[[], None]


def nothing() -> None:
    """Nobody is asked."""


class Executors:
    """Carry out steps on one host. A running guest has `detach_timeout` seconds to let a device go."""

    def __init__(self, host: ChangingHost, detach_timeout: float) -> None:
        if host.binder is None:
            raise ValueError("a system without a binder cannot be changed")
        self.host = host
        self.binder = host.binder
        self.detach_timeout = detach_timeout

    def apply(self, step: Step, ask: Ask = nothing) -> None:
        """Drive the step's thing to its `after`, from whatever state it is in. Raises HostdevError.

        `ask` is called right before a device is taken from the host, and may refuse that.
        """
        EXECUTORS[step.kind](self, step, ask)

    def domains(self, step: Step) -> DomainChanges:
        """The domains, for a step that changes one. Raises HostdevError with code no_libvirt where there are none."""
        if self.host.domains is None:
            raise HostdevError(
                "no_libvirt",
                subject=f"domain {step.domain}",
                found="no connection to libvirt",
                wanted=f"to {step}",
                remedy="start libvirt on the host, and install its Python binding",
            )
        return self.host.domains


def _driver(executors: Executors, step: DriverStep, ask: Ask) -> None:
    executors.binder.apply(step, ask)


def _vf_settings(executors: Executors, step: VfSettingsStep, _ask: Ask) -> None:
    if executors.host.vf_settings is None:
        raise ValueError("a system without interfaces has no VFs to be set")
    executors.host.vf_settings.apply(step)


def _element(executors: Executors, step: ElementStep, _ask: Ask) -> None:
    executors.domains(step).apply(step, timeout=executors.detach_timeout)


def _node(executors: Executors, step: NodeStep, ask: Ask) -> None:
    """A USB or SCSI device has no driver to be taken from first: QEMU takes it from the host as it enters a guest."""
    with contextlib.ExitStack() as alone:
        if step.attaches:
            ask()
            node = read_usb_and_scsi(executors.host.tree).get(step.address)
            if executors.binder.disks is not None and node is not None and node.path is not None:
                alone.enter_context(executors.binder.disks.disks_within(node.name, node.path))
        _element(executors, step, ask)


def _root_ports(executors: Executors, step: RootPortsStep, _ask: Ask) -> None:
    executors.domains(step).apply_root_ports(step)


EXECUTORS: t.Mapping[str, t.Callable[[Executors, t.Any, Ask], None]] = {
    DriverStep.kind: _driver,
    VfSettingsStep.kind: _vf_settings,
    HostdevStep.kind: _element,
    NodeStep.kind: _node,
    RootPortsStep.kind: _root_ports,
}
"""By kind. A step of a kind comes to that kind's function only."""
