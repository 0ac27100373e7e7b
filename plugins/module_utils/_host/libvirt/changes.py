# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of libvirt's domains: functions, USB and SCSI devices and root ports into and out of them."""

from __future__ import annotations

import typing as t

from ..._model.address import PciAddress
from ..._model.errors import HostdevError
from ..._model.guest.domain import CONFIG, LIVE
from ..._model.guest.pci_xml import placed
from .detaching import LiveDevice, let_go
from .domains import Domains
from .errors import OPERATION_TIMEOUT, is_gone, number, remedy
from .root_ports import change_root_ports

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain
    from ..._model.plan.steps import ElementStep, RootPortsStep
    from .removal_events import RemovalEvents

# include/libvirt/libvirt-domain.h; numbers of a stable ABI, so that nothing here imports libvirt.
_AFFECT = {LIVE: 1, CONFIG: 2}


class DomainChanges(Domains):
    """The domains of one libvirt connection, and what is done to them; `events` tell when a guest let a device go."""

    def __init__(
        self,
        connection: t.Any,
        error: type[Exception],
        *,
        reopen: t.Callable[[], t.Any] | None = None,
        reconnect_timeout: float = 30.0,
        events: RemovalEvents | None = None,
    ) -> None:
        super().__init__(connection, error, reopen=reopen, reconnect_timeout=reconnect_timeout)
        self._events = events

    def apply(self, step: ElementStep, *, timeout: float) -> None:
        """Bring one device into or out of one place of a domain, and see that it is there or gone.

        Does nothing where that is so already. A running guest has `timeout` seconds to let a device go.
        """
        try:
            self._connection.call(lambda connection: self._change(connection, step, timeout))
        except self._error as error:
            # From a domain that is gone, or goes meanwhile, the device is gone too.
            if step.after is not None or not is_gone(error):
                raise _refused(step, f"libvirt says: {error}", remedy(error)) from error

    def apply_root_ports(self, step: RootPortsStep) -> None:
        """Bring the root ports of a definition to the step's `after`. From a domain that is gone they are gone too."""
        try:
            self._connection.call(lambda connection: change_root_ports(connection.lookupByUUIDString(step.uuid), step))
        except self._error as error:
            if is_gone(error) and set(step.after) < set(step.before):
                return
            raise HostdevError(
                "root_ports_failed",
                subject=f"definition of domain {step.domain}",
                found=f"libvirt says: {error}",
                wanted=str(step),
                remedy=remedy(error)
                or "ask for fewer with ensure_root_ports, or see the journal of libvirtd or virtqemud on the host",
            ) from error

    def await_job(self, uuid: str) -> None:
        """Wait until libvirt has done what it does to the domain for others, such as a run that was killed.

        Until then the domain's XML does not show what is under way. Raises HostdevError when it takes too long.
        """
        try:
            # Asks QEMU for something harmless, and so waits for its turn, 30 s at most (libvirt,
            # virDomainObjBeginJob); a domain that does not run, or a driver without it, has nothing to wait for.
            self._connection.call(lambda connection: connection.lookupByUUIDString(uuid).memoryStats())
        except self._error as error:
            if number(error) == OPERATION_TIMEOUT:
                raise HostdevError(
                    "domain_busy",
                    subject=f"domain {uuid}",
                    found=f"libvirt says: {error}",
                    wanted="a domain that nothing else changes, to settle what an interrupted run left",
                    remedy=remedy(error) or "",
                ) from error

    def stop(self, uuid: str) -> None:
        """Stop the domain hard, as if its power were cut; one that does not run is stopped already."""
        try:
            self._connection.call(lambda connection: self._destroy(connection, uuid))
        except self._error as error:
            raise HostdevError(
                "stop_failed",
                subject=f"domain {uuid}",
                found=f"libvirt says: {error}",
                wanted="a domain that is shut off",
                remedy=remedy(error) or "see the journal of libvirtd or virtqemud on the host",
            ) from error

    def _destroy(self, connection: t.Any, uuid: str) -> None:
        handle = connection.lookupByUUIDString(uuid)
        try:
            if handle.isActive():
                handle.destroy()
        except self._error:
            if handle.isActive():
                raise

    def _change(self, connection: t.Any, step: ElementStep, timeout: float) -> None:
        handle = connection.lookupByUUIDString(step.uuid)
        domain = self._read(handle)
        layout = domain.layout(step.place)
        present = None if layout is None else step.element_in(layout)
        if layout is None or (present is not None) == (step.after is not None):
            if step.after is not None and layout is None:
                raise _refused(step, f"the domain has no {'definition' if step.place == CONFIG else 'running guest'}")
            return
        if step.after is not None:
            handle.attachDeviceFlags(_placed(domain, step), _AFFECT[step.place])
        elif present is not None and step.place == LIVE:
            let_go(
                LiveDevice(handle, step, present.xml, lambda: not self._has(handle, step)),
                seconds=timeout,
                error=self._error,
                events=self._events,
            )
            return
        elif present is not None:
            handle.detachDeviceFlags(present.xml, _AFFECT[step.place])
        if self._has(handle, step) != (step.after is not None):
            taken = "took the device but its XML does not show it"
            raise _refused(step, f"libvirt {taken if step.after else 'still has the device in its XML'}")

    def _has(self, handle: t.Any, step: ElementStep) -> bool:
        layout = self._read(handle).layout(step.place)
        return layout is not None and step.element_in(layout) is not None


def _placed(domain: Domain, step: ElementStep) -> str:
    """The element to attach; live it gets the guest address that the definition has, where that is free.

    So the guest finds the device at the same place after its next start.
    """
    wanted = step.after or ""
    if not step.has_guest_address or step.place != LIVE or domain.config is None or domain.live is None:
        return wanted
    defined = domain.config.assigned.get(step.address)
    if defined is None or step.element.find("address") is not None:
        return wanted
    at, layout = defined.place, domain.live
    free = at is not None and PciAddress.parse(at).bus in (layout.free_root_ports or ()) and layout.has_room(at)
    return placed(step.element, defined.element, keep_place=free)


def _refused(step: ElementStep, why: str, what_to_do: str | None = None) -> HostdevError:
    action = "attach to" if step.after is not None else "detach from"
    logs = f"see /var/log/libvirt/qemu/{step.domain}.log and the journal of libvirtd or virtqemud on the host"
    return HostdevError(
        "attach_failed" if step.after is not None else "detach_failed",
        subject=f"{step.address}, to {action} domain {step.domain} ({step.place})",
        found=why,
        remedy=logs if what_to_do is None else f"{what_to_do}; {logs}",
    )
