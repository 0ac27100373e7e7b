# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing one device into or out of one place of a domain."""

from __future__ import annotations

import typing as t

from ..._model.address import PciAddress
from ..._model.errors import HostdevError
from ..._model.guest.domain import CONFIG, LIVE
from ..._model.guest.pci_xml import placed
from .detaching import LiveDevice, let_go
from .error_remedies import remedy
from .errors import is_gone

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain
    from ..._model.plan.steps import ElementStep
    from .connection import LibvirtConnection
    from .removal_events import RemovalEvents

# include/libvirt/libvirt-domain.h; numbers of a stable ABI, so that nothing here imports libvirt.
_AFFECT = {LIVE: 1, CONFIG: 2}


def apply_device(
    link: LibvirtConnection,
    step: ElementStep,
    read: t.Callable[[t.Any], Domain],
    *,
    timeout: float,
    error: type[Exception],
    events: RemovalEvents | None,
) -> None:
    """See DomainChanges.apply; `read` gives the domain of a handle, `error` is libvirt's.

    It has many parameters since it is a method of DomainChanges in all but its place.
    """
    change = _DeviceChange(step, read, timeout=timeout, error=error, events=events)
    try:
        link.call(change.apply)
    except error as why:
        # From a domain that is gone, or goes meanwhile, the device is gone too.
        if step.after is not None or not is_gone(why):
            raise _refused(step, f"libvirt says: {why}", remedy(why)) from why


class _DeviceChange:
    """One step on the handle of its domain; `read` gives the domain that a handle is of.

    A running guest has `timeout` seconds to let a device go; `events` tell when it did. `error` is libvirt's.
    """

    def __init__(
        self,
        step: ElementStep,
        read: t.Callable[[t.Any], Domain],
        *,
        timeout: float,
        error: type[Exception],
        events: RemovalEvents | None,
    ) -> None:
        self._step = step
        self._read = read
        self._timeout = timeout
        self._error = error
        self._events = events

    def apply(self, connection: t.Any) -> None:
        """Do it where it is not so already, and see that it is so then. Raises HostdevError and libvirt's error."""
        step = self._step
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
                LiveDevice(handle, step, present.xml, lambda: not self._has(handle)),
                seconds=self._timeout,
                error=self._error,
                events=self._events,
            )
            return
        elif present is not None:
            handle.detachDeviceFlags(present.xml, _AFFECT[step.place])
        if self._has(handle) != (step.after is not None):
            taken = "took the device but its XML does not show it"
            raise _refused(step, f"libvirt {taken if step.after else 'still has the device in its XML'}")

    def _has(self, handle: t.Any) -> bool:
        layout = self._read(handle).layout(self._step.place)
        return layout is not None and self._step.element_in(layout) is not None


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
