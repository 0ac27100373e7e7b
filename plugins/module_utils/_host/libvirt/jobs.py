# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what libvirt does to a domain for others, starting and stopping one."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from .error_remedies import remedy
from .errors import OPERATION_TIMEOUT, number

if t.TYPE_CHECKING:
    from .connection import LibvirtConnection

_AUTOSTART = 1024  # include/libvirt/libvirt-domain.h, VIR_CONNECT_LIST_DOMAINS_AUTOSTART


def await_job(link: LibvirtConnection, uuid: str, error: type[Exception]) -> None:
    """See DomainChanges.await_job; `error` is libvirt's."""
    try:
        # Asks QEMU for something harmless, and so waits for its turn, 30 s at most (libvirt,
        # virDomainObjBeginJob); a domain that does not run, or a driver without it, has nothing to wait for.
        link.call(lambda connection: connection.lookupByUUIDString(uuid).memoryStats())
    except error as why:
        if number(why) == OPERATION_TIMEOUT:
            raise HostdevError(
                "domain_busy",
                subject=f"domain {uuid}",
                found=f"libvirt says: {why}",
                wanted="a domain that nothing else changes, to settle what an interrupted run left",
                remedy=remedy(why) or "",
            ) from why


def stop(link: LibvirtConnection, uuid: str, error: type[Exception]) -> None:
    """See DomainChanges.stop; `error` is libvirt's."""

    def destroy(connection: t.Any) -> None:
        handle = connection.lookupByUUIDString(uuid)
        try:
            if handle.isActive():
                handle.destroy()
        except error:
            if handle.isActive():
                raise

    try:
        link.call(destroy)
    except error as why:
        raise HostdevError(
            "stop_failed",
            subject=f"domain {uuid}",
            found=f"libvirt says: {why}",
            wanted="a domain that is shut off",
            remedy=remedy(why) or "see the journal of libvirtd or virtqemud on the host",
        ) from why


def autostarting(link: LibvirtConnection, error: type[Exception]) -> frozenset[str]:
    """See DomainChanges.autostarting; `error` is libvirt's."""
    try:
        handles = link.call(lambda connection: connection.listAllDomains(_AUTOSTART))
        return frozenset(str(handle.UUIDString()) for handle in handles)
    except error:  # of a driver without it
        return frozenset()


def start_as_the_host_did(link: LibvirtConnection, uuid: str, error: type[Exception]) -> bool:
    """See DomainChanges.start_as_the_host_did; `error` is libvirt's."""

    def start(connection: t.Any) -> bool:
        handle = connection.lookupByUUIDString(uuid)
        if not handle.autostart() or handle.isActive():
            return False
        try:
            handle.create()
        except error:
            if handle.isActive():
                return False
            raise
        return True

    try:
        return link.call(start)
    except error as why:
        raise HostdevError(
            "start_failed",
            subject=f"domain {uuid}",
            found=f"libvirt says: {why}",
            wanted="that it runs, as it starts with the host",
            remedy=remedy(why) or "see the journal of libvirtd or virtqemud on the host",
        ) from why
