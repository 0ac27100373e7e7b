# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of libvirt's domains: functions, USB and SCSI devices and root ports into and out of them.

How that is done is imported when there is something to do: most runs only read the domains.
"""

from __future__ import annotations

import typing as t

from .domains import Domains

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
        from .device_changes import apply_device

        apply_device(self._connection, step, self._read, timeout=timeout, error=self._error, events=self._events)

    def apply_root_ports(self, step: RootPortsStep) -> None:
        """Bring the root ports of a definition to the step's `after`. From a domain that is gone they are gone too."""
        from .root_ports import apply_root_ports

        apply_root_ports(self._connection, step, self._error)

    def await_job(self, uuid: str) -> None:
        """Wait until libvirt has done what it does to the domain for others, such as a run that was killed.

        Until then the domain's XML does not show what is under way. Raises HostdevError when it takes too long.
        """
        from .jobs import await_job

        await_job(self._connection, uuid, self._error)

    def stop(self, uuid: str) -> None:
        """Stop the domain hard, as if its power were cut; one that does not run is stopped already."""
        from .jobs import stop

        stop(self._connection, uuid, self._error)

    def autostarting(self) -> frozenset[str]:
        """The UUIDs of the domains that libvirt starts with the host; none where it does not tell."""
        from .jobs import autostarting

        return autostarting(self._connection, self._error)

    def start_as_the_host_did(self, uuid: str) -> bool:
        """Start the domain if it starts with the host, and return whether it did not run. Raises HostdevError."""
        from .jobs import start_as_the_host_did

        return start_as_the_host_did(self._connection, uuid, self._error)
