# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Libvirt's domains: who uses which function, and taking functions into and out of them."""

from __future__ import annotations

import time
import typing as t
import xml.etree.ElementTree as ET

from .._model.device import DomainUse
from .._model.domain import CONFIG, LIVE, Domain, guest_address, guest_bus, hostdev_xml, parse_layout
from .._model.errors import HostdevError
from .._model.node_steps import element_of
from .._model.plan import NodeStep

if t.TYPE_CHECKING:
    from .._model.domain import DomainLayout
    from .._model.plan import HostdevStep

# include/libvirt/libvirt-domain.h and virterror.h; numbers of a stable ABI, so that nothing here imports libvirt.
_XML_INACTIVE = 2
_AFFECT = {LIVE: 1, CONFIG: 2}
_ERR_NO_DOMAIN = 42

_POLL_SECONDS = 0.25


class Domains:
    """The domains of one libvirt connection.

    `connection` is a libvirt.virConnect or what behaves like one, `error` the exception that it raises
    (libvirt.libvirtError).
    """

    def __init__(self, connection: t.Any, error: type[Exception]) -> None:
        self._connection = connection
        self._error = error

    def all(self) -> list[Domain]:
        """Every domain, defined or running, by name; one that vanishes meanwhile is left out.

        Raises HostdevError where libvirt does not answer: a domain that can't be read may have any device.
        """
        found = []
        try:
            for handle in self._connection.listAllDomains(0):
                try:
                    found.append(self._read(handle))
                except self._error as error:
                    if not _is_gone(error):
                        raise
        except self._error as error:
            raise HostdevError(
                "no_libvirt",
                subject="libvirt",
                found=str(error),
                wanted="all domains with what they use",
                remedy="see the journal of libvirtd or virtqemud on the host",
            ) from error
        return sorted(found, key=lambda domain: domain.name)

    def find(self, wanted: str) -> Domain:
        """A domain by name or UUID. Raises HostdevError with code unknown_domain and the names there are."""
        for look_up in (self._connection.lookupByName, self._connection.lookupByUUIDString):
            try:
                return self._read(look_up(wanted))
            except self._error:
                continue
        names = sorted(handle.name() for handle in self._connection.listAllDomains(0))
        raise HostdevError(
            "unknown_domain",
            subject=f"domain {wanted}",
            found="libvirt has no domain of that name or UUID; it has " + (", ".join(names) or "none at all"),
            wanted="a defined or running domain",
            remedy="define it first, or set owner instead to claim without a domain",
        )

    def apply(self, step: HostdevStep, *, timeout: float) -> None:
        """Bring one function into or out of one place of a domain, and see that it is there or gone.

        Does nothing where that is so already. A running guest has `timeout` seconds to let a device go.
        """
        try:
            self._change(step, timeout)
        except self._error as error:
            # From a domain that is gone, or goes meanwhile, the function is gone too.
            if step.after is not None or not _is_gone(error):
                raise _refused(step, f"libvirt says: {error}") from error

    def _change(self, step: HostdevStep, timeout: float) -> None:
        handle = self._connection.lookupByUUIDString(step.uuid)
        layout = self._read(handle).layout(step.place)
        present = None if layout is None else element_of(layout, step)
        if layout is None or (present is not None) == (step.after is not None):
            if step.after is not None and layout is None:
                raise _refused(step, f"the domain has no {'definition' if step.place == CONFIG else 'running guest'}")
            return
        if step.after is not None:
            handle.attachDeviceFlags(self._placed(handle, step, layout), _AFFECT[step.place])
        else:
            handle.detachDeviceFlags(present, _AFFECT[step.place])
        self._await(handle, step, timeout)

    def _read(self, handle: t.Any) -> Domain:
        return Domain(
            name=str(handle.name()),
            uuid=str(handle.UUIDString()),
            config=parse_layout(handle.XMLDesc(_XML_INACTIVE)) if handle.isPersistent() else None,
            live=parse_layout(handle.XMLDesc(0)) if handle.isActive() else None,
        )

    def _placed(self, handle: t.Any, step: HostdevStep, layout: DomainLayout) -> str:
        """The element to attach; live it gets the guest address that the definition has, where that is free.

        So the guest finds the device at the same place after its next start.
        """
        wanted = step.after or ""
        if (
            isinstance(step, NodeStep)
            or step.place != LIVE
            or guest_address(wanted) is not None
            or not handle.isPersistent()
        ):
            return wanted
        defined = parse_layout(handle.XMLDesc(_XML_INACTIVE)).assigned.get(step.address)
        place = guest_address(defined.xml) if defined is not None else None
        if place is None or guest_bus(place) not in (layout.free_root_ports or ()):
            return wanted
        managed = ET.fromstring(wanted).get("managed") == "yes"
        return hostdev_xml(step.address, managed=managed, guest_address=place)

    def _await(self, handle: t.Any, step: HostdevStep, timeout: float) -> None:
        """libvirt returns before the guest has let go of a device: look until it is out of the domain's XML."""
        end = time.monotonic() + timeout
        while True:
            layout = self._read(handle).layout(step.place)
            present = layout is not None and element_of(layout, step) is not None
            if present == (step.after is not None):
                return
            if time.monotonic() >= end:
                break
            time.sleep(_POLL_SECONDS)
        if step.after is not None:
            raise _refused(step, "libvirt took the device but its XML does not show it")
        raise HostdevError(
            "detach_timeout",
            subject=f"{step.address} in domain {step.domain}",
            found=f"the guest did not let the device go within {timeout:g} s",
            wanted="a guest whose kernel answers a hot-unplug",
            remedy="see whether the guest runs and what in it holds the device, and run again, with a larger "
            "detach_timeout if need be; or shut the domain down first. The guest may still let go later",
        )


def uses_by_address(domains: t.Iterable[Domain]) -> dict[str, list[DomainUse]]:
    """Which domains refer to each function, in their definition, live or both."""
    found: dict[str, list[DomainUse]] = {}
    for domain in domains:
        config = domain.config.assigned if domain.config is not None else {}
        live = domain.live.assigned if domain.live is not None else {}
        for address in dict.fromkeys([*config, *live]):
            via = (live.get(address) or config[address]).via
            found.setdefault(address, []).append(
                DomainUse(
                    domain.name, domain.uuid, via, active=domain.active, config=address in config, live=address in live
                )
            )
    return found


def _is_gone(error: Exception) -> bool:
    return bool(getattr(error, "get_error_code", lambda: None)() == _ERR_NO_DOMAIN)


def _refused(step: HostdevStep, why: str) -> HostdevError:
    action = "attach to" if step.after is not None else "detach from"
    return HostdevError(
        "attach_failed" if step.after is not None else "detach_failed",
        subject=f"{step.address}, to {action} domain {step.domain} ({step.place})",
        found=why,
        remedy=f"see /var/log/libvirt/qemu/{step.domain}.log and the journal of libvirtd or virtqemud on the host",
    )
