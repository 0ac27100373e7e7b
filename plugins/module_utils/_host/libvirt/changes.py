# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of libvirt's domains: functions, USB and SCSI devices and root ports into and out of them.

How that is done is imported when there is something to do: most runs only read the domains.
"""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from .domains import Domains
from .errors import OPERATION_TIMEOUT, is_gone, number, remedy

if t.TYPE_CHECKING:
    from ..._model.plan.steps import ElementStep, RootPortsStep
    from .removal_events import RemovalEvents


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
        from .device_changes import DeviceChange, refused

        change = DeviceChange(step, self._read, timeout=timeout, error=self._error, events=self._events)
        try:
            self._link.call(change.apply)
        except self._error as error:
            # From a domain that is gone, or goes meanwhile, the device is gone too.
            if step.after is not None or not is_gone(error):
                raise refused(step, f"libvirt says: {error}", remedy(error)) from error

    def apply_root_ports(self, step: RootPortsStep) -> None:
        """Bring the root ports of a definition to the step's `after`. From a domain that is gone they are gone too."""
        from .root_ports import change_root_ports

        try:
            self._link.call(lambda connection: change_root_ports(connection.lookupByUUIDString(step.uuid), step))
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
            self._link.call(lambda connection: connection.lookupByUUIDString(uuid).memoryStats())
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
            self._link.call(lambda connection: self._destroy(connection, uuid))
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
