# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading libvirt's domains: all of them, or one by its name or UUID."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from urllib.parse import urlsplit

from ..._model.errors import HostdevError, few
from ..._model.guest.domain import Domain, parse_layout
from .connection import LibvirtConnection
from .errors import INVALID_ARG, NO_DOMAIN, is_gone, number

# include/libvirt/libvirt-domain.h; numbers of a stable ABI, so that nothing here imports libvirt.
XML_INACTIVE = 2
_ACTIVE = 1

# virConnectGetType: QEMU is for kvm and qemu. The test driver acts on nothing; it is for trying playbooks out.
_HYPERVISORS = ("QEMU", "TEST")

_OR_OWNER = "define it first, or set owner instead to claim without a domain"


class Domains:
    """The domains of one libvirt connection.

    `connection` is a libvirt.virConnect or what behaves like one, `error` the exception that it raises
    (libvirt.libvirtError). `reopen` makes another connection when that one is lost, which is tried for
    `reconnect_timeout` seconds.
    """

    def __init__(
        self,
        connection: t.Any,
        error: type[Exception],
        *,
        reopen: t.Callable[[], t.Any] | None = None,
        reconnect_timeout: float = 30.0,
    ) -> None:
        self._connection = LibvirtConnection(connection, error, reopen, seconds=reconnect_timeout)
        self._error = error

    def all(self) -> list[Domain]:
        """Every domain, defined or running, by name; one that vanishes meanwhile is left out.

        Raises HostdevError where libvirt does not answer: a domain that can't be read may have any device.
        """
        try:
            return sorted(self._connection.call(self._read_all), key=lambda domain: domain.name)
        except self._error as error:
            raise _no_answer(error, "all domains with what they use") from error

    def running(self) -> list[Domain]:
        """The domains that run now, as they run, in no order. Raises HostdevError where libvirt does not answer."""
        try:
            return self._connection.call(self._read_running)
        except self._error as error:
            raise _no_answer(error, "the running domains with what they use") from error

    def find(self, wanted: str, otherwise: str = _OR_OWNER) -> Domain:
        """A domain by name or UUID. Raises HostdevError with code unknown_domain and the names there are.

        `otherwise` is what to do where none of these is much like the wanted one.
        """
        try:
            answer = self._connection.call(lambda connection: self._look_up(connection, wanted))
        except self._error as error:
            raise _no_answer(error, f"domain {wanted}") from error
        if isinstance(answer, Domain):
            return answer
        from ..._model.nearest import did_you_mean, nearest_first

        raise HostdevError(
            "unknown_domain",
            subject=f"domain {wanted}",
            found="libvirt has no domain of that name or UUID; it has "
            + few(nearest_first(wanted, answer), "none at all"),
            wanted="a defined or running domain",
            remedy=did_you_mean(wanted, answer, otherwise),
        )

    def check_hypervisor(self) -> None:
        """Raises HostdevError for one whose guests get PCI devices in another way than by VFIO, or not at all."""
        try:
            kind = self._connection.call(lambda connection: str(connection.getType()))
        except self._error as error:
            raise _no_answer(error, "its hypervisor's name") from error
        if kind not in _HYPERVISORS:
            raise HostdevError(
                "wrong_hypervisor",
                subject="libvirt",
                found=f"the connection is to {kind}",
                wanted="QEMU, whose guests get devices by VFIO",
                remedy="set uri to qemu:///system, or claim for an owner and attach the device with that hypervisor's "
                "own tools",
            )

    def check_complete(self) -> None:
        """Raises HostdevError for a connection that does not know all domains that may have a PCI device.

        What it does not know may run all the same: another hypervisor's, or those of qemu:///system for a session.
        """
        try:
            kind, uri = self._connection.call(lambda connection: (str(connection.getType()), str(connection.getURI())))
        except self._error as error:
            raise _no_answer(error, "where the connection leads") from error
        if kind != "QEMU" or urlsplit(uri).path != "/system":
            raise HostdevError(
                "wrong_hypervisor",
                subject="libvirt",
                found=f"the connection is to {kind} at {uri}, which does not tell whether QEMU has a domain",
                wanted="QEMU's own for the system",
                remedy="set uri to qemu:///system",
            )

    def _read_all(self, connection: t.Any) -> list[Domain]:
        domains = []
        for handle in connection.listAllDomains(0):
            try:
                domains.append(self._read(handle))
            except self._error as error:
                if not is_gone(error):
                    raise
        return [self._with_volumes(connection, domain) for domain in domains]

    def _read_running(self, connection: t.Any) -> list[Domain]:
        domains = []
        for handle in connection.listAllDomains(_ACTIVE):
            try:
                if handle.isActive():
                    name, uuid = str(handle.name()), str(handle.UUIDString())
                    domains.append(Domain(name, uuid, None, parse_layout(handle.XMLDesc(0))))
            except self._error as error:
                if not is_gone(error):
                    raise
        return [self._with_volumes(connection, domain) for domain in domains]

    def _look_up(self, connection: t.Any, wanted: str) -> Domain | list[str]:
        """The domain, or the names of those there are."""
        for look_up in (connection.lookupByName, connection.lookupByUUIDString):
            try:
                return self._with_volumes(connection, self._read(look_up(wanted)))
            except self._error as error:
                if number(error) not in (NO_DOMAIN, INVALID_ARG):
                    raise
        return sorted(str(handle.name()) for handle in connection.listAllDomains(0))

    def _read(self, handle: t.Any) -> Domain:
        return Domain(
            name=str(handle.name()),
            uuid=str(handle.UUIDString()),
            config=parse_layout(handle.XMLDesc(XML_INACTIVE)) if handle.isPersistent() else None,
            live=parse_layout(handle.XMLDesc(0)) if handle.isActive() else None,
        )

    def _with_volumes(self, connection: t.Any, domain: Domain) -> Domain:
        """The domain with where its disks lie that are volumes of storage pools, which few domains have."""
        layouts = [layout for layout in (domain.config, domain.live) if layout is not None and "volume" in layout.xml]
        if not layouts:
            return domain
        from ..._model.guest.disk_nodes import volumes_of
        from .storage_pools import volume_paths

        volumes = {volume for layout in layouts for volume in volumes_of(layout)}
        paths = {volume: volume_paths(connection, self._error, *volume) for volume in sorted(volumes)}
        return replace(domain, volumes=paths)


def _no_answer(error: Exception, wanted: str) -> HostdevError:
    from .error_remedies import remedy

    return HostdevError(
        "no_libvirt",
        subject="libvirt",
        found=str(error),
        wanted=wanted,
        remedy=remedy(error) or "see the journal of libvirtd or virtqemud on the host",
    )
